"""JupyterLab as a child, for as long as it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from tqs.errors import TqsError


def run_lab(arguments: Sequence[str], env: Mapping[str, str]) -> None:
    """Run JupyterLab until it ends: by itself, by Ctrl-C (it asks first), or by SIGTERM, which is passed on.

    Raises
    ------
    TqsError
        where it ended with an error.
    """
    command = [sys.executable, "-m", "jupyterlab", *arguments]
    command += ["--allow-root"] if os.geteuid() == 0 else []  # a container's user
    stopped = False

    def stop(signum: int, _: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        child.send_signal(signum)

    child = subprocess.Popen(command, env=dict(env))  # noqa: S603  # our own interpreter
    before = signal.signal(signal.SIGTERM, stop), signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = child.wait()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    if status and not stopped:
        raise TqsError(f"JupyterLab ended with status {status}")
