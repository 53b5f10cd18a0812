"""`tqs drift` as a person and as a script call it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.tqs.conftest import Call

NO_MODEL = "no model of match serves yet, so nothing can have moved; tqs retrain --target match"


def test_no_verdict_is_told_in_a_sentence_and_is_no_failure(tqs: Call) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    code, out, err = tqs("drift", "--target", "match")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"match {yesterday}: no verdict. {NO_MODEL}"
    code, out, _ = tqs("drift", "--target", "match", "--day", "2026-02-03", "--days", "2", "--json")
    assert code == 0
    assert json.loads(out) == {
        "target": "match", "day": "2026-02-03", "days": 2, "model_version": None, "verdict": "no verdict",
        "reason": NO_MODEL, "page": None, "new_rows": None, "findings": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--target", "churn"], "there is no target 'churn'; the targets are match, reschedule, no_show"),
        (["--target", "match", "--day", "yesterday"], "--day 'yesterday' is no day; write it as 2026-11-28"),
        (["--target", "match", "--days", "0"], "Invalid value for '--days'"),
    ],
)
def test_wrong_usage(tqs: Call, words: list[str], sentence: str) -> None:
    code, out, err = tqs("drift", *words)
    assert (code, out) == (2, "")
    assert sentence in err
