"""Logins by OAuth: Panel speaks the protocol with the provider; whom it names must be one of our people.

Nothing of the provider's is kept: its tokens are forgotten as soon as it has said who somebody is.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

import panel.auth
from panel.util import decode_token
from tornado.web import HTTPError

from access.audit import UNKNOWN
from access.people import Person, find_person, normalise
from dashboards.login import LOG_IN, Door, DoorPage, forbid_framing, own_path
from dashboards.visitor import mark_login
from records.engine import explain_outage
from tqs.errors import RecordsError
from tqs.oauth_settings import OAUTH_PATH
from tqs.settings import Settings

NAMES: Final = {"google": "Google", "github": "GitHub", "azure": "Microsoft", "okta": "Okta", "auth0": "Auth0"}
# Panel's second one for Azure speaks the protocol that Microsoft asks for by now.
PANEL_NAMES: Final = {"azure": "azurev2"}
# Anybody may write any e-mail address into an account of Microsoft's; this name is given by the tenant.
CLAIMS: Final = {"azure": "preferred_username"}
ANSWERS: Final = ("code", "state", "error", "error_description")  # what a provider sends people back with
KEPT: Final = (panel.auth.STATE_COOKIE_NAME, panel.auth.CODE_COOKIE_NAME)


class StrangerError(HTTPError):
    """The provider names somebody who is not to be let in. reason_why: a sentence; command: what lets them in."""

    def __init__(self, name: str, reason_why: str, command: str = "") -> None:
        super().__init__(HTTPStatus.FORBIDDEN)
        self.name, self.reason_why, self.command = name, reason_why, command


def name_provider(settings: Settings) -> str | None:
    """What people call who lets them in; None where OAuth is not set up."""
    provider = settings.oauth_provider
    return None if provider is None else NAMES.get(provider, "your organisation")


def panel_options(settings: Settings) -> dict[str, Any]:
    """What Panel's server has to be told; nothing where OAuth is not set up."""
    if settings.oauth_provider is None or settings.oauth_secret is None:
        return {}
    params: dict[str, Any] = dict(settings.oauth_extra)
    if "scope" in params:
        params["scope"] = params["scope"].split()
    return {
        "oauth_key": settings.oauth_key,
        "oauth_secret": settings.oauth_secret.get_secret_value(),
        "oauth_redirect_uri": settings.page_url + OAUTH_PATH,
        "oauth_extra_params": params,
    }


def oauth_routes(settings: Settings, door: Door) -> list[Any]:
    """Where people go to log in elsewhere, and come back to; nothing where OAuth is not set up."""
    provider = settings.oauth_provider
    if provider is None:
        return []
    panel.auth.decode_response_body = _read_body  # Panel's own makes " of each ', and O'Brien another person
    speaker = panel.auth.AUTH_PROVIDERS[PANEL_NAMES.get(provider, provider)]
    claim = {"_USER_KEY": CLAIMS[provider]} if provider in CLAIMS else {}
    return [(OAUTH_PATH, type("OAuthLogin", (_OAuthLogin, speaker), claim), {"door": door})]


def check_request(asked: Mapping[str, str]) -> None:
    """Refuse what Panel would take for an answer of the provider's that it is not. asked: the request's parameters.

    Panel takes an answer without a state from a browser that has none, which is anybody's, sent there by a link; and
    it takes answers out of `next` as well, from which nobody's come.

    Raises
    ------
    HTTPError
        401: there is such an answer; 400: it cannot be logged as one line, or `next` leads elsewhere.
    """
    following = asked.get("next", "/")
    if {name.split("?")[-1] for name in parse_qs(following, keep_blank_values=True)} & {*ANSWERS}:
        raise HTTPError(HTTPStatus.UNAUTHORIZED)
    if asked.get("code") and not asked.get("state"):
        raise HTTPError(HTTPStatus.UNAUTHORIZED)
    if own_path(following) != following or not all(asked.get(name, "").isprintable() for name in ANSWERS):
        raise HTTPError(HTTPStatus.BAD_REQUEST)


