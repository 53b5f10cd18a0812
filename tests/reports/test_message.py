"""Messages as they go over the wire: one line a header, names in any script, both forms of the text."""

from __future__ import annotations

import email
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.message import compose_message
from reports.rendering import Letter, render_session_report
from reports.wording import clean
from tests.reports.letters import NOON, PLACE, session_report

HEADERS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("MIME-Version", "Content-Type"),
]
LETTER = Letter("A subject", "Grüße\n.\n-- \nend\n", "<p>Grüße</p>")


def send(letter: Letter, recipients: list[str] | None = None, sender: tuple[str, str] = ("", "r@x.org")) -> bytes:
    return compose_message(
        letter, sender=sender, recipients=recipients or ["a@x.org"], message_id="<1@tqs.invalid>", now=NOON
    ).as_bytes()


def receive(wire: bytes) -> EmailMessage:
    message = email.message_from_bytes(wire, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_message_as_it_arrives() -> None:
    wire = send(LETTER, ["a@x.org", "b@x.org"], ("Tutor Qualität", "reports@x.org"))
    message = receive(wire)

    assert wire.isascii()
    assert max(len(line) for line in wire.split(b"\r\n")) <= 78
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert str(message["From"]) == "Tutor Qualität <reports@x.org>"
    assert str(message["To"]) == "a@x.org, b@x.org"
    assert message["Message-ID"] == "<1@tqs.invalid>"
    assert message["Date"].datetime == NOON
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == LETTER.text
    assert html.get_content().strip() == LETTER.html


BREAKS = (
    "\r\nBcc: b@x.org",
    "\nBcc: b@x.org\n\nbody",
    "=?utf-8?q?a=0D=0ABcc=3A_b@x.org?=",
    "=?utf-8?b?YQ0KQmNjOiBiQHgub3Jn?=",
)


@given(st.one_of(st.text(), st.lists(st.sampled_from(BREAKS) | st.text(max_size=5)).map("".join)))
def test_no_name_adds_a_header(name: str) -> None:
    for letter in (render_session_report(session_report(tutor=name), PLACE), Letter(clean(name), "", "")):
        headers = [name for name, _ in receive(send(letter, sender=(clean(name), "r@x.org"))).items()]
        assert headers == HEADERS


@pytest.mark.parametrize("name", ["Zoë Nguyễn", "李小龍", "Łukasz 🎓 O'Neil", 'Ann "the" Smith, PhD', "a = ? b"])
def test_any_script_arrives_in_the_subject(name: str) -> None:
    letter = render_session_report(session_report(tutor=name), PLACE)
    assert str(receive(send(letter))["Subject"]) == letter.subject
    assert name in letter.subject


def test_a_line_break_in_a_header_is_an_error() -> None:
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        send(Letter("A\r\nBcc: b@x.org", "", ""))


def test_an_address_beyond_ascii_makes_a_message_of_that_kind() -> None:
    wire = send(LETTER, ["jürgen@x.org"])
    assert "To: jürgen@x.org\r\n".encode() in wire
    assert str(receive(wire)["To"]) == "jürgen@x.org"
