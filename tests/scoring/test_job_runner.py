from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

import scoring.job_runner
from benchmarks._model import make_artifact
from modelling.store import promote, save_challenger
from scoring.job_queue import Claim, LeaseLostError, claim_job, open_job
from scoring.job_runner import run_job
from scoring.pairs import predict_pairs
from tests.scoring.conftest import Records
from tqs.errors import ModelError
from tqs.settings import Settings

ROOT = Path(__file__).parents[2]
LOWEST_PRIORITY = 19


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def people(records: Records) -> tuple[list[str], list[str]]:
    return [records.student(i, age=12 + i) for i in range(4)], [records.tutor(i, age=30 + i) for i in range(3)]


def claim(engine: Engine, kind: str, subject: str | None = None) -> Claim:
    open_job(engine, kind, None if subject is None else UUID(subject), total=0, actor="ada")
    found = claim_job(engine)
    assert found is not None
    return found


def told(records: Records) -> Any:
    [row] = records.rows("SELECT state, done, total, created, existing FROM jobs")
    return tuple(row)


def crown(engine: Engine, seed: int, before: str | None) -> None:
    version = save_challenger(engine, make_artifact("match", seed=seed)).version
    promote(engine, "match", version, expected_champion=before, reason="a test", actor="test")


def test_generating_makes_what_is_missing_or_stale(
    engine: Engine, records: Records, settings: Settings, people: tuple[list[str], list[str]]
) -> None:
    students, tutors = people
    run_job(engine, settings, claim(engine, "refresh_student", students[0]))
    assert told(records) == ("done", 3, 3, 3, 0)
    records.execute("DELETE FROM jobs")
    before = records.rows("SELECT id, updated_at FROM match_predictions ORDER BY id")

    run_job(engine, settings, claim(engine, "generate_all"))

    assert told(records) == ("done", 12, 12, 9, 3)
    jobs = "SELECT actor, action, starts_with(subject, 'job '), details FROM audit_log ORDER BY id"
    assert records.rows(jobs) == [
        ("ada", "refresh student", True, {"pairs": 0}),
        ("ada", "refresh student", True, {"created": 3, "changed": 0}),
        ("ada", "generate all", True, {"pairs": 0}),
        ("ada", "generate all", True, {"created": 9, "changed": 0}),
    ]
    assert set(before) <= set(records.rows("SELECT id, updated_at FROM match_predictions"))
    records.execute("DELETE FROM jobs")
    run_job(engine, settings, claim(engine, "generate_all"))
    assert told(records) == ("done", 12, 12, 0, 12)

    records.execute("DELETE FROM jobs")
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id = '{tutors[1]}'")
    run_job(engine, settings, claim(engine, "generate_all"))
    fresh = "SELECT count(*) FROM match_predictions p JOIN tutors t ON t.id = tutor_id"
    assert records.rows(f"{fresh} WHERE p.updated_at > t.inputs_changed_at") == [(12,)]


@pytest.mark.parametrize(("kind", "pairs"), [("refresh_all", 12), ("refresh_tutor", 4), ("refresh_student", 3)])
def test_each_kind_predicts_whom_it_names(
    engine: Engine, records: Records, settings: Settings, people: tuple[list[str], list[str]], kind: str, pairs: int
) -> None:
    subject = {"refresh_tutor": people[1][0], "refresh_student": people[0][0]}.get(kind)
    run_job(engine, settings, claim(engine, kind, subject))
    assert told(records) == ("done", pairs, pairs, pairs, 0)
    column = "tutor_id" if kind == "refresh_tutor" else "student_id"
    where = f"WHERE {column} = '{subject}'" if subject else ""
    assert records.rows(f"SELECT count(*) FROM match_predictions {where}") == [(pairs,)]


def test_nobody_to_predict(engine: Engine, records: Records, settings: Settings) -> None:
    run_job(engine, settings, claim(engine, "generate_all"))
    assert told(records) == ("done", 0, 0, 0, 0)