def read_identity(claims: Mapping[str, Any], claim: str) -> str:
    """Whom the provider vouches for, as logins are written. claim: where it names them.

    Raises
    ------
    StrangerError
        it names nobody, or an e-mail address without saying that it is theirs.
    """
    named = claims.get(claim)
    login = normalise(named) if isinstance(named, str) else ""
    if not login:
        raise StrangerError("somebody", f"It tells no name of yours that could be used here ({claim}).")
    if claim == "email" and claims.get("email_verified") not in (True, "true"):
        raise StrangerError(login, "It does not say that this e-mail address is yours; have it confirmed there first.")
    return login


def refuse(login: str, person: Person | None) -> StrangerError:
    """Why they are not let in, and how an administrator changes that."""
    if person is not None and person.is_active:
        return StrangerError(login, "Here you have a password; log in with that.")
    command = f"tqs people add {shlex.quote(login)} --oauth --role viewer"
    return StrangerError(login, "You are not among the people who may see these pages.", command)


class _OAuthLogin(DoorPage):
    """Before one of Panel's handlers, whose steps it calls: leads to the provider, and takes who comes back."""

    _login_endpoint = OAUTH_PATH
    _claims: Mapping[str, Any] = {}  # replaced, never changed
    _USER_KEY: str

    async def get(self) -> None:
        forbid_framing(self)
        check_request({name: self.get_argument(name) for name in self.request.arguments})
        await super().get()  # type: ignore[misc]

    async def get_authenticated_user(self, *args: Any, code: str | None = None, **kwargs: Any) -> str | None:
        """Lead to the provider; with the code that it sends people back with, ask it who they are, and let them in."""
        await super().get_authenticated_user(*args, code=code, **kwargs)  # type: ignore[misc]
        return None if code is None else await self._let_in()

    async def _let_in(self) -> str:
        login = read_identity(self._claims, self._USER_KEY)
        with explain_outage(self.door.engine):
            person = await asyncio.to_thread(find_person, self.door.engine, login)
            if person is None or not person.is_active or person.has_password:
                raise refuse(login, person)
            await asyncio.to_thread(self.door.record, person.login, LOG_IN, "oauth")
        self.door.let_in(self, mark_login(person))
        return person.login

    def set_secure_cookie(  # type: ignore[override]  # Panel names all of them
        self, name: str, value: str | bytes, **options: Any
    ) -> None:
        """What Panel would have the browser keep: of that only what ties the way back to the way there."""
        if name in KEPT:
            options |= {"samesite": "Lax", "secure": self.door.asks_for_tls(self)}
            self.set_signed_cookie(name, value, **options)
        elif name == "id_token":
            self._claims = decode_token(value)

    def _raise_error(self, response: Any, body: Any = None, status: int = HTTPStatus.BAD_GATEWAY) -> None:
        """In Panel's place, which would log the answer, tokens and all."""
        raise HTTPError(HTTPStatus.BAD_GATEWAY)

    def _request_summary(self) -> str:
        """What logs say of a request: not the code that it brings."""
        return f"{self.request.method} {OAUTH_PATH} ({self.address})"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """A sentence on a page of ours."""
        error = kwargs["exc_info"][1]
        provider = self.door.oauth
        if isinstance(error, StrangerError):
            self.door.note_refusal(UNKNOWN, self.address)
            self.show("stranger.html", oauth=provider, name=error.name, reason=error.reason_why, command=error.command)
        elif isinstance(error, RecordsError):
            self.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
            self.show("failed.html", oauth=provider, reason="The records cannot be reached for now.")
        else:
            reason = "It did not let you in, the page was open for too long, or it cannot be reached."
            self.show("failed.html", oauth=provider, reason=reason)


def _read_body(response: Any) -> Any:
    return json.loads(response.body)
