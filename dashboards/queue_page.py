"""What waits to be processed and what failed, as a page of its own: where the overview's numbers lead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy import Engine
from tornado.web import authenticated

from dashboards.formats import format_count, format_time
from dashboards.html import EMPTY
from dashboards.plain_page import PlainHandler
from dashboards.views.overview_health import format_age
from processing.upkeep import FailedSession, QueueCounts, count_queue, list_failed
from reports.contents import Notice
from reports.upkeep import notice_failed_mails

ADDRESS: Final = "queue"
MOST: Final = 100  # sessions that are listed


def queue_route(engine: Engine, zone: str) -> Any:
    """What the server of the dashboards has to know in order to show the page. zone: of the times on it."""
    return (f"/{ADDRESS}", _QueueHandler, {"engine": engine, "zone": zone})


def render_queue(
    queue: QueueCounts, failed: Sequence[FailedSession], mails: Notice | None, now: datetime, zone: str
) -> Markup:
    """The page's content as of `now`. failed: the newest first. mails: of the last day, None where none failed."""
    waiting = "No session waits to be processed."
    if queue.pending:
        one = queue.pending == 1
        waiting = (
            f"{format_count(queue.pending)} {'session waits' if one else 'sessions wait'} to be processed, the oldest "
            f"for {format_age(queue.oldest_seconds)}. A processor works them off (tqs up processor), or by hand: "
            "tqs process."
        )
    return Markup(
        "<article><h1>Queue and mails</h1><p class=status>As of {}; load it anew for later.</p><p>{}</p>"
        "<h2>Sessions that could not be processed</h2>{}"
        "<h2>Mails of the last day that could not be sent</h2>{}</article>"
    ).format(
        format_time(now, zone, seconds=True), waiting, _render_failed(queue.failed, failed, zone), _render_mails(mails)
    )


def _render_failed(total: int, failed: Sequence[FailedSession], zone: str) -> Markup:
    if not failed:
        return Markup("<p>None.</p>")
    rows = EMPTY.join(
        Markup(
            '<tr><td>{}</td><td>{}</td><td>{}</td><td><a href="tutor?id={}">Tutor</a></td>'
            '<td><a href="sessions?session={}">Session</a></td></tr>'
        ).format(format_time(one.failed_at, zone), one.error, one.attempts, one.tutor_id, one.session_id)
        for one in failed
    )
    more = f"The newest {len(failed)} of {format_count(total)}. " if total > len(failed) else ""
    return Markup(
        "<p>{}Once the reason is gone, try again: <code>tqs process --requeue</code>, which takes their ids "
        "(<code>tqs process --failed</code>) or all.</p>"
        '<div class="wide-table" tabindex="0"><table><thead><tr><th>Failed</th><th>Why</th><th>Tries</th><th>Whose</th>'
        "<th>Which</th></tr></thead><tbody>{}</tbody></table></div>"
    ).format(more, rows)


def _render_mails(mails: Notice | None) -> Markup:
    if mails is None:
        return Markup("<p>None.</p>")
    others = mails.count - sum(count for _, count in mails.errors)
    rows = EMPTY.join(
        Markup("<tr><td>{}</td><td>{}</td></tr>").format(error or "no reason was given", format_count(count))
        for error, count in (*mails.errors, *([("others", others)] if others else ()))
    )
    return Markup(
        '<p>{} {}. {}</p><div class="wide-table" tabindex="0"><table>'
        "<thead><tr><th>Why</th><th>How many</th></tr></thead><tbody>{}</tbody></table></div>"
    ).format(format_count(mails.count), mails.what, mails.remedy, rows)


def read_queue_page(engine: Engine, zone: str) -> tuple[str, Markup]:
    """Title and content of the page, as the records have it now."""
    with engine.connect() as connection:
        queue, failed, now = count_queue(connection), list_failed(connection, MOST), datetime.now(UTC)
        mails = notice_failed_mails(connection, now)
    return "Queue and mails", render_queue(queue, failed, mails, now, zone)


class _QueueHandler(PlainHandler):
    def initialize(self, engine: Engine, zone: str) -> None:
        self.engine = engine
        self.zone = zone

    @authenticated
    async def get(self) -> None:
        await self.answer_aside(self.engine, lambda: read_queue_page(self.engine, self.zone), depth=0)
