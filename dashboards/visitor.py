"""Who looks at a page, and what they may do: roles are read anew from the records at each act, not from the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import panel as pn
from sqlalchemy import Engine
from tornado.ioloop import IOLoop

from access.audit import PERSON
from access.people import ADMIN, Person, find_person
from records.tables.operations import ROLES
from tqs.errors import TqsError

DEEDS: Final = {"viewer": "look", "coach": "act on sessions and tutors", "admin": "change which model serves"}
TIME_TO_LEAVE_S: Final = 1.0


class ForbiddenError(TqsError):
    """What was asked for needs a role that the visitor does not have."""


class EndedLoginError(ForbiddenError):
    """The login has ended under which the page was opened."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is logged in. role: of ROLES, each of which may do what those before it may."""

    name: str
    role: str

    @property
    def actor(self) -> str:
        """What the audit log calls them."""
        return PERSON + self.name

    def may_act_as(self, role: str) -> bool:
        """Whether they may do what somebody of `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


def mark_login(person: Person) -> str:
    """What the signed cookie of a login holds: no new password or removal leaves it good."""
    return f"{person.security_stamp}:{person.login}"


def find_visitor(engine: Engine, mark: str | None) -> Visitor | None:
    """Whose login this is, with the role that they have by now; None where it has ended.

    mark: of `mark_login`, or `admin` alone, whose logins end with the key that signs them.
    """
    if mark == ADMIN:
        return Visitor(ADMIN, "admin")
    stamp, _, login = (mark or "").partition(":")
    person = find_person(engine, login) if login else None
    if person is None or not person.is_active or str(person.security_stamp) != stamp:
        return None
    return Visitor(person.login, person.role)


def read_visitor(engine: Engine) -> Visitor:
    """Who opened the page of the current document, with the role that they have by now, however they logged in.

    Raises
    ------
    EndedLoginError
        they were removed or got a new password since, or nobody is logged in.
    """
    visitor = find_visitor(engine, pn.state.user)
    if visitor is None:
        raise EndedLoginError(
            "your login has ended; log in again, or ask an administrator to let you in (tqs people list)"
        )
    return visitor


def leave_page() -> None:
    """Let the browser of the current document ask for the page anew, as which it comes to the login.

    Whether it does or not, the page is not fed any more.
    """
    location = pn.state.location
    location.reload = not location.reload  # the browser asks at any change
    IOLoop.current().call_later(TIME_TO_LEAVE_S, _close_sockets, pn.state.curdoc.session_context.session)


def _close_sockets(session: Any) -> None:
    for connection in list(session._subscribed_connections):
        connection._socket.close()


def require_role(engine: Engine, role: str) -> Visitor:
    """The visitor, if they have `role` or more.

    Raises
    ------
    ForbiddenError
        they have less, or were removed.
    """
    visitor = read_visitor(engine)
    if not visitor.may_act_as(role):
        raise ForbiddenError(
            f"you are logged in as {visitor.role}; to {DEEDS[role]} takes the role {role} "
            f"(an administrator gives it: tqs people role {visitor.name} {role})"
        )
    return visitor
