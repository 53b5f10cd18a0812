"""Who gets in: `admin` by the password of TQS_HOME, people by theirs, or by OAuth (`oauth.py`) where it is set up.

A login is a signed cookie. What it holds is compared with the records at each request and at each refresh of a page,
so that a new password and a removal end it at once.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from bokeh.server.auth_provider import AuthProvider
from bokeh.server.views.doc_handler import DocHandler
from jinja2 import Environment, FileSystemLoader
from sqlalchemy import Engine
from tornado.httputil import url_concat
from tornado.web import HTTPError, RequestHandler

from access.audit import PERSON, UNKNOWN, record_action
from access.guesses import GuessLimit
from access.people import ADMIN, check_password, find_person, is_anybody_here, normalise
from access.refusals import Refusal, RefusalLog
from dashboards.password_file import PASSWORD_FILE
from dashboards.plain_page import POLICY as PLAIN_POLICY
from dashboards.plain_page import write_error_page
from dashboards.theme import FAVICON, LOOK_SCRIPT
from dashboards.visitor import find_visitor, leave_page, mark_login
from records.engine import explain_outage
from tqs.errors import RecordsError

LOGIN_DAYS: Final = 7
COOKIE: Final = "user"  # where Panel looks for who is logged in
LOG_IN: Final = "log in"
LOG_IN_REFUSED: Final = "log in refused"
LOG_OUT: Final = "log out"
POLICY: Final = PLAIN_POLICY.replace("form-action 'none'", "form-action 'self'")
PLACE: Final = "dashboards"  # what the audit log says one logged in to
OUTAGE: Final = "The records cannot be reached for now, so nobody can be let in; try again in a minute"
REFUSED: Final = {
    HTTPStatus.UNAUTHORIZED: "That name and password do not belong together.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many wrong passwords came from here. Wait a minute, then try again.",
    HTTPStatus.SERVICE_UNAVAILABLE: f"{OUTAGE}.",
}


@dataclass(frozen=True, slots=True)
class Door:
    """What lets people in. address: of the dashboards, for browsers. oauth: what people call who else lets them in."""

    engine: Engine
    password: str = field(repr=False)
    address: str
    oauth: str | None
    refusals: RefusalLog
    guesses: GuessLimit = field(default_factory=GuessLimit)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # a password is tried when the one before is counted

    def let_in(self, handler: RequestHandler, mark: str) -> None:
        """Give the browser the cookie of a login. mark: as `find_visitor` reads it."""
        tls = self.asks_for_tls(handler)
        handler.set_signed_cookie(COOKIE, mark, expires_days=LOGIN_DAYS, httponly=True, samesite="Lax", secure=tls)

    def asks_for_tls(self, handler: RequestHandler) -> bool:
        """Whether cookies may go over TLS only: where the address is https, but for who came in on the machine itself.

        A browser names the page that a form was sent from, and scripts cannot change that.
        """
        return self.address.startswith("https://") and not handler.request.headers.get("Origin", "").startswith(
            "http://"
        )

    def record(self, name: str, action: str, by: str) -> None:
        """Add what somebody did here to the audit log."""
        with explain_outage(self.engine), self.engine.begin() as connection:
            record_action(connection, PERSON + name, action, PLACE, {"by": by})

    def note_refusal(self, actor: str, address: str) -> None:
        """Keep in mind for the audit log that somebody was not let in."""
        self.refusals.note(Refusal(actor, LOG_IN_REFUSED, address), datetime.now(UTC))


class LoginProvider(AuthProvider):  # type: ignore[misc]  # Bokeh is not typed for us
    """Asks every request for the cookie of a login that has not ended; sends those without one to the login page."""

    login_url = "/login"
    logout_url = "/logout"
    get_login_url = None
    get_user = None
    get_user_async = None
    login_handler = None
    logout_handler = None

    def __init__(self, door: Door, other_ways: list[Any]) -> None:
        """other_ways: routes that let people in or lead them there as well."""
        self.get_user_async = self._find_visitor
        self._door = door
        self._other_ways = other_ways
        super().__init__()

    @property
    def endpoints(self) -> list[Any]:
        """The pages that need no login."""
        door = {"door": self._door}
        return [(self.login_url, _Login, door), (self.logout_url, _Logout, door), *self._other_ways]

    async def _find_visitor(self, handler: RequestHandler) -> str | None:
        """The name of who sends this request; None for a stranger, and for whose login has ended."""
        if isinstance(handler, DocHandler):
            forbid_framing(handler)
        return await find_sender(self._door.engine, handler)


async def find_sender(engine: Engine, handler: RequestHandler) -> str | None:
    """The name of who sends a request, by its cookie and the records; None for a stranger or an ended login."""
    mark = read_mark(handler)
    if mark is None:
        return None
    try:
        with explain_outage(engine):
            visitor = await asyncio.to_thread(find_visitor, engine, mark)
    except RecordsError as error:
        raise HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, reason=OUTAGE) from error
    return None if visitor is None else visitor.name


def read_mark(handler: RequestHandler) -> str | None:
    """What the cookie of a login holds, if we signed it in the last days."""
    mark = handler.get_signed_cookie(COOKIE, max_age_days=LOGIN_DAYS)
    return None if mark is None else mark.decode()


class DoorPage(RequestHandler):
    """A page for people who are not, or not any more, logged in."""

    write_error = write_error_page

    def initialize(self, door: Door) -> None:
        """Tornado's place for what a route says."""
        self.door = door

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return self.request.remote_ip or UNKNOWN

    def show(self, template: str, **words: Any) -> None:
        """Answer with a template of ours."""
        forbid_framing(self)
        self.set_header("Content-Security-Policy", POLICY)
        look = {"icon": FAVICON, "look": LOOK_SCRIPT}
        self.finish(_templates().get_template(template).render(xsrf=self.xsrf_form_html(), **look, **words))

    async def show_login(self, error: str = "", typed: str = "") -> None:
        """Answer with the login page. error: a sentence why one is not let in; typed: as which name."""
        try:
            with explain_outage(self.door.engine):
                alone = not await asyncio.to_thread(is_anybody_here, self.door.engine)
        except RecordsError:
            alone = True
        words = {"user": typed or (ADMIN if alone else ""), "admin": ADMIN, "file": PASSWORD_FILE, "error": error}
        elsewhere = url_concat(f"{self.door.address}/oauth", {"next": own_path(self.get_query_argument("next", "/"))})
        self.show("login.html", oauth=self.door.oauth, elsewhere=elsewhere, **words)


