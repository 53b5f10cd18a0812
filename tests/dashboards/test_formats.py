from datetime import UTC, datetime

import pytest

from dashboards.formats import format_count, format_percent, format_points, format_time


@pytest.mark.parametrize(("percent", "shown"), [(0.0, "0.0%"), (12.345, "12.3%"), (100.0, "100.0%"), (None, "–")])
def test_percent(percent: float | None, shown: str) -> None:
    assert format_percent(percent) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0"), (1_234_567, "1,234,567"), (None, "–")])
def test_count(count: int | None, shown: str) -> None:
    assert format_count(count) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0.042, "+4.2 pp"), (-0.042, "−4.2 pp"), (0.0, "0.0 pp"), (-0.0001, "0.0 pp"), (None, "–")]
)
def test_points(fraction: float | None, shown: str) -> None:
    assert format_points(fraction) == shown


def test_time_is_local_with_its_zone() -> None:
    summer = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)

    assert format_time(summer, "UTC") == "1 Jul 2026, 22:30 UTC"
    assert format_time(summer, "Europe/Berlin", seconds=True) == "2 Jul 2026, 00:30:05 CEST"
