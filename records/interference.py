"""What was done about sessions and tutors, as columns: the arms of the automatic reminders, and what people did."""

from __future__ import annotations

from typing import Final

import numpy as np
from sqlalchemy import Engine, text

from records.bulk import read_rows
from records.columns import Directory, HandledSessions, Interference, ReminderArms

TREATMENTS: Final = ("reminder", "call", "reassign")  # kinds of interventions that mean to change an outcome
TREATS: Final = f"i.kind IN ({', '.join(repr(kind) for kind in TREATMENTS)})"  # SQL over an intervention `i`


def read_interference(engine: Engine, directory: Directory) -> Interference:
    """All that was done so far, tutors by their codes in `directory`."""
    with engine.begin() as connection:
        drawn = connection.execute(_ARMS).all()
        by_hand = read_rows(connection, _BY_HAND, {"id": "V16", "first": "time"})
    code = {tutor: number for number, tutor in enumerate(directory.tutors)}
    rows = [row for row in drawn if row.tutor_id in code]  # a tutor may be newer than the directory
    arms = ReminderArms(
        tutor=np.array([code[row.tutor_id] for row in rows], dtype=np.int64),
        assigned=np.array([row.assigned for row in rows], dtype=np.int64),
        hold_out=np.array([row.arm == "hold_out" for row in rows], dtype=np.bool_),
        share=np.array([row.share for row in rows], dtype=np.float64),
    )
    return Interference(arms.take(np.argsort(arms.tutor)), HandledSessions(**by_hand))


_ARMS: Final = text(
    "SELECT tutor_id::text, (extract(epoch FROM assigned_at) * 1000000)::bigint AS assigned, arm, share "
    "FROM reminder_arms"
)
_BY_HAND: Final = f"""
    SELECT i.session_id, min(i.created_at) FROM interventions i
    WHERE i.session_id IS NOT NULL AND {TREATS}
        AND NOT EXISTS (SELECT FROM automatic_reminders a WHERE a.intervention_id = i.id)
    GROUP BY 1 ORDER BY 1"""
