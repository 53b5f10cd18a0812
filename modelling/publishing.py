"""What follows from the gate: the model saved, checked, promoted or kept out, and the decision written down."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from modelling.artifact import Artifact
from modelling.canary import check_artifact
from modelling.recipe import TrainedModel
from modelling.store import Decision, champion_versions, load_champion, promote, record_decision, save_challenger
from records.engine import explain_outage
from tqs.errors import ModelError, UnfitDataError

ACTOR = "gate"


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


def publish(
    engine: Engine, trained: TrainedModel, champion: Reigning, *, mlflow_run_id: str = "", may_promote: bool = True
) -> tuple[Artifact, Decision]:
    """Save the challenger and do what the gate decided; returns the saved artifact and the decision.

    The challenger is loaded in a child process before it is promoted. `may_promote` False keeps the champion whatever
    the gate says.

    Raises
    ------
    UnfitDataError
        after recording it, where the gate refused: the message is the reason.
    ModelError
        the challenger cannot be loaded (recorded too), or the champion is another by now than was compared with.
    """
    run_id = mlflow_run_id or None
    with explain_outage(engine):
        artifact = save_challenger(engine, trained.artifact, run_id)
    verdict, target = trained.verdict, trained.target

    def write_down(decision: str, reason: str) -> Decision:
        made = Decision(
            target, decision, reason, ACTOR, artifact.version, champion.version, trained.compared_metrics(), run_id
        )
        if decision == "promoted":
            promote(
                engine,
                target,
                artifact.version,
                expected_champion=champion.version,
                reason=reason,
                actor=ACTOR,
                metrics=trained.compared_metrics(),
                mlflow_run_id=run_id,
            )
        else:
            record_decision(engine, made)
        return made

    if verdict.decision == "refuse":
        write_down("refused", verdict.reason)
        raise UnfitDataError(f"the gate refused {target} {artifact.version}: {verdict.reason}")
    if verdict.decision == "keep":
        return artifact, write_down("kept", verdict.reason)
    if not may_promote:
        return artifact, write_down("kept", f"Nothing was to be promoted in this run. {verdict.reason}")
    try:
        check_artifact(artifact)
    except ModelError as error:
        write_down("refused", str(error))
        raise
    return artifact, write_down("promoted", verdict.reason)
