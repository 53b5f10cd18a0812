"""The page of one tutor: how the rate came to be, what is ahead, what drives its risk, and what was done about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.address import read_id
from dashboards.context import Context
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.paged import Paged
from dashboards.tutor_deeds import TutorDeeds
from dashboards.views.cards import frame, show_card, show_side_by_side
from dashboards.views.notices import Notice, show_notice, update_notice
from dashboards.views.rate_charts import draw_rate_history
from dashboards.views.tutor_drivers import render_drivers
from dashboards.views.tutor_events import RateEvent, collect_events, render_history, render_key
from dashboards.views.tutor_head import render_figures, render_head
from dashboards.views.tutor_peers import render_peers
from dashboards.views.tutor_sessions import render_ahead, render_reschedules
from dashboards.views.tutor_week import render_week
from modelling.risk import RiskThresholds
from scoring.interventions import MAX_LIMIT, ListedIntervention, list_interventions
from scoring.sessions import DAYS_AHEAD
from scoring.tutor_ahead import TARGET, SessionAhead, average_effects, list_sessions_ahead
from scoring.tutor_changes import list_flag_changes, list_profile_changes
from scoring.tutor_history import RatePoint, compute_rate_history
from scoring.tutor_list import ListedTutor, find_tutor
from scoring.tutor_peers import likely_rate, read_peers
from scoring.tutor_person import find_person
from scoring.tutor_reschedules import list_reschedules
from scoring.tutor_week import DAYS, count_week_hours

WEEKS: Final = 26
CHART_PX: Final = 230
NOBODY: Final = Notice(
    "person_off",
    "This tutor is not here",
    "The tutor was never here, or the link is damaged.",
    link=("tutors", "All tutors"),
)


def show_tutor_page(context: Context) -> pmui.Page:
    """The page for one browser, of the tutor whom its address names by `?id=<id>`."""
    return _TutorPage(context).view


class _TutorPage:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = context.engine
        self._zone = context.zone
        self._thresholds = RiskThresholds(*context.settings.risk_thresholds(TARGET))
        self._id = read_id("id")
        self._drawn: Any = None
        self._page = LivePage(context, self._load)
        self._nobody = show_notice()
        self._head = _show_part("tutor_head", margin=(16, 18))
        self._figures = _show_part("tutor_head", margin=(0, 18, 16, 18))
        self._chart = pn.pane.Bokeh(margin=(0, 8, 4, 8), sizing_mode="stretch_width")
        self._key = _show_part("tutor_tables", margin=(0, 18, 6, 18))
        self._history = _show_part("tutor_tables", visible=False)
        self._tell = pmui.Button(
            label="Tell it in a list", icon="list", variant="text", size="small", margin=(0, 0, 10, 12)
        )
        self._tell.on_click(self._toggle_list)
        self._ahead = Paged(8, "tutor_tables", self._page.refresh)
        self._reschedules = Paged(8, "tutor_tables", self._page.refresh)
        self._deeds = TutorDeeds(self._page, self._engine, self._id)
        self._peers = _show_part("tutor_peers", margin=(0, 18, 16, 18))
        self._drivers = _show_part("tutor_drivers", margin=(0, 18, 16, 18))
        self._week = _show_part("tutor_week", margin=(0, 18, 16, 18))
        self._body = self._lay_out()
        self.view = self._page.show("Tutor", self._nobody, self._body, here="Tutors")

    def _lay_out(self) -> pn.Column:
        local = f"local times, {self._zone}"
        return pn.Column(
            frame(self._head, self._figures),
            show_side_by_side(
                pn.Column(
                    show_card(
                        "Rate over time",
                        self._chart,
                        self._key,
                        self._tell,
                        self._history,
                        note="Share of the sessions of 30 days that the tutor rescheduled, week by week",
                    ),
                    show_card(
                        "Sessions ahead",
                        self._ahead.view,
                        note=f"Next {DAYS_AHEAD} days, with the probability that they are rescheduled; {local}",
                    ),
                    show_card("Interventions", self._deeds.view, note=f"About the tutor and their sessions; {local}"),
                    show_card(
                        "Reschedules", self._reschedules.view, note=f"Sessions that were moved or cancelled; {local}"
                    ),
                    sizing_mode="stretch_width",
                    margin=0,
                    stylesheets=[":host { gap: 16px; }"],
                ),
                show_card("Beside the other tutors", self._peers),
                show_card("What drives the risk", self._drivers, note="Of the sessions ahead, beside a usual session"),
                show_card("When in the week", self._week, note=f"Share rescheduled by the tutor, {DAYS} days; {local}"),
            ),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host { gap: 16px; }"],
        )

    def _toggle_list(self, _event: Any) -> None:
        self._history.visible = not self._history.visible
        self._tell.label = "Hide the list" if self._history.visible else "Tell it in a list"

    def _load(self) -> None:
        now = datetime.now(UTC)
        person = None if self._id is None else find_person(self._engine, self._id, now)
        tutor = None if self._id is None else find_tutor(self._engine, self._id, former=True)
        self._body.visible = person is not None
        update_notice(self._nobody, None if person else NOBODY)
        self._page.name(person.name if person else "Tutor")
        if person is None or tutor is None:
            return
        peers = self._context.live.share(read_peers)
        likely = likely_rate(peers, tutor.tutor_reschedules_30d or 0, tutor.total_sessions_30d or 0)
        update_html(self._head, render_head(person, self._zone))
        update_html(self._figures, render_figures(tutor, likely))
        update_html(self._peers, render_peers(peers, likely))
        until = peers.scored_at or now
        deeds = list_interventions(self._engine, tutor_id=person.id, limit=MAX_LIMIT)
        self._load_history(person.id, until, deeds)
        self._deeds.show(deeds, self._zone)
        ahead = list_sessions_ahead(self._engine, person.id, now, self._thresholds)
        self._load_ahead(ahead)
        update_html(self._drivers, self._explain(ahead, tutor))
        self._load_reschedules(person.id)
        hours = count_week_hours(self._engine, person.id, until, self._zone)
        update_html(self._week, render_week(hours) if hours else _say(f"No session in {DAYS} days."))

    def _load_history(self, tutor_id: UUID, until: datetime, deeds: list[ListedIntervention]) -> None:
        points = compute_rate_history(self._engine, tutor_id, until, weeks=WEEKS)
        since = until - timedelta(weeks=WEEKS)
        flags = list_flag_changes(self._engine, tutor_id, since)
        profiles = list_profile_changes(self._engine, tutor_id, since)
        events = collect_events(flags, profiles, deeds, since, until)
        self._redraw(points, events)
        update_html(self._key, render_key(events))
        update_html(self._history, render_history(points, events, self._zone))

    def _load_ahead(self, ahead: list[SessionAhead]) -> None:
        self._ahead.turn_to(len(ahead))
        shown = ahead[self._ahead.offset : self._ahead.offset + self._ahead.page_size]
        nothing = _say(f"No session in the next {DAYS_AHEAD} days.")
        self._ahead.show(render_ahead(shown, self._zone) if ahead else nothing, len(ahead))

    def _load_reschedules(self, tutor_id: UUID) -> None:
        paged = self._reschedules
        page = list_reschedules(self._engine, tutor_id, limit=paged.page_size, offset=paged.offset)
        if paged.turn_to(page.total):  # fewer than when this page was turned to
            page = list_reschedules(self._engine, tutor_id, limit=paged.page_size, offset=paged.offset)
        nothing = _say("No session was moved or cancelled so far.")
        paged.show(render_reschedules(page.reschedules, self._zone) if page.total else nothing, page.total)

    def _explain(self, ahead: list[SessionAhead], tutor: ListedTutor) -> Markup:
        """What drives the risk, or why nothing can be said of it."""
        model = self._context.models.get(TARGET)
        if not ahead:
            return _say("No session ahead.")
        if model is None:
            return _say("The model is being loaded …")
        if model.predictor is None:
            rate = tutor.reschedule_rate_30d
            rule = "10%, since there is no session in 30 days" if rate is None else f"the rate of 30 days, {rate:.1f}%"
            return _say(f"No model answers at present, the documented rule does: the probability is {rule}.")
        effects = average_effects(model.predictor, ahead)
        return render_drivers(effects) if effects else _say("No session ahead is predicted yet; all are every hour.")

    def _redraw(self, points: list[RatePoint], events: list[RateEvent]) -> None:
        """Draw anew only what changed: a picture that is replaced loses the pointer that rests on it."""
        if self._drawn != (points, events):
            self._chart.object = draw_rate_history(points, events, CHART_PX)
            self._drawn = (points, events)


def _show_part(style: str, **layout: Any) -> pn.pane.HTML:
    return show_html(style=style, sizing_mode="stretch_width", **layout)


def _say(sentence: str) -> Markup:
    return Markup("<p class=nothing>{}</p>").format(sentence)
