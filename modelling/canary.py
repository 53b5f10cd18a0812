"""The canary: load a model and ask it its golden rows, in a child process that a broken model may kill.

A booster that is damaged in a way its hash does not show (it was damaged before it was hashed) can crash the process
that loads it, or load and quietly predict something else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np

from modelling.artifact import Artifact, read_artifact
from modelling.predictor import Predictor
from tqs.errors import ModelError

TOLERANCE: Final = 1e-6  # probabilities; another version of XGBoost may add in another order
TIME_LIMIT_S: Final = 60.0
_REFUSED: Final = 3
# XGBoost imports scikit-learn where it is installed, which takes three times as long as all else that the child does.
_CHILD: Final = "import sys; sys.modules['sklearn'] = None; from modelling.canary import main; sys.exit(main())"


class UncheckedModelError(ModelError):
    """The check did not end in time: it says nothing about the model, and may be tried again."""


def check_artifact(artifact: Artifact, time_limit_s: float = TIME_LIMIT_S) -> None:
    """Check that a child process can load the artifact and gets its golden probabilities.

    Raises ModelError saying what happened to the child otherwise; UncheckedModelError where it took too long.
    """
    request = f"{artifact.sha256} {len(artifact.manifest_bytes)}\n".encode()
    room = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [room, os.environ.get("PYTHONPATH")]))
    try:
        child = subprocess.run(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-c", _CHILD],
            input=request + artifact.manifest_bytes + artifact.booster,
            capture_output=True,
            timeout=time_limit_s,
            check=False,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise UncheckedModelError(
            f"model {artifact.version or '(unsaved)'} of {artifact.target} was not loaded within {time_limit_s:g} s; "
            "it does not serve until it was checked"
        ) from error
    if child.returncode == 0:
        return
    said = child.stderr.decode(errors="replace").strip().splitlines()
    reason = said[-1] if said and child.returncode == _REFUSED else f"the process ended with {child.returncode}"
    raise ModelError(
        f"model {artifact.version or '(unsaved)'} of {artifact.target} failed its check: {reason}; it does not serve"
    )


def check_golden_rows(artifact: Artifact) -> None:
    """Raise ModelError unless the artifact, loaded here, gives its golden probabilities within TOLERANCE."""
    golden = artifact.manifest.golden
    expected = np.array(golden.probabilities)
    got = Predictor.from_artifact(artifact, threads=1).predict(np.array(golden.rows, dtype=np.float64))
    worst = float(np.abs(got - expected).max())
    if not worst <= TOLERANCE:
        raise ModelError(f"a golden row is off by {worst:.2g}, allowed is {TOLERANCE:g}")


def main() -> int:
    """Read an artifact from standard input, check it, and say on standard error what is wrong with it."""
    head, _, body = sys.stdin.buffer.read().partition(b"\n")
    sha256, size = head.decode().split()
    manifest, booster = body[: int(size)], body[int(size) :]
    # The parent has checked the features against the catalogue: here the manifest's own are as good.
    features = json.loads(manifest)["features"]
    try:
        check_golden_rows(read_artifact(manifest, booster, sha256=sha256, features=features))
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    return 0
