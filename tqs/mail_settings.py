"""Mail addresses and the address of a mail server, as settings write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

Security = Literal["tls", "starttls", "if offered"]

PORTS: Final = {"smtp": 587, "smtps": 465}
TIMEOUT_S: Final = 20.0
LONGEST_TIMEOUT_S: Final = 60.0
LONGEST_ADDRESS: Final = 254  # characters, as RFC 5321 has it
LONGEST_LOCAL_PART: Final = 64
_LOCAL_PART: Final = re.compile(r"[^\s\x00-\x1f\x7f-\x9f@<>()\[\]\\,;:\"]+")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_URL_FORM: Final = "write smtp://user:password@host:587 (percent-encode : / ? # @ within user and password)"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over.

    security: `tls` from the first byte, `starttls` before anything else, or the latter `if offered`; a password goes
    over no connection without one of them. timeout_s: how long each step may take.
    """

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = TIMEOUT_S


def read_smtp_url(url: str) -> SmtpServer:
    """The server that `smtp://` or `smtps://[user:password@]host[:port][?starttls=required&timeout=20]` names.

    Raises
    ------
    ValueError
        in words without the URL, which may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port or an address in brackets that is none
        raise ValueError(f"is no address of a mail server; {_URL_FORM}") from None
    if parts.scheme not in PORTS:
        raise ValueError(f"must begin with smtp:// or smtps://; {_URL_FORM}")
    if not parts.hostname or parts.path not in ("", "/") or parts.fragment or port == 0:
        raise ValueError(f"is no address of a mail server; {_URL_FORM}")
    if (parts.username is None) != (parts.password is None) or parts.username == "" or parts.password == "":
        raise ValueError(f"names a user without a password, or a password without a user; {_URL_FORM}")
    starttls, timeout_s = _read_options(parts)
    return SmtpServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        security="tls" if parts.scheme == "smtps" else "starttls" if starttls else "if offered",
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        timeout_s=timeout_s,
    )


def _read_options(parts: SplitResult) -> tuple[bool, float]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls, timeout = options.pop("starttls", None), options.pop("timeout", str(TIMEOUT_S))
    if options:
        raise ValueError(f"has the unknown option {min(options)!r}; there are starttls=required and timeout=20")
    if starttls not in (None, "required") or (starttls and parts.scheme == "smtps"):
        raise ValueError("may say starttls=required, and that with smtp:// only")
    seconds = float(timeout) if re.fullmatch(r"\d{1,3}(\.\d+)?", timeout, re.ASCII) else 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT_S:
        raise ValueError(f"has a timeout that is no number of seconds above 0 and up to {LONGEST_TIMEOUT_S:g}")
    return starttls is not None, seconds


def read_address(address: str) -> str:
    """One bare address, `name@domain`, its domain in lower case and as the DNS has it (IDNA).

    Raises
    ------
    ValueError
        where it is none.
    """
    local, at, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        ascii_domain = ""
    labels = ascii_domain.split(".")
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    if not at or dots or not _LOCAL_PART.fullmatch(local) or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{address!r} is no e-mail address; write one like coach@example.com")
    if len(local.encode()) > LONGEST_LOCAL_PART or len(local.encode()) + 1 + len(ascii_domain) > LONGEST_ADDRESS:
        raise ValueError(f"an e-mail address of {len(address)} characters is too long; {LONGEST_ADDRESS} are the most")
    return f"{local}@{ascii_domain}"


def read_addresses(addresses: str) -> tuple[str, ...]:
    """Addresses parted by commas, each once whatever the case. Raises as `read_address`."""
    read = [read_address(part) for part in addresses.split(",") if part.strip()]
    return tuple({address.lower(): address for address in reversed(read)}.values())[::-1]


def read_sender(sender: str) -> tuple[str, str]:
    """The name (may be empty) and the address of `Name <name@domain>` or `name@domain`. Raises as `read_address`."""
    if not sender.isprintable():
        raise ValueError(f"{sender!r} is no sender; write Tutor Quality <reports@example.com>")
    name, address = parseaddr(sender)
    return name, read_address(address)
