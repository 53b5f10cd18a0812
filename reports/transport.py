"""What hands mails over: an SMTP server, or a folder of files where none is named."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from tqs.errors import TqsError
from tqs.private_files import write_private_file

NAME_DIGITS: Final = 12


class MailServerError(TqsError):
    """The mail server cannot be used at the moment, through no fault of a mail."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a mail was not taken for somebody. final: it never will be."""

    final: bool
    reason: str


class Transport(ABC):
    """Hands over one message after the other; closed when it is over."""

    @abstractmethod
    def connect(self) -> None:
        """Be ready for the next message. Raises MailServerError."""

    @abstractmethod
    def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, Refusal]:
        """Hand the message over for these recipients; those that it was refused for.

        Raises
        ------
        MailServerError
            where the connection broke, so that it is not known whether the server has the message.
        """

    @abstractmethod
    def close(self) -> None:
        """No more messages."""


class MailFolder(Transport):
    """A folder in which each message becomes a file `.eml`, that of a repeated one the same file again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def connect(self) -> None:
        """Nothing to do: the folder is made with the first file."""

    def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, Refusal]:
        """As for any transport; a file is whole or not there, and for its owner only."""
        named = f"{message['Message-ID']} {' '.join(sorted(recipients))}"
        name = hashlib.sha256(named.encode()).hexdigest()[:NAME_DIGITS]
        kind = str(message["Message-ID"]).strip("<>").split(".", 1)[0]
        try:
            write_private_file(self._folder / f"{kind}-{name}.eml", message.as_bytes().decode(), replace=True)
        except OSError as error:
            raise MailServerError(f"the folder {self._folder} cannot be written ({error.strerror})") from error
        return {}

    def close(self) -> None:
        """Nothing is open."""