def test_it_starts_over_with_a_model_that_is_promoted_meanwhile(
    engine: Engine,
    records: Records,
    settings: Settings,
    people: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crown(engine, 1, None)
    promotions = iter([lambda: crown(engine, 2, "v1")])

    def interrupted(*args: Any, **options: Any) -> Any:
        next(promotions, lambda: None)()
        return predict_pairs(*args, **options)

    monkeypatch.setattr(scoring.job_runner, "predict_pairs", interrupted)
    run_job(engine, settings, claim(engine, "generate_all"))
    assert records.rows("SELECT model_version, count(*) FROM match_predictions GROUP BY 1") == [("v2", 12)]
    assert told(records) == ("done", 12, 12, 12, 0)


def test_a_model_that_never_rests_fails_the_job(
    engine: Engine, records: Records, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise ModelError("v9 is the champion by now")

    monkeypatch.setattr(scoring.job_runner, "predict_pairs", never)
    with pytest.raises(ModelError):
        run_job(engine, settings, claim(engine, "refresh_all"))
    assert records.rows("SELECT state, error FROM jobs") == [("failed", "v9 is the champion by now")]


def test_it_holds_its_lease_and_stops_where_that_is_lost(
    engine: Engine,
    records: Records,
    settings: Settings,
    people: tuple[list[str], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Renewed each third of 0.3 s; then someone else takes the job over, and the next block is the last."""
    mine = claim(engine, "refresh_all")

    def slow(*args: Any, progress: Callable[[Any], None], **options: Any) -> Any:
        until(lambda: bool(records.rows("SELECT FROM jobs WHERE leased_until > created_at + interval '1 second'")))
        records.execute("UPDATE jobs SET lease_token = gen_random_uuid()")
        until(lambda: holder_lost(progress))
        raise AssertionError("it went on")

    def holder_lost(progress: Callable[[Any], None]) -> bool:
        progress(scoring.job_runner.Progress(1, 12, 0))
        return False

    monkeypatch.setattr(scoring.job_runner, "predict_pairs", slow)
    with pytest.raises(LeaseLostError):
        run_job(engine, settings, mine, lease_s=0.3)
    assert records.rows("SELECT state FROM jobs") == [("running",)]


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end


def start(engine: Engine, home: Path, mine: Claim) -> subprocess.Popen[bytes]:
    """The process that a worker starts."""
    url = engine.url.render_as_string(hide_password=False)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")}
    return subprocess.Popen(
        [sys.executable, "-m", "scoring.job_runner", str(mine.id), str(mine.token)],
        cwd=ROOT,
        env=env | {"TQS_DATABASE_URL": url, "TQS_HOME": str(home)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_the_process_does_the_job(
    engine: Engine, records: Records, tmp_path: Path, people: tuple[list[str], list[str]]
) -> None:
    process = start(engine, tmp_path, claim(engine, "generate_all"))
    assert process.wait(120) == 0
    assert told(records) == ("done", 12, 12, 12, 0)


def test_the_process_gives_the_job_back_and_ends_with_its_parent(
    engine: Engine, records: Records, tmp_path: Path, people: tuple[list[str], list[str]]
) -> None:
    with engine.begin() as connection:  # keeps the process waiting for the table
        connection.exec_driver_sql("LOCK match_predictions")
        process = start(engine, tmp_path, claim(engine, "generate_all"))
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        until(lambda: bool(records.rows(waiting)))
        lowered = os.getpriority(os.PRIO_PROCESS, process.pid)
        assert lowered == min(os.nice(0) + scoring.job_runner.NICENESS, LOWEST_PRIORITY)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 1
    assert records.rows("SELECT state, leased_until FROM jobs") == [("running", None)]
    assert claim_job(engine) is not None


def test_a_claim_that_is_not_held_is_refused_in_a_sentence(engine: Engine, records: Records, tmp_path: Path) -> None:
    mine = claim(engine, "generate_all")
    records.execute("UPDATE jobs SET lease_token = gen_random_uuid()")
    process = start(engine, tmp_path, mine)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert (
        said.decode().strip().splitlines()[-1]
        == f"tqs.jobs: job {mine.id} was taken over by another process, or is done"
    )
