"""Points at which a test may kill this process, as a crash or a power cut would: `TQS_FAILPOINT=batch.scored`.

`name:3` dies the third time that it comes there. Nothing but tests sets the variable.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

VARIABLE: Final = "TQS_FAILPOINT"
POINTS: Final = (
    "intake.stored",  # not committed
    "intake.committed",  # nobody was told
    "queue.claimed",
    "batch.locked",
    "batch.scored",
    "batch.predicted",
    "batch.reported",
    "batch.finished",  # not committed
    "batch.committed",
    "queue.failing",  # an error of a row's own, not recorded
    "queue.failed",  # and recorded
)
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Die here, by kill -9, where the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    name, _, time = wanted.partition(":")
    _reached[point] += 1
    if name == point and _reached[point] == int(time or 1):
        os.kill(os.getpid(), signal.SIGKILL)
