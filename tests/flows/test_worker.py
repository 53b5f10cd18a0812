"""What the worker does before it becomes Prefect's, against a real Prefect server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.states import Completed, Pending, Running
from prefect.testing.utilities import prefect_test_harness

from flows.worker import POOL, close_orphans


@flow(name="nothing")
def nothing() -> None:
    """Do nothing."""


@pytest.fixture(scope="module")
def client() -> Iterator[SyncPrefectClient]:
    with prefect_test_harness(server_startup_timeout=120), get_client(sync_client=True) as client:
        yield client


@pytest.mark.long
def test_what_ran_when_a_worker_ended_keeps_no_place(client: SyncPrefectClient) -> None:
    client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    deployment = client.create_deployment(
        client.create_flow(nothing), name="once", work_pool_name=POOL, concurrency_limit=1
    )
    running, finished = (client.create_flow_run_from_deployment(deployment).id for _ in range(2))
    by_hand = client.create_flow_run(nothing).id
    client.set_flow_run_state(finished, Pending())
    client.set_flow_run_state(finished, Running())
    client.set_flow_run_state(finished, Completed())
    for run in (running, by_hand):
        client.set_flow_run_state(run, Pending())
        client.set_flow_run_state(run, Running())

    assert close_orphans() == 1

    states = [client.read_flow_run(run).state_name for run in (running, finished, by_hand)]
    assert states == ["Crashed", "Completed", "Running"]
    after = client.create_flow_run_from_deployment(deployment).id
    assert client.set_flow_run_state(after, Pending()).status == "ACCEPT"  # the one place of the deployment is free
    assert close_orphans() == 1
