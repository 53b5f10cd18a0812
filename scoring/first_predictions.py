"""The first stored prediction of each session, in SQL: the one that says what happens.

A later one is made only of sessions that were not rescheduled until then: it is right to be lower the closer the start,
and beside all that happened it would look too low. First ones are kept as former predictions until
`scoring.upkeep.FORMER_DAYS` after their session; of an older session only the last one is left, which must not count.
"""

from __future__ import annotations

from typing import Final


def first_predictions(where: str) -> str:
    """A query of the first prediction of each session and time that it was scheduled for, of those that hold `where`.

    where: SQL over columns that both tables of predictions have. Columns: session_id, scheduled_time, probability,
    model_version, predicted_at.
    """
    made = " UNION ALL ".join(
        f"SELECT {_COLUMNS} FROM {table} WHERE {where}"
        for table in ("former_predictions", "session_reschedule_predictions")
    )
    return f"""SELECT DISTINCT ON (session_id, scheduled_time) {_COLUMNS} FROM ({made}) made
        ORDER BY session_id, scheduled_time, predicted_at"""


_COLUMNS: Final = "session_id, scheduled_time, probability, model_version, predicted_at"
