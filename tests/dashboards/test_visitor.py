"""Roles are asked of the records at each act, whatever the browser shows."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn
import pytest
from sqlalchemy import Engine

from access.people import add_person, change_password, change_role, find_person, remove_person
from dashboards.visitor import (
    EndedLoginError,
    ForbiddenError,
    Visitor,
    find_visitor,
    mark_login,
    read_visitor,
    require_role,
)

ACTOR = "account root"
LogIn = Callable[[str | None], None]


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> LogIn:
    """A function that makes the current document that of somebody with this mark in their signed cookie."""

    def be(mark: str | None) -> None:
        monkeypatch.setattr(type(pn.state), "user", property(lambda _state: mark))

    return be


def mark_of(engine: Engine, login: str) -> str:
    person = find_person(engine, login)
    assert person is not None
    return mark_login(person)


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", ["viewer"]), ("coach", ["viewer", "coach"]), ("admin", ["viewer", "coach", "admin"])],
)
def test_each_role_may_do_what_those_before_it_may(engine: Engine, log_in: LogIn, role: str, may: list[str]) -> None:
    add_person(engine, "ada@example.com", role, actor=ACTOR)
    log_in(mark_of(engine, "ada@example.com"))

    for wanted in ("viewer", "coach", "admin"):
        if wanted in may:
            assert require_role(engine, wanted).actor == "person ada@example.com"
        else:
            with pytest.raises(ForbiddenError, match=f"logged in as {role}; .* takes the role {wanted}"):
                require_role(engine, wanted)


def test_the_role_is_that_of_now(engine: Engine, log_in: LogIn) -> None:
    add_person(engine, "ada", "viewer", actor=ACTOR)
    log_in(mark_of(engine, "ada"))
    change_role(engine, "ada", "admin", actor=ACTOR)
    assert require_role(engine, "admin") == Visitor("ada", "admin")
    change_role(engine, "ada", "viewer", actor=ACTOR)
    with pytest.raises(ForbiddenError, match="tqs people role ada coach"):
        require_role(engine, "coach")


@pytest.mark.parametrize("oauth", [False, True])
def test_a_removal_ends_a_login_and_coming_back_does_not_revive_it(engine: Engine, log_in: LogIn, oauth: bool) -> None:
    add_person(engine, "ada", "admin", oauth=oauth, actor=ACTOR)
    mark = mark_of(engine, "ada")
    log_in(mark)
    assert read_visitor(engine) == Visitor("ada", "admin")

    remove_person(engine, "ada", actor=ACTOR)
    with pytest.raises(EndedLoginError, match="your login has ended"):
        require_role(engine, "viewer")
    add_person(engine, "ada", "admin", oauth=oauth, actor=ACTOR)
    with pytest.raises(EndedLoginError):
        require_role(engine, "viewer")
    log_in(mark_of(engine, "ada"))
    assert read_visitor(engine) == Visitor("ada", "admin")


def test_a_new_password_ends_a_login(engine: Engine, log_in: LogIn) -> None:
    add_person(engine, "ada", "viewer", actor=ACTOR)
    log_in(mark_of(engine, "ada"))
    change_password(engine, "ada", actor=ACTOR)
    with pytest.raises(EndedLoginError):
        read_visitor(engine)


def test_admin_needs_no_records_of_people(engine: Engine, log_in: LogIn) -> None:
    log_in("admin")
    assert require_role(engine, "admin") == Visitor("admin", "admin")


@pytest.mark.parametrize("mark", [None, "", ":", "ada", ":ada", "admin:", ":admin", "x:admin", "None:ada"])
def test_any_other_mark_is_nobody_s(engine: Engine, mark: str | None) -> None:
    add_person(engine, "ada", "admin", actor=ACTOR)
    assert find_visitor(engine, mark) is None
