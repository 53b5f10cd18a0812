"""What people did, or asked for, about a session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from bentos.answers import json_answer
from bentos.fields import Offset, PathId, refuse_unstorable
from bentos.people import Answer, Form
from bentos.routers import Actor, TheseAnswers, ThisEngine, ThisWorker
from scoring.interventions import INTERVENTION_PAGE, LONGEST_NOTE, MAX_LIMIT, Intervention, intervene
from tqs.errors import NotFoundError

router = APIRouter(prefix="/upcoming-sessions/{session_id}/interventions", tags=["Upcoming sessions"])

NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "There is no such session"}}
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {409: {"description": "A reminder cannot be sent, or was just sent"}}

Note = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=LONGEST_NOTE), AfterValidator(refuse_unstorable)
]
Kind = Literal["reminder", "call", "reassign", "note"]
InterventionLimit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many to answer at most.")]


class NewIntervention(Form):
    """What is done. A reminder queues an e-mail to the tutor."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "call", "note": "Will be there."}]})

    kind: Kind
    note: Note | None = Field(default=None, description="For the people who look after the sessions.")


class RecordedIntervention(Answer):
    """What was done, by whom (the name of a key) and when."""

    id: UUID
    session_id: UUID
    tutor_id: UUID
    kind: Kind
    note: str | None
    actor: str
    created_at: datetime


class SessionOutcome(Answer):
    """What became of the session, and whether it was its tutor who moved or cancelled it."""

    status: Literal["completed", "rescheduled", "no_show"]
    tutor_rescheduled: bool


class ListedIntervention(RecordedIntervention):
    """What was done, and what became of the session. outcome: null until that is known."""

    outcome: SessionOutcome | None


class InterventionList(Answer):
    """Interventions of one session, the newest first."""

    interventions: list[ListedIntervention]
    total: int = Field(description="How many there are in all, on whatever page.")
    limit: int
    offset: int


@router.get("", response_model=InterventionList, responses=NOT_FOUND)
async def list_interventions(
    session_id: PathId, answers: TheseAnswers, limit: InterventionLimit = 50, offset: Offset = 0
) -> Response:
    """What was done about one session, whether it is ahead or over, the newest first, and how it ended."""
    answer = await answers.fetch(INTERVENTION_PAGE, session_id, limit, offset)
    if answer is None:
        raise NotFoundError(f"there is no session {session_id}")
    return json_answer(answer)


@router.post("", status_code=201, response_model=RecordedIntervention, responses=NOT_FOUND | CONFLICT)
def add_intervention(
    session_id: PathId, intervention: NewIntervention, engine: ThisEngine, worker: ThisWorker, actor: Actor
) -> Intervention:
    """Record what is done about one session.

    A `reminder` queues an e-mail to the tutor. It and `reassign` need a session ahead (else 400); a `call` or a `note`
    may be about any. A tutor without an e-mail address, or not active any more, gets no reminder, nor does one who
    was sent one about this session within the last hour: 409.
    """
    return intervene(
        engine,
        session_id,
        intervention.kind,
        intervention.note,
        datetime.now(UTC),
        timezone=worker.settings.timezone,
        actor=actor,
    )
