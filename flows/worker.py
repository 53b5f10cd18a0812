"""Register the deployments of prefect.yaml with the server of `tqs up`, then become the worker that runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tqs.loopback import answers

PROJECT = Path(__file__).resolve().parents[1]
POOL = "tqs"
START_LIMIT_S = 120.0


def main() -> None:
    """Wait for the server, deploy, and turn into `prefect worker start` (same process: signals reach it)."""
    prefect = str(Path(sys.executable).parent / "prefect")
    wait_for_server(os.environ["PREFECT_API_URL"], START_LIMIT_S)
    for arguments in (
        ["work-pool", "create", POOL, "--type", "process", "--overwrite"],
        ["deploy", "--all"],
    ):
        subprocess.run([prefect, "--no-prompt", *arguments], cwd=PROJECT, check=True)  # noqa: S603
    os.chdir(PROJECT)
    os.execv(prefect, [prefect, "worker", "start", "--pool", POOL, "--type", "process"])  # noqa: S606


def wait_for_server(api_url: str, limit_s: float) -> None:
    """Return once the server answers; TimeoutError after `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if answers(f"{api_url}/health"):
            return
        time.sleep(0.25)
    raise TimeoutError(f"the Prefect server at {api_url} did not answer within {limit_s:.0f} s")


if __name__ == "__main__":
    main()
