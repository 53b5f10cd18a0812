"""Run a notebook through papermill in a child process, under a wall limit, and keep what it left.

papermill in this process would leave its kernel's output invisible to Prefect and could not be stopped when a cell
hangs (nteract/papermill#433, #601). The executed notebook is kept as ipynb and HTML, also when it failed. Where this
process is killed, it ends too (`flows.tethered`).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

import nbformat
from nbconvert import HTMLExporter

from tqs.errors import TqsError, UnfitDataError

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


class NotebookError(TqsError):
    """A notebook failed; its executed copy says where."""


@dataclass(frozen=True)
class ExecutedNotebook:
    """The executed copy, and the error that ended it (None where it ran through)."""

    ipynb: Path
    html: Path
    error: TqsError | None


def run_notebook(
    name: str,
    parameters: Mapping[str, Any],
    folder: Path,
    *,
    limit_s: float,
    log: Callable[[str], None],
) -> ExecutedNotebook:
    """Execute `notebooks/<name>.ipynb` with `parameters` (plain numbers, text, lists) into `folder`.

    Its output is passed to `log` line by line. After `limit_s` seconds the kernel is killed and the notebook keeps
    the cells that had run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    executed = folder / f"{name}.ipynb"
    values = folder / f"{name}.parameters.json"  # JSON is YAML; a file keeps papermill from guessing types
    values.write_text(json.dumps(dict(parameters)), encoding="utf-8")
    command = [sys.executable, "-m", "flows.tethered", "papermill", str(NOTEBOOKS / f"{name}.ipynb"), str(executed)]
    command += ["-f", str(values), "--cwd", str(NOTEBOOKS.parent), "--no-progress-bar", "--log-level", "ERROR"]
    command += ["--no-log-output", "--stdout-file", "-", "--stderr-file", "-"]  # what it prints, not what it shows
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:  # papermill's own; the notebook's are printed
        with subprocess.Popen(  # noqa: S603  # our own interpreter and paths
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            timed_out = _follow(process, limit_s, log)
        complaints.seek(0)
        last_words = (complaints.read().strip().splitlines() or [""])[-1]
    if timed_out:
        error: TqsError | None = NotebookError(
            f"{name} ran longer than {limit_s:.0f} s and was stopped; see {executed}"
        )
    else:
        error = _find_error(executed, process.returncode, last_words) if process.returncode else None
    return ExecutedNotebook(executed, _export_html(executed), error)


def _follow(process: subprocess.Popen[str], limit_s: float, log: Callable[[str], None]) -> bool:
    """Pass the output on until the process ends; at the limit kill it, and its kernel ends with its parent."""
    watchdog = _Watchdog(process.pid, limit_s)
    with watchdog:
        assert process.stdout is not None  # noqa: S101  # it was opened as a pipe
        for line in process.stdout:
            if line.strip():
                log(line.rstrip())
        process.wait()
    return watchdog.fired


class _Watchdog:
    """Kills a process group once, after a time."""

    def __init__(self, group: int, limit_s: float) -> None:
        self.fired = False
        self._group = group
        self._timer = Timer(limit_s, self._kill)

    def _kill(self) -> None:
        self.fired = True
        os.killpg(self._group, signal.SIGKILL)

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _find_error(executed: Path, status: int, last_words: str) -> TqsError:
    for cell in nbformat.read(executed, as_version=4).cells if executed.exists() else []:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                kind = UnfitDataError if output.ename == UnfitDataError.__name__ else NotebookError
                return kind(output.evalue if kind is UnfitDataError else f"{output.ename}: {output.evalue}")
    if status < 0 or "DeadKernelError" in last_words:
        return NotebookError(
            f"{executed.stem} was killed, most likely for want of memory; see {executed} for how far it came, and free "
            "some memory"
        )
    return NotebookError(f"{executed.stem} did not run ({last_words}); see {executed.parent}")


def _export_html(executed: Path) -> Path:
    html = executed.with_suffix(".html")
    if executed.exists():
        quiet = logging.getLogger(f"{__name__}.html")
        quiet.setLevel(logging.ERROR)  # else it warns of each picture without an alternative text
        body, _ = HTMLExporter(log=quiet).from_filename(str(executed))
        html.write_text(body, encoding="utf-8")
    return html
