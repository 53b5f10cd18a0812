"""The page that finds a tutor for a student: who suits whom, why, and who should be taught by whom in a group."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from bokeh.events import DocumentReady
from bokeh.models import CustomJS

from dashboards.address import read_id, read_word
from dashboards.components.person_cards import PersonCard
from dashboards.context import Context
from dashboards.matching_group import GroupPanel
from dashboards.matching_lesson import LessonPanel
from dashboards.matching_pair import PairPanel
from dashboards.matching_people import PeopleColumn
from dashboards.matching_predictions import MissingPredictions
from dashboards.page import LivePage
from dashboards.styles import read_style
from dashboards.views.match_cards import (
    NO_STUDENT_MATCHES,
    NO_STUDENTS,
    NO_TUTOR_MATCHES,
    NO_TUTORS,
    show_student,
    show_tutor,
)
from dashboards.views.notices import Notice, show_astray, tell_astray
from scoring.match_people import (
    Lesson,
    StudentCard,
    TutorCard,
    find_current_tutor,
    find_lesson,
    find_students,
    find_tutors,
    list_students,
    search_tutors,
)
from scoring.models import ServedModel
from scoring.student_risks import read_student_risks
from scoring.tutor_list import list_tutors
from scoring.tutor_page import TutorQuery
from scoring.tutor_ranking import RankedTutor, Ranking, rank_tutors

STUDENTS: Final = 7  # of a page
TUTORS: Final = 5
GO_BACK: Final = "window.addEventListener('popstate', () => location.reload())"  # to whom the address names then
LOADING: Final = Notice("hourglass_empty", "The model is being loaded", "A moment: predictions follow by themselves.")
PREDICTING: Final = Notice("hourglass_empty", "Predicting", "The tutors appear as soon as it is done.")


def show_matching_page(context: Context) -> pmui.Page:
    """The page for one browser.

    An address that ends in `?student=<id>&tutor=<id>` opens it at those two, `&session=<id>` for a session of them.
    """
    return _MatchingPage(context).view


class _MatchingPage:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = context.engine
        self._student, self._tutor, self._session = (read_id(name) for name in ("student", "tutor", "session"))
        self._named = self._tutor is not None  # the tutor was chosen, and is not just the one that there is
        self._astray = _is_astray()
        self._ranking: Ranking | None = None
        pn.state.curdoc.js_on_event(DocumentReady, CustomJS(code=GO_BACK))
        self._location = pn.state.location
        self._lost = show_astray(
            "Somebody", "Whom you or a link chose was removed since, or the link is damaged. Choose below."
        )
        self._rule = pmui.Alert(severity="info", visible=False, sizing_mode="stretch_width", margin=0, object="")
        self._unmatched = pmui.Checkbox(
            label="Only without a session ahead",
            size="small",
            margin=0,
            sx={"& .MuiFormControlLabel-label": {"fontSize": ".875rem"}},
        )
        self._students = PeopleColumn(
            "students", "Whom to find a tutor for, and their risk of leaving", STUDENTS, self._unmatched
        )
        self._tutors = PeopleColumn("tutors", "The best match first, once a student is chosen", TUTORS)
        self._lesson = LessonPanel(context)
        self._group = GroupPanel(context, self._choose_pair)
        self._page = LivePage(context, self._load)
        self._missing = MissingPredictions(self._engine, self._page.refresh)
        self._lesson.follow(self._page)
        self._pair = PairPanel(self._engine, self._page.refresh, self._choose_tutor)
        self._students.follow(
            self._page.refresh,
            self._choose_student,
            lambda one: self._group.toggle("students", one),
            self._add_first_students,
        )
        self._tutors.follow(
            self._page.refresh,
            self._choose_tutor,
            lambda one: self._group.toggle("tutors", one),
            self._add_first_tutors,
        )
        self._unmatched.param.watch(lambda _event: self._students.start_over(self._page.refresh), "value")
        group = self._group.build(self._page)
        for name, one in (("students", self._students), ("pair", self._pair), ("tutors", self._tutors)):
            one.view.css_classes = [name]
        columns = pn.Column(
            self._students.view,
            self._pair.view,
            self._tutors.view,
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[read_style("matching")],
        )
        self.view = self._page.show(
            "Matching", self._lost, self._rule, self._missing.view, self._lesson.view, columns, group
        )

    def _choose_student(self, student: UUID) -> None:
        if not self._page.refreshing and student != self._student:
            self._student = student
            if not self._named:
                self._tutor = None
            self._use_choice()

    def _choose_tutor(self, tutor: UUID) -> None:
        if not self._page.refreshing and tutor != self._tutor:
            self._tutor, self._named = tutor, True
            self._use_choice()

    def _choose_pair(self, student: UUID, tutor: UUID) -> None:
        if not self._page.refreshing:
            self._student, self._tutor, self._named = student, tutor, True
            self._use_choice()

    def _use_choice(self) -> None:
        """Show whom the visitor chose; the address names them, so that a page that is loaded anew still knows."""
        self._lost.visible = False
        self._page.refresh()
        tutor = self._tutor if self._named else None
        named = {"student": self._student, "tutor": tutor, "session": self._session}
        if self._location is not None:
            self._location.search = "?" + urlencode({name: one for name, one in named.items() if one is not None})

    def _load(self) -> None:
        model = self._context.models.get("match")
        self._rule.param.update(visible=model is not None and model.fallback, object=_tell_rule(model))
        lesson = None if self._session is None else find_lesson(self._engine, self._session)
        if self._student is None and lesson is not None:
            self._student = lesson.student_id
        student = self._find_student()
        current = self._find_current(student, lesson)
        if self._tutor is None:
            self._tutor = current
        tutor = next(iter(find_tutors(self._engine, [self._tutor])), None) if self._tutor else None
        if self._is_lost(student, tutor, lesson):
            tell_astray(self._lost)
        self._ranking = self._rank(model, student, tutor)
        left_out = self._ranking.left_out if self._ranking else ()
        self._missing.follow(model, student, left_out, self._page.visitor.actor)
        self._group.load()
        self._load_students(student, model)
        self._load_tutors(tutor, current)
        self._lesson.show(lesson, tutor)
        self._pair.show(model, student, tutor, self._ranking, self._waiting(model))

    def _find_student(self) -> StudentCard | None:
        return next(iter(find_students(self._engine, [self._student])), None) if self._student else None

    def _find_current(self, student: StudentCard | None, lesson: Lesson | None) -> UUID | None:
        """Who teaches the student: the tutor of the session that this is about, else of the next one."""
        if student is None:
            return None
        if lesson is not None and lesson.student_id == student.id:
            return lesson.tutor_id
        return find_current_tutor(self._engine, student.id)

    def _is_lost(self, student: StudentCard | None, tutor: TutorCard | None, lesson: Lesson | None) -> bool:
        """Whether somebody was chosen who is not here; told once."""
        missing = (self._student and not student) or (self._named and not tutor) or (self._session and not lesson)
        told, self._astray = self._astray or bool(missing), False
        if student is None:
            self._student = None
        if tutor is None:
            self._tutor, self._named = None, False
        if lesson is None:
            self._session = None
        return told

    def _rank(self, model: ServedModel | None, student: StudentCard | None, tutor: TutorCard | None) -> Ranking | None:
        if model is None or student is None:
            return None
        return rank_tutors(self._engine, model, student.id, anew=None if tutor is None else tutor.id)

    def _load_students(self, chosen: StudentCard | None, model: ServedModel | None) -> None:
        column, group = self._students, self._group.members("students")
        search, unmatched = column.search, bool(self._unmatched.value)
        page = list_students(self._engine, search, only_unmatched=unmatched, limit=column.limit, offset=column.offset)
        if column.turn_back(page.total):
            page = list_students(
                self._engine, search, only_unmatched=unmatched, limit=column.limit, offset=column.offset
            )
        students = page.students
        if chosen is not None and chosen.id not in {one.id for one in students}:
            students = [chosen, *students]  # whoever is chosen is seen
        risks = {} if model is None else read_student_risks(self._engine, model, [one.id for one in students])
        cards = [show_student(one, group, risks.get(one.id)) for one in students]
        nobody = NO_STUDENT_MATCHES if search or unmatched else NO_STUDENTS
        column.show(cards, page.total, None if chosen is None else chosen.id, nobody)

    def _load_tutors(self, chosen: TutorCard | None, current: UUID | None) -> None:
        column, group = self._tutors, self._group.members("tutors")
        ranked, ids, total = self._list_tutors(column.limit, column.offset)
        if column.turn_back(total):
            ranked, ids, total = self._list_tutors(column.limit, column.offset)
        if chosen is not None and chosen.id not in ids:
            ids = [chosen.id, *ids]
        cards: list[PersonCard] = []
        for tutor in find_tutors(self._engine, ids):
            found = ranked.get(tutor.id) or (self._ranking and self._ranking.find(tutor.id)) or None
            cards.append(show_tutor(tutor, found, group, current=tutor.id == current))
        column.show(
            cards, total, None if chosen is None else chosen.id, NO_TUTOR_MATCHES if column.search else NO_TUTORS
        )

    def _list_tutors(self, limit: int, offset: int) -> tuple[dict[UUID, RankedTutor], list[UUID], int]:
        """A page of the tutors: by the best match where a student is chosen, else by name."""
        search = self._tutors.search
        if self._ranking is None or self._ranking.left_out:
            query = TutorQuery(sort_by="name", sort_order="asc", search=search, limit=limit, offset=offset)
            found = list_tutors(self._engine, query)
            return {}, [one.id for one in found.tutors], found.total
        among = search_tutors(self._engine, search) if search else None
        page, total = self._ranking.page(limit, offset, among)
        return {one.tutor_id: one for one in page}, [one.tutor_id for one in page], total

    def _add_first_students(self, count: int) -> None:
        def add() -> None:
            search, unmatched = self._students.search, bool(self._unmatched.value)
            found = list_students(self._engine, search, only_unmatched=unmatched, limit=count)
            self._group.add("students", [one.id for one in found.students])

        self._page.attempt(add)

    def _add_first_tutors(self, count: int) -> None:
        self._page.attempt(lambda: self._group.add("tutors", self._list_tutors(count, 0)[1]))

    def _waiting(self, model: ServedModel | None) -> Notice | None:
        if model is None:
            return LOADING
        left_out = self._ranking is not None and self._ranking.left_out
        return PREDICTING if left_out and self._missing.under_way else None


def _is_astray() -> bool:
    """Whether the address holds something in the place of an id that is none."""
    return any(read_word(name) and read_id(name) is None for name in ("student", "tutor", "session"))


def _tell_rule(model: ServedModel | None) -> str:
    if model is None or not model.fallback:
        return ""
    if model.refusal:
        return f"The rule answers, likely to leave = 1 − compatibility: {model.refusal}"
    return (
        "No model of matches serves yet, so the rule answers: likely to leave = 1 − compatibility. "
        "To train one: tqs retrain --target match"
    )
