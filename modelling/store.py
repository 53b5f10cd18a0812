"""The models that serve, in our own database, and all that changes which of them does.

Serving needs nothing else: a model's bytes, hash and alias are one row, so a promotion is one transaction. The
champion, the one before it, the last three that served, the newest three and those that run in shadow stay of each
target, ready to be promoted; older ones live on in MLflow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, and_, case, delete, func, insert, select, update

from access.audit import record_action
from features.catalogue import names_of
from modelling.artifact import LARGEST_BOOSTER_BYTES, LARGEST_MANIFEST_BYTES, Artifact, read_artifact
from modelling.comparisons import recorded_metrics
from modelling.decisions import Decision, Metrics, write_decision
from records.engine import explain_outage
from records.locking import run_alone
from records.tables.models import model_decisions, models, shadow_runs
from tqs.errors import ModelError

KEPT_MODELS: Final = 3


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A saved model without its bytes. alias: champion, previous, challenger or None."""

    target: str
    version: str
    alias: str | None
    created_at: datetime
    metrics: Metrics
    sha256: str
    mlflow_run_id: str | None


def load_champion(engine: Engine, target: str) -> Artifact | None:
    """The model that serves `target`, checked; None where none was promoted yet. Raises ModelError if damaged."""
    return _load(engine, models.c.target == target, models.c.alias == "champion")


def load_previous(engine: Engine, target: str) -> Artifact | None:
    """The model that served `target` before its champion, checked; None where there was none. Raises as before."""
    return _load(engine, models.c.target == target, models.c.alias == "previous")


def load_model(engine: Engine, target: str, version: str) -> Artifact:
    """A saved model by its version, checked. Raises ModelError where there is no such model or it is damaged."""
    artifact = _load(engine, models.c.target == target, models.c.version == version)
    if artifact is None:
        raise _unknown_version(target, version)
    return artifact


def champion_versions(engine: Engine) -> dict[str, str]:
    """Target to version of its champion: what a server compares with what it has loaded."""
    with engine.connect() as connection:
        return read_champion_versions(connection)


def read_champion_versions(connection: Connection) -> dict[str, str]:
    """As `champion_versions`, inside the connection's transaction."""
    rows = connection.execute(select(models.c.target, models.c.version).where(models.c.alias == "champion"))
    return {row.target: row.version for row in rows}


def list_models(engine: Engine, target: str | None = None) -> list[ModelRow]:
    """The saved models, by target and newest first, without their bytes."""
    query = select(*(models.c[name] for name in ModelRow.__dataclass_fields__)).order_by(
        models.c.target, models.c.created_at.desc(), models.c.version.desc()
    )
    if target is not None:
        query = query.where(models.c.target == target)
    with engine.connect() as connection:
        return [ModelRow(**row._mapping) for row in connection.execute(query)]


def save_challenger(engine: Engine, artifact: Artifact, mlflow_run_id: str | None = None) -> Artifact:
    """Save a model as its target's challenger under the next version; returns it with that version.

    Raises RecordsError, and saves nothing, where the database cannot be reached or written (a full disk).
    """
    with explain_outage(engine), engine.begin() as connection:
        lock_target(connection, artifact.target)
        numbers = connection.scalars(select(models.c.version).where(models.c.target == artifact.target))
        version = f"v{max((int(name[1:]) for name in numbers), default=0) + 1}"
        _move_alias(connection, artifact.target, "challenger", None)
        connection.execute(
            insert(models).values(
                target=artifact.target,
                version=version,
                alias="challenger",
                booster=artifact.booster,
                manifest=artifact.manifest_bytes.decode(),
                sha256=artifact.sha256,
                metrics=dict(artifact.manifest.metrics),
                mlflow_run_id=mlflow_run_id,
            )
        )
        _forget_old(connection, artifact.target)
    return read_artifact(
        artifact.manifest_bytes,
        artifact.booster,
        sha256=artifact.sha256,
        features=artifact.manifest.features,
        version=version,
    )


def promote(
    engine: Engine,
    target: str,
    version: str,
    *,
    expected_champion: str | None,
    reason: str,
    actor: str,
    metrics: Metrics | None = None,
    mlflow_run_id: str | None = None,
) -> None:
    """Make a saved model the champion, and the champion the previous one, in one transaction with its decision.

    metrics: of both on the same rows. Without them those that are recorded of the two go into the decision: from the
    gate's comparison of just these two where it made one, else what each was measured at when it was trained.

    Raises ModelError, and changes nothing, where the champion is no longer `expected_champion` (it was compared with
    another model than the one that serves now) or where there is no such version.
    """
    with engine.begin() as connection:
        lock_target(connection, target)
        champion = _version_of(connection, target, "champion")
        if champion != expected_champion:
            raise ModelError(
                f"the champion of {target} is {champion or 'none'} by now, {version} was compared with "
                f"{expected_champion or 'none'}; compare them anew: run `tqs retrain --target {target}`"
            )
        if champion == version:
            raise ModelError(f"{version} already is the champion of {target}")
        _enthrone(connection, target, version)
        compared = metrics or recorded_metrics(connection, target, version, champion)
        write_decision(
            connection,
            Decision(target, "promoted", reason, actor, version, champion, compared, mlflow_run_id),
        )
        record_action(connection, actor, "promote model", f"{target} {version}", {"champion_before": champion})


