from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from records.columns import TEACHING_STYLES
from records.world import World, make_world
from tqs.errors import RecordsError

END = datetime(2026, 11, 1, tzinfo=UTC)
SESSION_COLUMNS = (
    "id tutor_id student_id booked_at scheduled_time duration_minutes subject status completed_time initiator "
    "original_time new_time reason reason_code cancelled_at"
)
TUTOR_COLUMNS = (
    "id name email is_active created_at age sex experience_years teaching_style preferred_pace communication_style "
    "confidence_level preferred_student_level valid_from"
)
STUDENT_COLUMNS = (
    "id name age sex preferred_pace preferred_teaching_style communication_style_preference urgency_level "
    "learning_goals previous_tutoring_experience previous_satisfaction valid_from"
)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(end=END)


@pytest.fixture(scope="module")
def past(world: World) -> pd.DataFrame:
    return world.sessions[world.sessions["status"] != "scheduled"]


@pytest.fixture(scope="module")
def moved(world: World) -> pd.DataFrame:
    return world.sessions[world.sessions["status"] == "rescheduled"]


def test_the_same_arguments_give_the_same_world() -> None:
    one, other = (make_world(20, 60, 120, seed=3, end=date(2026, 11, 1)) for _ in range(2))
    for name in ("tutors", "students", "sessions", "pairs"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.reschedule_probability, other.reschedule_probability)


def test_another_seed_gives_another_world_and_other_ids() -> None:
    one, other = (make_world(20, 60, 120, seed=seed, end=END) for seed in (3, 4))
    assert set(one.tutors["id"]).isdisjoint(other.tutors["id"])
    assert set(one.sessions["id"]).isdisjoint(other.sessions["id"])
    assert one.reschedule_probability[:100].tolist() != other.reschedule_probability[:100].tolist()


@pytest.mark.parametrize("shift", [timedelta(seconds=1), timedelta(days=1), timedelta(days=7)])
def test_another_end_never_gives_a_session_the_id_of_another_one(shift: timedelta) -> None:
    keys = ["tutor_id", "student_id", "booked_at", "scheduled_time"]
    one, other = (make_world(20, 60, 120, seed=3, end=end).sessions for end in (END, END + shift))
    both = one.merge(other, on="id", suffixes=("", "_then"))
    for key in keys:
        assert both[key].equals(both[f"{key}_then"].rename(key))
    assert one["id"].is_unique


def test_a_date_means_its_midnight_in_utc() -> None:
    by_date, by_moment = make_world(5, 20, 60, end=date(2026, 11, 1)), make_world(5, 20, 60, end=END)
    pd.testing.assert_frame_equal(by_date.sessions, by_moment.sessions)


def test_columns_are_those_of_the_import(world: World) -> None:
    assert list(world.sessions) == SESSION_COLUMNS.split()
    assert list(world.tutors) == TUTOR_COLUMNS.split()
    assert list(world.students) == STUDENT_COLUMNS.split()


