from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from dashboards import matching_lesson
from dashboards.matching_lesson import LessonPanel
from dashboards.visitor import Visitor
from scoring.interventions import ListedIntervention
from scoring.match_people import Lesson, TutorCard

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
LESSON = Lesson(UUID(int=9), NOW, "scheduled", UUID(int=1), "Zoe", UUID(int=5), "Anna")
XAVER, YVES = (
    TutorCard(UUID(int=number), name, *[None] * 9)  # type: ignore[arg-type]
    for number, name in ((2, "Xaver"), (3, "Yves"))
)


class Page:
    """Lets whoever clicks do it, and loads."""

    visitor = Visitor("cara", "coach")

    def __init__(self, load: Callable[[], None]) -> None:
        self._load = load

    def act(self, _role: str, do: Callable[[str], str]) -> None:
        do("person cara")
        self._load()


def test_a_second_click_is_no_yes_and_what_is_recorded_is_not_offered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[ListedIntervention] = []

    def intervene(_engine: Any, session: UUID, kind: str, note: str, *_rest: Any, **_more: Any) -> None:
        made = ListedIntervention(
            UUID(int=7), session, LESSON.tutor_id, kind, note, "person cara", NOW, "Zoe", False, NOW, None
        )
        done.insert(0, made)

    monkeypatch.setattr(matching_lesson, "intervene", intervene)
    monkeypatch.setattr(matching_lesson, "list_interventions", lambda *_args, **_more: list(done))
    panel = LessonPanel(cast(Any, SimpleNamespace(engine=None, zone="UTC")))
    panel.follow(cast(Any, Page(lambda: panel.show(LESSON, XAVER))))
    panel.show(LESSON, XAVER)
    record, confirm = panel._record, panel._confirm
    assert (record.label, record.disabled, confirm.visible) == ("Record reassignment", False, False)

    for _click in range(2):
        record.param.trigger("clicks")
    assert (done, confirm.visible) == ([], True)
    panel.show(LESSON, XAVER)
    panel._cancel.param.trigger("clicks")
    assert not confirm.visible
    record.param.trigger("clicks")
    assert (record.disabled, confirm.label, confirm.visible) == (True, "Yes, Xaver takes it", True)
    for _click in range(2):
        confirm.param.trigger("clicks")

    assert [one.note for one in done] == [f"Reassign from Zoe to Xaver (tutor {XAVER.id})"]
    assert (record.label, record.disabled, confirm.visible) == ("Reassignment recorded", True, False)
    assert "Recorded 11 Mar 2026, 12:00 UTC by cara: Xaver is to take it." in panel._words.object
    panel.show(LESSON, replace(XAVER, name="Xaver the Second"))
    assert record.disabled
    panel.show(LESSON, YVES)
    assert (record.label, record.disabled) == ("Record reassignment", False)
