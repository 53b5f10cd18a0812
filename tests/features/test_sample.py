import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.sample import assign_part, gap_of, sample_pairs, sample_sessions, spans_of, uniform_of
from records.columns import MISSING, NEVER, NO_SHOW, RESCHEDULED, SCHEDULED
from tests.features.histories import DAY, HOUR, at, make_sessions, random_history

FIRST = at("2024-01-01 10:00")
CUT_OFF = FIRST + 700 * DAY
# With these the data spans 600 days: a horizon of 14 days and 90 days of history only.
ENDS = [{"scheduled": FIRST}, {"scheduled": FIRST + 250 * DAY}, {"scheduled": FIRST + 600 * DAY}]
MIDDLE = FIRST + 300 * DAY


def sample_one(target="reschedule", cut_off=CUT_OFF, **facts):
    """The session among others that do not matter: (row or None, as_of, label, reasons)."""
    sessions = make_sessions([*ENDS, {"scheduled": MIDDLE} | facts])
    sample = sample_sessions(sessions, target, cut_off)
    before = sample_sessions(make_sessions(ENDS), target, cut_off).counts.left
    reasons = {reason: n - before[reason] for reason, n in sample.counts.left.items() if n > before[reason]}
    at_row = np.flatnonzero(sample.row == 3)
    return (sample.as_of[at_row].tolist(), sample.label[at_row].tolist(), list(reasons))


def test_the_moment_lies_between_booking_and_start_within_the_horizon():
    ids = np.random.default_rng(0).integers(0, 256, (500, 16)).astype(np.uint8)
    for booked, earliest in [(-40 * DAY, -14 * DAY), (-2 * DAY, -2 * DAY + 1), (None, -14 * DAY)]:
        booked_at = MISSING if booked is None else MIDDLE + booked
        rows = [{"scheduled": MIDDLE, "booked": booked_at, "booking_known": booked_at, "id": list(i)} for i in ids]
        sample = sample_sessions(make_sessions([*ENDS, *rows]), "reschedule", CUT_OFF)
        leads = sample.as_of[np.isin(sample.row, np.arange(3, 503))] - MIDDLE
        assert len(leads) == 500
        assert leads.min() >= earliest
        assert leads.max() < 0
        fractions = np.sort((leads - earliest) / -earliest)
        assert np.abs(fractions - (np.arange(500) + 0.5) / 500).max() < 1.63 / np.sqrt(500)  # Kolmogorov, 1 %


def test_reasons_to_leave():
    assert sample_one()[2] == []
    assert sample_one(scheduled=FIRST + 90 * DAY - 1)[2] == ["history only"]
    assert sample_one(scheduled=FIRST + 90 * DAY)[2] == []
    recorded_late = {"booked": MIDDLE - 9 * DAY, "booking_known": MIDDLE}
    assert sample_one(**recorded_late)[2] == ["booking recorded after the start"]
    assert sample_one(booking_known=MIDDLE - 1)[2] == ["booking recorded after the start"]
    assert sample_one(booking_known=MIDDLE - 2)[0] == [MIDDLE - 1]  # the one moment after it and before the start
    told_early = {"status": RESCHEDULED, "outcome_known": MIDDLE - 15 * DAY, "booked": MIDDLE - 40 * DAY}
    assert sample_one(**told_early)[2] == ["outcome known before it is looked at"]
    assert sample_one(booking_known=CUT_OFF)[2] == ["booking not known at the cut-off"]


