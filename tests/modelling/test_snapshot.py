from __future__ import annotations

import pytest

from modelling.snapshot import read_snapshot, write_snapshot
from tqs.errors import RecordsError


def test_a_table_is_read_only_as_the_target_that_it_was_written_for(engine, tmp_path):
    """`reschedule` and `no_show` have the same columns: only what the file says of itself tells them apart."""
    file = tmp_path / "snapshot.parquet"
    written = write_snapshot(engine, "reschedule", file)
    assert read_snapshot(file, target="reschedule", sha256=written.sha256)[1] == written
    assert read_snapshot(file)[1].target == "reschedule"
    with pytest.raises(RecordsError, match="is the table of reschedule, asked was no_show"):
        read_snapshot(file, target="no_show")


def test_a_table_that_was_changed_is_refused(engine, tmp_path):
    file = tmp_path / "snapshot.parquet"
    write_snapshot(engine, "match", file)
    with pytest.raises(RecordsError, match="expected 0000: it was changed"):
        read_snapshot(file, target="match", sha256="0000")


def test_without_ids_a_table_is_all_the_same_but_for_whom_its_rows_are(engine, tmp_path):
    written = write_snapshot(engine, "match", tmp_path / "snapshot.parquet")
    whole, without = (read_snapshot(written.file, sha256=written.sha256, ids=ids)[0] for ids in (True, False))
    assert without.columns.tolist() == whole.columns.drop(["student_id", "tutor_id"]).tolist()
