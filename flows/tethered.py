"""Run a module as `python -m` does, and end with who started it: `python -m flows.tethered papermill ARGUMENTS`.

Standard input is a pipe that nobody writes to. It ends when the process at its other end does, also where that one was
killed: a notebook whose flow is gone would else train on, and promote what nobody waits for.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from threading import Thread


def main() -> None:
    """Run the module that the first argument names with those after it."""
    Thread(target=_end_with_starter, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_starter() -> None:
    os.read(sys.stdin.fileno(), 1)  # not by the buffered reader, whose lock would be held when the interpreter ends
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
