"""Batches of sessions: each looked at on its own, all that can be taken in taken in at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Engine

from processing.intake import Refusal, take_sessions
from processing.posted import PostedSession

MOST_FAULTS: Final = 5  # told of one session
LONGEST_NAME: Final = 100  # of a field in what is told


@dataclass(frozen=True, slots=True)
class RefusedSession:
    """Which session of the batch was not taken, counted from 0, and why; status as if it had been posted alone."""

    index: int
    status: int
    detail: str


@dataclass(frozen=True, slots=True)
class TakenBatch:
    """accepted: how many sessions are stored as told, an id that is there twice counted once."""

    accepted: int
    refused: list[RefusedSession]


def take_batch(engine: Engine, sessions: Sequence[object], actor: str) -> TakenBatch:
    """Take in sessions as they came out of JSON. What is wrong with one is told in `refused` and harms no other."""
    valid: dict[int, PostedSession] = {}
    refused: list[RefusedSession] = []
    for index, session in enumerate(sessions):
        try:
            valid[index] = PostedSession.model_validate(session)
        except ValidationError as error:
            refused.append(RefusedSession(index, 400, _explain(error)))
    accepted = set()
    if valid:
        for index, answer in zip(valid, take_sessions(engine, list(valid.values()), actor), strict=True):
            if isinstance(answer, Refusal):
                refused.append(RefusedSession(index, answer.status, answer.detail))
            else:
                accepted.add(answer.id)
    return TakenBatch(len(accepted), sorted(refused, key=lambda one: one.index))


def _explain(error: ValidationError) -> str:
    """The first faults, without the values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(str(part)[:LONGEST_NAME] for part in fault['loc']) or 'session'}: "
        f"{fault['msg'].removeprefix('Value error, ')}"
        for fault in faults[:MOST_FAULTS]
    ]
    more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return "; ".join([*told, *more])
