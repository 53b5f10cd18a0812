"""`tqs process`: what waits is worked off, what failed is listed and queued again; for scripts and for people."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine

from tests.processing.conftest import Plant, open_plant
from tests.tqs.conftest import Call

NOBODY = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def plant(engine: Engine, tmp_path: Path) -> Plant:
    return open_plant(engine, tmp_path)


@pytest.fixture
def failed(plant: Plant) -> UUID:
    session = plant.promised(plant.tutor())
    plant.execute("UPDATE work_items SET state = 'failed', attempts = 4, errors = 4, last_error = 'KeyError'")
    return session


def test_what_waits_is_processed_and_mails_are_sent(
    plant: Plant, tqs: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQS_REPORT_RECIPIENTS", "coach@example.com")
    tutor = plant.tutor()
    for _ in range(3):
        plant.promised(tutor)

    status, said, _ = tqs("process", "--json")

    assert status == 0
    assert json.loads(said) == {
        "sessions": {"processed": 3, "delayed": 0, "failed": 0, "released": 0, "mails": 3},
        "mails": {"claimed": 3, "sent": 3, "delayed": 0, "failed": 0, "trouble": None},
        "queue": {"pending": 0, "failed": 0, "oldest_seconds": 0.0},
    }
    assert len(list((tmp_path / "home" / "mail").glob("session-*.eml"))) == 3
    assert plant.rows("SELECT total_sessions_7d FROM tutor_scores") == [(3,)]


def test_a_person_is_told_in_sentences(failed: UUID, plant: Plant, tqs: Call) -> None:
    plant.promised(plant.tutor())
    status, said, _ = tqs("process")
    assert status == 0
    assert said.splitlines() == [
        "1 session processed, 0 wait, 1 failed",
        "0 mails sent, 0 delayed, 0 failed",
        "see what failed with: tqs process --failed",
    ]


def test_what_failed_is_listed(failed: UUID, plant: Plant, tqs: Call) -> None:
    [(row, tutor)] = plant.rows("SELECT w.id, s.tutor_id FROM work_items w JOIN sessions s ON s.id = w.session_id")
    status, said, _ = tqs("process", "--failed", "--json")
    assert status == 0
    [listed] = json.loads(said)
    assert listed.pop("failed_at").startswith("20")
    assert listed == {
        "id": str(row),
        "session_id": str(failed),
        "tutor_id": str(tutor),
        "error": "KeyError",
        "attempts": 4,
    }
    assert str(failed) in tqs("process", "--failed")[1]


def test_nothing_failed(tqs: Call) -> None:
    assert tqs("process", "--failed")[:2] == (0, "no session failed\n")
    assert json.loads(tqs("process", "--failed", "--json")[1]) == []


def test_what_failed_is_queued_again(failed: UUID, plant: Plant, tqs: Call) -> None:
    assert json.loads(tqs("process", "--requeue", NOBODY, "--json")[1]) == {"sessions": 0, "mails": 0}
    assert plant.item(failed, "state") == ("failed",)
    assert tqs("process", "--requeue", str(failed))[:2] == (
        0,
        "1 session and 0 mails queued again; the processor takes them up, or: tqs process\n",
    )
    assert plant.item(failed, "state, errors") == ("pending", 0)


def test_mails_that_failed_are_queued_again_with_all_sessions_that_did(
    failed: UUID, plant: Plant, tqs: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQS_REPORT_RECIPIENTS", "coach@example.com")
    assert tqs("process", "--requeue", "--json")[0] == 0
    assert tqs("process")[0] == 0
    plant.execute("UPDATE email_reports SET state = 'failed', error = 'no such mailbox'")
    plant.execute("UPDATE work_items SET state = 'failed'")

    assert json.loads(tqs("process", "--requeue", str(failed), "--json")[1]) == {"sessions": 1, "mails": 0}
    assert json.loads(tqs("process", "--requeue", "--json")[1]) == {"sessions": 0, "mails": 1}
    assert json.loads(tqs("process", "--json")[1])["mails"]["sent"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([NOBODY], "ids are for --requeue; for example: tqs process --requeue ID"),
        (["--failed", NOBODY], "ids are for --requeue"),
        (["--failed", "--requeue"], "name one of --failed and --requeue"),
        (["--requeue", "x"], "Invalid value for"),
    ],
)
def test_wrong_words(tqs: Call, words: list[str], sentence: str) -> None:
    status, said, told = tqs("process", *words)
    assert (status, said) == (2, "")
    assert sentence in told
