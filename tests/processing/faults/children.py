"""Processes of their own that work, post, and die: forked from one that has imported all they need.

To start an interpreter takes seconds, to fork one milliseconds; what is forked is killed like any other process.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from processing import batch, processor, queue
from processing.drain import drain
from processing.intake import take_sessions
from processing.posted import PostedSession
from records.engine import connect
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS
from tqs import failpoints
from tqs.cli.process import process
from tqs.settings import load_settings

END_S = 60.0


def prepare() -> ForkServerContext:
    """Where to fork from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "modelling.canary", "pytest"])
    return context


def start(job: Callable[..., None], environment: dict[str, str], *arguments: Any) -> ForkServerProcess:
    """A process that does the job in this environment."""
    child = prepare().Process(target=_begin, args=(job, environment, *arguments), daemon=True)
    child.start()
    return child


def end(child: ForkServerProcess) -> int | None:
    """Wait for its end; its exit status, -9 where it was killed."""
    child.join(END_S)
    assert child.exitcode is not None, "it goes on and on"
    return child.exitcode


def die(job: Callable[..., None], environment: dict[str, str], point: str, *arguments: Any) -> bool:
    """Whether the job came to the failpoint, and so to its end by kill -9; else it was done without."""
    status = end(start(job, environment | {failpoints.VARIABLE: point}, *arguments))
    assert status in (0, -signal.SIGKILL)
    return status != 0


def work_off() -> None:
    """`tqs process`."""
    process(ids=None, failed=False, requeue=False, json=True)


def queue_again() -> None:
    """`tqs process --requeue`."""
    process(ids=None, failed=False, requeue=True, json=True)


def reside() -> None:
    """`tqs up processor`."""
    raise SystemExit(processor.main())


def tell(bodies: list[dict[str, Any]]) -> None:
    """What the service does with a post."""
    engine = connect(load_settings()).app
    take_sessions(engine, [PostedSession.model_validate(body) for body in bodies], "tests")


def work_off_later(point: str, says: Any) -> None:
    """Work off what waits, but stand still at a point until SIGCONT, as a machine without memory may make it do.

    says: is told in the end what was done.
    """
    batch.reach = queue.reach = _stand_still(point)  # type: ignore[attr-defined]
    settings = load_settings()
    engine = connect(settings).app
    says.send(drain(engine, settings, CurrentModels(engine, settings, SESSION_TARGETS)))


def _stand_still(point: str) -> Callable[[str], None]:
    stood = False

    def reach(name: str) -> None:
        nonlocal stood
        if name == point and not stood:
            stood = True
            os.kill(os.getpid(), signal.SIGSTOP)

    return reach


def _begin(job: Callable[..., None], environment: dict[str, str], *arguments: Any) -> None:
    for name in [name for name in os.environ if name.startswith("TQS_")]:
        del os.environ[name]
    os.environ.update(environment)
    with open(os.devnull, "w") as nowhere, suppress(OSError):
        os.dup2(nowhere.fileno(), 1)
    job(*arguments)
