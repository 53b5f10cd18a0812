"""Where a model comes from beside its data: the commit of the code and the lock of the environment."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Origin:
    """code_commit: the commit that the code stands at. lock_sha256: of the lock that the environment is installed from.

    Each is "" where it cannot be told: outside a checkout.
    """

    code_commit: str = ""
    lock_sha256: str = ""


def read_origin() -> Origin:
    """The origin of what is computed now. A commit whose files were changed since ends in "+changes"."""
    commit = _git("rev-parse", "HEAD")
    changed = "+changes" if commit and _git("status", "--porcelain", "--untracked-files=no") else ""
    lock = PROJECT / "requirements" / "dev.txt"
    return Origin(commit + changed, hashlib.sha256(lock.read_bytes()).hexdigest() if lock.exists() else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(PROJECT), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return ""
