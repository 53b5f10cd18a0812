"""Damaged models into the place of the champion, as somebody with access to the table would put them there."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

from modelling.artifact import LARGEST_BOOSTER_BYTES
from tests.modelling.corruptions import Corruption

TARGET: Final = "reschedule"


def enthrone(engine: Engine, damaged: Corruption, version: str) -> None:
    """Make it the champion under that version. The previous champion stays what it is."""
    huge = len(damaged.booster) > LARGEST_BOOSTER_BYTES
    values = {"target": TARGET, "version": version, "manifest": damaged.manifest, "sha256": damaged.sha256}
    booster = "CAST(repeat('x', :booster) AS bytea)" if huge else ":booster"
    with engine.begin() as connection:
        connection.execute(_DETHRONE, values)
        connection.execute(
            text(
                "INSERT INTO models (target, version, alias, booster, manifest, sha256, metrics) "
                f"VALUES (:target, :version, 'champion', {booster}, :manifest, :sha256, '{{}}')"
            ),
            {**values, "booster": len(damaged.booster) if huge else damaged.booster},
        )


_DETHRONE: Final = text(
    """
    UPDATE models SET alias = CASE version WHEN 'v1' THEN 'previous' END
    WHERE target = :target AND alias = 'champion'
    """
)
