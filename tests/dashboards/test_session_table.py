from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dashboards.views.session_table import (
    ACTED,
    SESSION_COLUMNS,
    show_band,
    show_deed,
    show_probability,
    show_session_rows,
)
from scoring.session_deeds import SessionDeed
from scoring.session_list import ListedSession
from scoring.upcoming_list import SORTS

NOW = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
SESSION = ListedSession(
    id=UUID(int=1),
    tutor_id=UUID(int=2),
    tutor_name="Ada",
    student_id="visitor & son",
    student_name=None,
    scheduled_time=NOW,
    probability=0.4217,
    risk_level="high",
    model_version="v3",
    predicted_at=NOW - timedelta(hours=2),
    band=(0.312, 0.468),
    deed=None,
)
CALL = SessionDeed(UUID(int=1), "call", "no answer", "person bob", NOW, automatic=False, mail=None)


def test_a_row_in_words_and_figures() -> None:
    (row,) = show_session_rows([SESSION], "Europe/Berlin", {}, serving="v3", may_act=False)

    assert row["id"] == "00000000-0000-0000-0000-000000000001"
    assert {key: cell.get("text") for key, cell in row["cells"].items()} == {
        "scheduled_time": "Thu 2 Jul",  # half past midnight in Berlin
        "tutor_name": "Ada",
        "student_name": "visitor & son",
        "reschedule_probability": "High 42.2%",
        "band": "31–47%",
        "deed": "–",
    }
    assert row["cells"]["scheduled_time"]["detail"] == "00:30"
    assert row["cells"]["tutor_name"]["link"] == "tutor?id=00000000-0000-0000-0000-000000000002"
    assert row["cells"]["reschedule_probability"]["icon"] == "warning"
    assert "mark" not in row
    assert list(row["cells"]) == [column["key"] for column in SESSION_COLUMNS]


def test_what_was_done_stands_by_the_tutor_where_its_column_is_left_out() -> None:
    (row,) = show_session_rows([replace(SESSION, deed=CALL)], "UTC", {}, serving="v3", may_act=False)

    assert (row["cells"]["tutor_name"]["narrow"], row["cells"]["deed"]["text"]) == ("Called", "Called")


def test_what_can_be_sorted_is_what_the_list_sorts_by() -> None:
    assert {column["key"] for column in SESSION_COLUMNS if column.get("sortable")} == {*SORTS} - {"student_id"}


def test_who_may_act_has_buttons_and_who_is_to_be_called_a_word() -> None:
    (row,) = show_session_rows([SESSION], "UTC", {SESSION.id: 3}, serving="v3", may_act=True)

    assert [deed["label"] for deed in row["cells"][ACTED["key"]]["deeds"]] == ["Remind", "Call"]
    assert row["mark"] == "to call: 3"
    assert (row["cells"]["deed"]["text"], row["cells"]["deed"]["icon"]) == ("To call: 3", "phone_in_talk")


def test_without_a_prediction_the_row_says_so() -> None:
    bare = replace(SESSION, probability=None, risk_level=None, model_version=None, predicted_at=None, band=None)
    assert show_probability(bare) == {"text": "Not predicted yet", "tone": "quiet"}
    assert show_band(bare, "v3")["text"] == "–"
    assert show_band(replace(SESSION, band=None), "v3")["text"] == "not measured"
    assert show_band(replace(SESSION, band=None), "v4")["text"] == "older model"
    assert show_band(replace(SESSION, band=None), None)["text"] == "–"
    assert show_band(replace(SESSION, band=None, model_version="rule"), "rule")["text"] == "by the rule"


@pytest.mark.parametrize(
    ("deed", "call", "said"),
    [
        (CALL, None, ("Called", "good", "bob")),
        (replace(CALL, kind="note"), None, ("Noted", "plain", "bob")),
        (replace(CALL, kind="note"), 2, ("To call: 2", "warn", "Noted")),
        (replace(CALL, kind="reassign", actor="key phone"), None, ("Reassigned", "good", "key phone")),
        (replace(CALL, kind="reminder", mail="pending"), None, ("Reminded", "good", "bob")),
        (replace(CALL, kind="reminder", mail="sent", actor="tqs"), None, ("Reminded", "good", "automatic")),
        (replace(CALL, kind="reminder", mail="failed"), None, ("Reminder failed", "bad", "bob")),
        (replace(CALL, kind="reminder", mail="failed"), 1, ("To call: 1", "warn", "Reminder failed")),
    ],
)
def test_what_was_done_last(deed: SessionDeed, call: int | None, said: tuple[str, str, str]) -> None:
    cell = show_deed(replace(SESSION, deed=deed), call)
    assert (cell["text"], cell["tone"], cell["detail"]) == said
    assert cell["icon"]
