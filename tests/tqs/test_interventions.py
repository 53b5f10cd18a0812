"""`tqs interventions` from a call to the report, as people read it and as a script does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from getpass import getuser

import pytest
from sqlalchemy import URL, create_engine, text

from scoring.reminder_report import ArmReport, ReminderReport, Uplift
from tests.scoring.conftest import Records
from tests.tqs.conftest import Call
from tqs.cli.interventions import _print_report
from tqs.settings import load_settings

NOW = datetime.now(UTC)


@pytest.fixture
def records(database_url: URL) -> Records:
    return Records(create_engine(database_url))


def test_what_is_added_is_listed_with_how_it_ended(tqs: Call, records: Records) -> None:
    tutor = records.tutor(1)
    records.execute(f"UPDATE tutors SET email = 'ada@example.org' WHERE id = '{tutor}'")
    session = records.session(tutor, NOW + timedelta(days=1), "scheduled")
    code, out, err = tqs("interventions", "add", "reminder", "--session", session)
    assert (code, err) == (0, "")
    assert out.startswith("recorded a reminder ")
    assert out.endswith(": the tutor is sent an e-mail\n")
    with records.engine.connect() as connection:
        assert connection.scalar(text("SELECT recipient FROM email_reports")) == "ada@example.org"
    made = json.loads(tqs("interventions", "add", "call", "--tutor", tutor, "--note", "Is ill", "--json")[1])
    assert (made["session_id"], made["tutor_id"], made["note"], made["actor"]) == (
        None,
        tutor,
        "Is ill",
        f"account {getuser()}",
    )
    records.execute(f"UPDATE sessions SET status = 'no_show' WHERE id = '{session}'")

    call, reminder = json.loads(tqs("interventions", "list", "--tutor", tutor, "--json")[1])

    assert (call["id"], call["outcome"], call["scheduled_time"]) == (made["id"], None, None)
    assert (reminder["session_id"], reminder["tutor"], reminder["automatic"]) == (session, "tutor 1", False)
    assert reminder["outcome"] == {"status": "no_show", "tutor_rescheduled": False}
    shown = tqs("interventions", "list")[1]
    assert "no-show" in shown
    assert "Is ill" in shown
    assert [row["kind"] for row in json.loads(tqs("interventions", "list", "--limit", "1", "--json")[1])] == ["call"]


def test_before_there_is_anything_to_say(tqs: Call) -> None:
    assert tqs("interventions", "list") == (0, "no intervention yet\n", "")
    code, out, err = tqs("interventions", "report")
    assert (code, err) == (0, "")
    assert "too early to say: each arm needs 30 tutors and 200 sessions that are over" in out
    assert out.endswith("automatic reminders are off (TQS_REMINDER_THRESHOLD)\n")
    report = json.loads(tqs("interventions", "report", "--json")[1])
    assert (report["uplift"], report["treated"]["sessions"], report["hold_out"]["rate"]) == (None, 0, None)


@pytest.mark.parametrize(
    ("uplift", "verdict"),
    [
        (Uplift(0.0421, 0.008, 0.0762), "reminders help: the interval lies above 0"),
        (Uplift(-0.0421, -0.0762, -0.008), "reminders do harm: the interval lies below 0"),
        (Uplift(0.0421, -0.001, 0.0852), "no difference is shown: the interval holds 0"),
    ],
)
def test_the_verdict_is_that_of_the_interval(capsys: pytest.CaptureFixture[str], uplift: Uplift, verdict: str) -> None:
    arms = ArmReport(120, 900, 180, 0.2, 870, 12, 3), ArmReport(30, 250, 61, 0.2441, 2, 4, 1)
    _print_report(ReminderReport(NOW, *arms, uplift, None, None, None), load_settings(reminder_threshold=0.4))
    *table, said, judged = capsys.readouterr().out.splitlines()
    assert table[1].split() == ["reminded", "120", "900", "180", "20.0", "%", "870", "12", "3"]
    value, low, high = (f"{100 * one:.1f}" for one in (uplift.value, uplift.low, uplift.high))
    assert said == (
        f"of 100 sessions, reminders keep {value} (95 % interval {low} to {high}) from being rescheduled by the tutor"
    )
    assert judged == verdict
