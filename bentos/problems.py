"""Errors as RFC 9457 problem documents, whatever the part below that raised them wrote."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from pydantic_core import from_json, to_json

PROBLEM_JSON: Final = "application/problem+json"
MOST_ERRORS: Final = 100
# What pydantic adds to a field's name where the field takes one of several kinds; no field here has such a name.
_UNION_MEMBER: Final = re.compile(
    r"uuid|u?int|float|str|bool|bytes|none|constrained-(int|float|str)|(literal|dict|list|function-[a-z]+)\[.*\]"
)

# What the client is told where the part below has nothing to say that may leave the house.
DETAILS: Final = {
    400: "The request cannot be read as this endpoint's input; the errors say which fields.",
    401: "Send a valid key in the header X-API-Key; an operator makes one with `tqs keys create`.",
    403: "This key does not carry the scope that the call needs.",
    404: "There is nothing at this address; GET /docs.json lists the addresses there are.",
    405: "This address does not take this method; the header Allow lists those it does.",
    408: "The body did not arrive in time; send it again.",
    413: "The body is too large; send it in parts.",
    415: "Send JSON, with the header Content-Type: application/json.",
    429: "Too many requests were refused from this address; wait as long as Retry-After says.",
    500: "Something went wrong on our side; the log of the service says what. The call may be repeated.",
    503: "The service cannot answer at the moment; try again as Retry-After says.",
    504: "The answer took too long; ask for less at once, or try again.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as the client sees it. errors: which fields are wrong, as (field, message)."""

    status: int
    detail: str = ""
    errors: Sequence[tuple[str, str]] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The document."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail or DETAILS.get(self.status, HTTPStatus(self.status).description),
        }
        if self.errors:
            document["errors"] = [{"field": name, "message": message} for name, message in self.errors[:MOST_ERRORS]]
        return to_json(document)


def translate_error(status: int, body: bytes) -> Problem:
    """The problem behind an error response of BentoML, FastAPI or Starlette.

    Of a 4xx its own sentence and its pydantic errors are kept, never the input they quote; of a 5xx nothing is. A
    422 (FastAPI's for invalid input) becomes 400.
    """
    status = 400 if status == 422 else status
    if status >= 500:
        return Problem(status if status in DETAILS else 500)
    try:
        found = from_json(body)
    except ValueError:
        return Problem(status)
    detail = found.get("detail") if isinstance(found, dict) else None
    if isinstance(detail, str):
        known = detail == HTTPStatus(status).phrase  # Starlette's own, which says nothing that `title` does not
        return Problem(status, "" if known else detail)
    if isinstance(detail, list):
        return Problem(status, errors=[_name_field(item) for item in detail if isinstance(item, dict)])
    return Problem(status)


def _name_field(error: dict[str, Any]) -> tuple[str, str]:
    location = [str(part) for part in error.get("loc", ()) if part not in ("body", "query", "path", "root")]
    for place, part in enumerate(location):
        if place and _UNION_MEMBER.fullmatch(part):
            del location[place:]
            break
    return ".".join(location) or "body", str(error.get("msg", "is not valid")).removeprefix("Value error, ")
