"""Executed notebooks and drift pages: for who is logged in, only their HTML, and harmless in a browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from panel.io.server import AuthenticatedStaticFileHandler

FOLDERS: Final = ("runs", "drift")
# An origin of its own: what a notebook printed can run its scripts, and reach neither cookie nor session nor anybody.
POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "font-src data:; img-src data:; form-action 'none'; frame-ancestors 'none'"
)
FILE: Final = r"([0-9A-Za-z_-]+/[0-9a-z_]+\.html)"


def routes(home: Path) -> list[Any]:
    """What the server of the dashboards has to know in order to serve the pages below `home`."""
    return [(rf"/{name}/{FILE}", _PageHandler, {"path": str(home / name)}) for name in FOLDERS]


def link_watch(home: Path, page: str | None) -> dict[str, str]:
    """The addresses of Evidently's page of a watch, by its path below `home`, and of the notebook that lies beside it.

    A page whose file is gone has none.
    """
    if page is None:
        return {}
    files = {"features": home / page, "notebook": (home / page).with_name("30_watch_drift.html")}
    return {name: file.relative_to(home).as_posix() for name, file in files.items() if file.exists()}


def link_notebooks(home: Path, target: str, run_ids: Iterable[str]) -> Mapping[str, dict[str, str]]:
    """MLflow run to the addresses of its executed notebooks by name; a run whose files are gone has none."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted((home / "runs").glob(f"*-{target}-*/*.html")):
        found.setdefault(file.parent.name.rpartition("-")[2], {})[file.stem] = f"runs/{file.parent.name}/{file.name}"
    return {run_id: found.get(run_id[:8], {}) for run_id in run_ids}


class _PageHandler(AuthenticatedStaticFileHandler):  # type: ignore[misc]  # Panel is not typed for us
    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")
