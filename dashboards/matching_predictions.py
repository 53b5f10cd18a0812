"""The predictions that a student's ranking waits for: made and stored in a thread, once for each student and model."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final
from uuid import UUID

import panel_material_ui as pmui
from sqlalchemy import Engine

from access.audit import Deed
from dashboards.aside import do_aside
from records.engine import explain_outage
from scoring.match_people import StudentCard
from scoring.models import ServedModel
from scoring.pair_refresh import predict_person
from tqs.errors import TqsError

_log = logging.getLogger(__name__)

RETRY: Final = "Choose another student, or load this page again to have it tried once more."


class MissingPredictions:
    """`view` says that a ranking is incomplete, and why.

    What failed is not tried again until another student or model is asked for.
    """

    def __init__(self, engine: Engine, reload: Callable[[], None]) -> None:
        self._engine = engine
        self._reload = reload
        self._under_way: tuple[UUID, str] | None = None  # the student and the version of the model
        self._tried: tuple[UUID, str] | None = None  # for nothing, unless what was left out is there by now
        self._trouble = ""
        self.view = pmui.Alert(
            severity="warning",
            visible=False,
            sizing_mode="stretch_width",
            margin=0,
            title="The ranking is incomplete",
            object="",
        )

    @property
    def under_way(self) -> bool:
        """Whether some are being made."""
        return self._under_way is not None

    def follow(
        self, model: ServedModel | None, student: StudentCard | None, left_out: Sequence[str], actor: str
    ) -> None:
        """Have the predictions of the student with the tutors `left_out` made, and say so; each load calls this.

        actor: who looks, for the audit log.
        """
        if model is None or student is None or not left_out:
            self._tried, self.view.visible = None, False
            return
        asked = (student.id, model.version)
        if self._tried is not None and self._tried != asked:
            self._tried = None
        if self._under_way is None and self._tried is None:
            self._under_way = asked
            deed = Deed(actor, "refresh student", str(student.id))
            do_aside(partial(_predict, self._engine, model, student.id, left_out, deed), self._end)
        if self._under_way == asked:
            self._say("info", f"{student.name} is being predicted with {len(left_out):,} tutors …")
        elif self._under_way is None:
            trouble = self._trouble or "the predictions were made, and are out of date again"
            self._say("warning", f"{len(left_out):,} tutors are left out of it: {trouble}. {RETRY}")
        else:
            self._say("info", f"{len(left_out):,} tutors are left out of it until another student is predicted …")

    def _end(self, done: Future[str]) -> None:
        self._tried, self._under_way = self._under_way, None
        self._trouble = done.result()
        self._reload()

    def _say(self, severity: str, sentence: str) -> None:
        self.view.param.update(severity=severity, object=sentence, visible=True)


def _predict(engine: Engine, model: ServedModel, student_id: UUID, tutors: Sequence[str], deed: Deed) -> str:
    """Why the predictions could not be made; nothing where they were."""
    try:
        with explain_outage(engine):
            predict_person(engine, model, "student", student_id, tutors, deed=deed)
    except TqsError as error:
        return str(error)
    except Exception:  # noqa: BLE001  # whatever it was, the page must go on
        _log.exception("the predictions of a student could not be made")
        return "something went wrong here, and the log of the dashboards says what"
    return ""
