"""Handing mails to an SMTP server: one connection for many, each step with a limit, and none for ever."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from threading import Timer
from typing import Final

from reports.transport import MailServerError, Refusal, Transport
from reports.wording import clean
from tqs.mail_settings import SmtpServer

MESSAGE_LIMIT_S: Final = 60.0  # for one message, however slowly the server goes on answering; below the lease
QUIT_LIMIT_S: Final = 2.0
LONGEST_REASON: Final = 200
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
# The server closes (421), or takes nobody's mail as things stand (login needed or refused): no fault of the mail.
TROUBLE: Final = (-1, 421, 454, 530, 534, 535, 538)
_ADDRESS: Final = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")


class SmtpTransport(Transport):
    """A connection to the server, made when it is needed and made anew after it broke.

    own_domain: what it calls itself towards the server.
    """

    def __init__(self, server: SmtpServer, own_domain: str, *, message_limit_s: float = MESSAGE_LIMIT_S) -> None:
        self._server = server
        self._own_domain = own_domain
        self._message_limit_s = message_limit_s
        self._smtp: smtplib.SMTP | None = None

    def connect(self) -> None:
        """Be ready for the next message, on a new connection where the last is closed. Raises MailServerError."""
        if self._smtp is not None and self._is_ready(self._smtp):
            return
        self.close()
        with _explained():
            self._smtp = _open(self._server, self._own_domain)
        with self._speaking():
            self._smtp.ehlo_or_helo_if_needed()
            self._encrypt(self._smtp)
            if self._server.user is not None and self._server.password is not None:
                self._smtp.login(self._server.user, self._server.password)

    def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, Refusal]:
        """As for any transport. A server that does not take all recipients is given the message for the others."""
        if self._smtp is None:
            self.connect()
        assert self._smtp is not None  # noqa: S101  # connect raises where there is none
        with self._speaking():
            return _hand_over(self._smtp, message, recipients)

    def close(self) -> None:
        """Say goodbye, without waiting long for an answer."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            with suppress(smtplib.SMTPException, OSError):
                if smtp.sock is not None:
                    smtp.sock.settimeout(QUIT_LIMIT_S)
                    smtp.quit()
            smtp.close()

    def _is_ready(self, smtp: smtplib.SMTP) -> bool:
        try:
            with self._speaking():
                return smtp.rset()[0] == 250
        except MailServerError:
            return False

    def _encrypt(self, smtp: smtplib.SMTP) -> None:
        if self._server.security == "tls":
            return
        if smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif self._server.security == "starttls":
            raise MailServerError("the mail server offers no STARTTLS, which TQS_SMTP_URL requires")
        elif self._server.user is not None and self._server.host not in LOOPBACK:
            raise MailServerError(
                "the mail server offers no encryption, and a password is sent over no connection without; "
                "use smtps:// in TQS_SMTP_URL, or leave the user out"
            )

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Cut the connection after the limit; and whatever goes wrong, the next message gets a new connection."""
        smtp = self._smtp
        timer = Timer(self._message_limit_s, _cut, [smtp])
        timer.daemon = True
        timer.start()
        try:
            with _explained():
                yield
        except MailServerError:
            self._smtp = None
            if smtp is not None:
                smtp.close()
            raise
        finally:
            timer.cancel()


def _open(server: SmtpServer, own_domain: str) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(
            server.host,
            server.port,
            local_hostname=own_domain,
            timeout=server.timeout_s,
            context=ssl.create_default_context(),
        )
    return smtplib.SMTP(server.host, server.port, local_hostname=own_domain, timeout=server.timeout_s)


def _hand_over(smtp: smtplib.SMTP, message: EmailMessage, recipients: Sequence[str]) -> dict[str, Refusal]:
    options = []
    if not all(address.isascii() for address in (_sender(message), *recipients)):
        if not smtp.has_extn("smtputf8"):
            reason = "the mail server takes no addresses with letters beyond ASCII"
            return dict.fromkeys(recipients, Refusal(final=True, reason=reason))
        options = ["SMTPUTF8", "BODY=8BITMIME"]
    refused = dict(_offer(smtp, _sender(message), recipients, options))
    if len(refused) == len(recipients):
        return refused
    code, answer = _send_data(smtp, message)
    if code != 250:
        return dict.fromkeys(recipients, _refuse(code, answer)) | refused
    return refused


def _offer(
    smtp: smtplib.SMTP, sender: str, recipients: Sequence[str], options: Sequence[str]
) -> Iterator[tuple[str, Refusal]]:
    """Name sender and recipients; those of the latter that are refused."""
    code, answer = smtp.mail(sender, options)
    if code != 250:
        yield from ((recipient, _refuse(code, answer)) for recipient in recipients)
        return
    for recipient in recipients:
        code, answer = smtp.rcpt(recipient)
        if code not in (250, 251):
            yield recipient, _refuse(code, answer)


def _send_data(smtp: smtplib.SMTP, message: EmailMessage) -> tuple[int, bytes]:
    try:
        return smtp.data(message.as_bytes())
    except smtplib.SMTPDataError as error:  # of the command itself
        return error.smtp_code, _bytes(error.smtp_error)


def _refuse(code: int, answer: bytes) -> Refusal:
    _require(code not in TROUBLE, code, answer)
    return Refusal(final=500 <= code < 600, reason=_quote(code, answer))


def _require(fine: bool, code: int, answer: bytes) -> None:
    if not fine:
        raise smtplib.SMTPResponseException(code, answer.decode("utf-8", "replace"))


def _sender(message: EmailMessage) -> str:
    return str(message["From"].addresses[0].addr_spec)


def _cut(smtp: smtplib.SMTP | None) -> None:
    """End the connection under the thread that waits for it; past what ssl does, which is not for two threads."""
    if smtp is not None and smtp.sock is not None:
        with suppress(OSError):
            socket.socket.shutdown(smtp.sock, socket.SHUT_RDWR)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (smtplib.SMTPException, OSError) as error:
        raise MailServerError(f"the mail server {_explain(error)}") from error


def _explain(error: smtplib.SMTPException | OSError) -> str:
    match error:
        case smtplib.SMTPAuthenticationError():
            told = f"does not accept the user and password of TQS_SMTP_URL ({error.smtp_code})"
        case smtplib.SMTPResponseException():
            told = f"takes no mail now ({_quote(error.smtp_code, _bytes(error.smtp_error))})"
        case smtplib.SMTPServerDisconnected() if not isinstance(error.__context__, TimeoutError):
            told = "closed the connection"
        case smtplib.SMTPServerDisconnected() | TimeoutError():
            told = "did not answer in time"
        case smtplib.SMTPException():
            told = f"cannot be used ({type(error).__name__})"
        case ssl.SSLError():
            told = f"offers an encryption that cannot be trusted ({clean(error.reason or type(error).__name__, 80)})"
        case _:
            told = f"cannot be reached ({error.strerror or type(error).__name__})"
    return told


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()


def _quote(code: int, answer: bytes) -> str:
    """The first line of what the server said, without addresses."""
    lines = answer.decode("utf-8", "replace").strip().splitlines() or [""]
    return clean(f"{code} {_ADDRESS.sub('(address)', lines[0])}", LONGEST_REASON)
