from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from features.catalogue import names_of
from features.matrix import pair_features, session_features
from features.sample import sample_sessions
from features.table import require_trainable, training_table, uuid_texts
from records.columns import TARGETS
from tests.features.histories import DAY, at, make_history, random_history
from tqs.errors import UnfitDataError

CUT_OFF = at("2027-06-01 00:00")
HISTORY = random_history(2, n=4000, tutors=12, students=60, days=500)


def as_microseconds(column):
    return column.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)


@pytest.mark.parametrize("target", TARGETS)
def test_columns_and_types(target):
    frame = training_table(HISTORY, target, CUT_OFF).frame
    ids = ["student_id", "tutor_id"] if target == "match" else ["session_id"]
    assert list(frame.columns) == [
        *names_of(target),
        *ids,
        "as_of",
        "scheduled_time",
        "label",
        "label_known",
        "part",
        "weight",
    ]
    assert {str(frame[name].dtype) for name in names_of(target)} == {"float64"}
    assert str(frame["as_of"].dtype) == str(frame["scheduled_time"].dtype) == "datetime64[us, UTC]"
    assert frame["label"].dtype == np.int8
    assert set(frame["part"]) == {"development", "test"}
    assert not frame.isna().to_numpy().any()
    assert frame["scheduled_time"].is_monotonic_increasing
    assert not frame.duplicated(ids).any()


def test_rows_carry_their_own_features_labels_and_ids():
    frame = training_table(HISTORY, "reschedule", CUT_OFF, "Europe/Berlin").frame
    sample = sample_sessions(HISTORY.sessions, "reschedule", CUT_OFF)
    texts = [str(UUID(bytes=bytes(HISTORY.sessions.id[row]))) for row in sample.row]
    by_id = pd.DataFrame({"row": sample.row, "as_of": sample.as_of, "label": sample.label}, index=texts)
    by_id = by_id.loc[frame["session_id"]]
    assert by_id["as_of"].tolist() == as_microseconds(frame["as_of"]).tolist()
    assert by_id["label"].tolist() == frame["label"].tolist()
    rows = HISTORY.sessions.take(by_id["row"].to_numpy())
    matrix = session_features(HISTORY, rows, by_id["as_of"].to_numpy(), "Europe/Berlin")
    assert frame[list(names_of("reschedule"))].to_numpy().tobytes() == matrix.tobytes()
    assert rows.scheduled.tolist() == as_microseconds(frame["scheduled_time"]).tolist()


def test_pairs_carry_their_own_features_and_ids():
    frame = training_table(HISTORY, "match", CUT_OFF).frame
    student = frame["student_id"].str.removeprefix("student-").astype(int).to_numpy()
    tutor = frame["tutor_id"].str.removeprefix("tutor-").astype(int).to_numpy()
    matrix = pair_features(HISTORY, student, tutor, as_microseconds(frame["as_of"]))
    assert frame[list(names_of("match"))].to_numpy().tobytes() == matrix.tobytes()


@pytest.mark.parametrize(("target", "gap"), [("reschedule", 14), ("no_show", 14), ("match", 44)])
def test_parts_and_counts(target, gap):
    table = training_table(HISTORY, target, CUT_OFF)
    part, scheduled = table.frame["part"], table.frame["scheduled_time"]
    between = scheduled[part == "test"].min() - scheduled[part == "development"].max()
    assert pd.Timedelta(days=gap) < between < pd.Timedelta(days=gap + 14)
    assert (table.horizon, table.gap) == (14 * DAY, gap * DAY)
    counts = table.counts
    assert counts.rows == len(table.frame) == counts.considered - sum(counts.left.values())
    assert counts.positives == table.frame["label"].sum()
    assert counts.left["between development and test"] > 0


@pytest.mark.parametrize("target", TARGETS)
def test_no_label_of_development_became_known_after_a_test_row_is_looked_at(target):
    """Among the pairs some are booked long before their start, among the sessions some outcomes are told late."""
    frame = training_table(HISTORY, target, CUT_OFF).frame
    development, test = frame[frame["part"] == "development"], frame[frame["part"] == "test"]
    assert development["label_known"].max() < test["as_of"].min()
    assert (frame["label_known"] >= frame["as_of"]).all()
    assert min(len(development), len(test)) > 0


def test_a_label_is_known_when_its_outcome_is_or_its_window_is_over():
    frame = training_table(HISTORY, "match", CUT_OFF).frame
    assert (frame["label_known"] - frame["scheduled_time"] == pd.Timedelta(days=30)).all()
    frame = training_table(HISTORY, "no_show", CUT_OFF).frame
    sessions = HISTORY.sessions
    row = pd.Series(np.arange(len(sessions)), index=uuid_texts(sessions.id))[frame["session_id"]].to_numpy()
    minutes = np.where(np.isfinite(sessions.duration[row]), sessions.duration[row], 60)
    ends = sessions.scheduled[row] + (minutes * 60e6).astype(np.int64)
    known = sessions.outcome_known[row]
    expected = np.where(known < CUT_OFF, known, ends)
    assert expected.tolist() == as_microseconds(frame["label_known"]).tolist()


def test_the_order_of_the_records_changes_nothing():
    shuffled = np.random.default_rng(0).permutation(len(HISTORY.sessions))
    history = make_history(HISTORY.sessions.take(shuffled), HISTORY.tutor_profiles, HISTORY.student_profiles)
    for target in TARGETS:
        one, other = training_table(HISTORY, target, CUT_OFF).frame, training_table(history, target, CUT_OFF).frame
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("target", TARGETS)
def test_an_empty_history_is_an_empty_table_that_nobody_trains_on(target):
    table = training_table(make_history(), target, CUT_OFF)
    assert len(table.frame) == table.counts.rows == 0
    with pytest.raises(UnfitDataError, match="hold 0 rows"):
        require_trainable(table.frame, target)


@pytest.mark.parametrize(
    ("rows", "positives", "fits"), [(500, 50, True), (499, 50, False), (500, 49, False), (500, 451, False)]
)
def test_the_least_to_train_on(rows, positives, fits):
    frame = pd.DataFrame({"label": np.arange(rows) < positives}).astype(np.int8)
    if fits:
        require_trainable(frame, "match")
    else:
        with pytest.raises(UnfitDataError, match=f"{rows} rows for match, {positives} of them positive"):
            require_trainable(frame, "match")


def test_uuids_as_text():
    ids = np.random.default_rng(0).integers(0, 256, (20, 16)).astype(np.uint8)
    assert uuid_texts(ids).tolist() == [str(UUID(bytes=bytes(i))) for i in ids]
    assert uuid_texts(ids[:0]).tolist() == []
