"""The middle of the matching page: the chosen student with the chosen tutor, and who would suit the student better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import panel as pn
from sqlalchemy import Engine

from dashboards.components.data_table import DataTable
from dashboards.html import show_html, update_html
from dashboards.matching_what_if import WhatIf
from dashboards.views.cards import frame, show_card, stack
from dashboards.views.match_pair import NO_TUTOR_CHOSEN, NOBODY_CHOSEN, render_pair, render_side_by_side
from dashboards.views.match_ranking import RANKING_COLUMNS, show_ranking
from dashboards.views.notices import Notice, show_notice, update_notice
from scoring.match_people import StudentCard, TutorCard, find_tutors
from scoring.models import ServedModel
from scoring.pair_changes import judge_pair, read_pair
from scoring.tutor_ranking import Ranking

BEST: Final = 5  # tutors of a page of the best ones


class PairPanel:
    """Shows the two, what would be if they preferred something else, the best tutors, and what is known of both."""

    def __init__(self, engine: Engine, refresh: Callable[..., None], choose: Callable[[UUID], None]) -> None:
        self._engine = engine
        self._notice = show_notice()
        self._answer = show_html(style="match_pair", margin=(16, 18), sizing_mode="stretch_width")
        self._answer_card = frame(self._answer)
        self._what_if = WhatIf()
        self._best = DataTable(
            label="Best tutors for this student",
            columns=RANKING_COLUMNS,
            page_size=BEST,
            sizing_mode="stretch_width",
            margin=0,
        )
        self._best_card = show_card("Best tutors for this student", self._best, note="Choose one to see why")
        self._sides = show_html(style="match_pair", margin=(0, 18, 14, 18), sizing_mode="stretch_width")
        self._sides_card = show_card("Side by side", self._sides, note="What is known of both")
        self._best.param.watch(refresh, "page")

        def choose_one(event: Any) -> None:
            if event.new:
                choose(UUID(event.new))

        self._best.param.watch(choose_one, "selected")
        self._of: UUID | None = None
        self._cards = (self._answer_card, self._what_if.view, self._sides_card)
        self.view: pn.Column = stack(
            self._notice, self._answer_card, self._best_card, self._what_if.view, self._sides_card
        )

    def show(
        self,
        model: ServedModel | None,
        student: StudentCard | None,
        tutor: TutorCard | None,
        ranking: Ranking | None,
        waiting: Notice | None,
    ) -> None:
        """What there is to show of the two; `waiting`: what has to be there before there is more."""
        pair = None
        if model is not None and student is not None and tutor is not None:
            pair = read_pair(self._engine, student.id, tutor.id)
        missing = waiting or (NOBODY_CHOSEN if student is None else NO_TUTOR_CHOSEN)
        update_notice(self._notice, missing if pair is None else None)
        for card in self._cards:
            card.visible = pair is not None
        if pair is not None and model is not None and student is not None and tutor is not None:
            judged = judge_pair(model, pair)
            ranked = None if ranking is None else ranking.find(tutor.id)
            tutors = 0 if ranking is None else len(ranking)
            update_html(self._answer, render_pair(student, tutor, judged, ranked, tutors))
            update_html(self._sides, render_side_by_side(student, tutor))
            self._what_if.show(model, pair, judged, (student.id, tutor.id))
        self._show_best(student, tutor, ranking)

    def _show_best(self, student: StudentCard | None, tutor: TutorCard | None, ranking: Ranking | None) -> None:
        self._best_card.visible = student is not None and ranking is not None and len(ranking) > 0
        if student is None or ranking is None:
            return
        if student.id != self._of:
            self._of, self._best.page = student.id, 0
        ranked, total = ranking.page(BEST, self._best.page * BEST)
        cards = {card.id: card for card in find_tutors(self._engine, [one.tutor_id for one in ranked])}
        chosen = None if tutor is None else ranking.find(tutor.id)
        rows: list[Any] = show_ranking(ranked, cards, chosen)
        self._best.param.update(rows=rows, total=total, selected="" if tutor is None else str(tutor.id))
