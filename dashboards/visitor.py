"""Who looks at a page, and what they may do: roles are read anew from the records at each act, not from the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import panel as pn
from sqlalchemy import Engine

from access.audit import PERSON
from access.people import find_person
from dashboards.login import USER
from records.tables.operations import ROLES
from tqs.errors import TqsError

DEEDS: Final = {"viewer": "look", "coach": "act on sessions and tutors", "admin": "change which model serves"}


class ForbiddenError(TqsError):
    """What was asked for needs a role that the visitor does not have."""


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


def read_visitor(engine: Engine) -> Visitor:
    """Who opened the page of the current document, with the role that they have by now.

    Raises
    ------
    ForbiddenError
        they were removed since they logged in.
    """
    name = pn.state.user
    if name == USER:  # whoever has the password of TQS_HOME
        return Visitor(USER, "admin")
    person = find_person(engine, name)
    if person is None or not person.is_active:
        raise ForbiddenError("your access was ended; ask an administrator for it (tqs people list)")
    return Visitor(person.login, person.role)


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
