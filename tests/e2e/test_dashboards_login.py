"""Who gets in, through the page and past it."""

from __future__ import annotations

import base64
import http.client
import http.cookiejar
import os
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from dashboards.serve import main
from tests.e2e.conftest import Dashboards
from tests.e2e.tutors import add_tutor, tutor_id


def test_strangers_see_the_login_and_nothing_else(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/tutors")

    expect(stranger).to_have_url(re.compile(r"/login\?next=%2Ftutors$"))
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    expect(stranger.get_by_text("Alma")).to_have_count(0)


def test_a_wrong_password_is_refused(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/tutors")
    stranger.get_by_label("Password").fill(dashboards.password + "x")
    with stranger.expect_response("**/login*") as answer:
        stranger.get_by_role("button", name="Log in").click()

    assert answer.value.status == 401
    expect(stranger.get_by_role("alert")).to_have_text("That name and password do not belong together.")
    stranger.goto(dashboards.address + "/tutors")
    expect(stranger).to_have_url(re.compile("/login"))


def test_logging_out_ends_it(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address)
    stranger.get_by_label("Password").fill(dashboards.password)
    stranger.get_by_role("button", name="Log in").click()
    stranger.get_by_role("link", name="Log out").click()
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    stranger.goto(dashboards.address + "/tutors")

    expect(stranger).to_have_url(re.compile("/login"))


def test_a_link_of_a_mail_leads_through_the_login_to_its_tutor(dashboards: Dashboards, stranger: Page) -> None:
    key = tutor_id("Linked")
    add_tutor(dashboards.engine, "Linked", (0, 1), (0, 1), (0, 1))
    add_tutor(dashboards.engine, "Worse", (1, 1), (1, 1), (1, 1))
    stranger.goto(f"{dashboards.address}/tutors?tutor={key}")
    stranger.get_by_label("Password").fill(dashboards.password)
    stranger.get_by_role("button", name="Log in").click()

    expect(stranger).to_have_url(f"{dashboards.address}/tutors?tutor={key}")
    expect(stranger.get_by_role("heading", name="Linked")).to_be_visible()


def test_a_login_needs_the_token_of_its_form(dashboards: Dashboards) -> None:
    form = urllib.parse.urlencode({"username": "admin", "password": dashboards.password}).encode()

    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener().open(dashboards.address + "/login", data=form, timeout=10)

    assert refusal.value.code == 403


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
    cookie = log_in(dashboards)

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


def log_in(dashboards: Dashboards) -> str:
    """The cookies of a login, as a header."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    form = opener.open(dashboards.address + "/login", timeout=10).read().decode()
    token = re.search(r'name="_xsrf" value="([^"]+)"', form)
    assert token is not None
    fields = {"username": "admin", "password": dashboards.password, "_xsrf": token[1]}
    opener.open(dashboards.address + "/login", data=urllib.parse.urlencode(fields).encode(), timeout=10)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)


def shake_hands(dashboards: Dashboards, origin: str, cookie: str) -> int:
    """The status that answers a request to open the page's websocket."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboards.port, timeout=10)
    try:
        connection.request("GET", "/tutors", headers={"Cookie": cookie})
        page = connection.getresponse().read().decode()
        token = re.search(r'"token":"([^"]+)"', page)
        headers = {
            "Cookie": cookie,
            "Origin": origin,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": f"bokeh, {token[1] if token else 'none'}",
        }
        connection.request("GET", "/tutors/ws", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
