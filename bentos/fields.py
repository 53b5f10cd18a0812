"""The kinds of values that several forms and queries share."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import Path, Query
from pydantic import AfterValidator

LARGEST_OFFSET: Final = 2**31 - 1


def refuse_unstorable(value: str) -> str:
    """Pass a text on, or refuse it for a character that no text in the database can hold."""
    if "\0" in value:
        raise ValueError("holds a NUL character, which no text can hold; leave it out")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("holds half of a surrogate pair, which is no character; send whole characters")
    return value


Limit = Annotated[int, Query(ge=1, le=1_000, description="How many to answer at most.")]
Offset = Annotated[int, Query(ge=0, le=LARGEST_OFFSET, description="How many to leave out at the start.")]
Search = Annotated[str, Query(max_length=255), AfterValidator(refuse_unstorable)]
PathId = Annotated[UUID, Path()]
