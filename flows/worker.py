"""Register the deployments of prefect.yaml with the server of `tqs up`, then become the worker that runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Crashed

from tqs.loopback import answers

PROJECT = Path(__file__).resolve().parents[1]
POOL = "tqs"
START_LIMIT_S = 120.0


def main() -> None:
    """Wait for the server, clear up, deploy, and turn into `prefect worker start` (same process: signals reach it)."""
    prefect = str(Path(sys.executable).parent / "prefect")
    wait_for_server(os.environ["PREFECT_API_URL"], START_LIMIT_S)
    close_orphans()
    for arguments in (
        ["work-pool", "create", POOL, "--type", "process", "--overwrite"],
        ["deploy", "--all"],
    ):
        subprocess.run([prefect, "--no-prompt", *arguments], cwd=PROJECT, check=True)  # noqa: S603
    os.chdir(PROJECT)
    os.execv(prefect, [prefect, "worker", "start", "--pool", POOL, "--type", "process"])  # noqa: S606


def close_orphans() -> int:
    """Declare crashed what a former worker was running when it ended; the number of runs.

    Their processes ended with it. For the server they would run on, and keep the place of their deployment from every
    other run for five minutes.
    """
    unfinished = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL])),
        )
        for run in runs:
            client.set_flow_run_state(run.id, Crashed(message="The worker that ran it ended before it did."))
    return len(runs)


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
