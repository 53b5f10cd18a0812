"""Executed notebooks and drift pages: for who is logged in, only their HTML, and harmless in a browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from panel.io.server import AuthenticatedStaticFileHandler
from tornado.web import HTTPError, authenticated

from dashboards.plain_page import PlainHandler, name_sender, render_plain_page, write_error_page

FOLDERS: Final = ("runs", "drift")
SHOWN: Final = "executed"  # the pages around them
# file: what people call it
NAMES: Final = {
    "10_build_features.html": "Building features",
    "20_train_model.html": "Training a model",
    "30_watch_drift.html": "Watching drift",
    "features.html": "Features, now and when the model was trained",
}
# An origin of its own: what a notebook printed can run its scripts, and reach neither cookie nor session nor anybody.
POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "font-src data:; img-src data:; form-action 'none'; frame-ancestors 'self'"
)
FILE: Final = r"([0-9A-Za-z_-]+/[0-9a-z_]+\.html)"


def routes(home: Path) -> list[Any]:
    """What the server of the dashboards has to know in order to serve the pages below `home`."""
    files = [(rf"/{name}/{FILE}", _FileHandler, {"path": str(home / name)}) for name in FOLDERS]
    return [*files, (rf"/{SHOWN}/({'|'.join(FOLDERS)})/{FILE}", _FrameHandler, {"home": home})]


def link_watch(home: Path, page: str | None) -> dict[str, str]:
    """The addresses of Evidently's page of a watch, by its path below `home`, and of the notebook that lies beside it.

    A page whose file is gone has none.
    """
    if page is None:
        return {}
    files = {"features": home / page, "notebook": (home / page).with_name("30_watch_drift.html")}
    return {name: _link(file.relative_to(home).as_posix()) for name, file in files.items() if file.exists()}


def link_notebooks(home: Path, target: str, run_ids: Iterable[str]) -> Mapping[str, dict[str, str]]:
    """MLflow run to the addresses of its executed notebooks by name; a run whose files are gone has none."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted((home / "runs").glob(f"*-{target}-*/*.html")):
        found.setdefault(file.parent.name.rpartition("-")[2], {})[file.stem] = _link(
            f"runs/{file.parent.name}/{file.name}"
        )
    return {run_id: found.get(run_id[:8], {}) for run_id in run_ids}


def _link(file: str) -> str:
    return f"{SHOWN}/{file}"


class _FileHandler(AuthenticatedStaticFileHandler):  # type: ignore[misc]  # Panel is not typed for us
    write_error = write_error_page

    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")


class _FrameHandler(PlainHandler):
    """A page of ours around one of those, which knows no way back itself."""

    def initialize(self, home: Path) -> None:
        self.home = home

    @authenticated
    async def get(self, folder: str, file: str) -> None:
        if not (self.home / folder / file).is_file():
            raise HTTPError(HTTPStatus.NOT_FOUND)
        run, _, page = file.partition("/")
        title = NAMES.get(page, page)
        body = Markup(
            '<h1>{title}</h1><iframe src="../../../{folder}/{file}" sandbox="allow-scripts" title="{title}, as it ran">'
            "</iframe>"
        ).format(title=title, folder=folder, file=file)
        self.finish(
            render_plain_page(f"{title}, {run}", body, depth=3, name=name_sender(self), back="models", kind="wide")
        )
