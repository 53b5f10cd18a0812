"""Who gets in past the page, and that logins end when they should: request by request, without a browser."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from access.audit import list_actions
from access.people import add_person, change_password, remove_person
from dashboards.serve import main
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import Client, hear, session_token, shake_hands

ACTOR = "account root"


@pytest.fixture(autouse=True)
def nobody(dashboards: Dashboards) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("DELETE FROM people"))


def let_in(dashboards: Dashboards, login: str, role: str) -> str:
    password = add_person(dashboards.engine, login, role, actor=ACTOR)
    assert password is not None
    return password


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("end", [change_password, remove_person])
def test_an_old_login_opens_neither_page_nor_socket(dashboards: Dashboards, end: object) -> None:
    client = Client(dashboards).log_in("ada", let_in(dashboards, "ada", "admin"))
    token = session_token(dashboards, client.cookie_header)
    assert client.get("/tutors").status == 200
    assert shake_hands(dashboards, dashboards.address, client.cookie_header, token) == 101

    end(dashboards.engine, "ada", actor=ACTOR)  # type: ignore[operator]

    assert client.get("/tutors").status == 302
    assert {client.get(address).status for address in ("/cards/match/v1", "/queue")} == {302}
    assert shake_hands(dashboards, dashboards.address, client.cookie_header, token) == 403


def test_sessions_are_signed(dashboards: Dashboards) -> None:
    cookie = Client(dashboards).log_in().cookie_header
    token = session_token(dashboards, cookie)
    forged = token[:-4] + ("aaaa" if token[-4:] != "aaaa" else "bbbb")

    assert "ACK" in str(hear(dashboards, cookie, token))
    assert hear(dashboards, cookie, forged) is None


def test_a_cookie_of_another_key_is_a_stranger_s(dashboards: Dashboards) -> None:
    client = Client(dashboards).log_in()
    cookie = client.cookie_header
    for forged in (cookie[:-1] + ("0" if cookie[-1] != "0" else "1"), re.sub("user=[^;]*", "user=admin", cookie)):
        assert forged != cookie
        assert shake_hands(dashboards, dashboards.address, forged) == 403


def test_guessing_is_slowed_and_others_are_not(dashboards: Dashboards) -> None:
    password = let_in(dashboards, "ada", "viewer")
    guesser = Client(dashboards, forwarded="203.0.113.7")
    for _ in range(5):
        assert guesser.try_password("ada", "wrong").status == 401

    refused = guesser.try_password("ada", password)
    assert refused.status == 429
    assert "Too many wrong passwords came from here. Wait a minute, then try again." in refused.body
    assert refused.headers["Retry-After"] == "60"
    assert "user" not in guesser.cookies
    Client(dashboards, forwarded="203.0.113.8").log_in("ada", password)
    assert Client(dashboards, forwarded="203.0.113.7").try_password("admin", dashboards.password).status == 302


def test_guesses_that_come_at_once_are_counted_too(dashboards: Dashboards) -> None:
    guessers = [Client(dashboards, forwarded="203.0.113.20") for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda guesser: guesser.try_password("nobody", "wrong").status, guessers))

    assert sorted(answers) == [401] * 5 + [429] * 11


def test_who_came_and_went_and_was_refused_is_in_the_audit_log(dashboards: Dashboards) -> None:
    password = let_in(dashboards, "cara", "viewer")
    client = Client(dashboards, forwarded="203.0.113.9").log_in("CARA", password)
    assert client.send_form("/logout", {}).status == 302
    assert "user" not in client.cookies
    stranger = Client(dashboards, forwarded="203.0.113.10")
    for _ in range(3):
        stranger.try_password("my-password-in-the-wrong-field", "x")
    stranger.try_password("cara", "x")

    def counted(actor: str) -> int:
        return sum(
            (row.details or {})["count"]
            for row in list_actions(dashboards.engine, 100)
            if (row.actor, row.action, row.subject) == (actor, "log in refused", "203.0.113.10")
        )

    wait_until(lambda: counted("person cara") == 1 and counted("unknown") >= 1)  # the rest when the minute is over
    rows = list_actions(dashboards.engine, 100)
    ways = [(row.action, row.details) for row in rows if (row.actor, row.subject) == ("person cara", "dashboards")]
    assert ways == [("log out", {"by": "button"}), ("log in", {"by": "password"})]
    assert "my-password" not in repr(rows)


def test_only_the_button_logs_out(dashboards: Dashboards) -> None:
    client = Client(dashboards).log_in()

    assert client.get("/logout").status == 200
    assert client.post("/logout", {}).status == 403
    assert client.get("/tutors").status == 200
    assert client.send_form("/logout", {}).status == 302
    assert client.get("/tutors").status == 302


def test_no_page_of_others_may_frame_ours_or_keep_it(dashboards: Dashboards) -> None:
    client = Client(dashboards)
    pages = [client.get("/login"), client.log_in().get("/tutors"), client.get("/overview"), client.get("/logout")]
    for page in pages:
        assert page.status == 200
        assert page.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("origin", "tls"), [("https://tutors.example.com", True), ("http://127.0.0.1", False), (None, True)]
)
def test_the_cookie_is_for_this_server_alone(dashboards: Dashboards, origin: str | None, tls: bool) -> None:
    cookies = Client(dashboards).log_in(**({"Origin": origin} if origin else {})).cookies

    assert (cookies["user"]["httponly"], cookies["user"]["samesite"]) == (True, "Lax")
    assert bool(cookies["user"]["secure"]) is tls
    assert (cookies["_xsrf"]["httponly"], cookies["_xsrf"]["samesite"]) == (True, "Lax")


def test_a_login_leads_nowhere_else(dashboards: Dashboards) -> None:
    fields = {"username": "admin", "password": dashboards.password}
    for path, leads in (
        ("/login?next=/tutors%3Ftutor%3D7", "/tutors?tutor=7"),
        ("/login?next=//evil.example", "/"),
        ("/login?next=https://evil.example", "/"),
    ):
        assert Client(dashboards).send_form(path, fields).headers["Location"] == leads


def test_a_login_needs_the_token_of_its_form(dashboards: Dashboards) -> None:
    client = Client(dashboards)

    assert client.post("/login", {"username": "admin", "password": dashboards.password}).status == 403
    assert "user" not in client.cookies


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 101),
        ("https://tutors.example.com", 101),
        ("http://evil.example", 403),
        ("http://127.0.0.1:{port}1", 403),
        ("https://tutors.example.com.evil.example", 403),
    ],
)
def test_only_the_own_origin_may_open_the_socket(dashboards: Dashboards, origin: str, status: int) -> None:
    cookie = Client(dashboards).log_in().cookie_header

    assert shake_hands(dashboards, origin.format(port=dashboards.port), cookie) == status


def test_without_a_login_there_is_no_socket(dashboards: Dashboards) -> None:
    assert shake_hands(dashboards, dashboards.address, "") == 403


def test_a_port_in_use_is_one_sentence(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("TQS_HOME", str(tmp_path))
        monkeypatch.setenv("TQS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
        monkeypatch.setenv("TQS_DASHBOARD_PORT", str(port))

        assert main() == 1

    assert capsys.readouterr().err == f"port {port} is in use; stop what listens there or set TQS_DASHBOARD_PORT\n"
