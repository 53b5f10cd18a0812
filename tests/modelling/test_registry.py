from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from sqlalchemy import make_url

from modelling.registry import LabBook, close_run, log_card, log_model, log_notebook, log_run, mirror_aliases, open_run
from modelling.store import ModelRow
from records.engine import Databases
from tqs.errors import LabBookError


@pytest.fixture(scope="module")
def book(template_url, tmp_path_factory) -> LabBook:
    databases = Databases(template_url, embedded=True)
    yield LabBook(databases.url_of("mlflow"), tmp_path_factory.mktemp("mlruns"))
    databases.app.dispose()


def row(version: str, alias: str | None) -> ModelRow:
    return ModelRow("reschedule", version, alias, datetime.now(UTC), {}, "0" * 64, None)


def test_a_run_keeps_what_was_logged(book, tmp_path):
    run_id = open_run(book, "reschedule", {"code.commit": "abc"})
    figure = Figure()
    figure.subplots().plot([1, 2])
    given = {"parameters": {"max_depth": 3}, "metrics": {"ece": 0.25}, "tags": {"verdict": "keep"}}
    log_run(book, run_id, pictures={"p": figure}, **given)
    notebook = tmp_path / "20_train_model.ipynb"
    notebook.write_text("{}")
    log_notebook(book, run_id, notebook, tmp_path / "never_written.html")
    close_run(book, run_id, failed=True, reason="x" * 9000)
    run = book.client.get_run(run_id)
    assert (run.data.params["max_depth"], run.data.metrics["ece"]) == ("3", 0.25)
    assert (run.data.tags["verdict"], run.data.tags["code.commit"], run.info.status) == ("keep", "abc", "FAILED")
    assert [f.path for f in book.client.list_artifacts(run_id, "pictures")] == ["pictures/p.png"]
    assert [f.path for f in book.client.list_artifacts(run_id, "notebooks")] == ["notebooks/20_train_model.ipynb"]
    assert all(book.files in path.parents for path in book.files.rglob("*.png"))


def test_a_second_run_joins_the_same_experiment(book):
    first, second = (book.client.get_run(open_run(book, "no_show")).info.experiment_id for _ in range(2))
    assert first == second


def test_the_files_of_a_model_are_kept_byte_for_byte_and_aliases_follow_ours(book, artifact):
    for version in ("v1", "v2"):
        run_id = open_run(book, "reschedule")
        log_model(
            book, run_id, type(artifact)(artifact.manifest, artifact.manifest_bytes, artifact.booster, "", version)
        )
    folder = book.client.download_artifacts(run_id, "model")
    assert (Path(folder) / "booster.ubj").read_bytes() == artifact.booster
    assert (Path(folder) / "manifest.json").read_bytes() == artifact.manifest_bytes

    def mirrored() -> dict[str, str]:
        names = ("champion", "previous", "challenger")
        found = book.client.get_registered_model("tqs-reschedule").aliases
        versions = {v.version: v.tags["version"] for v in book.client.search_model_versions("name='tqs-reschedule'")}
        return {name: versions[found[name]] for name in names if name in found}

    mirror_aliases(book, "reschedule", [row("v2", "challenger"), row("v1", "champion")])
    assert mirrored() == {"champion": "v1", "challenger": "v2"}
    mirror_aliases(book, "reschedule", [row("v2", "champion"), row("v1", "previous")])
    assert mirrored() == {"champion": "v2", "previous": "v1"}


def test_an_alias_that_was_moved_by_hand_is_put_right_with_the_next_mirror(book, artifact):
    run_id = open_run(book, "no_show")
    for version in ("v1", "v2"):
        log_model(book, run_id, replace(artifact, version=version, manifest=of_no_show(artifact)))
    rows = [
        replace(row(version, alias), target="no_show") for version, alias in (("v2", "champion"), ("v1", "previous"))
    ]
    mirror_aliases(book, "no_show", rows)
    right = book.client.get_registered_model("tqs-no_show").aliases
    book.client.set_registered_model_alias("tqs-no_show", "champion", right["previous"])
    book.client.set_registered_model_alias("tqs-no_show", "challenger", right["previous"])
    mirror_aliases(book, "no_show", rows)
    assert book.client.get_registered_model("tqs-no_show").aliases == right


def of_no_show(artifact):
    return artifact.manifest.model_copy(update={"target": "no_show"})


def test_the_card_of_a_model_is_kept_with_its_run(book):
    run_id = open_run(book, "match")
    log_card(book, run_id, "# Model card: match v1\n")
    assert Path(book.client.download_artifacts(run_id, "model_card.md")).read_text() == "# Model card: match v1\n"


@pytest.mark.parametrize("database", ["nowhere", "nobody@127.0.0.1:1/nowhere"])
def test_a_lab_book_that_is_away_is_a_sentence_and_soon(book, tmp_path, database):
    """MLflow itself goes on asking a database that does not answer for half an hour."""
    url = make_url(book.url)
    away = url.set(database=database) if database == "nowhere" else make_url(f"postgresql+psycopg2://{database}")
    lost = LabBook(away.render_as_string(hide_password=False), tmp_path)
    with pytest.raises(LabBookError, match=r"MLflow\) cannot be used \(.*\); which model serves does not depend on it"):
        mirror_aliases(lost, "reschedule", [row("v1", "champion")])


def test_a_target_that_was_never_logged_has_no_aliases_to_mirror(book):
    mirror_aliases(book, "match", [])
