"""Serve the dashboards on 127.0.0.1 behind a login: `python -m dashboards.serve`."""

from __future__ import annotations

import errno
import gc
import logging
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import panel as pn
import panel.io.document
from panel.io.server import DocHandler, get_server
from sqlalchemy import Engine
from tornado.ioloop import IOLoop, PeriodicCallback
from tornado.web import RedirectHandler

from access.refusals import RefusalLog
from dashboards.bar import FIRST_PAGE, TITLE
from dashboards.card_page import card_route
from dashboards.context import Context, KeptModels
from dashboards.executed import routes
from dashboards.kept import Kept
from dashboards.live import POLL_S, Live
from dashboards.login import Door, LoginProvider
from dashboards.matching import show_matching_page
from dashboards.models import show_models_page
from dashboards.oauth import name_provider, oauth_routes, panel_options
from dashboards.overview import show_overview_page
from dashboards.page import show_failure
from dashboards.password_file import derive_cookie_secret, ensure_password
from dashboards.plain_page import NothingHere, write_error_page
from dashboards.queue_page import queue_route
from dashboards.sessions import show_sessions_page
from dashboards.theme import follow_look
from dashboards.tutor import show_tutor_page
from dashboards.tutors import show_tutors_page
from records.engine import explain_outage, open_databases
from scoring.review import read_review
from tqs.errors import SettingsError, TqsError
from tqs.private_logs import leave_values_unlogged
from tqs.settings import Settings, load_settings

ADDRESS: Final = "127.0.0.1"
COLLECT_MS: Final = 60_000
NEVER_S: Final = 10**8
SHOWN: Final[dict[str, Callable[[Context], Any]]] = {
    "overview": show_overview_page,
    "sessions": show_sessions_page,
    "tutors": show_tutors_page,
    "tutor": show_tutor_page,
    "matching": show_matching_page,
    "models": show_models_page,
}

_log = logging.getLogger(__name__)


def main() -> int:
    """Serve until SIGINT or SIGTERM; the exit status. Settings come from the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for handler in logging.getLogger().handlers:  # Tornado, Bokeh and Panel log tracebacks as well
        leave_values_unlogged(handler)
    try:
        settings = load_settings()
        with open_databases(settings) as databases:
            serve(databases.app, settings)
    except TqsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the one line that a person sees
        return 1
    return 0


def serve(engine: Engine, settings: Settings, poll_s: float = POLL_S) -> None:
    """Serve the dashboards on the port of the settings until a signal stops them."""
    models, refusals = KeptModels(engine, settings), RefusalLog()
    review = Kept(lambda: read_review(engine, datetime.now(UTC)))

    def prepare() -> None:
        models.renew()
        review.renew()
        _write(refusals, engine)

    live = Live(engine, IOLoop.current(), poll_s, prepare)
    server = create_server(Context(engine, settings, live, models, review), refusals)
    loop = server.io_loop
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.asyncio_loop.add_signal_handler(number, loop.stop)
    server.start()
    gc.collect()
    gc.freeze()  # what is loaded by now stays
    # To collect takes 0.4 s with 25 pages open, which all wait, and Panel does it after each that is closed.
    panel.io.document.GC_DEBOUNCE = NEVER_S
    PeriodicCallback(_collect, COLLECT_MS).start()
    with live:
        loop.start()
    server.stop()
    _write(refusals, engine)


def create_server(context: Context, refusals: RefusalLog) -> Any:
    """A server that is bound and not yet started. refusals: where it notes whom it did not let in.

    Raises
    ------
    SettingsError
        the port is in use, or the password's file cannot be used.
    """
    settings = context.settings
    pages = {name: _bind(show, context) for name, show in SHOWN.items()}
    cookie_secret = derive_cookie_secret(settings.home)
    password = ensure_password(settings.home)
    door = Door(context.engine, password, settings.page_url, name_provider(settings), refusals)
    hosts = [f"{host}:{settings.dashboard_port}" for host in (ADDRESS, "localhost")]
    hosts.append(urlsplit(settings.page_url).netloc.lower())  # as browsers name it where a proxy has it
    pn.extension(notifications=False)
    DocHandler.write_error = write_error_page
    try:
        server = get_server(
            pages,
            address=ADDRESS,
            title={name: f"{name.capitalize()} · {TITLE}" for name in pages},
            port=settings.dashboard_port,
            websocket_origin=hosts,
            auth_provider=LoginProvider(door, oauth_routes(settings, door)),
            cookie_secret=cookie_secret,
            xsrf_cookies=True,
            xsrf_cookie_kwargs={"httponly": True, "samesite": "Lax"},  # forms carry the token themselves
            use_xheaders=settings.dashboard_url is not None,  # a proxy says whom it speaks for
            **panel_options(settings),
            sign_sessions=True,
            secret_key=cookie_secret.encode(),
            generate_session_ids=True,
            loop=IOLoop.current(),
            extra_patterns=[
                ("/", RedirectHandler, {"url": f"/{FIRST_PAGE}", "permanent": False}),
                *routes(settings.home),
                card_route(context.engine),
                queue_route(context.engine, context.zone),
            ],
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SettingsError(
            f"port {settings.dashboard_port} is in use; stop what listens there or set TQS_DASHBOARD_PORT"
        ) from error
    server._tornado.settings["default_handler_class"] = NothingHere
    return server


def _collect() -> None:
    gc.collect()


def _write(refusals: RefusalLog, engine: Engine) -> None:
    with explain_outage(engine):
        refusals.write(engine)


def _bind(show: Callable[[Context], Any], context: Context) -> Callable[[], Any]:
    """Panel takes functions only, and no partial ones. What fails is a page, too."""

    def show_page() -> Any:
        follow_look()
        try:
            return show(context)
        except Exception:  # noqa: BLE001  # Panel would show nothing at all
            _log.exception("a page could not be made")
            return show_failure(context)

    return show_page


if __name__ == "__main__":
    sys.exit(main())
