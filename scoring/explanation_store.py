"""Explanations that a language model wrote, kept by what they were written from, so that similar matches share one.

A row without a text is a promise: whoever made it is writing, and the others wait for it instead of asking the model
as well. A promise lapses, so one that was made by a process that died holds up nobody for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import Engine, text

from scoring.language_model import LIMIT_S

PROMISE_S: Final = LIMIT_S + 1
REFUSED_S: Final = 3600  # a text that was refused is not asked for again within an hour


@dataclass(frozen=True, slots=True)
class Explanation:
    """A text, and whether a language model or the rule wrote it."""

    text: str
    source: Literal["llm", "rules"]


def find_explanation(engine: Engine, key: str) -> Explanation | None:
    """The explanation of this key: the model's, or the rule's where the model's was refused within the last hour."""
    with engine.connect() as connection:
        row = connection.execute(_FIND, {"key": key}).one_or_none()
    return None if row is None else Explanation(row.text, row.source)


def promise_explanation(engine: Engine, key: str) -> bool:
    """Promise to write the explanation of this key; False where another promise holds, or a text is there."""
    with engine.begin() as connection:
        return connection.execute(_PROMISE, {"key": key}).one_or_none() is not None


def keep_explanation(engine: Engine, key: str, explanation: Explanation) -> None:
    """Fulfil a promise. A text that is there by now stays."""
    with engine.begin() as connection:
        connection.execute(_KEEP, {"key": key, "text": explanation.text, "source": explanation.source})


def withdraw_promise(engine: Engine, key: str) -> None:
    """Tell those who wait that nothing will come."""
    with engine.begin() as connection:
        connection.execute(_WITHDRAW, {"key": key})


def is_promised(engine: Engine, key: str) -> bool:
    """Whether somebody is writing the explanation of this key."""
    with engine.connect() as connection:
        return bool(connection.scalar(_PROMISED, {"key": key}))


_FIND: Final = text(
    f"""
    SELECT text, source FROM explanations WHERE key = :key AND text IS NOT NULL
        AND (source = 'llm' OR created_at > now() - interval '{REFUSED_S} s')
    """
)
_PROMISE: Final = text(
    f"""
    INSERT INTO explanations AS e (key) VALUES (:key)
    ON CONFLICT (key) DO UPDATE SET text = NULL, source = NULL, created_at = now()
    WHERE (e.text IS NULL AND e.created_at < now() - interval '{PROMISE_S} s')
        OR (e.source = 'rules' AND e.created_at < now() - interval '{REFUSED_S} s')
    RETURNING key
    """
)
_KEEP: Final = text(
    """
    INSERT INTO explanations AS e (key, text, source) VALUES (:key, :text, :source)
    ON CONFLICT (key) DO UPDATE SET text = excluded.text, source = excluded.source, created_at = now()
    WHERE e.text IS NULL
    """
)
_WITHDRAW: Final = text("DELETE FROM explanations WHERE key = :key AND text IS NULL")
_PROMISED: Final = text(
    f"""
    SELECT EXISTS (SELECT FROM explanations
        WHERE key = :key AND text IS NULL AND created_at >= now() - interval '{PROMISE_S} s')
    """
)
