"""How the models fared since they began to serve: slow to read, so it is read in threads and kept for a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from time import monotonic
from typing import Final

from sqlalchemy import Engine

from modelling.shadow import find_shadow
from records.columns import TARGETS
from records.engine import explain_outage
from scoring.expected_weeks import ExpectedWeek, read_expected_weeks
from scoring.outcomes import GroupOutcome, report_outcomes
from scoring.sessions import SESSION_TARGETS
from scoring.shadow_report import ShadowReport, report_shadow

KEPT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class ModelHistory:
    """Of one target. weeks, outcomes: none of match, whose predictions are not compared by week."""

    weeks: tuple[ExpectedWeek, ...]
    outcomes: tuple[GroupOutcome, ...]
    shadow: ShadowReport | None


class ModelHistories:
    """The history of each target, the same for all pages, read anew when it is older than KEPT_S."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[str, tuple[float, ModelHistory]] = {}
        self._locks = {target: threading.Lock() for target in TARGETS}

    def peek(self, target: str) -> tuple[ModelHistory | None, bool]:
        """What is kept, and whether it is as new as it should be. At once."""
        read_at, history = self._kept.get(target, (0.0, None))
        return history, history is not None and monotonic() - read_at < KEPT_S

    def read(self, target: str) -> ModelHistory:
        """What is kept where it is new enough, else read: up to seconds, so not while pages wait. From any thread.

        Raises
        ------
        RecordsError
            the database cannot be reached.
        """
        with self._locks[target]:
            history, fresh = self.peek(target)
            if history is None or not fresh:
                with explain_outage(self._engine):
                    history = _read_history(self._engine, target, datetime.now(UTC))
                self._kept[target] = (monotonic(), history)
            return history


@cache
def histories_of(engine: Engine) -> ModelHistories:
    """The one for all pages of a server."""
    return ModelHistories(engine)


def _read_history(engine: Engine, target: str, now: datetime) -> ModelHistory:
    compared = target in SESSION_TARGETS
    return ModelHistory(
        weeks=tuple(read_expected_weeks(engine, target, now)) if compared else (),
        outcomes=tuple(report_outcomes(engine, target, now)) if compared else (),
        shadow=None if find_shadow(engine, target) is None else report_shadow(engine, target, now),
    )
