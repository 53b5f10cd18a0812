"""Sessions from a system that signs what it sends, in the place of a key."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import from_json
from sqlalchemy import Engine

from access.audit import WEBHOOK
from bentos.routers import ThisEngine
from bentos.routers.sessions import REFUSALS, take_one
from processing.agreement import StoredSession
from processing.batches import TakenBatch, take_batch
from processing.posted import PostedSession, PostedSessions

router = APIRouter(tags=["Sessions"])
_HEADERS: Final = {
    "X-TQS-Timestamp": "When it was sent: seconds since 1970.",
    "X-TQS-Signature": "HMAC-SHA256, in hex, of the timestamp, a full stop and the body, by the shared secret.",
}
_SIGNED: Final[dict[str, Any]] = {
    "parameters": [
        {"name": name, "in": "header", "required": True, "description": said, "schema": {"type": "string"}}
        for name, said in _HEADERS.items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [{"$ref": f"#/components/schemas/{form}"} for form in ("PostedSession", "PostedSessions")]
                }
            }
        },
    },
}


@router.post("/webhooks/sessions", status_code=202, responses=REFUSALS, openapi_extra=_SIGNED)
async def receive_sessions(request: Request, engine: ThisEngine) -> StoredSession | TakenBatch:
    """Take in one session or a batch, as the two other addresses do, without a key but signed.

    404 also where no secret is set (TQS_WEBHOOK_SECRET). A timestamp may be five minutes off.
    """
    return await run_in_threadpool(_take, engine, await request.body())  # whose signature was verified on its way here


def _take(engine: Engine, body: bytes) -> StoredSession | TakenBatch:
    told = from_json(body) if body else None
    try:
        if isinstance(told, dict) and "sessions" in told:
            return take_batch(engine, PostedSessions.model_validate(told).sessions, WEBHOOK)
        session = PostedSession.model_validate(told)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError(found) from None
    return take_one(engine, session, WEBHOOK)
