"""The lab book: runs, metrics, pictures, executed notebooks and aliases in MLflow. The only importer of MLflow.

Serving never reads it. Runs are written straight to MLflow's database, so training needs no MLflow server. What cannot
be written is a LabBookError.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

# Set before MLflow is imported: it decides there whether to report home.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from modelling.artifact import BOOSTER_FILE, MANIFEST_FILE, Artifact
from modelling.store import ModelRow
from tqs.errors import LabBookError

LONGEST_TAG: Final = 5000
CONNECT_TIMEOUT_S: Final = 3
CARD_FILE: Final = "model_card.md"
ALIASES: Final = ("champion", "previous", "challenger")


@dataclass(frozen=True, slots=True)
class LabBook:
    """Where runs are written: the URL of MLflow's database, and the folder for files."""

    url: str
    files: Path

    @property
    def client(self) -> MlflowClient:
        """A client on the database. It must answer at once: MLflow would go on asking it for half an hour."""
        engine = create_engine(self.url, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
        try:
            engine.connect().close()
        finally:
            engine.dispose()
        return MlflowClient(tracking_uri=self.url, registry_uri=self.url)


@contextmanager
def explain_lab_book() -> Iterator[None]:
    """Turn what MLflow, its database and its files raise into a sentence without the password.

    Raises
    ------
    LabBookError
        where the lab book cannot be reached, read or written.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        lines = str(getattr(error, "orig", None) or error).strip().splitlines()
        raise LabBookError(
            f"the lab book (MLflow) cannot be used ({lines[0] if lines else type(error).__name__}); which model serves "
            "does not depend on it, and it follows with the next decision: see that its database answers and its files "
            "can be written"
        ) from error


@explain_lab_book()
def open_run(book: LabBook, target: str, tags: Mapping[str, str] | None = None) -> str:
    """Open a run in the experiment of `target`; returns its id. Raises LabBookError where it cannot be written."""
    client = book.client
    experiment = f"tqs-{target}"
    found = client.get_experiment_by_name(experiment)
    if found is None:
        book.files.mkdir(parents=True, exist_ok=True)
        try:
            number = client.create_experiment(experiment, artifact_location=(book.files / experiment).as_uri())
        except MlflowException:  # somebody else created it just now
            number = client.get_experiment_by_name(experiment).experiment_id
    else:
        number = found.experiment_id
    run = client.create_run(number, tags={"target": target, **(tags or {})})
    return str(run.info.run_id)


@explain_lab_book()
def log_run(
    book: LabBook,
    run_id: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    pictures: Mapping[str, Figure] | None = None,
) -> None:
    """Write parameters, metrics, tags and pictures (name to figure, kept as PNG) to a run."""
    client = book.client
    now = time.time_ns() // 1_000_000
    client.log_batch(
        run_id,
        params=[Param(name, str(value)) for name, value in (parameters or {}).items()],
        metrics=[Metric(name, float(value), now, step=0) for name, value in (metrics or {}).items()],
    )
    for name, value in (tags or {}).items():
        client.set_tag(run_id, name, value[:LONGEST_TAG])
    for name, figure in (pictures or {}).items():
        client.log_figure(run_id, figure, f"pictures/{name}.png")


@explain_lab_book()
def log_model(book: LabBook, run_id: str, artifact: Artifact) -> None:
    """Keep the two files of a model with its run, and list it in MLflow's registry under its own version as a tag."""
    client = book.client
    client.log_text(run_id, artifact.manifest_bytes.decode(), f"model/{MANIFEST_FILE}")
    folder = book.files / ".upload" / run_id
    folder.mkdir(parents=True, exist_ok=True)
    booster = folder / BOOSTER_FILE
    booster.write_bytes(artifact.booster)
    client.log_artifact(run_id, str(booster), "model")
    booster.unlink()
    folder.rmdir()
    name = _registered_name(artifact.target)
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    client.create_model_version(name, source=source, run_id=run_id, tags={"version": artifact.version})


@explain_lab_book()
def log_notebook(book: LabBook, run_id: str, *files: Path) -> None:
    """Keep executed notebooks (ipynb, HTML) with a run."""
    client = book.client
    for file in files:
        if file.exists():
            client.log_artifact(run_id, str(file), "notebooks")


@explain_lab_book()
def log_card(book: LabBook, run_id: str, card: str) -> None:
    """Keep a model's card (Markdown) with its run."""
    book.client.log_text(run_id, card, CARD_FILE)


@explain_lab_book()
def close_run(book: LabBook, run_id: str, *, failed: bool, reason: str = "") -> None:
    """End a run as finished or failed, with the reason as a tag."""
    client = book.client
    if reason:
        client.set_tag(run_id, "reason", reason[:LONGEST_TAG])
    client.set_terminated(run_id, status="FAILED" if failed else "FINISHED")


@explain_lab_book()
def mirror_aliases(book: LabBook, target: str, rows: list[ModelRow]) -> None:
    """Show in MLflow which model serves: our database decides, MLflow's aliases follow."""
    client = book.client
    name = _registered_name(target)
    if not client.search_registered_models(f"name = '{name}'"):
        return
    listed = {
        version.tags.get("version"): version.version for version in client.search_model_versions(f"name='{name}'")
    }
    wanted = {row.alias: listed.get(row.version) for row in rows if row.alias}
    for alias in ALIASES:
        if wanted.get(alias):
            client.set_registered_model_alias(name, alias, wanted[alias])
        elif alias in client.get_registered_model(name).aliases:
            client.delete_registered_model_alias(name, alias)


def _registered_name(target: str) -> str:
    return f"tqs-{target}"
