"""What the page of the sessions ahead reads of its list, once for all pages that ask the same at the same time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Engine

from dashboards.page import LivePage
from scoring.call_plan import CallPlan, plan_calls
from scoring.models import ServedModel
from scoring.session_list import SessionPage, list_sessions
from scoring.upcoming_list import UpcomingQuery


class SessionReads:
    """Reads the list and the plan of calls for a page, which keeps them: another order or page needs little anew.

    thresholds: of the risk that a session is moved, 0-1.
    """

    def __init__(self, page: LivePage, thresholds: tuple[float, float]) -> None:
        self._share = page.share
        self._thresholds = thresholds

    def page(self, query: UpcomingQuery, model: ServedModel | None) -> SessionPage:
        """As `scoring.session_list.list_sessions`."""
        return self._share(_ReadPage(query, self._thresholds, model))

    def plan(self, query: UpcomingQuery) -> CallPlan:
        """As `scoring.call_plan.plan_calls`: the same for all pages of a list, in whatever order."""
        asked = replace(query, sort_by="scheduled_time", sort_order="asc", limit=1, offset=0)
        return self._share(_ReadPlan(asked, self._thresholds))


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
