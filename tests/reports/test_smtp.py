"""The SMTP client against a real server: what it takes, refuses, breaks off, and how it is trusted."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reports.message import compose_message
from reports.rendering import Letter
from reports.smtp import SmtpTransport
from reports.transport import MailServerError, Refusal
from tests.reports.letters import NOON
from tests.reports.smtp_server import Server, check_login, smtp_server
from tqs.mail_settings import read_smtp_url

A, B, C = "a@example.com", "b@example.com", "c@example.com"


def transport(
    server: Server | int, *, scheme: str = "smtp", login: str = "", options: str = "timeout=5"
) -> SmtpTransport:
    port = server if isinstance(server, int) else server.port
    return SmtpTransport(read_smtp_url(f"{scheme}://{login}127.0.0.1:{port}?{options}"), "example.com")


def hand_over(client: SmtpTransport, *recipients: str) -> dict[str, Refusal]:
    message = compose_message(
        Letter("Grüße", ".\n..\nlast\n", "<p>.</p>"),
        sender=("", "reports@example.com"),
        recipients=recipients,
        message_id="<1@tqs.invalid>",
        now=NOON,
    )
    return dict(client.send(message, recipients))


def test_many_messages_over_one_connection(server: Server) -> None:
    with closing(transport(server)) as client:
        for _ in range(3):
            client.connect()
            assert hand_over(client, A, B) == {}
    assert [(taken.connection, taken.recipients) for taken in server.taken] == [(1, [A, B])] * 3
    body = server.taken[0].message.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == ".\n..\nlast\n"  # dots are no end


def test_those_refused_are_named_and_the_others_get_it(server: Server) -> None:
    answers = {B: "450-4.2.0 <b@example.com> is full, ask admin@example.com\r\n450 more", C: "550 no such user"}
    server.answer_recipient = answers.get
    with closing(transport(server)) as client:
        assert hand_over(client, A, B, C) == {
            B: Refusal(False, "450 4.2.0 (address) is full, ask (address)"),
            C: Refusal(True, "550 no such user"),
        }
        assert hand_over(client, B) == {B: Refusal(False, "450 4.2.0 (address) is full, ask (address)")}
        client.connect()
        assert hand_over(client, A) == {}  # after a message that nobody took the connection is fine
    assert [taken.recipients for taken in server.taken] == [[A], [A]]


@pytest.mark.parametrize(("answer", "final"), [("451 try later", False), ("554 spam", True)])
def test_a_message_refused_is_refused_for_all_that_were_taken(server: Server, answer: str, final: bool) -> None:
    server.answer_recipient = {C: "550 no such user"}.get
    server.answer_data = lambda taken: answer
    with closing(transport(server)) as client:
        whole = Refusal(final, answer)
        assert hand_over(client, A, B, C) == {A: whole, B: whole, C: Refusal(True, "550 no such user")}


@pytest.mark.parametrize(("answer", "final"), [("451 slow down", False), ("553 who are you", True)])
def test_a_sender_refused(server: Server, answer: str, final: bool) -> None:
    server.answer_mail = lambda sender: answer
    with closing(transport(server)) as client:
        assert hand_over(client, A, B) == {A: Refusal(final, answer), B: Refusal(final, answer)}


@pytest.mark.parametrize("answer", ["421 shutting down", "530 log in first"])
def test_a_server_that_takes_nobody_s_mail_is_no_fault_of_this_one(server: Server, answer: str) -> None:
    server.answer_recipient = lambda recipient: answer
    with closing(transport(server)) as client:
        with pytest.raises(MailServerError, match=f"takes no mail now \\({answer}\\)"):
            hand_over(client, A)
        server.answer_recipient = lambda recipient: None
        assert hand_over(client, A) == {}
    assert server.dialogues == 2


def test_a_connection_that_ended_in_between_is_made_anew(server: Server) -> None:
    with closing(transport(server)) as client:
        assert hand_over(client, A) == {}
        server.drop()
        client.connect()
        assert hand_over(client, A) == {}
    assert [taken.connection for taken in server.taken] == [1, 2]


def test_a_server_that_drops_after_the_data(server: Server) -> None:
    def drop(taken: object) -> object:
        server.drop()
        return asyncio.sleep(0)

    server.answer_data = drop
    with closing(transport(server)) as client, pytest.raises(MailServerError, match="closed the connection"):
        hand_over(client, A)


def test_a_server_that_hangs_after_the_data(server: Server) -> None:
    server.answer_data = lambda taken: asyncio.sleep(20)
    with (
        closing(transport(server, options="timeout=0.2")) as client,
        pytest.raises(MailServerError, match="did not answer in time"),
    ):
        hand_over(client, A)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(MailServerError, match=r"the mail server cannot be reached \(Connection refused\)"):
        transport(port).connect()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        port = silent.getsockname()[1]
        with pytest.raises(MailServerError, match="did not answer in time"):
            transport(port, options="timeout=0.2").connect()


@contextmanager
def talking(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that says what it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                talk(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_a_server_that_goes_on_answering_for_ever_is_cut_off() -> None:
    ended, dripped = threading.Event(), []

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n250-")
        while not ended.wait(0.02):
            try:
                dripped.append(connection.sendall(b"x"))  # the answer to EHLO, always in time and never whole
            except OSError:
                return

    with talking(drip) as port:
        server = read_smtp_url(f"smtp://127.0.0.1:{port}?timeout=30")
        client = SmtpTransport(server, "example.com", message_limit_s=0.3)
        try:
            with pytest.raises(MailServerError):
                client.connect()
        finally:
            ended.set()
    assert len(dripped) < 1_000  # some seconds; by itself the client stops at a line of 8 kB


def test_a_server_that_talks_nonsense() -> None:
    with (
        talking(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port,
        pytest.raises(MailServerError, match="the mail server takes no mail now"),
    ):
        transport(port).connect()


def test_addresses_beyond_ascii(server: Server) -> None:
    with closing(transport(server)) as client:
        assert hand_over(client, "jürgen@example.com") == {}
    assert server.taken[0].recipients == ["jürgen@example.com"]
    with smtp_server(enable_SMTPUTF8=False) as old, closing(transport(old)) as client:
        refusal = Refusal(True, "the mail server takes no addresses with letters beyond ASCII")
        assert hand_over(client, "jürgen@example.com") == {"jürgen@example.com": refusal}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")]), datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_starttls_is_used_where_it_is_offered(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with smtp_server(tls_context=tls, authenticator=check_login) as server:
        with closing(transport(server, login="ann:open%3A%20sesame@")) as client:
            assert hand_over(client, A) == {}
        assert [(taken.encrypted, taken.user) for taken in server.taken] == [(True, "ann")]


def test_smtps(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with smtp_server(tls, authenticator=check_login, auth_require_tls=False) as server:
        with closing(transport(server, scheme="smtps", login="ann:open%3A%20sesame@")) as client:
            assert hand_over(client, A) == {}
        assert [(taken.encrypted, taken.user) for taken in server.taken] == [(True, "ann")]


def test_a_certificate_that_nobody_vouches_for_is_refused(tls: ssl.SSLContext) -> None:
    with smtp_server(tls_context=tls) as server:
        with pytest.raises(MailServerError, match="an encryption that cannot be trusted"):
            transport(server).connect()
        assert server.taken == []


def test_starttls_may_be_required(server: Server) -> None:
    with pytest.raises(MailServerError, match="offers no STARTTLS, which TQS_SMTP_URL requires"):
        transport(server, options="starttls=required").connect()


def test_a_password_goes_over_no_open_connection(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.smtp.LOOPBACK", ())
    with pytest.raises(MailServerError, match="a password is sent over no connection without"):
        transport(server, login="ann:secret@").connect()


def test_a_wrong_password_is_no_fault_of_a_mail_and_is_not_told() -> None:
    with (
        smtp_server(authenticator=check_login, auth_require_tls=False) as server,
        pytest.raises(MailServerError, match=r"does not accept the user and password .* \(535\)") as caught,
    ):
        transport(server, login="ann:hunter2@").connect()
    assert "hunter2" not in str(caught.value)
