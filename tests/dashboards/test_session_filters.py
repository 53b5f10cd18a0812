from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from dashboards.session_filters import SessionFilters


def test_an_address_sets_them_and_they_write_it_again() -> None:
    filters = SessionFilters(lambda: None)
    filters.read("high", "2", "no", "A&b")
    filters.read_sort("scheduled_time", "desc")

    query = filters.query(50, 100)

    assert (query.risk_level, query.days_ahead, query.handled, query.tutor_search) == ("high", 2, False, "A&b")
    assert (query.sort_by, query.sort_order, query.limit, query.offset) == ("scheduled_time", "desc", 50, 100)
    assert filters.write(UUID(int=5)) == (
        "?risk=high&handled=no&tutor=A%26b&days=2&sort=scheduled_time&order=desc"
        "&session=00000000-0000-0000-0000-000000000005"
    )


def test_what_is_usual_needs_no_address() -> None:
    filters = SessionFilters(lambda: None)
    assert filters.write(None) == ""
    query = filters.query(50, 0)
    assert (query.risk_level, query.days_ahead, query.handled) == (None, 7, None)
    assert (query.sort_by, query.sort_order) == ("reschedule_probability", "desc")


@pytest.mark.parametrize(
    ("asked", "days"), [("1", 1), ("3", 7), ("14", 14), ("90", 14), ("", 7), ("x", 7), ("-1", 7), ("²", 7)]
)
def test_days_that_are_no_choice(asked: str, days: int) -> None:
    filters = SessionFilters(lambda: None)
    filters.read("huge", asked, "maybe", "")
    filters.read_sort("s.id; --", "asc")
    assert filters.days == days
    assert (filters.handled, filters.sort["by"]) == (None, "reschedule_probability")


@pytest.mark.parametrize(("hours", "days"), [(1, 7), (24 * 7, 7), (24 * 7 + 1, 14), (24 * 30, 7)])
def test_a_linked_session_is_reached(hours: float, days: int) -> None:
    filters = SessionFilters(lambda: None)
    filters.reach(timedelta(hours=hours))
    assert filters.days == days
