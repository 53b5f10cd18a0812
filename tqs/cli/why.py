"""Why a session is predicted as it is, and why that changed: `tqs why`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tqs.cli.data import AsJson
from tqs.cli.output import print_json, print_table
from tqs.errors import UsageError
from tqs.settings import load_settings

if TYPE_CHECKING:
    from scoring.prediction_change import PredictionChange
    from scoring.trust import TrustedPrediction


STATES: Final = {"rescheduled": "rescheduled", "completed": "over", "no_show": "over, and somebody did not turn up"}


def add_commands(app: typer.Typer) -> None:
    """Add this file's command to the command line."""
    app.command()(why)


def why(
    session: Annotated[str, typer.Argument(help="The id of a session, ours or the one it was imported with.")],
    target: Annotated[str, typer.Option("--target", help="What is predicted: reschedule or no_show.")] = "reschedule",
    json: AsJson = False,
) -> None:
    """Say why a session is predicted as it is, how sure that is, and what changed. Example: tqs why SESSION_ID.

    The change is from the day before, or from the first prediction of the session's only day.
    """
    from records.engine import open_databases
    from records.importing.ids import make_uuid
    from scoring.models import load_models
    from scoring.sessions import SESSION_TARGETS
    from scoring.trust import trusted_prediction

    if target not in SESSION_TARGETS:
        raise UsageError(f"sessions have no target {target!r}; theirs are {', '.join(SESSION_TARGETS)}")
    settings = load_settings()
    with open_databases(settings) as databases:
        models = load_models(databases.app, settings, [target])
        found = trusted_prediction(databases.app, models, make_uuid(session), target)
    if json:
        print_json(asdict(found))
    else:
        _print(found)


def _print(found: TrustedPrediction) -> None:
    from scoring.trust import SAID

    at = found.prediction
    if found.status != "scheduled":
        print(f"the session is {STATES[found.status]}; what was predicted before:")
    print(
        f"{found.target}: {at.probability:.1%}, {found.risk_level} risk, by {at.model_version} "
        f"at {at.predicted_at:%Y-%m-%d %H:%M} UTC"
    )
    if found.band is None:
        print(f"how often that comes true is not known: {SAID[found.history]}")
    else:
        band = found.band
        print(
            f"of sessions scored like this one, {band.begins:.1%} to {band.ends:.1%}, it came true for {band.low:.1%} "
            f"to {band.high:.1%} (90 %, {100 * band.width:.1f} points wide, {band.rows:,} that the model never saw)"
        )
        if not band.low <= at.probability <= band.high:
            side = "higher" if at.probability > band.high else "lower"
            print(f"most of those are not scored as this one: it stands {side} among them, so the band is not its own")
    reasons = [{"effect": f"{one.effect:+.3f}", "because": one.phrase} for one in found.contributions]
    print_table(reasons, empty="no reasons are stored with it")
    if found.change is None:
        print("no earlier prediction by which a change could be told")
    else:
        _print_change(found.change)


def _print_change(change: PredictionChange) -> None:
    before = change.before
    print(
        f"before, at {before.predicted_at:%Y-%m-%d %H:%M} UTC, {before.probability:.1%} by {before.model_version}; "
        f"log odds since then {change.log_odds:+.3f}, of which"
    )
    if change.moved:
        print(f"the session was moved from {before.scheduled_time:%Y-%m-%d %H:%M} UTC meanwhile")
    parts = [{"log odds": f"{one.effect:+.3f}", "because": one.phrase} for one in change.features]
    parts += [
        {"log odds": f"{part:+.3f}", "because": because}
        for part, because in (
            (change.model, f"{change.after.model_version} serves in the place of {before.model_version}"),
            (change.calibration, "what the calibration makes of the above"),
        )
        if part
    ]
    print_table(parts, empty="nothing changed")
