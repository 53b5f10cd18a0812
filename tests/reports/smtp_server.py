"""A real SMTP server on the loopback, to be made to refuse, hang, drop, or to do something at a certain step."""

from __future__ import annotations

import email
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Taken:
    """A message that the server took. encrypted: whether it came over TLS. user: who logged in."""

    message: EmailMessage
    sender: str
    recipients: list[str]
    encrypted: bool
    user: str | None
    connection: int


@dataclass
class Server:
    """Messages as they were taken, oldest first. The answers come from the functions; None: as usual."""

    taken: list[Taken] = field(default_factory=list)
    dialogues: int = 0
    port: int = 0
    answer_mail: Callable[[str], str | None] = lambda sender: None
    answer_recipient: Callable[[str], str | None] = lambda recipient: None
    answer_data: Callable[[Taken], Any] = lambda taken: None
    transports: list[Any] = field(default_factory=list)
    loop: Any = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def message_ids(self) -> list[str]:
        return [str(taken.message["Message-ID"]) for taken in self.taken]

    def drop(self) -> None:
        """Close the connections without a word."""
        for transport in self.transports:
            self.loop.call_soon_threadsafe(transport.abort)


class _Handler:
    def __init__(self, server: Server) -> None:
        self.server = server

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.server.answer_mail(address)
        if answer is None:
            envelope.mail_from = address
        return answer or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.server.answer_recipient(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        login = session.auth_data
        taken = Taken(
            message,
            str(envelope.mail_from),
            list(envelope.rcpt_tos),
            server.transport.get_extra_info("ssl_object") is not None,
            login.login.decode() if isinstance(login, LoginPassword) else None,
            self.server.dialogues,
        )
        answer = self.server.answer_data(taken)
        if hasattr(answer, "__await__"):
            answer = await answer
        if answer is None:
            self.server.taken.append(taken)
        return answer or "250 OK"


class _Counting(SMTP):
    def connection_made(self, transport: Any) -> None:
        self.event_handler.server.dialogues += 1
        self.event_handler.server.transports.append(transport)
        super().connection_made(transport)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Counting(self.handler, **self.SMTP_kwargs)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # the one that was free
        super()._trigger_server()


def check_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any) -> AuthResult:
    """Everybody who knows the password."""
    return AuthResult(success=login.password == b"open: sesame", handled=False, auth_data=login)


@contextmanager
def smtp_server(tls: ssl.SSLContext | None = None, **options: Any) -> Iterator[Server]:
    """A server that takes everything until it is told otherwise. tls: from the first byte on."""
    server = Server()
    controller = _Controller(_Handler(server), hostname="127.0.0.1", port=0, ssl_context=tls, **options)
    controller.start()
    try:
        server.port, server.dialogues, server.loop = controller.port, 0, controller.loop
        yield server
    finally:
        controller.stop()
