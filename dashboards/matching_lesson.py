"""The session that the matching page was opened for: which one it is, and recording that another tutor takes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.context import Context
from dashboards.formats import format_time
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.views.actors import name_actor
from dashboards.views.cards import frame, spread
from scoring.interventions import MAX_LIMIT, ListedIntervention, intervene, list_interventions
from scoring.match_people import Lesson, TutorCard


class LessonPanel:
    """Asks twice before a reassignment is recorded, by two buttons; who may not is told so."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lesson: Lesson | None = None
        self._tutor: TutorCard | None = None
        self._asked = False
        self._recorded: ListedIntervention | None = None  # that this tutor takes this session
        self._page: LivePage
        self._words = show_html(style="match_lesson", sizing_mode="stretch_width", min_width=260, align="center")
        self._record = pmui.Button(label="", icon="swap_horiz", variant="contained", size="small", margin=0)
        self._cancel = pmui.Button(label="Cancel", variant="text", size="small", margin=0, visible=False)
        self._confirm = pmui.Button(label="", icon="check", color="success", size="small", margin=0, visible=False)
        self._record.on_click(lambda _event: self._ask(asked=True))
        self._confirm.on_click(self._do)
        self._cancel.on_click(lambda _event: self._ask(asked=False))
        self.view: pn.Column = frame(
            spread(
                self._words,
                pn.Row(
                    self._record,
                    self._cancel,  # here, so that a second click on the first button is never a yes
                    self._confirm,
                    margin=0,
                    stylesheets=[":host { gap: 8px; flex-wrap: wrap; }"],
                ),
                margin=(12, 18),
                sizing_mode="stretch_width",
            )
        )

    def follow(self, page: LivePage) -> None:
        """Act by this page."""
        self._page = page

    def show(self, lesson: Lesson | None, tutor: TutorCard | None) -> None:
        """The session, and what can be recorded of it with the chosen tutor; nothing without a session."""
        self.view.visible = lesson is not None
        if lesson is None:
            return
        if tutor is None or self._tutor is None or tutor.id != self._tutor.id:
            self._asked = False  # a question is about one tutor
        self._lesson, self._tutor = lesson, tutor
        self._recorded = None if tutor is None else self._find_recorded(lesson, tutor)
        zone, recorded = self._context.zone, self._recorded
        told = (
            ""
            if recorded is None or tutor is None
            else f" Recorded {format_time(recorded.created_at, zone)} by {name_actor(recorded.actor)}: "
            f"{tutor.name} is to take it."
        )
        update_html(
            self._words,
            Markup(
                '<p>For the session of <b>{}</b> with <b>{}</b>, {}.{} <a href="sessions?session={}">Back to it</a></p>'
            ).format(
                lesson.student_name or "a student who is not known here",
                lesson.tutor_name,
                format_time(lesson.scheduled_time, zone),
                told,
                quote(str(lesson.id)),
            ),
        )
        self._show_deed(lesson, tutor)

    def _show_deed(self, lesson: Lesson, tutor: TutorCard | None) -> None:
        another = tutor is not None and tutor.id != lesson.tutor_id
        may = self._page.visitor.may_act_as("coach")
        if not may:
            label = "Recording a reassignment takes the role coach"
        elif tutor is None or not another:
            label = "Choose another tutor to reassign it"
        elif self._recorded is not None:
            label = "Reassignment recorded"
        else:
            label = "Record reassignment"
        offered = may and another and self._recorded is None
        self._record.param.update(label=label, disabled=not offered or self._asked)
        self._cancel.visible = self._confirm.visible = offered and self._asked
        self._confirm.label = "" if tutor is None else f"Yes, {tutor.name} takes it"

    def _find_recorded(self, lesson: Lesson, tutor: TutorCard) -> ListedIntervention | None:
        """The newest reassignment of the session, if it is to this tutor."""
        done = list_interventions(self._context.engine, session_id=lesson.id, limit=MAX_LIMIT)
        newest = next((one for one in done if one.kind == "reassign"), None)
        return newest if newest is not None and (newest.note or "").endswith(_key(tutor)) else None

    def _do(self, _event: Any) -> None:
        if self._lesson is None or self._tutor is None or not self._asked:
            return
        lesson, tutor = self._lesson, self._tutor
        self._asked = False

        def record(actor: str) -> str:
            note = f"Reassign from {lesson.tutor_name} to {tutor.name} {_key(tutor)}"
            intervene(
                self._context.engine,
                lesson.id,
                "reassign",
                note,
                datetime.now(UTC),
                timezone=self._context.zone,
                actor=actor,
            )
            return f"Recorded: {tutor.name} is to take the session of {lesson.tutor_name}. Tell both, and book it."

        self._page.act("coach", record)

    def _ask(self, *, asked: bool) -> None:
        self._asked = asked
        if self._lesson is not None:
            self._show_deed(self._lesson, self._tutor)


def _key(tutor: TutorCard) -> str:
    """How the note of a reassignment ends: names are not unique, and may change."""
    return f"(tutor {tutor.id})"
