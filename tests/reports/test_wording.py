from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.wording import (
    clean,
    make_inert,
    write_change,
    write_clock,
    write_count,
    write_day,
    write_percent,
    write_points,
    write_span,
    write_time,
)


def test_figures() -> None:
    assert [write_percent(percent) for percent in (None, 0.0, 12.345, 100.0)] == ["–", "0.0%", "12.3%", "100.0%"]
    assert write_change(10.0, 14.24) == "+4.2"
    assert write_change(10.0, 9.7) == "−0.3"
    assert write_change(10.0, 9.96) == "0.0"
    assert write_change(None, 9.7) == write_change(9.7, None) == "–"
    assert write_points(-11.111) == "11.1 percentage points"
    assert [write_count(n, "session") for n in (0, 1, 1_200)] == ["0 sessions", "1 session", "1,200 sessions"]
    assert write_count(2, "entry", "entries") == "2 entries"


def test_times_are_local() -> None:
    late = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert write_time(late, "Europe/Berlin") == "Thursday, 2 July 2026, 00:30"
    assert (write_day(late, "UTC"), write_clock(late, "UTC")) == ("Wednesday, 1 July 2026", "22:30")


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119, seconds=59), "119 minutes"),
        (timedelta(hours=-2), "2 hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(hours=48), "2 days"),
    ],
)
def test_spans(span: timedelta, told: str) -> None:
    assert write_span(span) == told


def test_a_name_stays_what_it_is_and_loses_what_is_not_seen() -> None:
    assert clean("  Zoë\tNguyễn  ") == "Zoë Nguyễn"
    assert clean("Ann\r\nBcc: x@y.org") == "Ann Bcc: x@y.org"
    assert clean("Ann\u202e txt.exe\u2028!\0") == "Ann txt.exe !"
    assert clean("نرگس\u200cخانم") == "نرگس\u200cخانم"  # a non-joiner is a letter's neighbour, not a control
    assert clean("x" * 81) == "x" * 79 + "…"
    assert clean("x" * 80) == "x" * 80


def test_nothing_in_a_name_becomes_a_link() -> None:
    for text in ("evil.example", "https://evil.example/a", "ann@evil.example", "www.evil.example", "tel:123"):
        inert = make_inert(f"see {text} now")
        assert text not in inert
        assert inert.replace("\u200b", "") == f"see {text} now"
    assert make_inert("Dr. A. Smith, Jr.") == "Dr. A. Smith, Jr."


@given(st.text())
def test_any_name_is_one_line_without_control_characters(name: str) -> None:
    for told in (clean(name), make_inert(name)):
        assert len(told.splitlines()) <= 1
        assert not {unicodedata.category(letter) for letter in told} & {"Cc", "Cs", "Zl", "Zp"}
    assert len(clean(name)) <= 80
    assert clean(clean(name)) == clean(name)
