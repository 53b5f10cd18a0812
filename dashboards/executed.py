"""Executed notebooks of training runs as pages: for who is logged in, only their HTML, and harmless in a browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from panel.io.server import AuthenticatedStaticFileHandler

ROUTE: Final = r"/runs/([0-9A-Za-z-]+/[0-9a-z_]+\.html)"


def routes(home: Path) -> list[Any]:
    """What the server of the dashboards has to know in order to serve the notebooks below `home`."""
    return [(ROUTE, _NotebookHandler, {"path": str(home / "runs")})]


def link_notebooks(home: Path, target: str, run_ids: Iterable[str]) -> Mapping[str, dict[str, str]]:
    """MLflow run to the addresses of its executed notebooks by name; a run whose files are gone has none."""
    folder = home / "runs"
    return {
        run_id: {
            file.stem: f"runs/{file.parent.name}/{file.name}"
            for file in sorted(folder.glob(f"*-{target}-{run_id[:8]}/*.html"))
        }
        for run_id in run_ids
    }


class _NotebookHandler(AuthenticatedStaticFileHandler):  # type: ignore[misc]  # Panel is not typed for us
    def set_extra_headers(self, path: str) -> None:
        # An origin of its own: what a notebook printed can run its scripts, and reach neither cookie nor session.
        self.set_header("Content-Security-Policy", "sandbox allow-scripts; frame-ancestors 'none'")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")
