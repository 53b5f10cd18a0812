"""Sessions told by the company's own system: durable, with the promise to process them, before the answer."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, HTTPException
from sqlalchemy import Engine

from bentos.routers import Actor, ThisEngine
from processing.agreement import StoredSession
from processing.batches import TakenBatch, take_batch
from processing.intake import Refusal, take_sessions
from processing.posted import PostedSession, PostedSessions

router = APIRouter(tags=["Sessions"])
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such tutor"},
    409: {"description": "The session is stored already, and otherwise; nothing was changed"},
}


@router.post("/sessions", status_code=202, responses=REFUSALS)
def post_session(session: PostedSession, engine: ThisEngine, actor: Actor) -> StoredSession:
    """Take in one session. The same again changes nothing; a scheduled one can be posted once more with its outcome.

    A time without an offset is in UTC. A field that is left out or null contradicts nothing that is stored.
    """
    return take_one(engine, session, actor)


@router.post("/sessions/batch", status_code=202)
def post_sessions(batch: PostedSessions, engine: ThisEngine, actor: Actor) -> TakenBatch:
    """Take in up to 1,000 sessions, each as if it were posted alone, in their order.

    All that are valid are taken, whatever becomes of the others; those that are not are told in `refused`.
    """
    return take_batch(engine, batch.sessions, actor)


def take_one(engine: Engine, session: PostedSession, actor: str) -> StoredSession:
    """The session as it is stored now; an error with the status that it stands for where it was refused."""
    (answer,) = take_sessions(engine, [session], actor)
    if isinstance(answer, Refusal):
        raise HTTPException(answer.status, answer.detail)
    return answer
