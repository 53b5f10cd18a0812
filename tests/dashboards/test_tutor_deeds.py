from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

import pytest

from dashboards import tutor_deeds
from dashboards.tutor_deeds import TutorDeeds


class Page:
    """Lets whoever clicks do it."""

    def act(self, _role: str, do: Callable[[str], str]) -> bool:
        do("person cara")
        return True

    def refresh(self, *_events: Any) -> None:
        """Nothing to load."""


def test_a_second_click_records_no_empty_call(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[tuple[str, str | None]] = []
    monkeypatch.setattr(
        tutor_deeds,
        "intervene_tutor",
        lambda _engine, _tutor, kind, note, _now, actor: recorded.append((kind, note)),
    )
    deeds = TutorDeeds(cast(Any, Page()), cast(Any, None), UUID(int=1))
    button, note = deeds._record, deeds._note
    assert (button.label, button.disabled) == ("Write something to record the call", True)
    deeds._kind.value = "Note"
    assert button.label == "Write something to record the note"
    deeds._kind.value = "Call"
    note.value_input = " Wants mornings "
    assert (button.label, button.disabled) == ("Record the call", False)

    for _click in range(2):  # the browser sent both before it heard of the first
        button.param.trigger("clicks")

    assert recorded == [("call", "Wants mornings")]
    assert button.disabled
