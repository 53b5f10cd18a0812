"""People: who may log in, by which password, in which role, and since when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from access.audit import list_actions
from access.people import (
    add_person,
    change_password,
    change_role,
    check_password,
    find_person,
    is_anybody_here,
    list_people,
    read_login,
    remove_person,
)
from tqs.errors import ConflictError, NotFoundError, TqsError, UsageError

ACTOR = "account root"


def test_a_password_is_stored_as_scrypt_s_and_opens(engine: Engine) -> None:
    assert not is_anybody_here(engine)
    password = add_person(engine, "Ada@Example.com", "coach", actor=ACTOR)

    assert password is not None
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM people")).mappings().one()
    assert (row["login"], row["role"], row["is_active"]) == ("ada@example.com", "coach", True)
    assert row["password_hash"].startswith("scrypt$14$8$5$")
    assert password not in str(dict(row))
    assert is_anybody_here(engine)
    person = check_password(engine, "ada@example.com", password)
    assert person is not None
    assert (person.login, person.role, person.has_password) == ("ada@example.com", "coach", True)
    assert check_password(engine, "ada@example.com", password + "x") is None
    assert check_password(engine, "nobody", password) is None


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ADA", "ada"),
        ("  Ada Lovelace ", "ada lovelace"),
        ("Straße", "strasse"),
        ("ａｄａ", "ada"),  # full width
        ("É", "é"),
        ("x" * 320, "x" * 320),
    ],
)
def test_case_blanks_and_width_make_no_other_person(typed: str, stored: str) -> None:
    assert read_login(typed) == stored
    assert read_login(stored) == stored


@pytest.mark.parametrize(
    "wrong", ["", "   ", "a\nb", "a\x00b", "\ud800", "x" * 321, "a\u202eb", "admin", " ADMIN", "ａｄｍｉｎ"]
)
def test_what_is_no_login_is_refused(engine: Engine, wrong: str) -> None:
    with pytest.raises(UsageError):
        add_person(engine, wrong, "viewer", actor=ACTOR)
    assert list_people(engine) == []
    assert list_actions(engine, 10) == []


def test_the_database_holds_no_admin_either(engine: Engine) -> None:
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("INSERT INTO people (login, role) VALUES ('admin', 'viewer')"))


def test_a_role_that_is_none_is_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="there is no role 'boss'; the roles are viewer, coach, admin"):
        add_person(engine, "ada", "boss", actor=ACTOR)
    add_person(engine, "ada", "viewer", actor=ACTOR)
    with pytest.raises(UsageError, match="there is no role 'boss'"):
        change_role(engine, "ada", "boss", actor=ACTOR)


def test_nobody_is_added_twice(engine: Engine) -> None:
    add_person(engine, "ada", "viewer", actor=ACTOR)
    with pytest.raises(ConflictError, match="ada is here already, as viewer"):
        add_person(engine, "ADA", "admin", actor=ACTOR)

    def add(_: int) -> str | None:
        try:
            return add_person(engine, "bob", "viewer", actor=ACTOR)
        except TqsError:
            return None

    with ThreadPoolExecutor(8) as pool:
        passwords = [made for made in pool.map(add, range(8)) if made]
    assert len(passwords) == 1
    assert check_password(engine, "bob", passwords[0]) is not None


def test_a_new_password_ends_the_old_one_and_its_logins(engine: Engine) -> None:
    old = add_person(engine, "ada", "viewer", actor=ACTOR)
    before = find_person(engine, "ada")
    new = change_password(engine, "Ada", actor=ACTOR)
    after = find_person(engine, "ada")

    assert old is not None
    assert before is not None
    assert after is not None
    assert check_password(engine, "ada", old) is None
    assert check_password(engine, "ada", new) == after
    assert after.security_stamp != before.security_stamp


def test_a_new_role_leaves_logins_as_they_are(engine: Engine) -> None:
    add_person(engine, "ada", "viewer", actor=ACTOR)
    before = find_person(engine, "ada")
    assert change_role(engine, "ada", "admin", actor=ACTOR) == "viewer"
    after = find_person(engine, "ada")

    assert before is not None
    assert after is not None
    assert after.role == "admin"
    assert after.security_stamp == before.security_stamp


def test_who_is_removed_comes_back_with_a_new_password_and_no_old_login(engine: Engine) -> None:
    old = add_person(engine, "ada", "admin", actor=ACTOR)
    stamps = [person.security_stamp for person in list_people(engine)]
    remove_person(engine, "ada", actor=ACTOR)
    removed = find_person(engine, "ada")
    assert removed is not None
    assert not removed.is_active
    assert not is_anybody_here(engine)
    assert old is not None
    assert check_password(engine, "ada", old) is None
    stamps.append(removed.security_stamp)
    with pytest.raises(NotFoundError, match="nobody here has the login 'ada'"):
        change_password(engine, "ada", actor=ACTOR)

    new = add_person(engine, "ada", "viewer", actor=ACTOR)

    assert new is not None
    assert check_password(engine, "ada", old) is None
    back = check_password(engine, "ada", new)
    assert back is not None
    assert back.role == "viewer"
    assert len({*stamps, back.security_stamp}) == 3


def test_who_logs_in_elsewhere_has_no_password(engine: Engine) -> None:
    assert add_person(engine, "ada@example.com", "coach", oauth=True, actor=ACTOR) is None

    person = find_person(engine, "ada@example.com")
    assert person is not None
    assert (person.is_active, person.has_password) == (True, False)
    for typed in ("", "None", "anything"):
        assert check_password(engine, "ada@example.com", typed) is None
    with pytest.raises(ConflictError, match="logs in elsewhere"):
        change_password(engine, "ada@example.com", actor=ACTOR)


@pytest.mark.parametrize("act", [remove_person, change_password])
def test_whom_nobody_knows_is_one_sentence(engine: Engine, act: object) -> None:
    with pytest.raises(NotFoundError, match="nobody here has the login 'nobody'; see them with: tqs people list"):
        act(engine, "nobody", actor=ACTOR)  # type: ignore[operator]


def test_all_of_it_is_in_the_audit_log_and_no_password_is(engine: Engine) -> None:
    passwords = [add_person(engine, "ada", "viewer", actor=ACTOR)]
    change_role(engine, "ada", "coach", actor=ACTOR)
    change_role(engine, "ada", "coach", actor=ACTOR)  # is it already: nothing is done
    passwords.append(change_password(engine, "ada", actor=ACTOR))
    remove_person(engine, "ada", actor=ACTOR)
    passwords.append(add_person(engine, "ada", "viewer", oauth=True, actor=ACTOR))

    actions = list_actions(engine, 10)
    assert [(row.actor, row.action, row.subject, row.details) for row in actions] == [
        (ACTOR, "add person", "ada", {"role": "viewer", "by": "oauth", "back": True}),
        (ACTOR, "remove person", "ada", None),
        (ACTOR, "change password", "ada", None),
        (ACTOR, "change role", "ada", {"from": "viewer", "to": "coach"}),
        (ACTOR, "add person", "ada", {"role": "viewer", "by": "password", "back": False}),
    ]
    assert not any(password in repr(actions) for password in passwords if password)
    assert [row.action for row in list_actions(engine, 2)] == ["add person", "remove person"]
