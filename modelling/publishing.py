"""What follows from the gate: a challenger promoted, kept out or refused, and the decision written down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from access.audit import GATE
from modelling.artifact import Artifact
from modelling.canary import check_artifact
from modelling.decisions import Decision
from modelling.evidence import describe_test_part
from modelling.recipe import TrainedModel
from modelling.store import champion_versions, load_champion, promote, record_decision
from tqs.errors import ModelError, UnfitDataError

ACTOR = GATE


@dataclass(frozen=True, slots=True)
class Reigning:
    """The champion as retraining finds it: its version, and the model where it can still be read, else why not."""

    version: str | None
    artifact: Artifact | None
    trouble: str = ""


def find_champion(engine: Engine, target: str) -> Reigning:
    """The champion to compare with. One that cannot be read (damaged, or of other features) is no rival.

    It does not serve either, so a challenger that passes the rest of the gate takes its place.
    """
    version = champion_versions(engine).get(target)
    try:
        return Reigning(version, load_champion(engine, target))
    except ModelError as error:
        return Reigning(version, None, str(error))


@contextmanager
def unfit_data_recorded(engine: Engine, target: str, champion: Reigning, *, mlflow_run_id: str = "") -> Iterator[None]:
    """Write down that data carried no model: an UnfitDataError inside is recorded as a refusal and raised again."""
    try:
        yield
    except UnfitDataError as error:
        refusal = Decision(
            target, "refused", str(error), ACTOR, champion_before=champion.version, mlflow_run_id=mlflow_run_id or None
        )
        record_decision(engine, refusal)
        raise


def apply_verdict(
    engine: Engine,
    trained: TrainedModel,
    saved: Artifact,
    champion: Reigning,
    *,
    mlflow_run_id: str = "",
    may_promote: bool = True,
) -> Decision:
    """Do what the gate decided about the `saved` challenger, and write it down; returns the decision.

    A challenger is loaded in a child process before it is promoted. `may_promote` False keeps the champion whatever the
    gate says. Every outcome leaves its row, also a promotion that another one was faster than.

    Raises
    ------
    UnfitDataError
        after recording it, where the gate refused: the message is the reason.
    ModelError
        after recording it, where the challenger cannot be loaded, or where the champion is another by now than was
        compared with: that one stays.
    """
    outcome, reason = trained.verdict.decision, trained.verdict.reason
    trouble: ModelError | None = None
    if outcome == "promote" and not may_promote:
        outcome, reason = "keep", f"This run was not to promote anything. {reason}"
    if outcome == "promote":
        try:
            check_artifact(saved)
        except ModelError as error:
            outcome, reason, trouble = "refuse", str(error), error
    decision = Decision(
        target=trained.target,
        decision={"promote": "promoted", "keep": "kept", "refuse": "refused"}[outcome],
        reason=reason,
        actor=ACTOR,
        version=saved.version,
        champion_before=champion.version,
        metrics=trained.compared_metrics() | {"test_part": describe_test_part(trained)},
        mlflow_run_id=mlflow_run_id or None,
    )
    if outcome == "promote":
        try:
            promote(
                engine,
                decision.target,
                saved.version,
                expected_champion=decision.champion_before,
                reason=reason,
                actor=ACTOR,
                metrics=decision.metrics,
                mlflow_run_id=decision.mlflow_run_id,
            )
        except ModelError as error:
            record_decision(engine, replace(decision, decision="kept", reason=str(error)))
            raise
        return decision
    record_decision(engine, decision)
    if outcome == "refuse":
        raise trouble or UnfitDataError(f"the gate refused {decision.target} {saved.version}: {reason}")
    return decision
