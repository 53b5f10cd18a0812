"""The process that does one job: started by a worker of the service, at low priority, and ended with that worker.

It is `python -m scoring.job_runner JOB TOKEN`. Its standard input is a pipe from the worker, which closes when the
worker ends in whatever way: then the job is given back and someone else starts it over.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final
from uuid import UUID

from sqlalchemy import Engine

from records.engine import connect
from scoring.job_queue import (
    LEASE_S,
    Claim,
    JobProgress,
    LeaseLostError,
    fail_job,
    finish_job,
    read_claim,
    release_job,
    renew_lease,
)
from scoring.models import ServedModel, load_models
from scoring.pair_people import read_clock
from scoring.pairs import Progress, count_people, predict_pairs, students_to_predict
from tqs.errors import ModelError, TqsError
from tqs.settings import Settings, load_settings

log: Final = logging.getLogger("tqs.jobs")

NICENESS: Final = 15
RENEWALS: Final = 3  # within a lease, so that one that fails costs nothing
MOST_PROMOTIONS: Final = 3  # meanwhile, after each of which a job starts over with the new model


def run_job(engine: Engine, settings: Settings, claim: Claim, *, lease_s: float = LEASE_S) -> None:
    """Do a claimed job to its end, and say in the database how far it is.

    Raises
    ------
    LeaseLostError
        where someone else took it over; what was stored stays.
    """
    holder = _Holder(engine, claim, lease_s)
    try:
        with holder.holding():
            _predict(engine, settings, claim, holder)
    except ModelError as error:
        fail_job(engine, claim, str(error))
        raise
    finish_job(engine, claim, holder.progress)


def _predict(engine: Engine, settings: Settings, claim: Claim, holder: _Holder) -> None:
    for promotions in range(MOST_PROMOTIONS + 1):
        model = load_models(engine, settings, ["match"])["match"]
        try:
            return _predict_with(engine, model, claim, holder)
        except ModelError:
            if promotions == MOST_PROMOTIONS:
                raise
            log.info("job %s starts over: another model serves by now", claim.id)
    return None


def _predict_with(engine: Engine, model: ServedModel, claim: Claim, holder: _Holder) -> None:
    now = read_clock(engine)
    students, tutors = count_people(engine)
    wanted: dict[str, list[str]] = {}
    fresh, created = 0, holder.progress.created
    if claim.kind == "generate_all":
        wanted["students"] = students_to_predict(engine, model)
        fresh = (students - len(wanted["students"])) * tutors
        holder.tell(JobProgress(fresh, students * tutors, created))
    elif claim.subject_id is not None:
        wanted[claim.kind.removeprefix("refresh_") + "s"] = [str(claim.subject_id)]

    def tell(at: Progress) -> None:
        holder.tell(JobProgress(fresh + at.done, fresh + at.total, created + at.created))

    predict_pairs(engine, model, now, **wanted, progress=tell, deed=claim.deed)


class _Holder:
    """Keeps the lease while the work goes on, and tells how far it is as it does so."""

    def __init__(self, engine: Engine, claim: Claim, lease_s: float) -> None:
        self.progress = JobProgress()
        self._engine = engine
        self._claim = claim
        self._lease_s = lease_s
        self._ended = Event()
        self._lost = False

    def tell(self, progress: JobProgress) -> None:
        """What the next renewal will say. Raises LeaseLostError where the lease was lost."""
        self.progress = progress
        if self._lost:
            raise LeaseLostError(f"job {self._claim.id} was taken over by another process")

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Renew the lease within the with block."""
        thread = Thread(target=self._renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _renew(self) -> None:
        while not self._ended.wait(self._lease_s / RENEWALS):
            try:
                renew_lease(self._engine, self._claim, self.progress, lease_s=self._lease_s)
            except LeaseLostError:
                self._lost = True
                return
            except Exception as error:  # noqa: BLE001  # a database that is away: the next renewal may be in time
                log.error("the lease of job %s could not be renewed: %s", self._claim.id, type(error).__name__)


def main() -> None:
    """Do the job that was claimed for this process: its id and token are the arguments."""
    os.nice(NICENESS)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    settings = load_settings()
    engine = connect(settings).app
    try:
        claim = read_claim(engine, UUID(sys.argv[1]), UUID(sys.argv[2]))
        Thread(target=_end_with_parent, args=(engine, claim), name="parent", daemon=True).start()
        run_job(engine, settings, claim)
    except TqsError as error:
        log.error("%s", error)
        sys.exit(1)
    finally:
        engine.dispose()


def _end_with_parent(engine: Engine, claim: Claim) -> None:
    while os.read(sys.stdin.fileno(), 1):  # not sys.stdin.read, whose lock an interpreter that ends would wait for
        pass
    try:
        release_job(engine, claim)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main()
