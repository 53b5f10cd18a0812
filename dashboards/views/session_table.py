"""The list of the sessions ahead: when, with whom, how likely it is moved, and what was done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from dashboards.components.data_table import Cell, Deed, TableColumn, TableRow, Tone
from dashboards.formats import NOTHING, format_percent
from dashboards.views.actors import name_actor
from dashboards.views.deeds import DEEDS, say_done
from dashboards.views.risk import show_risk
from modelling.fallback import RULE_VERSION
from scoring.session_list import ListedSession

QUICK: Final = ("reminder", "call")  # the deeds that a row has buttons for; the detail has all

TIME, PROBABILITY, TUTOR, STUDENT = "scheduled_time", "reschedule_probability", "tutor_name", "student_name"
SESSION_COLUMNS: Final[list[TableColumn]] = [
    {"key": TIME, "title": "When", "sortable": True},
    {"key": TUTOR, "title": "Tutor", "sortable": True},
    {"key": STUDENT, "title": "Student", "sortable": True, "hidden_below": 560},
    {
        "key": PROBABILITY,
        "title": "Likely moved",
        "help": "Probability that the session is moved or cancelled, with its risk level",
        "numeric": True,
        "sortable": True,
    },
    {
        "key": "band",
        "title": "Came true",
        "help": "How often sessions scored alike were moved or cancelled (9 in 10 sure)",
        "numeric": True,
        "hidden_below": 560,
    },
    {"key": "deed", "title": "Done", "help": "What was done about it last", "hidden_below": 560},
]
ACTED: Final[TableColumn] = {"key": "act", "title": "", "hidden_below": 720}


def show_session_rows(
    sessions: Sequence[ListedSession], zone: str, calls: Mapping[UUID, int], *, serving: str | None, may_act: bool
) -> list[TableRow]:
    """One row a session, cells by the keys of SESSION_COLUMNS and, for who may act, ACTED.

    calls: the place of those to be called, from 1. zone: IANA name, of the times. serving: the version that serves;
    None while it is being loaded.
    """
    return [_show_row(session, zone, calls.get(session.id), serving, may_act) for session in sessions]


def show_probability(session: ListedSession) -> Cell:
    """The probability in the badge of its risk level, or that there is none."""
    if session.probability is None or session.risk_level is None:
        return {"text": "Not predicted yet", "tone": "quiet"}
    badge = show_risk(session.risk_level)
    return {**badge, "text": f"{badge['text']} {format_percent(100 * session.probability)}"}


def show_band(session: ListedSession, serving: str | None) -> Cell:
    """How often sessions scored alike came true, or why that is not known."""
    if session.band is not None:
        low, high = session.band
        return {"text": f"{100 * low:.0f}–{100 * high:.0f}%"}
    if session.probability is None or serving is None:
        return {"text": NOTHING, "tone": "quiet"}
    if session.model_version == RULE_VERSION:
        return {"text": "by the rule", "tone": "quiet"}
    return {"text": "not measured" if session.model_version == serving else "older model", "tone": "quiet"}


def show_deed(session: ListedSession, call: int | None) -> Cell:
    """What was done last; else that it is to be called, as which one."""
    deed = session.deed
    who = "" if deed is None else name_actor(deed.actor)
    if call is not None:
        cell: Cell = {"text": f"To call: {call}", "icon": "phone_in_talk", "tone": "warn"}
        return cell if deed is None else cell | {"detail": say_done(deed)}
    if deed is None:
        return {"text": NOTHING, "tone": "quiet"}
    if deed.failed:
        return {"text": say_done(deed), "icon": "error", "tone": "bad", "detail": who}
    tone: Tone = "good" if deed.handles else "plain"
    return {"text": say_done(deed), "icon": DEEDS[deed.kind].icon, "tone": tone, "detail": who}


def _show_row(session: ListedSession, zone: str, call: int | None, serving: str | None, may_act: bool) -> TableRow:
    local = session.scheduled_time.astimezone(ZoneInfo(zone))
    cells: dict[str, Cell] = {
        TIME: {"text": f"{local:%a} {local.day} {local:%b}", "detail": f"{local:%H:%M}"},
        TUTOR: {"text": session.tutor_name, "link": f"tutor?{urlencode({'id': str(session.tutor_id)})}"},
        STUDENT: {"text": session.student_name or session.student_id},
        PROBABILITY: show_probability(session),
        "band": show_band(session, serving),
        "deed": show_deed(session, call),
    }
    if may_act:
        cells["act"] = {"deeds": [_show_button(kind) for kind in QUICK]}
    if session.deed is not None:
        cells[TUTOR]["narrow"] = say_done(session.deed)
    row: TableRow = {"id": str(session.id), "cells": cells}
    return row if call is None else {**row, "mark": f"to call: {call}"}


def _show_button(kind: str) -> Deed:
    return {"key": kind, "label": DEEDS[kind].ask, "icon": DEEDS[kind].icon}
