"""A letter with its addresses and headers, as mail programs expect it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from reports.rendering import Letter


def compose_message(
    letter: Letter, *, sender: tuple[str, str], recipients: Sequence[str], message_id: str, now: datetime
) -> EmailMessage:
    """The message to be sent, text and HTML, in 7-bit ASCII unless an address itself is beyond it (SMTPUTF8).

    sender: name and address. recipients: bare addresses, as `tqs.mail_settings.read_address` gives them.

    Raises
    ------
    ValueError
        where a header would hold a line break.
    """
    ascii_only = all(address.isascii() for address in (sender[1], *recipients))
    message = EmailMessage(policy=policy.SMTP if ascii_only else policy.SMTPUTF8)
    message["From"] = _address(*sender)
    message["To"] = tuple(_address("", recipient) for recipient in recipients)
    message["Subject"] = _disarm(letter.subject)
    message["Date"] = now
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that nobody's absence note comes back
    message["X-Auto-Response-Suppress"] = "All"  # the same to Exchange
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message


def _address(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=_disarm(name), username=local, domain=domain)


def _disarm(words: str) -> str:
    """Without encoded words (RFC 2047): the email package would decode them, line breaks included, into the header."""
    return words.replace("=?", "=\u200b?")
