"""The command line as a script sees it: one sentence and an exit status for every wrong word, file and state."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from sqlalchemy import URL, create_engine, text

from features.catalogue import names_of
from tests.tqs.conftest import Call

TQS = "from tqs.cli import main; main()"
NOBODY = "00000000-0000-0000-0000-000000000004"


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Three rows as `tqs features --target match` writes them."""
    rows = pd.DataFrame(0.5, index=range(3), columns=list(names_of("match")))
    return rows.assign(student_id=["a", "b", "c"], tutor_id="t", as_of=pd.Timestamp("2026-01-01", tz="UTC"))


def commands(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    inside = getattr(group, "commands", None)
    if inside is None:
        return [(path, group)]
    return [found for name, command in inside.items() for found in commands(command, (*path, name))]


def test_every_command_has_an_example_of_itself() -> None:
    from tqs.cli.app import app

    for path, command in commands(typer.main.get_command(app)):
        assert f"Example: tqs {' '.join(path)}" in re.sub(r"\s+", " ", command.help or ""), path


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import"], "name a folder or files to import, for example: tqs import exports/"),
        (["features", "--target", "churn", "--out", "f"], "no target 'churn'; the targets are match, reschedule, no_s"),
        (["retrain", "--target", "churn"], "there is no target 'churn'"),
        (["models", "promote", "churn", "v1"], "there is no target 'churn'"),
        (["models", "rollback", "churn"], "there is no target 'churn'"),
        (["models", "show", "churn"], "there is no target 'churn'"),
        (["models", "refit", "churn"], "there is no target 'churn'"),
        (["models", "outcomes", "churn"], "there is no target 'churn'"),
        (["models", "runs", "churn"], "there is no target 'churn'"),
        (["replay", "--target", "churn"], "there is no target 'churn'"),
        (["replay", "--target", "reschedule", "--sample", "0"], "Invalid value for '--sample'"),
        (["models", "expected", "churn"], "there is no target 'churn'"),
        (["why", NOBODY, "--target", "match"], "sessions have no target 'match'; theirs are reschedule, no_show"),
        (["keys", "create", "x", "--scope", "write"], "there is no scope 'write'; the scopes are read, ingest, admin"),
        (["keys", "create", "x", "--days", "999999999"], "Invalid value for '--days'"),
        (["up", "web"], "'web' is no part of tqs"),
        (["demo", "--tutors", "0"], "Invalid value for '--tutors'"),
        (["retrain", "--trials", "0"], "Invalid value for '--trials'"),
        (["interventions", "add", "fire", "--tutor", "x"], "Invalid value for '--tutor'"),
        (["interventions", "add", "fire"], "there is no intervention 'fire'; they are reminder, call, reassign, note"),
        (["interventions", "add", "call"], "name either --session or --tutor, by id"),
        (["interventions", "add", "call", "--tutor", NOBODY, "--session", NOBODY], "name either --session or --tutor"),
        (["interventions", "list", "--limit", "501"], "Invalid value for '--limit'"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_wrong_usage_ends_with_2(tqs: Call, words: list[str], sentence: str) -> None:
    code, out, err = tqs(*words)
    assert (code, out) == (2, "")
    assert sentence in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import", "nowhere"], "nowhere does not exist"),
        (["predict", "--target", "match", "--in", "nowhere", "--out", "p"], "nowhere is no Parquet file"),
        (["features", "--target", "match", "--out", "nowhere/f"], "nowhere/f cannot be written"),
        (["models", "promote", "match", "v9"], "there is no model 'v9' of match"),
        (["models", "rollback", "match"], "to roll back to"),
        (["models", "show", "match"], "no model of match serves yet"),
        (["models", "refit", "match"], "no model of match serves yet"),
        (["models", "refit", "match", "v9"], "there is no model 'v9' of match"),
        (
            ["models", "outcomes", "match"],
            "outcomes are kept beside predictions of reschedule and no_show, not of match",
        ),
        (["replay", "--target", "match"], "predictions of match keep no features"),
        (["models", "expected", "match"], "predictions of 'match' are not compared by week"),
        (["why", NOBODY], f"no prediction of session {NOBODY} is stored"),
        (["interventions", "list", "--session", NOBODY], f"there is no session {NOBODY}"),
        (["interventions", "add", "call", "--tutor", NOBODY], f"there is no tutor {NOBODY}"),
        (["interventions", "add", "reminder", "--tutor", NOBODY], "'reminder' is no intervention about a tutor"),
        (["keys", "create", "", "--scope", "read"], "a key needs a name"),
        (["keys", "revoke", "nosuch"], "no key has the id or prefix 'nosuch'"),
        (["db", "upgrade", "nosuch"], "the schema cannot go to 'nosuch'"),
        (["db", "downgrade", "--yes", "nosuch"], "the schema cannot go to 'nosuch'"),
        (["db", "downgrade", "--yes", "--", "-99"], "the schema cannot go to '-99'"),
        (["db", "backup", "nowhere/b"], "the backup nowhere/b cannot be written"),
        (["db", "restore", "--yes", "nowhere"], "the backup nowhere does not exist"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_ends_with_1(tqs: Call, words: list[str], sentence: str) -> None:
    code, out, err = tqs(*words)
    assert (code, out) == (1, "")
    assert err.startswith("tqs: ")
    assert err.count("\n") == 1
    assert sentence in err


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TQS_DATABASE_URL", "postgresql://u:pw@127.0.0.1:1/x", "u:***@127.0.0.1:1/x does not answer"),
        ("TQS_DATABASE_URL", "postgresql://u:pw@127.0.0.1:port/x", "TQS_DATABASE_URL: is no database URL"),
        ("TQS_DATABASE_URL", "mysql://u:pw@host/x", "only PostgreSQL is supported"),
        ("TQS_TIMEZONE", "Mars", "TQS_TIMEZONE: 'Mars' is no time zone"),
        ("TQS_API_PORT", "0", "TQS_API_PORT: Input should be greater"),
        ("TQS_NO_SHOW_RISK_THRESHOLD_LOW", "0.9", "threshold 0.9 must lie below the high one"),
    ],
)
def test_settings_that_cannot_be_are_named(
    tqs: Call, monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(name, value)
    code, out, err = tqs("models", "list")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert sentence in err
    assert "pw" not in err


def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tqs.settings import load_settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TQS_HOME", "")
    assert load_settings().home == tmp_path / ".tqs"


@pytest.mark.parametrize("home", ["a-file", "a-file/below"])
def test_a_home_that_is_no_folder_is_a_sentence(
    tqs: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str
) -> None:
    (tmp_path / "a-file").write_text("no folder")
    monkeypatch.setenv("TQS_HOME", str(tmp_path / home))
    monkeypatch.delenv("TQS_DATABASE_URL")
    code, _, err = tqs("models", "list")
    assert code == 1
    assert re.fullmatch(r"tqs: the embedded PostgreSQL in .* does not start .*\n", err)
    code, out, err = tqs("doctor", "--json")
    assert (code, err) == (1, "tqs: something is wrong; see the table\n")
    assert [finding["ok"] for finding in json.loads(out)] == [False]


def test_a_setting_of_the_service_that_cannot_be_used_is_found(tqs: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQS_RATE_LIMIT", "lots")
    code, out, err = tqs("doctor", "--json")
    assert (code, err) == (1, "tqs: something is wrong; see the table\n")
    [wrong] = [finding for finding in json.loads(out) if not finding["ok"]]
    assert wrong["what"] == "settings"
    assert "'lots' is no limit of calls" in wrong["found"]
    code, out, err = tqs("up")
    assert (code, out) == (1, "")  # before a key is made
    assert "'lots' is no limit of calls" in err


@pytest.mark.parametrize(
    "words", [["models", "list"], ["score"], ["db", "upgrade"], ["db", "downgrade", "--yes"], ["up"], ["retrain"]]
)
def test_a_newer_schema_stops_every_command(tqs: Call, database_url: URL, words: list[str]) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'future'"))
    engine.dispose()
    code, out, err = tqs(*words)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "has schema future, which this version of tqs does not know" in err


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("student_age", float("nan"), "row 0 of f.parquet has nan for 'student_age'"),
        ("student_age", "old", "'student_age' of f.parquet holds something that is no number"),
        ("student_age", [1.0], "'student_age' of f.parquet holds something that is no number"),
        ("student_age", None, "row 0 of f.parquet has nan for 'student_age'"),
    ],
)
def test_a_table_of_wrong_values_is_not_predicted(
    tqs: Call, table: pd.DataFrame, tmp_path: Path, column: str, value: object, sentence: str
) -> None:
    table[column] = [value] * len(table)
    table.to_parquet(tmp_path / "f.parquet")
    code, _, err = tqs("predict", "--target", "match", "--in", "f.parquet", "--out", "p.parquet")
    assert (code, err.count("\n")) == (1, 1)
    assert sentence in err
    assert {path.name for path in tmp_path.iterdir()} <= {"f.parquet", "home"}


def test_a_damaged_table_is_blamed_and_not_the_place_to_write(tqs: Call, table: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "f.parquet"
    pq.write_table(pa.Table.from_pandas(table), file, compression="zstd")
    damaged = bytearray(file.read_bytes())
    damaged[4:400] = bytes(396)  # the first column's pages; what the file says of itself stands at its end
    file.write_bytes(damaged)
    code, _, err = tqs("predict", "--target", "match", "--in", "f.parquet", "--out", "p.parquet")
    assert (code, err.count("\n")) == (1, 1)
    assert "f.parquet cannot be read to its end" in err
    assert not (tmp_path / "p.parquet").exists()


def test_a_full_disk_is_a_sentence_and_leaves_no_piece(tqs: Call, table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_parquet(tmp_path / "f.parquet")
    words = ["predict", "--target", "match", "--in", "f.parquet", "--out", "p.parquet"]
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));"  # bytes a file may have: stands for the disk
    told = subprocess.run(
        [sys.executable, "-B", "-c", f"{limit} {TQS}", *words], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (1, "")
    assert re.fullmatch(
        r"tqs: p\.parquet cannot be written \(.*\); free some disk or name another place\n", told.stderr
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"f.parquet", "home"}


def test_records_of_a_company_are_kept_from_a_demo(tqs: Call, tmp_path: Path) -> None:
    (tmp_path / "tutors.csv").write_text("id,name\nann,Ann\n")
    assert tqs("import", "tutors.csv")[0] == 0
    code, _, err = tqs("demo", "--tutors", "3", "--students", "3", "--days", "30")
    assert code == 1
    assert "the database holds 1 tutors that are not of a synthetic world" in err


def test_what_is_printed_as_json_parses(tqs: Call, tmp_path: Path) -> None:
    world = ["demo", "--tutors", "3", "--students", "5", "--days", "40", "--json"]
    (tmp_path / "students.csv").write_text("id,name,age\nx,X,-1\n")
    for words, kind in (
        (world, list),
        (["import", "students.csv", "--rejects", "--json"], dict),
        (["features", "--target", "match", "--out", "f.parquet", "--json"], dict),
        (["predict", "--target", "match", "--in", "f.parquet", "--out", "p.parquet", "--json"], dict),
        (["score", "--json"], dict),
        (["models", "list", "--json"], list),
        (["interventions", "list", "--json"], list),
        (["interventions", "report", "--json"], dict),
        (["keys", "list", "--json"], list),
        (["doctor", "--json"], list),
    ):
        code, out, err = tqs(*words)
        assert (code, err) == (0, ""), words
        assert isinstance(json.loads(out), kind), words


def test_a_backup_comes_back_after_the_schema_was_taken_down(tqs: Call, tmp_path: Path) -> None:
    (tmp_path / "tutors.csv").write_text("id,name\nann,Ann\n")
    assert tqs("import", "tutors.csv")[0] == 0
    assert tqs("db", "backup", "b.dump")[0] == 0
    assert tqs("db", "downgrade", "--yes", "base")[1] == "schema is at nothing\n"
    assert tqs("db", "restore", "--yes", "b.dump") == (0, "restored b.dump, with the API keys of its time\n", "")
    (row,) = json.loads(tqs("import", "tutors.csv", "--json")[1])["imports"]
    assert (row["inserted"], row["unchanged"]) == (0, 1)


@pytest.mark.parametrize("moment", ["tqs.cli.data", "records.engine"])
def test_ctrl_c_leaves_no_traceback(moment: str) -> None:
    """While the commands still load, and in the middle of one."""
    interrupt = (
        "import sys\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {moment!r}: raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupt())\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", f"{interrupt}{TQS}", "models", "list"], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout.strip()) == (130, "")
    assert "Traceback" not in told.stderr


def test_a_second_key_of_a_name_tells_how_to_end_the_first(tqs: Call) -> None:
    status, first, said = tqs("keys", "create", "rails", "--scope", "ingest")
    assert (status, said) == (0, "")
    status, second, said = tqs("keys", "create", "rails", "--scope", "ingest")
    assert status == 0
    assert second.strip() != first.strip()
    assert said == f"rails has an older key; once nobody uses it: tqs keys revoke {first[:12]}\n"
    assert tqs("keys", "revoke", first[:12])[0] == 0
    rows = json.loads(tqs("keys", "list", "--json")[1])
    assert {row["prefix"]: row["revoked_at"] is None for row in rows} == {first[:12]: False, second[:12]: True}
