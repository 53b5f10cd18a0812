"""The login pages where the records are away."""

from __future__ import annotations

from urllib.parse import urlencode

from sqlalchemy import make_url
from tornado.httpclient import AsyncHTTPClient, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from access.people import ADMIN
from access.refusals import RefusalLog
from dashboards.login import Door, LoginProvider, find_sender
from records.engine import create_app_engine
from tests.e2e.conftest import free_port
from tests.loops import run_coroutine


def ask(path: str, cookie: str = "", body: dict[str, str] | None = None) -> HTTPResponse:
    """What a server answers whose database does not."""
    engine = create_app_engine(make_url(f"postgresql+psycopg2://nobody@127.0.0.1:{free_port()}/nothing"))
    door = Door(engine, "correct horse battery", "http://127.0.0.1:5006", None, RefusalLog())

    class Who(RequestHandler):
        async def get(self) -> None:
            self.set_signed_cookie("user", self.get_query_argument("mark"))
            if "Cookie" in self.request.headers:
                self.finish(str(await find_sender(engine, self)))

    async def run() -> HTTPResponse:
        pages = [*LoginProvider(door, []).endpoints, ("/who", Who)]
        socket, port = bind_unused_port()
        server = HTTPServer(Application(pages, cookie_secret="k" * 32))
        server.add_socket(socket)
        client, address = AsyncHTTPClient(), f"http://127.0.0.1:{port}"
        headers = {}
        if cookie:
            given = await client.fetch(f"{address}/who?" + urlencode({"mark": cookie}))
            headers["Cookie"] = given.headers["Set-Cookie"].split(";")[0]
        sent = None if body is None else urlencode(body)
        method = "GET" if body is None else "POST"
        try:
            return await client.fetch(
                address + path, method=method, body=sent, headers=headers, raise_error=False, follow_redirects=False
            )
        finally:
            server.stop()

    try:
        return run_coroutine(run())
    finally:
        engine.dispose()


def test_nobody_gets_in_unseen_by_the_audit_log() -> None:
    for name, password in (("ada", "x"), (ADMIN, "correct horse battery")):
        answer = ask("/login", body={"username": name, "password": password})
        assert answer.code == 503
        assert "user=" not in answer.headers.get("Set-Cookie", "")
        assert "The records cannot be reached for now" in answer.body.decode()
        assert f'value="{name}"' in answer.body.decode()


def test_the_page_is_shown_all_the_same() -> None:
    answer = ask("/login")
    assert answer.code == 200
    assert 'name="password"' in answer.body.decode()


def test_whose_login_cannot_be_looked_up_is_not_let_through() -> None:
    assert ask("/who?mark=x", cookie="0f0e:ada").code == 503
    assert ask("/who?mark=x", cookie=ADMIN).body == b"admin"  # whose logins end with the key that signed them
