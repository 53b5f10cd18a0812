"""How many threads are worth starting."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2, as a container sees its own


def usable_cpus(quota: Path = QUOTA) -> int:
    """Processors that this process may keep busy, at least one.

    The lesser of those that it may run on (a cpuset, `taskset`; all of them where the system does not tell, as macOS)
    and of the time that its container is given (`docker run --cpus`), read from `quota`, rounded up.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(allowed, _cpus_of_quota(quota) or allowed)


def _cpus_of_quota(quota: Path) -> int | None:
    """Microseconds granted of microseconds: "150000 100000" is one and a half processors, "max" no limit."""
    if not quota.is_file():
        return None
    granted, period = quota.read_text().split()
    return None if granted == "max" else max(1, math.ceil(int(granted) / int(period)))
