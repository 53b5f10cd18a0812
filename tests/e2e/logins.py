"""Logins without a browser: what is sent and answered, header by header."""

from __future__ import annotations

import base64
import http.client
import os
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import Morsel, SimpleCookie
from typing import Self

from playwright.sync_api import Browser, Page
from tornado.httpclient import HTTPRequest
from tornado.web import create_signed_value
from tornado.websocket import websocket_connect

from access.people import find_person
from dashboards.login import COOKIE
from dashboards.password_file import derive_cookie_secret
from dashboards.visitor import mark_login
from tests.e2e.conftest import Dashboards
from tests.loops import run_coroutine


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Client:
    """Keeps cookies as a browser does. forwarded: whom it speaks for, as a proxy says."""

    dashboards: Dashboards
    forwarded: str = "127.0.0.1"
    cookies: dict[str, Morsel[str]] = field(default_factory=dict)

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        return self._ask("POST", path, urllib.parse.urlencode(fields), **headers)

    def send_form(self, path: str, fields: dict[str, str], **headers: str) -> Answer:
        """As its page has the form, token and all."""
        token = re.search(r'name="_xsrf" value="([^"]+)"', self.get(path).body)
        assert token is not None
        return self.post(path, {**fields, "_xsrf": token[1]}, **headers)

    def log_in(self, name: str = "admin", password: str = "", **headers: str) -> Self:
        answer = self.try_password(name, password or self.dashboards.password, **headers)
        assert answer.status == 302
        return self

    def try_password(self, name: str, password: str, **headers: str) -> Answer:
        return self.send_form("/login", {"username": name, "password": password}, **headers)

    def _ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.dashboards.port, timeout=30)
        sent = {"Cookie": self.cookie_header, "X-Real-Ip": self.forwarded, **headers}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or ():
                for name, morsel in SimpleCookie(line).items():
                    if morsel.value:
                        self.cookies[name] = morsel
                    else:
                        self.cookies.pop(name, None)
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
        finally:
            connection.close()


def log_in(page: Page, dashboards: Dashboards, name: str, password: str, path: str = "/") -> None:
    """As a person does."""
    page.goto(dashboards.address + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@contextmanager
def visit_as(browser: Browser, dashboards: Dashboards, login: str, path: str) -> Iterator[Page]:
    """A page of a browser in which somebody of the records is logged in already."""
    person = find_person(dashboards.engine, login)
    assert person is not None
    value = create_signed_value(derive_cookie_secret(dashboards.home), COOKIE, mark_login(person)).decode()
    context = browser.new_context()
    context.add_cookies([{"name": COOKIE, "value": value, "url": dashboards.address}])
    page = context.new_page()
    page.goto(dashboards.address + path)
    yield page
    context.close()


def session_token(dashboards: Dashboards, cookie: str) -> str:
    """What a page holds to open its session with; "none" where the page is not shown."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboards.port, timeout=30)
    try:
        connection.request("GET", "/tutors", headers={"Cookie": cookie})
        token = re.search(r'"token":"([^"]+)"', connection.getresponse().read().decode())
        return token[1] if token else "none"
    finally:
        connection.close()


def shake_hands(dashboards: Dashboards, origin: str, cookie: str, token: str | None = None) -> int:
    """The status that answers a request to open the page's websocket."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboards.port, timeout=30)
    try:
        connection.request("GET", "/tutors/ws", headers=_upgrade(dashboards, origin, cookie, token))
        return connection.getresponse().status
    finally:
        connection.close()


def hear(dashboards: Dashboards, cookie: str, token: str) -> str | bytes | None:
    """What the page's websocket says first, once it is open; None where it is closed."""

    async def listen() -> str | bytes | None:
        headers = {"Cookie": cookie, "Origin": dashboards.address}
        asked = HTTPRequest(f"ws://127.0.0.1:{dashboards.port}/tutors/ws", headers=headers)
        connection = await websocket_connect(asked, subprotocols=["bokeh", token])
        said = await connection.read_message()
        connection.close()
        return said

    return run_coroutine(listen())


def _upgrade(dashboards: Dashboards, origin: str, cookie: str, token: str | None) -> dict[str, str]:
    return {
        "Cookie": cookie,
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": f"bokeh, {session_token(dashboards, cookie) if token is None else token}",
    }
