"""`tqs people` and `tqs audit` as an administrator calls them."""

from __future__ import annotations

import getpass
import json
import re

from sqlalchemy import Engine, text

from access.audit import record_action
from access.people import check_password
from tests.tqs.conftest import Call


def test_somebody_is_let_in_and_out(tqs: Call, engine: Engine) -> None:
    status, out, _ = tqs("people", "list")
    assert (status, out) == (0, "nobody but admin yet; let somebody in with: tqs people add LOGIN --role viewer\n")
    status, password, told = tqs("people", "add", "Ada@example.com", "--role", "coach")
    assert status == 0
    assert re.fullmatch(r"([a-z2-9]{5}-){4}[a-z2-9]{5}\n", password)  # nothing else: a script may keep it
    assert "shown this once" in told
    assert check_password(engine, "ada@example.com", password.strip()) is not None

    assert tqs("people", "role", "ada@example.com", "admin")[1] == "ada@example.com is admin (was coach)\n"
    _, another, _ = tqs("people", "password", "ada@example.com")
    assert check_password(engine, "ada@example.com", password.strip()) is None
    assert check_password(engine, "ada@example.com", another.strip()) is not None
    assert tqs("people", "add", "bob", "--role", "viewer", "--oauth")[1] == "bob may log in by OAuth, as viewer\n"
    assert tqs("people", "remove", "ADA@example.com")[0] == 0

    status, out, _ = tqs("people", "list", "--json")
    rows = [{**row, "created_at": None} for row in json.loads(out)]
    assert rows == [
        {"login": "ada@example.com", "role": "admin", "active": False, "by": None, "created_at": None},
        {"login": "bob", "role": "viewer", "active": True, "by": "oauth", "created_at": None},
    ]
    status, out, _ = tqs("audit", "--json", "--last", "3")
    assert [(row["actor"], row["action"], row["subject"]) for row in json.loads(out)] == [
        (f"account {getpass.getuser()}", "remove person", "ada@example.com"),
        (f"account {getpass.getuser()}", "add person", "bob"),
        (f"account {getpass.getuser()}", "change password", "ada@example.com"),
    ]


def test_wrong_calls_are_one_sentence(tqs: Call) -> None:
    assert tqs("people", "add", "ada", "--role", "boss")[0] == 2
    status, out, told = tqs("people", "add", "Admin", "--role", "viewer")
    assert (status, out) == (2, "")
    assert "admin is built in" in told
    status, _, told = tqs("people", "remove", "nobody")
    assert status == 1
    assert told == "tqs: nobody here has the login 'nobody'; see them with: tqs people list\n"
    assert tqs("people", "add", "ada", "--role", "viewer")[0] == 0
    status, out, told = tqs("people", "add", "ada", "--role", "viewer")
    assert (status, out) == (1, "")
    assert "is here already" in told


def test_the_audit_log_is_shown_as_it_is(tqs: Call, engine: Engine) -> None:
    tqs("people", "list")  # makes the schema
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_log"))
    assert tqs("audit")[1] == "nothing yet\n"
    with engine.begin() as connection:
        record_action(
            connection, "person [/red]:smile:", "log in", "dashboards", {"by": "password", "first": True, "from": None}
        )

    status, out, _ = tqs("audit")

    assert status == 0
    assert "person [/red]:smile:" in out
    assert "by password, first yes" in out  # as all tables say it
    assert "from" not in out
