"""Challengers in shadow: which saved models predict beside the champion for a while, and answer nobody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from modelling.canary import check_artifact
from modelling.store import load_model, lock_target, read_champion_versions
from records.tables.models import models, shadow_runs
from tqs.errors import ModelError


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """A challenger that runs in shadow until `ends_at`, or did. actor: who started it."""

    target: str
    version: str
    started_at: datetime
    ends_at: datetime
    actor: str


def start_shadow(engine: Engine, target: str, version: str, *, days: float, actor: str) -> ShadowRun:
    """Let a saved model run in shadow for `days` from now; another one of the target that does ends.

    A model that ran before goes on with what it predicted then. It is loaded in a child process first.

    Raises
    ------
    ModelError
        there is no such model, it is damaged, or it is the champion, which would be compared with itself.
    """
    artifact = load_model(engine, target, version)
    with engine.connect() as connection:
        _require_challenger(connection, target, version)
    check_artifact(artifact)
    with engine.begin() as connection:
        lock_target(connection, target)
        _require_challenger(connection, target, version)
        if connection.scalar(select(models.c.id).where(models.c.target == target, models.c.version == version)) is None:
            raise ModelError(f"{version} of {target} was removed just now; `tqs models list` shows those there are")
        running = (shadow_runs.c.target == target, shadow_runs.c.version != version)
        connection.execute(
            update(shadow_runs).where(*running, shadow_runs.c.ends_at > func.now()).values(ends_at=func.now())
        )
        new = insert(shadow_runs).values(
            target=target,
            version=version,
            started_at=func.now(),
            ends_at=func.now() + timedelta(days=days),
            actor=actor,
        )
        again = new.on_conflict_do_update(
            index_elements=["target", "version"], set_={"ends_at": new.excluded.ends_at, "actor": actor}
        )
        row = connection.execute(again.returning(shadow_runs)).one()
    return ShadowRun(**row._mapping)


def stop_shadow(engine: Engine, target: str) -> ShadowRun:
    """End the run of the target's challenger in shadow; what it predicted stays. Raises ModelError where none runs."""
    with engine.begin() as connection:
        lock_target(connection, target)
        row = connection.execute(
            update(shadow_runs)
            .where(shadow_runs.c.target == target, shadow_runs.c.ends_at > func.now())
            .values(ends_at=func.now())
            .returning(shadow_runs)
        ).one_or_none()
    if row is None:
        raise ModelError(
            f"no model of {target} runs in shadow; start one with: tqs models shadow {target} VERSION --days 14"
        )
    return ShadowRun(**row._mapping)


def find_shadow(engine: Engine, target: str) -> ShadowRun | None:
    """The newest run in shadow of a target, whether it goes on or has ended; None where there was none."""
    query = select(shadow_runs).where(shadow_runs.c.target == target)
    with engine.connect() as connection:
        row = connection.execute(query.order_by(shadow_runs.c.ends_at.desc()).limit(1)).one_or_none()
    return None if row is None else ShadowRun(**row._mapping)


def running_shadows(engine: Engine) -> dict[str, str]:
    """Target to version of the challenger that runs in shadow now. One that was promoted meanwhile is none any more."""
    with engine.connect() as connection:
        champions = read_champion_versions(connection)
        query = select(shadow_runs.c.target, shadow_runs.c.version).where(shadow_runs.c.ends_at > func.now())
        return {
            row.target: row.version for row in connection.execute(query) if champions.get(row.target) != row.version
        }


def _require_challenger(connection: Connection, target: str, version: str) -> None:
    if read_champion_versions(connection).get(target) == version:
        raise ModelError(
            f"{version} is the champion of {target}, to be compared with it is another one's part; "
            "`tqs models list` shows the challengers"
        )