class _Login(DoorPage):
    async def get(self) -> None:
        ended = read_mark(self) is not None and await find_sender(self.door.engine, self) is None
        await self.show_login("Your login has ended. Log in again, or ask your administrator." if ended else "")

    async def post(self) -> None:
        typed, password = self.get_body_argument("username", ""), self.get_body_argument("password", "")
        try:
            with explain_outage(self.door.engine):
                status, mark = await self._try(normalise(typed), password, self.address)
        except RecordsError:
            status, mark = HTTPStatus.SERVICE_UNAVAILABLE, None
        if mark is not None:
            self.door.let_in(self, mark)
            self.redirect(own_path(self.get_query_argument("next", "/")))
            return
        self.set_status(status)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self.set_header("Retry-After", "60")
        await self.show_login(REFUSED[status], typed)

    async def _try(self, login: str, password: str, address: str) -> tuple[HTTPStatus, str | None]:
        """The mark of the login, which is in the audit log then; none where it is refused."""
        guesses = self.door.guesses
        if not guesses.is_reached(address, login):
            async with self.door.turn:
                if not guesses.is_reached(address, login):  # by those before it in the queue
                    mark = await asyncio.to_thread(self._find_mark, login, password)
                    if mark is not None:
                        guesses.forgive(address, login)
                        await asyncio.to_thread(self.door.record, login, LOG_IN, "password")
                        return HTTPStatus.OK, mark
                    guesses.note_wrong(address, login)
                    self.door.note_refusal(await asyncio.to_thread(self._name_actor, login), address)
                    return HTTPStatus.UNAUTHORIZED, None
        self.door.note_refusal(UNKNOWN, address)
        return HTTPStatus.TOO_MANY_REQUESTS, None

    def _find_mark(self, login: str, password: str) -> str | None:
        if login == ADMIN:
            right = hmac.compare_digest(password.encode(), self.door.password.encode())
            return ADMIN if right else None
        person = check_password(self.door.engine, login, password)
        return None if person is None else mark_login(person)

    def _name_actor(self, login: str) -> str:
        """What the audit log calls whose password was guessed; what strangers typed as a name does not get there."""
        person = None if login == ADMIN else find_person(self.door.engine, login)
        known = login == ADMIN or (person is not None and person.is_active)
        return PERSON + login if known else UNKNOWN


class _Logout(DoorPage):
    """A link leads here and shows a button; only the button, whose form carries a token of ours, ends the login.

    Other sites' pages can lead a browser to a link, but cannot send that form.
    """

    async def get(self) -> None:
        name = await find_sender(self.door.engine, self)
        if name is None:
            self.redirect("/login")
        else:
            self.show("logout.html", name=name)

    async def post(self) -> None:
        name = await find_sender(self.door.engine, self)
        if name is not None:
            try:
                await asyncio.to_thread(self.door.record, name, LOG_OUT, "button")
            except RecordsError as error:
                raise HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, reason=OUTAGE) from error
        self._end_pages(self.get_cookie(COOKIE))
        self.clear_cookie(COOKIE)
        self.redirect("/login")

    def _end_pages(self, cookie: str | None) -> None:
        """Let no page stay open, in another tab, that was opened with this login."""
        server: Any = self.application
        for path in server.app_paths:
            for session in server.get_sessions(path):
                if session.document.session_context.request.cookies.get(COOKIE) == cookie:
                    session.document.add_next_tick_callback(leave_page)


def own_path(address: str) -> str:
    """`address` where it is a path of this server, else the start page: a login must not lead elsewhere."""
    own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if own else "/"


def forbid_framing(handler: RequestHandler) -> None:
    """Let no other page show this one in a frame, and no cache keep it."""
    handler.set_header("Content-Security-Policy", "frame-ancestors 'none'")
    handler.set_header("X-Frame-Options", "DENY")
    handler.set_header("X-Content-Type-Options", "nosniff")
    handler.set_header("Referrer-Policy", "same-origin")
    handler.set_header("Cache-Control", "no-store")


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True)
