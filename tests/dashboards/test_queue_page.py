from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from sqlalchemy import Engine

from dashboards.plain_page import make_answer
from dashboards.queue_page import read_queue_page, render_queue
from processing.upkeep import FailedSession, QueueCounts
from records.engine import create_app_engine
from reports.contents import Notice

AT = datetime(2026, 3, 11, 12, tzinfo=UTC)
XSS = "<img src=x onerror=alert(1)>"


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]+>", " ", html).split())


def failed(number: int, error: str = "no such model") -> FailedSession:
    return FailedSession(UUID(int=number), UUID(int=100 + number), UUID(int=200 + number), error, 4, AT)


def test_nothing_waits_and_nothing_failed() -> None:
    said = words(render_queue(QueueCounts(0, 0, 0.0), [], None, AT, "UTC"))
    assert said == (
        "Queue and mails As of 11 Mar 2026, 12:00:00 UTC; load it anew for later. "
        "No session waits to be processed. Sessions that could not be processed None. "
        "Mails of the last day that could not be sent None."
    )


def test_what_waits_and_why_it_failed_with_the_ways_to_it() -> None:
    mails = Notice("mails", "mails could not be sent", 7, AT, ((XSS, 2), ("", 1)), "Correct the addresses.")
    page = render_queue(QueueCounts(1200, 1, 960.0), [failed(1, XSS)], mails, AT, "Europe/Berlin")

    said = words(page)
    assert "1,200 sessions wait to be processed, the oldest for 16 minutes." in said
    assert "11 Mar 2026, 13:00 CET &lt;img src=x onerror=alert(1)&gt; 4 Tutor Session" in said
    assert f'href="sessions?session={UUID(int=101)}"' in page
    assert f'href="tutor?id={UUID(int=201)}"' in page
    assert "7 mails could not be sent. Correct the addresses." in said
    assert "no reason was given 1 others 4" in said
    assert "<img" not in page


def test_of_many_the_newest_hundred_are_listed() -> None:
    page = render_queue(QueueCounts(0, 101, 0.0), [failed(number) for number in range(100)], None, AT, "UTC")
    assert page.count("<tr><td>") == 100
    assert "The newest 100 of 101." in words(page)


def test_the_page_reads_the_records_and_says_where_they_are_away(engine: Engine) -> None:
    status, page = make_answer(engine, lambda: read_queue_page(engine, "UTC"), depth=0)
    assert status == HTTPStatus.OK
    assert "No session waits to be processed." in page

    away = create_app_engine(engine.url.set(database="there_is_none"))
    status, page = make_answer(away, lambda: read_queue_page(away, "UTC"), depth=0)
    away.dispose()
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "The records cannot be reached" in page
