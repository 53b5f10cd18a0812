"""The REST routes under /api: parse, call a room, shape the answer."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from bentos.worker import Worker


def get_worker(request: Request) -> Worker:
    """The state of the worker process that serves this request."""
    worker: Worker = request.app.state.worker
    return worker


ThisWorker = Annotated[Worker, Depends(get_worker)]
