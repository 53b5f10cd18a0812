"""An OpenAI-compatible server on the loopback, to be made to answer well, slowly, wrongly or with malice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr

from scoring.language_model import LanguageModel

KEY = "sk-test"


@dataclass
class Server:
    """Requests as they came, oldest first; `behave` answers the next ones."""

    url: str
    behave: Callable[[BaseHTTPRequestHandler], None]
    requests: list[dict[str, Any]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def model(self, **options: Any) -> LanguageModel:
        return LanguageModel(f"{self.url}/v1", SecretStr(KEY), "test-model", **options)

    def say(self, text: str) -> None:
        """From now on answer with this text."""
        self.behave = lambda handler: send(handler, completion(text))


@contextmanager
def language_server() -> Iterator[Server]:
    """A server that says "Hello." until it is told otherwise."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    httpd.daemon_threads = True
    server = httpd.stand_in = Server(  # type: ignore[attr-defined]
        f"http://127.0.0.1:{httpd.server_port}", lambda handler: send(handler, completion("Hello."))
    )
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def completion(text: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "test-model",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
    ).encode()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    named = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    for name, value in (named | {name.replace("_", "-"): value for name, value in headers.items()}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        server: Server = self.server.stand_in  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.requests.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body or b"null")})
        try:
            server.behave(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