def test_rows_enter_because_they_are_over_and_not_because_their_outcome_is_known():
    cancelled = {"status": RESCHEDULED, "outcome_known": MIDDLE - 1}
    end = MIDDLE + HOUR
    for facts in (cancelled, {}, {"status": SCHEDULED, "outcome_known": NEVER}):
        assert sample_one(cut_off=end, **facts)[2] == ["not over at the cut-off"]
        assert sample_one(cut_off=end + 1, **facts)[2] == []
    assert sample_one(cut_off=end, duration=np.nan)[2] == ["not over at the cut-off"]
    assert sample_one(cut_off=end - HOUR // 2 + 1, duration=30.0)[2] == []


def test_an_outcome_that_nobody_told_counts_as_nothing_happened():
    sessions = make_sessions([*ENDS, {"scheduled": MIDDLE, "status": SCHEDULED, "outcome_known": NEVER}])
    sample = sample_sessions(sessions, "reschedule", CUT_OFF)
    assert sample.counts.untold == 1
    assert sample.label[sample.row == 3].tolist() == [0]


def test_rescheduled_sessions_are_not_rows_of_no_show():
    facts = {"status": RESCHEDULED, "outcome_known": MIDDLE - 1}
    assert sample_one("no_show", **facts)[2] == ["rescheduled"]
    assert sample_one("reschedule", **facts)[1] == [1]
    assert sample_one("no_show", status=NO_SHOW)[1] == [1]
    # Told only after the cut-off: nobody could have left it out.
    assert sample_one("no_show", status=RESCHEDULED, outcome_known=CUT_OFF)[1] == [0]


def test_counts_add_up():
    sessions = random_history(3, n=2000, days=300).sessions
    for target in ("reschedule", "no_show"):
        sample = sample_sessions(sessions, target, at("2026-09-01 00:00"))
        counts = sample.counts
        assert counts.considered == 2000
        assert counts.rows == len(sample.row) == counts.considered - sum(counts.left.values())
        assert counts.positives == sample.label.sum() > 0
        assert all(counts.left.values())


def test_the_moment_of_a_session_depends_on_no_other_row():
    history = random_history(5, n=3000, days=900)
    rows = np.random.default_rng(0).permutation(3000)
    keep = np.concatenate([np.argsort(history.sessions.scheduled)[[0, -1]], rows[:500]])  # the same span
    cut_off = at("2029-01-01 00:00")
    whole = sample_sessions(history.sessions, "reschedule", cut_off)
    part = sample_sessions(history.sessions.take(keep), "reschedule", cut_off)
    moments = dict(zip(whole.row.tolist(), whole.as_of.tolist(), strict=True))
    assert len(part.row) > 200
    assert [moments[row] for row in keep[part.row].tolist()] == part.as_of.tolist()


def test_spans_of_short_and_of_long_data():
    short = make_sessions([{"scheduled": FIRST}, {"scheduled": FIRST + 60 * DAY}, {"scheduled": FIRST + 900 * DAY}])
    spans = spans_of(short, FIRST + 60 * DAY + 1)
    assert (spans.horizon, spans.history_only_until) == (2 * DAY, FIRST + 12 * DAY)
    spans = spans_of(short, FIRST + 999 * DAY)
    assert (spans.horizon, spans.history_only_until) == (14 * DAY, FIRST + 90 * DAY)
    assert spans_of(make_sessions([]), 5).horizon == 14 * DAY


def test_pairs_that_are_not_rows():
    first = [90 * DAY - 1, 90 * DAY, 670 * DAY - 1, 670 * DAY]
    rows = [{"scheduled": FIRST + offset, "student": 1 + i} for i, offset in enumerate(first)]
    sample = sample_pairs(make_sessions([*ENDS, *rows]), CUT_OFF)
    assert sample.pairs.student.tolist() == [2, 3]
    assert sample.counts.left == {
        "history only": 2,
        "less than 30 days to the cut-off": 1,
        "booked after the start": 0,
    }
    assert sample.counts.rows == 2


def test_a_booking_after_the_cut_off_is_no_return():
    rows = [
        *ENDS,
        {"scheduled": MIDDLE, "student": 1},
        {"scheduled": MIDDLE + 20 * DAY, "student": 1, "booked": MIDDLE},
    ]
    assert sample_pairs(make_sessions(rows), CUT_OFF).pairs.churned.tolist() == [0]
    rows[-1]["booking_known"] = CUT_OFF
    assert sample_pairs(make_sessions(rows), CUT_OFF).pairs.churned.tolist() == [1]


def test_parts_with_a_gap_between():
    scheduled = np.random.default_rng(0).permutation(100) * DAY
    part = assign_part(scheduled, gap=14 * DAY)
    by_day = part[np.argsort(scheduled)]
    assert by_day.tolist() == ["development"] * 66 + ["gap"] * 14 + ["test"] * 20
    assert assign_part(scheduled[:0], gap=1).tolist() == []
    assert gap_of("reschedule", 14 * DAY) == gap_of("no_show", 14 * DAY) == 14 * DAY
    assert gap_of("match", 14 * DAY) == 44 * DAY


@pytest.mark.parametrize(("state", "expected"), [(0, 0xE220A8397B1DCDAF), (0x9E3779B97F4A7C15, 0x6E789E6AA1B965F4)])
def test_the_hash_is_splitmix64(state, expected):
    # The first two numbers of the reference implementation with seed 0; their half is taken where the other is 0.
    from features.sample import _splitmix64

    assert _splitmix64(np.array([state], dtype=np.uint64)).tolist() == [expected]


@given(st.binary(min_size=16, max_size=16), st.integers(0, 127))
def test_the_hash_is_a_fraction_and_every_bit_matters(identity, bit):
    flipped = bytearray(identity)
    flipped[bit // 8] ^= 1 << bit % 8
    ids = np.frombuffer(identity + bytes(flipped), dtype=np.uint8).reshape(2, 16)
    one, other = uniform_of(ids).tolist()
    assert 0 <= one < 1
    assert one != other


def test_the_hash_does_not_depend_on_the_layout_of_memory():
    ids = np.random.default_rng(0).integers(0, 256, (50, 32)).astype(np.uint8)
    assert uniform_of(ids[::2, ::2]).tolist() == uniform_of(ids[::2, ::2].copy()).tolist()
    assert uniform_of(np.zeros((0, 16), dtype=np.uint8)).tolist() == []
