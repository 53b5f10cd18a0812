"""Mails as files, where no server is named."""

from __future__ import annotations

import email
import stat
from email import policy
from pathlib import Path

import pytest

from reports.message import compose_message
from reports.rendering import Letter
from reports.transport import MailFolder, MailServerError
from tests.reports.letters import NOON


def write(folder: Path, message_id: str, recipients: list[str], subject: str = "Grüße") -> None:
    letter = Letter(subject, "text\n", "<p>html</p>")
    message = compose_message(
        letter, sender=("", "r@example.com"), recipients=recipients, message_id=message_id, now=NOON
    )
    transport = MailFolder(folder)
    transport.connect()
    assert transport.send(message, recipients) == {}
    transport.close()


def test_a_file_is_the_mail_and_the_same_mail_is_the_same_file(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "mail"
    write(folder, "<session.1.completed@tqs.invalid>", ["jürgen@example.com"], "Cut off")
    write(folder, "<session.1.completed@tqs.invalid>", ["jürgen@example.com"])
    write(folder, "<session.1.completed@tqs.invalid>", ["b@example.com"])
    write(folder, "<digest.1@tqs.invalid>", ["b@example.com"])

    files = sorted(folder.iterdir())
    assert [file.name.split("-")[0] for file in files] == ["digest", "session", "session"]
    assert {file.suffix for file in files} == {".eml"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    mails = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    assert {str(mail["To"]) for mail in mails} == {"jürgen@example.com", "b@example.com"}
    assert {str(mail["Subject"]) for mail in mails} == {"Grüße"}


def test_a_folder_that_cannot_be_written_is_a_fault_of_the_place(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(MailServerError, match="cannot be written"):
        write(tmp_path / "mail", "<1@tqs.invalid>", ["a@example.com"])
