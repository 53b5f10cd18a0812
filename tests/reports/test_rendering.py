"""Letters say the figures, in both forms, and nothing in a name or a reason becomes part of the page."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.contents import Digest, DigestTutor, Notice, Outcomes, Place, Reminder
from reports.rendering import (
    Letter,
    render_digest,
    render_notice,
    render_reminder,
    render_session_report,
    tell_outcomes,
    write_subject,
)
from tests.reports.letters import CALM, FLAGGED, NOON, PLACE, TUTOR, cancelled, held, session_report

LINK = "https://tutors.example.com/tutor?id=00000000-0000-0000-0000-00000000000a"


class Page(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and the text that is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def links(self) -> list[str | None]:
        return [attributes.get("href") for tag, attributes in self.elements if tag == "a"]


def reminder(name: str = "Ada Lovelace", subject: str | None = "Mathematics") -> Letter:
    return render_reminder(Reminder(name, NOON, 60, subject), "Reminder: your session", PLACE)


def digest(name: str = "Ada Lovelace") -> Letter:
    tutors = (
        DigestTutor(TUTOR, name, Outcomes(3, 0, 1, 0), CALM, FLAGGED),
        DigestTutor(TUTOR, "Bob", Outcomes(1, 2, 0, 1), None, CALM),
    )
    return render_digest(Digest(NOON + timedelta(hours=1), Outcomes(1_031, 2, 5, 3), 1, 2, tutors, 8), PLACE)


def notice(error: str = "ModelError: none serves") -> Letter:
    errors = ((error, 11), ("DataError", 1))
    return render_notice(
        Notice("sessions", "sessions wait", 1_012, NOON, errors, "Look at tqs process --failed."), PLACE
    )


def test_a_session_report_by_hand() -> None:
    letter = render_session_report(session_report(), PLACE)
    page = Page(letter.html)

    assert letter.subject == (
        "High risk now: Ada Lovelace – session cancelled by the tutor, Wednesday, 11 March 2026, 13:00"
    )
    assert "Session cancelled by the tutor Ada Lovelace High risk now 2 hours before" in page.text
    assert "Was to begin Wednesday, 11 March 2026, 13:00 Length 60 minutes Subject Mathematics" in page.text
    # rescheduled, sessions: 1 of 5 → 2 of 6, 2 of 17 → 3 of 18, 5 of 48 → 6 of 49
    assert "7 days 6 2 33.3% 20.0% +13.3 30 days 18 3 16.7% 11.8% +4.9 90 days 49 6 12.2% 10.4% +1.8" in page.text
    assert "Figures are as of Wednesday, 11 March 2026, 14:00. All times: Europe/Berlin." in page.text
    assert page.links == [LINK]
    assert "  30 days: 16.7% (3 of 18 sessions), before 11.8%, points +4.9\n" in letter.text
    assert "  * At high risk now: the tutor rescheduled 3 of 18 sessions in 30 days, 16.7%" in letter.text
    assert f"Open the tutor: {LINK}\n" in letter.text
    assert "All times: Europe/Berlin.\n" in letter.text


def test_a_session_that_was_held_and_a_tutor_without_figures() -> None:
    letter = render_session_report(held(before=None, after=None, subject=None, duration_minutes=None), PLACE)
    text = Page(letter.html).text

    assert letter.subject == "Session held: Ada Lovelace, Wednesday, 11 March 2026, 13:00"
    assert "Began Wednesday, 11 March 2026, 13:00 What to know The tutor has no score yet." in text
    assert "None" not in letter.text + text


def test_subjects() -> None:
    assert write_subject(session_report(before=FLAGGED, after=CALM), "UTC").startswith("No longer high risk: Ada")
    steady = write_subject(session_report(before=FLAGGED), "UTC")
    assert steady == "Session cancelled by the tutor: Ada Lovelace, Wednesday, 11 March 2026, 12:00"


def test_a_reminder_by_hand() -> None:
    letter = reminder()
    assert letter.subject == "Reminder: your session"
    text = Page(letter.html).text
    assert "13:00 Wednesday, 11 March 2026 Europe/Berlin · 60 minutes · Mathematics" in text
    assert "  Wednesday, 11 March 2026, 13:00 (Europe/Berlin)\n  60 minutes\n  Mathematics\n" in letter.text
    assert not re.search("risk|rate|%", letter.text + text)  # the tutor is reminded, not judged
    assert Page(letter.html).links == []


def test_a_digest_by_hand() -> None:
    letter = digest()
    page = Page(letter.html)

    told = "1,041 sessions, 5 rescheduled by tutors, 1 tutor at high risk now"
    assert letter.subject == f"{told}: Wednesday, 11 March 2026, up to 14:00"
    assert "1,031 held 5 rescheduled by tutors 3 rescheduled by students 2 missed" in page.text
    assert "1 tutor is at high risk now. 2 tutors are no longer at high risk." in page.text
    assert "Ada Lovelace High risk now 4 sessions: 1 rescheduled by the tutor, 3 held 16.7% 11.8%" in page.text
    assert "Bob 4 sessions: 1 rescheduled by the student, 2 missed, 1 held 11.8% –" in page.text
    assert "And 8 other tutors, on the dashboard." in page.text
    assert page.links == [LINK, LINK, "https://tutors.example.com/tutors"]
    assert "  * Ada Lovelace (high risk now)\n    4 sessions: 1 rescheduled by the tutor, 3 held; 30-day" in letter.text
    assert tell_outcomes(Outcomes(completed=1)) == "1 session: 1 held"


def test_a_digest_of_a_whole_day_is_named_by_it() -> None:
    midnight = NOON.replace(hour=23)  # in Berlin
    letter = render_digest(Digest(midnight, Outcomes(1), 0, 0, (), 0), PLACE)
    assert letter.subject == "1 session: Wednesday, 11 March 2026"


def test_a_notice_by_hand() -> None:
    letter = notice()
    assert letter.subject == "Needs a look: 1,012 sessions wait"
    text = Page(letter.html).text
    assert "1,012 sessions wait Since Wednesday, 11 March 2026, 13:00 (Europe/Berlin)." in text
    assert "ModelError: none serves 11 times DataError 1 time" in text
    assert "Look at tqs process --failed." in text
    assert "  * ModelError: none serves (11 times)\n" in letter.text


@pytest.mark.parametrize("letter", [render_session_report(session_report(), PLACE), reminder(), digest(), notice()])
def test_every_page_is_fit_for_mail_programs(letter: Letter) -> None:
    page = Page(letter.html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "form", "object", "svg", "input"}
    assert "max-width:600px" in letter.html
    assert ("meta", {"name": "color-scheme", "content": "light dark"}) in page.elements
    assert len(letter.html.encode()) < 100_000  # Gmail cuts off what is longer than 102 kB
    assert "{" not in letter.text
    assert all(line == line.rstrip() or line == "-- " for line in letter.text.split("\n"))
    assert "\n\n\n" not in letter.text


NASTY = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</td></table><img src=x onerror=alert(1)>",
            "'\"><a href='https://evil.example'>you won</a>",
            "Ann\r\nBcc: everyone@evil.example\r\n\r\nnew body",
            "{{ 7 * 7 }}{% raw %}",
            "&lt;b&gt; &amp;",
        ]
    ),
)


@given(NASTY, NASTY)
def test_names_and_reasons_never_change_the_page(name: str, reason: str) -> None:
    plain, place = session_report(move=cancelled(reason="x")), Place("UTC", "https://t.example")
    nasty = session_report(tutor=name, move=cancelled(reason=reason))
    of = {
        "report": (render_session_report(plain, place), render_session_report(nasty, place)),
        "reminder": (reminder(), reminder(name, "Mathematics")),
        "digest": (digest(), digest(name)),
        "notice": (notice(), notice(reason)),
    }
    for calm, wild in of.values():
        assert len(wild.subject.splitlines()) == 1
        told = [[tag for tag, _ in Page(letter.html).elements if tag != "bdi"] for letter in (calm, wild)]
        assert told[0] == told[1]
        assert Page(wild.html).links == Page(calm.html).links


def test_a_name_is_shown_as_it_is_written() -> None:
    letter = render_session_report(session_report(tutor="<b>Zoë & 'Ann'</b>", subject="李小龍 {{ 7*7 }}"), PLACE)
    assert "<b>Zoë & 'Ann'</b>" in Page(letter.html).text
    assert "李小龍 {{ 7*7 }}" in Page(letter.html).text
    assert "Tutor: <b>Zoë & 'Ann'</b> (high risk now)" in letter.text
