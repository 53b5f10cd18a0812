"""What a prediction job did."""

from __future__ import annotations

from dataclasses import dataclass

from scoring.models import ServedModel


@dataclass(frozen=True, slots=True)
class PredictionReport:
    """One target's part of a job.

    computed: predictions made; of them written (new or changed) and unchanged (left as they were). removed: stored
    predictions that lost their reason to be. refusal: why a champion that there is did not serve. created: of the
    written those that are new in their table; None where that is not counted.
    """

    target: str
    model_version: str
    fallback: bool
    refusal: str | None
    computed: int
    written: int
    unchanged: int
    removed: int = 0
    created: int | None = None


def report_predictions(
    model: ServedModel, computed: int, written: int, *, removed: int = 0, created: int | None = None
) -> PredictionReport:
    """The report of a job that asked `model`."""
    return PredictionReport(
        target=model.target,
        model_version=model.version,
        fallback=model.fallback,
        refusal=model.refusal,
        computed=computed,
        written=written,
        unchanged=computed - written,
        removed=removed,
        created=created,
    )
