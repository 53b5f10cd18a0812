"""A provider of OpenID Connect on loopback, such as a company has one: it asks nobody for a password."""

from __future__ import annotations

import json
import secrets
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLIENT, SECRET = "tqs-dashboards", "a secret of the provider's"


@dataclass
class Provider:
    """people: what it says of each account. codes and tokens: for which account it gave them."""

    people: dict[str, dict[str, Any]]
    address: str = ""
    codes: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        extra = {"AUTHORIZE_URL": "/authorize", "TOKEN_URL": "/token", "USER_URL": "/userinfo"}
        return {
            "TQS_OAUTH_PROVIDER": "generic",
            "TQS_OAUTH_KEY": CLIENT,
            "TQS_OAUTH_SECRET": SECRET,
            "TQS_OAUTH_EXTRA": json.dumps({name: self.address + path for name, path in extra.items()}),
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """The page where one chooses an account; each link leads back with a code."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert "client_secret" not in asked
        links = []
        for account in self.people:
            code = secrets.token_urlsafe()
            self.codes[code] = account
            back = urllib.parse.urlencode({"code": code, "state": asked["state"]})
            links.append(f'<p><a href="{asked["redirect_uri"]}?{back}">{account}</a></p>')
        return "<!doctype html><h1>Choose an account</h1>" + "".join(links)

    def exchange(self, asked: dict[str, str]) -> dict[str, Any] | None:
        """A token for a code, once."""
        if (asked["client_id"], asked.get("client_secret")) != (CLIENT, SECRET) or asked["code"] not in self.codes:
            return None
        token = secrets.token_urlsafe()
        self.tokens[token] = self.codes.pop(asked["code"])
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "for later"}


@contextmanager
def run_provider(people: dict[str, dict[str, Any]]) -> Iterator[Provider]:
    provider = Provider(people)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # so called there
            path, _, query = self.path.partition("?")
            if path == "/authorize":
                self.answer(200, "text/html", provider.authorize(dict(urllib.parse.parse_qsl(query))))
                return
            account = provider.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            if account is None:
                self.answer(401, "application/json", "{}")
            else:
                self.answer(200, "application/json", json.dumps(provider.people[account]))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            token = provider.exchange(dict(urllib.parse.parse_qsl(body)))
            self.answer(200 if token else 400, "application/json", json.dumps(token or {"error": "invalid_grant"}))

        def answer(self, status: int, kind: str, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()
