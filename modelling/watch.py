"""The drift watch of one day: records in, findings judged, stored and returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from features.catalogue import names_of
from features.interference import is_reminded
from features.sample import gap_of, spans_of
from features.watched import Looks, draw_blocks, look_at_history, watched_table
from modelling.artifact import Artifact
from modelling.canary import check_golden_rows
from modelling.drift import OVERALL, Finding, Window, days_in_words, sum_up
from modelling.drift_judge import Watched, judge_rows
from modelling.drift_report import measure_effects
from modelling.drift_store import store_findings
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from modelling.store import load_champion
from records.columns import DAY_US, History
from records.interference import read_interference
from records.reading import read_history
from tqs.errors import ModelError, QueryError, RecordsError
from tqs.private_files import ensure_private_folder
from tqs.settings import Settings

MOST_ROWS: Final = 50_000
DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What the watch found of a day, and what it was found in.

    days: how many days up to `day` were looked at. findings: one for each thing looked at, `overall` not among them.
    page: Evidently's page, relative to TQS_HOME. new_rows: since the champion was trained, which learned from
    trained_rows. watched: the rows compared; None where there was nothing to compare.
    """

    target: str
    day: date
    days: int
    overall: Finding
    findings: tuple[Finding, ...] = ()
    model_version: str | None = None
    page: str | None = None
    new_rows: int | None = None
    trained_rows: int | None = None
    watched: Watched | None = None

    def as_rows(self) -> list[dict[str, Any]]:
        """Subject, verdict and sentence of each finding, `overall` first, then drift before all else."""
        order = sorted(self.findings, key=lambda finding: (finding.verdict != "drift", -finding.excess))
        return [{"subject": one.subject, "verdict": one.verdict, "why": one.reason} for one in (self.overall, *order)]


def folder_name(target: str, day: date) -> str:
    """Where the pages of a day are kept, relative to TQS_HOME."""
    return f"drift/{day.isoformat()}-{target}"


def watch_drift(
    engine: Engine, settings: Settings, target: str, day: date, *, days: int = DAYS, now: datetime | None = None
) -> DriftVerdict:
    """Compare the sessions that ended on the `days` days up to `day` (UTC) with what the champion learned from.

    For `match`: the pairs whose 30 days ended then. Tutors who were drawn to be reminded by then are on neither side,
    not even with what came before their lot: missing on one side only, they would pass for tutors who became less
    risky. Watching a day again changes nothing that is stored. Where nothing can be compared the verdict is
    "no verdict" with its reason.

    Raises
    ------
    QueryError
        the day lies ahead.
    RecordsError
        the database cannot be reached or written, or the page cannot be kept.
    """
    verdict = _judge(engine, settings, target, day, days, now or datetime.now(UTC))
    store_findings(
        engine, target, day, (verdict.overall, *verdict.findings),
        model_version=verdict.model_version, page=verdict.page,
        new_rows=verdict.new_rows, trained_rows=verdict.trained_rows,
    )  # fmt: skip
    return verdict


def _judge(engine: Engine, settings: Settings, target: str, day: date, days: int, now: datetime) -> DriftVerdict:
    silent = partial(_silent, target, day, days)
    if day > now.date():
        raise QueryError(f"{day} lies ahead, nothing has happened yet; name a day up to {now.date()}")
    try:
        champion = load_champion(engine, target)
        if champion is None:
            return silent(f"no model of {target} serves yet, so nothing can have moved; tqs retrain --target {target}")
        check_golden_rows(champion)
    except ModelError as error:
        return silent(f"the champion of {target} cannot be read: {error}")
    silent = partial(silent, model_version=champion.version)
    number = _day_number(day)
    cut_off = min((number + 1) * DAY_US, int(now.timestamp() * 1_000_000))
    history = read_history(engine, until=cut_off)
    arms = read_interference(engine, history.directory).arms
    looks = look_at_history(history, target, cut_off, arms)
    compared = looks.take(~is_reminded(arms, looks.tutor, cut_off))
    ended = (compared.settled >= (number + 1 - days) * DAY_US) & (compared.settled < (number + 1) * DAY_US)
    fresh = compared.take(ended)
    if len(fresh) == 0:
        what = "no pair's 30 days ended" if target == "match" else "no session ended"
        who = ", those of reminded tutors left out" if len(arms) else ""
        return silent(f"{what} in the {days_in_words(days)} up to {day}{who}")
    first, last = (_as_us(time) for time in _window_of(champion))
    learned = compared.take((compared.scheduled >= first) & (compared.scheduled <= last))
    if len(learned) == 0:
        window = " to ".join(time[:10] for time in _window_of(champion))
        return silent(f"the records hold no row of the training window of {target} {champion.version} ({window})")
    thresholds = RiskThresholds(*settings.risk_thresholds(target))
    predictor = Predictor.from_artifact(champion, thresholds)
    current, reference = (
        _predicted_table(history, predictor, draw_blocks(rows, MOST_ROWS), settings.timezone)
        for rows in (fresh, learned)
    )
    watched = Watched(target, current, reference, names_of(target), number, days, thresholds, champion.manifest.metrics)
    page = f"{folder_name(target, day)}/features.html"
    findings, drawn = _judge_with_page(watched, settings.home / page)
    gap = gap_of(target, spans_of(history.sessions, cut_off).horizon)
    return DriftVerdict(
        target, day, days, sum_up(findings), tuple(findings), champion.version,
        page=page if drawn else None,
        new_rows=_count_new(looks, champion, last + gap),
        trained_rows=champion.manifest.training.rows,
        watched=watched,
    )  # fmt: skip


def _predicted_table(history: History, predictor: Predictor, looks: Looks, timezone: str) -> pd.DataFrame:
    frame = watched_table(history, predictor.target, looks, timezone)
    X = frame[list(names_of(predictor.target))].to_numpy(dtype=np.float64)
    return frame.assign(prediction=predictor.predict(X))


def _judge_with_page(watched: Watched, page: Path) -> tuple[list[Finding], bool]:
    """The findings, and whether Evidently's page of the longest window was written: none where no column has rows."""
    drawn: list[int] = []

    def measure(window: Window, limits: Mapping[str, float]) -> dict[str, float]:
        longest = window.days == watched.days
        drawn.extend([window.days] * longest)
        return measure_effects(window, limits, page if longest else None)

    try:
        ensure_private_folder(page.parent)
        return judge_rows(watched, measure), bool(drawn)
    except OSError as error:
        raise RecordsError(f"{page} cannot be kept ({error}); free some disk") from error


def _count_new(looks: Looks, champion: Artifact, tested_from: int) -> int:
    """How many rows there are since the champion was trained, whose test part began at `tested_from` (µs).

    All from there on but those that were its test part: sessions that happened since, or that were imported since.
    Rows that training left out as looked at early (`features.table.UNUSED_PARTS`) are scheduled in the test part and
    not among its rows, so they count as new: a few pairs booked far ahead, and sessions beside outcomes told late.
    """
    return max(0, int((looks.scheduled >= tested_from).sum()) - int(champion.manifest.metrics.get("rows", 0)))


def _silent(target: str, day: date, days: int, reason: str, model_version: str | None = None) -> DriftVerdict:
    return DriftVerdict(target, day, days, Finding(OVERALL, "no verdict", reason), model_version=model_version)


def _window_of(champion: Artifact) -> tuple[str, str]:
    return champion.manifest.training.first_scheduled, champion.manifest.training.last_scheduled


def _as_us(time: str) -> int:
    return (datetime.fromisoformat(time) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
