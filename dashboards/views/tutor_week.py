"""The week of a tutor as a table of hours: what share of the sessions that begin then the tutor reschedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from dashboards.formats import format_percent
from scoring.tutor_week import WeekHour

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FEW: Final = 5  # sessions; the share of fewer is mostly chance
FULL_SHARE: Final = 0.5  # from which on a cell is as dark as it gets
DARKEST_PERCENT: Final = 42  # of the colour, so that words on it can be read


def render_week(hours: Sequence[WeekHour]) -> Markup:
    """Hours down, days across, with the sums of both; each cell says its share, and its counts where it is asked."""
    counts = {(one.weekday, one.hour): (one.rescheduled, one.sessions) for one in hours}
    shown = range(min(one.hour for one in hours), max(one.hour for one in hours) + 1)
    head = Markup("").join(Markup("<th scope=col><abbr title={}>{}</abbr></th>").format(day, day[:3]) for day in DAYS)
    body = Markup("").join(
        Markup("<tr><th scope=row>{:02}</th>{}{}</tr>").format(
            hour,
            Markup("").join(
                _render_cell(*counts.get((day, hour), (0, 0)), f"{DAYS[day]} {_span(hour)}") for day in range(7)
            ),
            _render_cell(*_add(counts, hour=hour), f"All days {_span(hour)}", total=True),
        )
        for hour in shown
    )
    foot = Markup("").join(
        _render_cell(*_add(counts, day=day), f"{DAYS[day]}, all hours", total=True) for day in range(7)
    )
    return Markup(
        "<section><table class=week aria-label='Share of sessions that the tutor rescheduled, by hour and weekday'>"
        "<thead><tr><th scope=col><span class=heard>Hour</span></th>{head}<th scope=col>All</th></tr></thead>"
        "<tbody>{body}</tbody><tfoot><tr><th scope=row>All</th>{foot}{all}</tr></tfoot></table>"
        "<p class=note><span class='swatch few' aria-hidden=true></span> fewer than {few} sessions, mostly chance; "
        "empty: none</p></section>"
    ).format(head=head, body=body, foot=foot, all=_render_cell(*_add(counts), "All sessions", total=True), few=FEW)


def _render_cell(rescheduled: int, sessions: int, when: str, *, total: bool = False) -> Markup:
    if not sessions:
        return Markup("<td class=none><span class=heard>none</span></td>")
    share = rescheduled / sessions
    classes = " ".join(name for name, holds in (("few", sessions < FEW), ("total", total)) if holds)
    told = f"{when}: {rescheduled} of {sessions} rescheduled ({format_percent(100 * share)})"
    tint = 0 if sessions < FEW else min(share / FULL_SHARE, 1) * DARKEST_PERCENT
    return Markup(
        '<td class="{}" style="--tint:{:.0f}%" title="{}"><span aria-hidden=true>{:.0f}%</span>'
        "<span class=heard>{} of {}</span></td>"
    ).format(classes, tint, told, 100 * share, rescheduled, sessions)


def _add(
    counts: dict[tuple[int, int], tuple[int, int]], *, day: int | None = None, hour: int | None = None
) -> tuple[int, int]:
    chosen = [pair for (at_day, at_hour), pair in counts.items() if day in (None, at_day) and hour in (None, at_hour)]
    return sum(one for one, _ in chosen), sum(all_ for _, all_ in chosen)


def _span(hour: int) -> str:
    return f"{hour:02}:00–{(hour + 1) % 24:02}:00"
