"""The watch on a small world: what is read, judged and stored of a day, and what carries no verdict."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text, update

from benchmarks._model import make_artifact
from modelling.artifact import Artifact
from modelling.drift_store import read_findings
from modelling.store import promote, save_challenger
from modelling.watch import DriftVerdict, watch_drift
from records.engine import create_app_engine
from records.load import write_world
from records.tables.models import models
from records.world import make_world
from tests.conftest import temporary_database
from tqs.errors import QueryError, RecordsError
from tqs.settings import Settings, load_settings

END = date(2026, 2, 1)
LAST = END - timedelta(days=1)
NOW = datetime(2026, 2, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def world_url(template_url) -> Iterator[object]:
    """A world that ends on 1 February 2026, with champions that learned from January to December 2025."""
    with temporary_database(template_url, template=template_url.database) as url:
        made = create_app_engine(url)
        write_world(made, make_world(tutors=60, students=240, days=390, seed=5, end=END))
        for target in ("match", "reschedule"):
            crown(made, make_artifact(target))
        made.dispose()
        yield url


@pytest.fixture
def world(world_url) -> Iterator[Engine]:
    with temporary_database(world_url, template=world_url.database) as url:
        engine = create_app_engine(url)
        yield engine
        engine.dispose()


def crown(engine: Engine, artifact: Artifact) -> None:
    version = save_challenger(engine, artifact).version
    promote(engine, artifact.target, version, expected_champion=None, reason="first", actor="gate")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path)


def watch(
    engine: Engine, settings: Settings, target: str = "reschedule", day: date = LAST, days: int = 7
) -> DriftVerdict:
    return watch_drift(engine, settings, target, day, days=days, now=NOW)


def test_a_day_is_judged_stored_and_drawn_and_the_same_when_it_is_watched_again(world, settings, tmp_path):
    verdict = watch(world, settings)
    stored = {row["subject"]: row for row in read_findings(world, "reschedule", LAST)}
    assert len(stored) == 1 + 24 + 6
    assert {one.subject: (one.verdict, one.statistic) for one in verdict.findings} == {
        name: (row["verdict"], row["statistic"]) for name, row in stored.items() if name != "overall"
    }
    with world.connect() as connection:
        ended = connection.scalar(
            text(
                "SELECT count(*) FROM sessions WHERE scheduled_time + duration_minutes * interval '1 minute' >= :since "
                "AND scheduled_time + duration_minutes * interval '1 minute' < :until"
            ),
            {"since": END - timedelta(days=7), "until": END},
        )
    assert 0.8 * ended < stored["rate"]["n_current"] <= ended  # some were moved before the moment they are looked at
    assert stored["overall"]["model_version"] == "v1"
    assert stored["overall"]["page"] == "drift/2026-01-31-reschedule/features.html"
    assert (tmp_path / stored["overall"]["page"]).stat().st_size > 1_000_000
    assert (tmp_path / "drift").stat().st_mode & 0o777 == 0o700
    assert stored["performance"]["reason"] == "the champion's test figures hold no log loss to compare with"
    # The made-up champion knows nothing of this world's rates, which is what calibration is for.
    assert stored["calibration"]["verdict"] == "drift"
    assert stored["overall"]["trained_rows"] == 3000
    since = datetime(2025, 12, 1, tzinfo=UTC) + timedelta(days=390 / 30)  # the made-up champion has no test part
    with world.connect() as connection:
        later = connection.scalar(
            text("SELECT count(*) FROM sessions WHERE scheduled_time >= :since AND scheduled_time < :until"),
            {"since": since, "until": END},
        )
    assert 0.8 * later < stored["overall"]["new_rows"] <= later
    before = read_findings(world, "reschedule", LAST)
    watch(world, settings)
    assert read_findings(world, "reschedule", LAST) == before


def test_a_feature_that_is_told_otherwise_from_a_day_on_is_named(world, settings):
    with world.begin() as connection:
        connection.execute(
            text("UPDATE sessions SET duration_minutes = duration_minutes + 30 WHERE scheduled_time >= :day"),
            {"day": END - timedelta(days=4)},
        )
    found = {one.subject: one for one in watch(world, settings).findings}
    assert found["session_duration_minutes"].verdict == "drift"
    assert found["tutor_total_sessions_7d"].verdict == "stable"


def test_reminders_that_work_are_no_drift(world, settings):
    """The riskier half of the tutors calls for reminders in January; four of five get them and reschedule no more."""
    lot = END - timedelta(days=25)
    with world.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO reminder_arms (tutor_id, arm, share, assigned_at) "
                "SELECT tutor_id, CASE WHEN row_number() OVER (ORDER BY risk DESC) % 5 = 3 "
                "THEN 'hold_out' ELSE 'treated' END, 0.2, :lot FROM ("
                "SELECT tutor_id, avg((status = 'rescheduled')::int) AS risk FROM sessions "
                "WHERE scheduled_time < :lot GROUP BY 1 ORDER BY 2 DESC LIMIT 30) AS risky"
            ),
            {"lot": lot},
        )
        connection.execute(
            text(
                "UPDATE sessions SET status = 'completed' WHERE status = 'rescheduled' AND scheduled_time >= :lot "
                "AND tutor_id IN (SELECT tutor_id FROM reminder_arms WHERE arm = 'treated')"
            ),
            {"lot": lot},
        )
    verdict = watch(world, settings, days=24)
    assert verdict.watched is not None
    assert verdict.watched.current["tutor"].nunique() == verdict.watched.reference["tutor"].nunique() == 60 - 24
    assert {one.subject for one in verdict.findings if one.verdict == "drift"} == {
        "calibration"
    }  # as without reminders
    [rate] = [one for one in verdict.findings if one.subject == "rate"]
    assert rate.statistic == pytest.approx(0, abs=0.01)
    with world.connect() as connection:
        later = connection.scalar(
            text(
                "SELECT count(*) FROM sessions LEFT JOIN reminder_arms USING (tutor_id) WHERE scheduled_time >= :since "
                "AND scheduled_time < :until AND (arm IS DISTINCT FROM 'treated' OR scheduled_time < :lot)"
            ),
            {"since": datetime(2025, 12, 14, tzinfo=UTC), "until": END, "lot": lot},
        )
    assert verdict.new_rows is not None
    assert 0.8 * later < verdict.new_rows <= later


def test_pairs_are_watched_when_their_thirty_days_end(world, settings):
    verdict = watch(world, settings, "match", days=30)
    assert verdict.watched is not None
    rows = verdict.watched.current
    assert rows["day"].max() <= (LAST - date(1970, 1, 1)).days
    assert verdict.overall.verdict in {"drift", "stable", "no verdict"}
    assert len(verdict.findings) == 17 + 6


@pytest.mark.parametrize(
    ("target", "day", "reason"),
    [
        ("no_show", LAST, "no model of no_show serves yet, so nothing can have moved; tqs retrain --target no_show"),
        ("reschedule", date(2025, 1, 1), "no session ended in the 7 days up to 2025-01-01"),
    ],
)
def test_what_cannot_be_compared_is_no_verdict_with_its_reason(world, settings, target, day, reason):
    verdict = watch(world, settings, target, day)
    assert (verdict.overall.verdict, verdict.findings, verdict.page) == ("no verdict", (), None)
    assert [(row["subject"], row["reason"]) for row in read_findings(world, target, day)] == [("overall", reason)]
    assert reason in verdict.overall.reason


def test_a_day_that_lies_ahead_is_refused_and_hides_no_watch(world, settings):
    with pytest.raises(QueryError, match="2026-02-02 lies ahead, nothing has happened yet; name a day up to"):
        watch(world, settings, "reschedule", date(2026, 2, 2))
    assert read_findings(world, "reschedule", date(2026, 2, 2)) == []


def test_a_champion_whose_window_is_empty_or_that_is_damaged(world, settings):
    with world.begin() as connection:
        connection.execute(text("DELETE FROM sessions WHERE scheduled_time < '2025-12-15'"))
    assert watch(world, settings).overall.reason == (
        "the records hold no row of the training window of reschedule v1 (2025-01-01 to 2025-12-01)"
    )
    with world.begin() as connection:
        connection.execute(update(models).values(sha256="0" * 64))
    verdict = watch(world, settings).overall
    assert verdict.verdict == "no verdict"
    assert verdict.reason.startswith("the champion of reschedule cannot be read: model v1 is damaged")


def test_a_full_disk_is_one_sentence(world, settings, monkeypatch):
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("modelling.watch.measure_effects", no_space)
    with pytest.raises(RecordsError, match=r"features.html cannot be kept \(\[Errno 28\] No space left on device\)"):
        watch(world, settings)
