"""What the page of the sessions ahead reads of its list, once for all pages that ask the same at the same time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine

from dashboards.context import Context
from scoring.call_plan import CallPlan, plan_calls
from scoring.models import ServedModel
from scoring.session_list import SessionPage, list_sessions
from scoring.upcoming_list import UpcomingQuery


class SessionReads:
    """Keeps what was read until it is told to forget it: another order, page or session needs little anew."""

    def __init__(self, context: Context) -> None:
        self._live = context.live
        self._thresholds = context.settings.risk_thresholds("reschedule")
        self._kept: dict[Any, Any] = {}

    def forget(self) -> None:
        """The records may have changed."""
        self._kept.clear()

    def page(self, query: UpcomingQuery, model: ServedModel | None) -> SessionPage:
        """As `scoring.session_list.list_sessions`."""
        page: SessionPage = self._read(_ReadPage(query, self._thresholds, model))
        return page

    def plan(self, query: UpcomingQuery) -> CallPlan:
        """As `scoring.call_plan.plan_calls`: the same for all pages of a list, in whatever order."""
        asked = replace(query, sort_by="scheduled_time", sort_order="asc", limit=1, offset=0)
        plan: CallPlan = self._read(_ReadPlan(asked, self._thresholds))
        return plan

    def _read(self, read: Any) -> Any:
        if read not in self._kept:
            self._kept[read] = self._live.share(read)
        return self._kept[read]


@dataclass(frozen=True, slots=True)
class _ReadPage:
    """A read that is the same for whoever asks the same."""

    query: UpcomingQuery
    thresholds: tuple[float, float]
    model: ServedModel | None

    def __call__(self, engine: Engine) -> SessionPage:
        return list_sessions(engine, self.query, self.thresholds, self.model)


@dataclass(frozen=True, slots=True)
class _ReadPlan:
    """As _ReadPage."""

    query: UpcomingQuery
    thresholds: tuple[float, float]

    def __call__(self, engine: Engine) -> CallPlan:
        return plan_calls(engine, self.query, self.thresholds)
