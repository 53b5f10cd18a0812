"""Jobs, each done in a process of its own: a worker starts it, and gives the job back where the process died."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sqlalchemy import Engine

from scoring.job_queue import Claim, LeaseLostError, claim_job, release_job
from scoring.match_lists import Who

if TYPE_CHECKING:
    from bentos.worker import Worker

log: Final = logging.getLogger("bentoml.tqs")

END_S: Final = 5.0  # within which a process gives its job back


class JobStarter:
    """Has one job at a time done by a process of this worker's. For one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._process: subprocess.Popen[bytes] | None = None
        self._claim: Claim | None = None

    def look_after(self, *, jobs_wait: bool) -> None:
        """Give a job back whose process died; start one where a job waits and nobody does any."""
        if self._process is not None and self._process.poll() is not None:
            self._give_back(self._process.returncode)
        if self._process is None and jobs_wait:
            self._start()

    def stop(self) -> None:
        """Let the process give its job back and end."""
        if self._process is None:
            return
        assert self._process.stdin is not None  # noqa: S101  # it was opened as a pipe
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        self._claim = claim_job(self._engine)
        if self._claim is None:
            return
        command = [sys.executable, "-m", "scoring.job_runner", str(self._claim.id), str(self._claim.token)]
        # In a session of its own, so that Ctrl-C reaches the worker alone, which then ends it in order.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        log.info("job %s (%s) is done by process %s", self._claim.id, self._claim.kind, self._process.pid)

    def _give_back(self, status: int) -> None:
        assert self._claim is not None  # noqa: S101  # there is no process without one
        claim, self._claim, self._process = self._claim, None, None
        try:
            release_job(self._engine, claim)
        except LeaseLostError:
            return  # it is done
        log.error("the process that did job %s ended with %s: it is started anew", claim.id, status)


def refresh_soon(worker: Worker, who: Who, person_id: UUID, actor: str) -> None:
    """After a change of a person's preferences, committed: renew their stored predictions without waiting for it."""
    worker.refresher.ask(who, person_id, actor)
