"""What the model endpoints take and answer: the forms of `scoring.forms` as JSON, with an example of each.

A record of the wrong form is answered in its place; only a request that is wrong as a whole is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, RootModel, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError, from_json, to_json
from starlette.responses import Response

from scoring.forms import MatchRecord, Prediction, Refused, SessionRecord, TutorRecord, TutorScore

MOST_RECORDS: Final = 10_000
MOST_ERRORS: Final = 100_000  # telling them takes 4 µs each

Record = TypeVar("Record")
Answer = TypeVar("Answer", Prediction, TutorScore)


@dataclass(frozen=True, slots=True)
class Unscored:
    """The answer for a record that cannot be scored."""

    error: Refused


class Batch(BaseModel, Generic[Record]):
    """A request to a model endpoint: the records, answered in their order. A bare list is a request of just records."""

    # strict: "60" is no number, and a number is no time. Inputs hold personal data, so no error quotes them.
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

    records: list[Record] = Field(min_length=1, max_length=MOST_RECORDS)

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """As pydantic's, but each record that is wrong in itself becomes a `Refused` in its place."""
        json_data = _as_object(json_data)
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            wrong = _wrong_records(error)
        request = from_json(json_data)
        others = [record for place, record in enumerate(request["records"]) if place not in wrong]
        valid = (
            super().model_validate_json(to_json({**request, "records": others}), **options).records if others else []
        )
        answered = iter(valid)
        in_place = [wrong[place] if place in wrong else next(answered) for place in range(len(request["records"]))]
        return cast("Self", cls.model_construct(**{**request, "records": cast("list[Record]", in_place)}))


class SessionBatch(Batch[SessionRecord]):
    """Sessions ahead. contributions: also say which features moved each prediction most."""

    contributions: bool = False


class MatchBatch(Batch[MatchRecord]):
    """Students and tutors who might be brought together; contributions as for sessions."""

    contributions: bool = False


class TutorBatch(Batch[TutorRecord]):
    """Tutors with their sessions."""


class Predictions(RootModel[list[Prediction | Unscored]]):
    """One answer for each record, in their order."""


class TutorScores(RootModel[list[TutorScore | Unscored]]):
    """One answer for each tutor, in their order."""


def predictions_json(answers: Sequence[Prediction | Refused]) -> Response:
    """The answer to a request for predictions; contributions only where they were asked for."""
    return _respond(_PREDICTIONS.dump_json([_place(answer) for answer in answers], exclude_none=True))


def scores_json(answers: Sequence[TutorScore | Refused]) -> Response:
    """The answer to a request for scores; a rate is null where its window holds no session."""
    return _respond(_SCORES.dump_json([_place(answer) for answer in answers]))


_PREDICTIONS: Final = TypeAdapter(list[Prediction | Unscored])
_SCORES: Final = TypeAdapter(list[TutorScore | Unscored])


def _place(answer: Answer | Refused) -> Answer | Unscored:
    return Unscored(answer) if isinstance(answer, Refused) else answer


def _as_object(json_data: str | bytes | bytearray) -> bytes:
    """The request as an object, also where it is the bare list of its records."""
    body = json_data.encode() if isinstance(json_data, str) else bytes(json_data)
    return b'{"records":%b}' % body if body.lstrip(b" \t\r\n").startswith(b"[") else body


def _respond(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _wrong_records(error: ValidationError) -> dict[int, Refused]:
    """The first thing wrong with each record, by its place; raises `error` where the request itself is wrong."""
    if error.error_count() > MOST_ERRORS:
        too_many = PydanticCustomError("too_many_errors", "More is wrong than can be told; send records of the form")
        raise ValidationError.from_exception_data(
            error.title, [{"type": too_many, "loc": ("records",), "input": None}], hide_input=True
        )
    wrong: dict[int, Refused] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        where = item["loc"]
        if len(where) < 2 or where[0] != "records":
            raise error
        message = "There is no such field" if item["type"] == "unexpected_keyword_argument" else item["msg"]
        wrong.setdefault(int(where[1]), Refused(".".join(map(str, where[2:])) or "record", message))
    return wrong