def test_ids_are_version_5_uuids_and_unique(world: World) -> None:
    texts = [*world.sessions["id"], *world.tutors["id"].unique(), *world.students["id"].unique()]
    assert len(set(texts)) == len(texts)
    for text in texts[:: len(texts) // 200]:
        assert str(UUID(text)) == text
        assert UUID(text).version == 5


def test_every_session_and_pair_belongs_to_people_of_the_world(world: World) -> None:
    for frame in (world.sessions, world.pairs):
        assert frame["tutor_id"].isin(world.tutors["id"]).all()
        assert frame["student_id"].isin(world.students["id"]).all()
    assert not world.pairs.duplicated(["tutor_id", "student_id"]).any()
    both = world.sessions[["tutor_id", "student_id"]].drop_duplicates()
    assert len(both) == len(world.pairs)


def test_pairs_name_their_first_session(world: World) -> None:
    first = world.sessions.iloc[world.pairs["first_session"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(first[["tutor_id", "student_id"]], world.pairs[["tutor_id", "student_id"]])
    grouped = world.sessions.groupby(["tutor_id", "student_id"])
    for column in ("scheduled_time", "booked_at"):
        earliest = grouped[column].min()
        assert (
            earliest.loc[list(zip(first["tutor_id"], first["student_id"], strict=True))].to_numpy()
            == first[column].to_numpy()
        ).all()


def test_shares_are_those_of_the_design(world: World, past: pd.DataFrame, moved: pd.DataFrame) -> None:
    shares = past["status"].value_counts(normalize=True)
    assert shares["rescheduled"] == pytest.approx(0.12, abs=0.01)
    assert shares["no_show"] == pytest.approx(0.03, abs=0.003)
    assert shares["completed"] == pytest.approx(0.85, abs=0.01)
    four_deviations = 4 * np.sqrt(0.982 * 0.018 / len(moved))
    assert (moved["initiator"] == "tutor").mean() == pytest.approx(0.982, abs=four_deviations)
    assert 0.6 < moved["new_time"].notna().mean() < 0.95
    assert world.pairs["churn_probability"].mean() == pytest.approx(0.12, abs=0.005)


def test_tutors_give_two_to_six_sessions_a_week(world: World, past: pd.DataFrame) -> None:
    tutors = world.tutors.drop_duplicates("id").set_index("id")
    since = tutors["created_at"].clip(lower=pd.Timestamp(END - timedelta(days=540)))
    weeks = (pd.Timestamp(END) - since) / pd.Timedelta(days=7)
    a_week = past.groupby("tutor_id").size() / weeks
    assert a_week.mean() == pytest.approx(4, abs=0.3)
    assert a_week.between(2, 6).mean() > 0.9


def test_the_default_size_holds_the_tests_it_promises(world: World) -> None:
    sessions, start = world.sessions, pd.Timestamp(END - timedelta(days=540 - 90))
    always_rows = sessions["status"].isin(["completed", "no_show"]) & (
        sessions["scheduled_time"] > start + timedelta(days=14)
    )
    assert 0.2 * always_rows.sum() >= 13_000
    first = sessions["scheduled_time"].iloc[world.pairs["first_session"]]
    labelled = (first > start) & (first < END - timedelta(days=30))
    assert 0.2 * labelled.sum() >= 3_000


def test_times_are_in_order(world: World, past: pd.DataFrame, moved: pd.DataFrame) -> None:
    assert (world.sessions["booked_at"] < world.sessions["scheduled_time"]).all()
    assert (world.sessions["booked_at"] < END).all()
    assert (moved["booked_at"] < moved["cancelled_at"]).all()
    assert (moved["cancelled_at"] <= moved["scheduled_time"]).all()
    assert (moved["original_time"] == moved["scheduled_time"]).all()
    assert (moved["new_time"].dropna() > moved.loc[moved["new_time"].notna(), "original_time"]).all()
    completed = past[past["status"] == "completed"]
    assert (completed["completed_time"] >= completed["scheduled_time"]).all()
    assert (completed["completed_time"] < END).all()
    assert (moved["cancelled_at"] < END).all()
    created = world.tutors.drop_duplicates("id").set_index("id")["created_at"]
    assert (world.sessions["booked_at"] >= world.sessions["tutor_id"].map(created)).all()


def test_columns_of_a_reschedule_are_there_only_for_one(world: World, moved: pd.DataFrame) -> None:
    kept = world.sessions.drop(moved.index)
    told = ["initiator", "original_time", "reason", "reason_code", "cancelled_at"]
    assert kept[[*told, "new_time"]].isna().all(axis=None)
    assert moved[told].notna().all(axis=None)
    assert (world.sessions["completed_time"].notna() == (world.sessions["status"] == "completed")).all()


def test_a_moved_lesson_comes_back_as_a_session_of_its_own(world: World, moved: pd.DataFrame) -> None:
    keys = ["tutor_id", "student_id", "booked_at", "scheduled_time"]
    wanted = moved[moved["new_time"].notna()]
    wanted = wanted[["tutor_id", "student_id", "cancelled_at", "new_time"]].set_axis(keys, axis=1)
    found = wanted.merge(world.sessions[keys].drop_duplicates(), on=keys)
    assert len(found) == len(wanted)


def test_leads_spread_from_hours_to_weeks(world: World) -> None:
    hours = (world.sessions["scheduled_time"] - world.sessions["booked_at"]) / pd.Timedelta(hours=1)
    low, middle, high = np.quantile(hours, [0.02, 0.5, 0.98])
    assert low < 24
    assert 48 < middle < 168
    assert 14 * 24 < high < 28 * 24


def test_upcoming_sessions_fill_the_next_fourteen_days(world: World) -> None:
    upcoming = world.sessions[world.sessions["scheduled_time"] >= END]
    assert len(upcoming) > 500
    assert upcoming["status"].isin(["scheduled", "rescheduled"]).all()
    ahead = (upcoming["scheduled_time"] - pd.Timestamp(END)).dt.days
    assert set(range(14)) <= set(ahead)
    running = world.sessions[(world.sessions["status"] == "scheduled") & (world.sessions["scheduled_time"] < END)]
    assert (running["scheduled_time"] > END - timedelta(hours=3)).all()


def test_some_pairs_book_three_lessons_at_once(world: World) -> None:
    together = world.sessions.groupby(["tutor_id", "student_id", "booked_at"]).size()
    assert 0.02 < (together == 3).mean() < 0.2


def test_profiles_keep_their_ranges_and_some_change(world: World) -> None:
    for frame, people in ((world.tutors, 420), (world.students, 1_500)):
        assert frame["id"].nunique() == people
        assert not frame.duplicated(["id", "valid_from"]).any()
        changed = len(frame) - people
        assert 0.03 < changed / people < 0.1
        assert frame["age"].dropna().between(5, 80).all()
        assert frame["preferred_pace"].between(1, 5).all()
    later = world.tutors[world.tutors.duplicated("id")].set_index("id")["valid_from"]
    original = world.tutors.drop_duplicates("id").set_index("id")["valid_from"]
    assert (later > original.loc[later.index]).all()
    assert (
        set(world.tutors["teaching_style"]) == set(TEACHING_STYLES) == set(world.students["preferred_teaching_style"])
    )
    assert world.tutors["email"].str.endswith("@example.org").all()
    assert world.tutors.drop_duplicates("id")["email"].is_unique


def test_some_tutors_join_later(world: World) -> None:
    created = world.tutors.drop_duplicates("id")["created_at"]
    assert 0.1 < (created > END - timedelta(days=500)).mean() < 0.4


def test_tutors_who_left_are_inactive(world: World) -> None:
    active = world.tutors.drop_duplicates("id").set_index("id")["is_active"]
    last = world.sessions.groupby("tutor_id")["scheduled_time"].max()
    assert 0.9 < active.mean() < 1
    assert (last.loc[active.index[~active]] < END - timedelta(days=60)).all()


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 1, 30), (3, 2, 60), (60, 5, 90)])
def test_a_world_of_any_size_can_be_drawn(size: tuple[int, int, int]) -> None:
    small = make_world(*size, end=END)
    assert len(small.reschedule_probability) == len(small.sessions)
    assert not small.pairs.duplicated(["tutor_id", "student_id"]).any()


def test_few_students_meet_more_often_instead() -> None:
    few, many = (make_world(30, students, 180, end=END) for students in (10, 600))
    assert len(few.pairs) <= 300
    assert len(few.sessions) > 0.7 * len(many.sessions)


@pytest.mark.parametrize("name", ["tutors", "students", "days"])
def test_a_size_below_one_is_refused(name: str) -> None:
    with pytest.raises(RecordsError, match=f"{name}=0"):
        make_world(**{name: 0}, end=END)


def test_an_end_without_time_zone_is_refused() -> None:
    with pytest.raises(RecordsError, match="time zone"):
        make_world(end=datetime(2026, 11, 1))


@pytest.mark.long
def test_a_million_sessions_are_drawn_within_a_minute() -> None:
    from time import perf_counter

    began = perf_counter()
    assert len(make_world(4_000, 6_000, end=END).sessions) > 1_000_000
    assert perf_counter() - began < 60