def roll_back(
    engine: Engine, target: str, *, reason: str, actor: str, expected: tuple[str, str] | None = None
) -> tuple[str, str]:
    """Let the previous champion serve again; the two change places. Returns (serving now, served until now).

    The decision holds what is recorded of the two, as that of a promotion by hand does.

    expected: what it is to return; for who saw them a while ago, and may have been forestalled.

    Raises ModelError, and changes nothing, where there is no previous champion, or where the two are others by now.
    """
    with engine.begin() as connection:
        lock_target(connection, target)
        champion = _version_of(connection, target, "champion")
        previous = _version_of(connection, target, "previous")
        if champion is None or previous is None:
            raise ModelError(
                f"there is no model of {target} before {champion or 'the first'} to roll back to; "
                "see `tqs models list`, or promote another version with `tqs models promote`"
            )
        if expected not in (None, (previous, champion)):
            raise ModelError(
                f"{champion} serves {target} by now, and {previous} served before it: it was changed in the meantime; "
                "look again"
            )
        _enthrone(connection, target, previous)
        compared = recorded_metrics(connection, target, previous, champion)
        write_decision(connection, Decision(target, "rolled_back", reason, actor, previous, champion, compared))
        record_action(connection, actor, "roll back model", f"{target} {previous}", {"champion_before": champion})
    return previous, champion


def record_decision(engine: Engine, decision: Decision) -> None:
    """Keep a decision that changes no champion: a challenger that was kept out or refused, data that were unfit.

    A model that was refused is no challenger any more: it loses its alias in the same transaction.
    """
    with engine.begin() as connection:
        if decision.decision == "refused" and decision.version is not None:
            lock_target(connection, decision.target)
            connection.execute(
                update(models)
                .where(models.c.target == decision.target, models.c.version == decision.version)
                .where(models.c.alias == "challenger")
                .values(alias=None)
            )
        write_decision(connection, decision)


def lock_target(connection: Connection, target: str) -> None:
    """One change of a target's models at a time; released with the transaction."""
    run_alone(connection, f"models {target}")


def _load(engine: Engine, *where: Any) -> Artifact | None:
    """Bytes that are too many to be a model's are not even fetched: they could take the reader's memory."""
    sizes = func.octet_length(models.c.manifest), func.octet_length(models.c.booster)
    fits = and_(sizes[0] <= LARGEST_MANIFEST_BYTES, sizes[1] <= LARGEST_BOOSTER_BYTES)
    query = select(
        models.c.target,
        models.c.version,
        models.c.sha256,
        (sizes[0] + sizes[1]).label("bytes"),
        case((fits, models.c.manifest)).label("manifest"),
        case((fits, models.c.booster)).label("booster"),
    )
    with engine.connect() as connection:
        row = connection.execute(query.where(*where)).one_or_none()
    return None if row is None else _to_artifact(row)


def _to_artifact(row: Row[Any]) -> Artifact:
    if row.booster is None:
        raise ModelError(
            f"model {row.version} of {row.target} has {row.bytes:,} bytes, allowed are {LARGEST_MANIFEST_BYTES:,} of "
            f"manifest and {LARGEST_BOOSTER_BYTES:,} of booster; "
            "serve another version with `tqs models rollback` or retrain"
        )
    artifact = read_artifact(
        row.manifest.encode(),
        bytes(row.booster),
        sha256=row.sha256,
        features=names_of(row.target),
        version=row.version,
    )
    if artifact.target != row.target:
        raise ModelError(f"model {row.version} of {row.target} was trained for {artifact.target}; retrain")
    return artifact


def _version_of(connection: Connection, target: str, alias: str) -> str | None:
    return connection.scalar(select(models.c.version).where(models.c.target == target, models.c.alias == alias))


def _move_alias(connection: Connection, target: str, old: str, new: str | None) -> None:
    connection.execute(update(models).where(models.c.target == target, models.c.alias == old).values(alias=new))


def _enthrone(connection: Connection, target: str, version: str) -> None:
    """No two models may hold an alias at any time, so the throne is emptied before it is taken."""
    chosen = (models.c.target == target, models.c.version == version)
    found = connection.execute(update(models).where(*chosen).values(alias=None))
    if found.rowcount == 0:
        raise _unknown_version(target, version)
    _move_alias(connection, target, "previous", None)
    _move_alias(connection, target, "champion", "previous")
    connection.execute(update(models).where(*chosen).values(alias="champion"))


def _forget_old(connection: Connection, target: str) -> None:
    newest = select(models.c.id).where(models.c.target == target).order_by(models.c.created_at.desc())
    serving = model_decisions.c.decision.in_(("promoted", "rolled_back"))
    served = (
        select(model_decisions.c.version)
        .where(model_decisions.c.target == target, serving)
        .group_by(model_decisions.c.version)
        .order_by(func.max(model_decisions.c.decided_at).desc())
    )
    in_shadow = select(shadow_runs.c.version).where(shadow_runs.c.target == target, shadow_runs.c.ends_at > func.now())
    connection.execute(
        delete(models).where(
            models.c.target == target,
            models.c.alias.is_(None),
            models.c.id.not_in(newest.limit(KEPT_MODELS)),
            models.c.version.not_in(served.limit(KEPT_MODELS)),
            models.c.version.not_in(in_shadow),
        )
    )


def _unknown_version(target: str, version: str) -> ModelError:
    return ModelError(f"there is no model {version!r} of {target}; `tqs models list` shows those there are")
