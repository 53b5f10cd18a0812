from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import Engine

from scoring.job_queue import (
    MOST_ATTEMPTS,
    READ_JOB,
    SHOWN,
    Claim,
    JobProgress,
    LeaseLostError,
    are_jobs_waiting,
    claim_job,
    fail_job,
    finish_job,
    open_job,
    read_claim,
    release_job,
    renew_lease,
)
from tests.scoring.answered import answered
from tests.scoring.conftest import Records, uid

SOMEONE = uid("tutor", 1)


def claim(engine: Engine) -> Claim:
    found = claim_job(engine)
    assert found is not None
    return found


def forget_lease(records: Records) -> None:
    """As if its time had run out."""
    records.execute("UPDATE jobs SET leased_until = clock_timestamp() - interval '1 second'")


def shown(engine: Engine, job: UUID) -> tuple[object, ...]:
    answer = answered(engine, READ_JOB, job)
    assert answer is not None
    found = json.loads(answer)
    assert tuple(found) == SHOWN
    assert found["id"] == str(job)
    return tuple(found[name] for name in ("kind", "state", "done", "total", "created", "existing", "error"))


def test_a_job_from_its_opening_to_its_end(engine: Engine, records: Records) -> None:
    job = open_job(engine, "generate_all", None, total=50, actor="ada")
    assert shown(engine, job) == ("generate_all", "pending", 0, 50, 0, 0, None)
    assert records.rows("SELECT actor, action, subject, details FROM audit_log") == [
        ("ada", "generate all", f"job {job}", {"pairs": 50})
    ]

    mine = claim(engine)
    assert (mine.id, mine.kind, mine.subject_id, mine.created) == (job, "generate_all", None, 0)
    assert read_claim(engine, mine.id, mine.token) == mine
    renew_lease(engine, mine, JobProgress(20, 60, 5))
    assert shown(engine, job) == ("generate_all", "running", 20, 60, 5, 15, None)

    finish_job(engine, mine, JobProgress(60, 60, 25))
    assert shown(engine, job) == ("generate_all", "done", 60, 60, 25, 35, None)
    assert claim_job(engine) is None


def test_a_job_that_is_open_is_not_opened_twice(engine: Engine, records: Records) -> None:
    def ask(_: int) -> UUID:
        return open_job(engine, "refresh_all", None, total=50, actor="ada")

    with ThreadPoolExecutor(8) as pool:
        [job] = set(pool.map(ask, range(8)))
    assert open_job(engine, "generate_all", None, total=50, actor="ada") != job
    of_tutor = open_job(engine, "refresh_tutor", SOMEONE, total=50, actor="ada")
    assert open_job(engine, "refresh_tutor", SOMEONE, total=50, actor="bob") == of_tutor
    assert open_job(engine, "refresh_tutor", uid("tutor", 2), total=50, actor="ada") != of_tutor
    assert records.rows("SELECT count(*) FROM jobs") == [(4,)]
    assert records.rows("SELECT count(*) FROM audit_log") == [(12,)]


def test_a_refresh_that_runs_is_not_shared_and_a_generation_is(engine: Engine) -> None:
    """A refresh that runs may have read people before they were changed by who asks for the next one."""
    for kind, is_shared in (("generate_all", True), ("refresh_all", False), ("refresh_tutor", False)):
        subject = SOMEONE if kind == "refresh_tutor" else None
        running = open_job(engine, kind, subject, total=1, actor="ada")
        mine = claim(engine)
        again = open_job(engine, kind, subject, total=1, actor="ada")
        assert (again == running) == is_shared
        assert open_job(engine, kind, subject, total=1, actor="bob") == again
        finish_job(engine, mine, JobProgress(1, 1, 0))
        if not is_shared:
            finish_job(engine, claim(engine), JobProgress(1, 1, 0))


def test_one_at_a_time_and_the_oldest_first(engine: Engine) -> None:
    first = open_job(engine, "refresh_tutor", SOMEONE, total=1, actor="ada")
    second = open_job(engine, "refresh_all", None, total=1, actor="ada")
    with ThreadPoolExecutor(8) as pool:
        claims = [found for found in pool.map(lambda _: claim_job(engine), range(8)) if found is not None]
    [mine] = claims
    assert (mine.id, mine.subject_id) == (first, SOMEONE)
    with engine.connect() as connection:
        assert not are_jobs_waiting(connection)

    finish_job(engine, mine, JobProgress(1, 1, 1))
    with engine.connect() as connection:
        assert are_jobs_waiting(connection)
    assert claim(engine).id == second


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_may_write_no_more(engine: Engine, records: Records) -> None:
    job = open_job(engine, "generate_all", None, total=9, actor="ada")
    dead = claim(engine)
    renew_lease(engine, dead, JobProgress(4, 9, 3))
    assert claim_job(engine) is None
    forget_lease(records)

    heir = claim(engine)

    assert (heir.id, heir.created) == (job, 3)
    assert heir.token != dead.token
    for write in (
        lambda: renew_lease(engine, dead, JobProgress(9, 9, 9)),
        lambda: finish_job(engine, dead, JobProgress(9, 9, 9)),
        lambda: fail_job(engine, dead, "no"),
        lambda: release_job(engine, dead),
        lambda: read_claim(engine, dead.id, dead.token),
    ):
        with pytest.raises(LeaseLostError, match="taken over"):
            write()
    finish_job(engine, heir, JobProgress(9, 9, 2))
    assert shown(engine, job) == ("generate_all", "done", 9, 9, 5, 4, None)


def test_a_job_that_is_given_back_is_claimed_at_once(engine: Engine) -> None:
    open_job(engine, "generate_all", None, total=9, actor="ada")
    mine = claim(engine)
    release_job(engine, mine)
    assert claim(engine).id == mine.id
    with pytest.raises(LeaseLostError):
        finish_job(engine, mine, JobProgress(9, 9, 0))


def test_a_job_that_fails_says_why_and_is_over(engine: Engine) -> None:
    job = open_job(engine, "generate_all", None, total=9, actor="ada")
    fail_job(engine, claim(engine), "it cannot be")
    assert shown(engine, job)[1] == "failed"
    assert shown(engine, job)[-1] == "it cannot be"
    assert claim_job(engine) is None


def test_a_job_that_ends_whoever_does_it_is_given_up(engine: Engine, records: Records) -> None:
    job = open_job(engine, "generate_all", None, total=9, actor="ada")
    for _ in range(MOST_ATTEMPTS):
        claim(engine)
        forget_lease(records)

    assert claim_job(engine) is None
    assert shown(engine, job)[1] == "failed"
    assert "ended 10 times" in str(shown(engine, job)[-1])
