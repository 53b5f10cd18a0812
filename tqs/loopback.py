"""Asking a part of this machine whether it is there."""

from __future__ import annotations

import urllib.error
import urllib.request

TIMEOUT_S = 2.0


def answers(url: str) -> bool:
    """Whether `url`, an http address on this machine, answers now and without an error."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310  # ours, on loopback
            return bool(answer.status < 400)
    except (urllib.error.URLError, OSError):
        return False
