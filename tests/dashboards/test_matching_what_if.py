from __future__ import annotations

from typing import Any, cast

import pytest
from markupsafe import Markup

from dashboards import matching_what_if
from dashboards.matching_what_if import NOT_KNOWN, WhatIf


class Pair:
    """A pair of which only these preferences are known."""

    def __init__(self, **known: float) -> None:
        self._known = known

    def value(self, preference: Any) -> float | None:
        return self._known.get(preference.key)


def test_what_is_not_known_is_tried_also_where_the_slider_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[dict[str, float]] = []
    monkeypatch.setattr(matching_what_if, "change_pair", lambda _pair, changes: tried.append(dict(changes)))
    monkeypatch.setattr(matching_what_if, "judge_pair", lambda _model, _pair: None)
    monkeypatch.setattr(matching_what_if, "render_change", lambda *_args, **_more: Markup(""))
    what_if, nothing = WhatIf(), cast(Any, object())
    known = cast(Any, Pair(tutor_pace=2.0))
    what_if.show(nothing, known, nothing, of="these two")
    pace, own, style = (what_if._inputs[key] for key in ("student_pace", "tutor_pace", "student_style"))
    assert (pace.value, own.value, style.value) == (3, 2, NOT_KNOWN)

    pace.value = 4
    pace.value = 3
    assert tried == [{"student_pace": 4}, {"student_pace": 3}]
    what_if.show(nothing, known, nothing, of="these two")  # loaded anew
    assert tried[2:] == [{"student_pace": 3}]
    own.value = 5
    own.value = 2  # what is known is no change
    style.value = "modern"
    style.value = NOT_KNOWN
    assert tried[-1] == {"student_pace": 3}
    what_if._reset.param.trigger("clicks")
    assert what_if._reset.disabled
    pace.value = 4
    what_if.show(nothing, known, nothing, of="two others")
    assert (pace.value, what_if._reset.disabled) == (3, True)
