from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from modelling.registry import LabBook, close_run, log_model, log_notebook, log_run, mirror_aliases, open_run
from modelling.store import ModelRow
from records.engine import Databases


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


def test_a_target_that_was_never_logged_has_no_aliases_to_mirror(book):
    mirror_aliases(book, "match", [])
