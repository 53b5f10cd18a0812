"""Where MLflow and Prefect show what led to the models: on the machine that runs them, and nowhere else."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import panel as pn
from markupsafe import Markup

from tqs.settings import Settings

HOST: Final = "127.0.0.1"
HERE: Final = (HOST, "localhost", "::1")


def is_here() -> bool:
    """Whether the browser of the current page runs on this machine, as far as the address that it asked for tells."""
    try:
        return urlsplit(f"//{pn.state.headers.get('Host', '')}").hostname in HERE
    except ValueError:  # a header may hold anything
        return False


def link_run(run: str, settings: Settings) -> dict[str, str]:
    """Where MLflow shows a run; nowhere for who is elsewhere. MLflow finds the run's experiment itself."""
    return {"mlflow": f"http://{HOST}:{settings.mlflow_port}/#/runs/{run}"} if is_here() else {}


def render_tools(target: str, settings: Settings) -> Markup:
    """Links to both, or for who is elsewhere a word that they open on the machine itself."""
    if not is_here():
        return Markup("<p class=hint>MLflow and Prefect open on the machine that runs tqs.</p>")
    links = Markup(" · ").join(
        Markup('<a href="http://{}:{}/{}" target=_blank rel=noopener>{}</a>').format(HOST, port, path, words)
        for port, path, words in (
            (settings.mlflow_port, f"#/models/tqs-{target}", "MLflow: all versions"),
            (settings.prefect_port, "runs", "Prefect: all runs"),
        )
    )
    return Markup("<p class=hint>On this machine, while tqs up runs: {}</p>").format(links)
