"""Sending what is due: claim, put into words, hand over, record. Nothing is held in the database meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from sqlalchemy import Engine

from reports.contents import Digest, Notice, Place, Reminder, SessionReport
from reports.message import compose_message
from reports.outbox import (
    FIRST_PAUSE_S,
    MOST_ATTEMPTS,
    Claim,
    ClaimedMail,
    claim_mails,
    hold_mails,
    record_delayed,
    record_failed,
    record_sent,
    release_mails,
)
from reports.reading import Content, Unsendable, read_contents
from reports.rendering import Letter, render_digest, render_notice, render_reminder, render_session_report
from reports.smtp import SmtpTransport
from reports.transport import MailFolder, MailServerError, Refusal, Transport
from tqs.mail_settings import read_address, read_sender
from tqs.settings import Settings

log: Final = logging.getLogger("tqs.mail")

FOLDER: Final = "mail"  # in the home
NOBODY: Final = "Tutor Quality <tutor-quality@localhost>"  # whom files come from where no sender is set
MOST_TROUBLES: Final = 2  # one after the other, until the server is left alone for a while


@dataclass(slots=True)
class SendingReport:
    """What became of the mails that were claimed. trouble: why the mail server was left alone, if it was."""

    claimed: int = 0
    sent: int = 0
    delayed: int = 0
    failed: int = 0
    trouble: str | None = None


def send_due_mails(
    engine: Engine, settings: Settings, now: datetime, *, stop: Callable[[], bool] = lambda: False
) -> SendingReport:
    """Claim a batch of mails that are due and send them over one connection; call again while it claimed any.

    A recipient's refusal for now is tried again after a pause, one for good is `failed`; where the connection breaks
    the mail is tried again with the same Message-ID. Safe to run twice at once, and to be killed anywhere: a mail is
    sent once, or again with the same Message-ID where what became of it was not recorded.

    now: whose hour and day digests and the cap go by. stop: asked before each mail; those left are given back.
    """
    claim = claim_mails(engine, mode=settings.report_mode, cap=settings.report_cap, timezone=settings.timezone, now=now)
    report = SendingReport(claimed=len(claim.mails))
    if claim.mails:
        with engine.connect() as connection:
            contents = read_contents(connection, [mail.id for mail in claim.mails], now)
        with closing(open_transport(settings)) as transport:
            _Round(engine, settings, now, claim, contents, transport, report).run(stop)
    return report


def send_all_due(engine: Engine, settings: Settings, *, stop: Callable[[], bool] = lambda: False) -> SendingReport:
    """Send batch after batch what is due by now, until nothing is or the mail server has to be left alone."""
    total = SendingReport()
    while not stop():
        report = send_due_mails(engine, settings, datetime.now(UTC), stop=stop)
        for name in ("claimed", "sent", "delayed", "failed"):
            setattr(total, name, getattr(total, name) + getattr(report, name))
        total.trouble = report.trouble
        if report.claimed == 0 or report.trouble is not None:
            break
    return total


def open_transport(settings: Settings) -> Transport:
    """The server that `TQS_SMTP_URL` names (connected to with the first mail), else the folder in the home."""
    if settings.smtp_server is None:
        return MailFolder(settings.home / FOLDER)
    _, address = read_sender(settings.mail_from or NOBODY)
    return SmtpTransport(settings.smtp_server, address.rpartition("@")[2])


def render_content(content: SessionReport | Reminder | Digest | Notice, subject: str, place: Place) -> Letter:
    """The letter of any content; a reminder keeps the subject that it was queued with."""
    match content:
        case SessionReport():
            return render_session_report(content, place)
        case Reminder():
            return render_reminder(content, subject, place)
        case Digest():
            return render_digest(content, place)
        case Notice():
            return render_notice(content, place)


@dataclass(slots=True)
class _Round:
    engine: Engine
    settings: Settings
    now: datetime
    claim: Claim
    contents: dict[UUID, Content]
    transport: Transport
    report: SendingReport
    troubles: int = field(default=0, init=False)

    def run(self, stop: Callable[[], bool]) -> None:
        groups = list(self._groups())
        for number, group in enumerate(groups):
            if stop() or self.troubles >= MOST_TROUBLES:
                left = [mail for later in groups[number:] for mail in later]
                release_mails(self.engine, self.claim, left, pause_s=FIRST_PAUSE_S if self.report.trouble else 0.0)
                return
            self._send(group)

    def _groups(self) -> Iterator[list[ClaimedMail]]:
        """Mails that are handed over as one message: its recipients, those beyond ASCII apart (SMTPUTF8)."""
        for _, group in groupby(self.claim.mails, key=lambda mail: (mail.message_id, mail.recipient.isascii())):
            yield list(group)

    def _send(self, group: list[ClaimedMail]) -> None:
        try:
            letter = self._write(group[0])
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one mail must not hold up the others
            log.error("the %s %s could not be written: %s", group[0].kind, group[0].id, type(error).__name__)
            letter = Unsendable(f"it could not be put into words ({type(error).__name__})")
        if isinstance(letter, Unsendable):
            self._fail(group, letter.reason)
            return
        addressed = self._address(group)
        if not addressed:
            return
        try:
            self.transport.connect()
            held = hold_mails(self.engine, self.claim, list(addressed))
            addressed = {mail: address for mail, address in addressed.items() if mail.id in held}
            if addressed:
                self._hand_over(letter, addressed)
        except MailServerError as error:
            self.troubles += 1
            self.report.trouble = str(error)
            log.warning("%s", error)
            self._delay(list(addressed), str(error))
        else:
            self.troubles, self.report.trouble = 0, None

    def _write(self, mail: ClaimedMail) -> Letter | Unsendable:
        content = self.contents[mail.id]
        if isinstance(content, Unsendable):
            return content
        return render_content(content, mail.subject, Place(self.settings.timezone, self.settings.page_url))

    def _address(self, group: Sequence[ClaimedMail]) -> dict[ClaimedMail, str]:
        addressed = {}
        for mail in group:
            try:
                addressed[mail] = read_address(mail.recipient)
            except ValueError:
                self._fail([mail], "the recipient is no e-mail address; correct it where it comes from")
        return addressed

    def _hand_over(self, letter: Letter, addressed: dict[ClaimedMail, str]) -> None:
        recipients = list(dict.fromkeys(addressed.values()))
        mails = list(addressed)
        message = compose_message(
            letter,
            sender=read_sender(self.settings.mail_from or NOBODY),
            recipients=recipients,
            message_id=mails[0].message_id,
            now=self.now,
        )
        refused = self.transport.send(message, recipients)
        taken = [mail for mail in mails if addressed[mail] not in refused]
        if taken:
            self.report.sent += record_sent(self.engine, self.claim, taken, letter.subject)
        for mail in mails:
            if addressed[mail] in refused:
                self._record_refusal(mail, refused[addressed[mail]])

    def _record_refusal(self, mail: ClaimedMail, refusal: Refusal) -> None:
        (self._fail if refusal.final else self._delay)([mail], refusal.reason)

    def _fail(self, mails: Sequence[ClaimedMail], reason: str) -> None:
        self.report.failed += record_failed(self.engine, self.claim, mails, reason)

    def _delay(self, mails: Sequence[ClaimedMail], reason: str) -> None:
        spent = [mail for mail in mails if mail.attempts >= MOST_ATTEMPTS]
        self._fail(spent, reason)
        again = [mail for mail in mails if mail not in spent]
        self.report.delayed += record_delayed(self.engine, self.claim, again, reason)
