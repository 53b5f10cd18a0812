"""What the notebooks take: validated by the flow that sends and by the notebook that receives.

papermill only warns of a misspelt parameter and carries plain numbers and text alone: an unknown name is an error
here, and times are ISO 8601 text (nteract/papermill#55, #345, #537, #818).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tqs.errors import SettingsError

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _require_offset(value: str) -> str:
    if value and datetime.fromisoformat(value).tzinfo is None:
        raise ValueError("needs an offset from UTC, as in 2026-11-21T00:00:00+00:00")
    return value


def _require_day(value: str) -> str:
    date.fromisoformat(value)
    return value


class _Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def check(cls, values: dict[str, Any]) -> Self:
        """The parameters from plain values; SettingsError names each that cannot be used."""
        try:
            return cls(**values)
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise SettingsError(f"{cls.__name__} cannot be used: {told}") from error

    @classmethod
    def from_notebook(cls, names: Mapping[str, Any]) -> Self:
        """The parameters among a notebook's globals: every public name with a plain number or text.

        A misspelt parameter is such a name too, and so an error. To be called before the notebook sets any other.
        """
        plain = (str, int, float, bool)
        return cls.check({name: value for name, value in names.items() if name[0] != "_" and isinstance(value, plain)})

    def as_plain(self) -> dict[str, Any]:
        """Numbers and text, as papermill carries them."""
        return self.model_dump(mode="json")


class BuildFeatures(_Parameters):
    """Parameters of 10_build_features: what to predict, where the snapshot goes, the time facts count to (""=now)."""

    target: Literal["match", "reschedule", "no_show"]
    snapshot: str = Field(min_length=1)
    cut_off: Annotated[str, AfterValidator(_require_offset)] = ""

    @property
    def snapshot_file(self) -> Path:
        """Where the snapshot is written."""
        return Path(self.snapshot)

    @property
    def cut_off_us(self) -> int | None:
        """The cut-off in µs, None for now."""
        return int(datetime.fromisoformat(self.cut_off).timestamp() * 1_000_000) if self.cut_off else None


class Explore(_Parameters):
    """Parameters of 90_explore: what to predict, the search, and whether a challenger that passes may serve."""

    target: Literal["match", "reschedule", "no_show"]
    trials: int = Field(default=6, ge=1, le=1000)
    seed: int = Field(default=7, ge=0)
    promote: bool = False


class TrainModel(_Parameters):
    """Parameters of 20_train_model: the snapshot and its hash ("" = any), the search, and the MLflow run to log to.

    mlflow_run_id "" opens a run; promote=False trains and judges, and leaves the champion alone.
    """

    target: Literal["match", "reschedule", "no_show"]
    snapshot: str = Field(min_length=1)
    snapshot_sha256: Sha256 | Literal[""] = ""
    trials: int = Field(default=30, ge=1, le=1000)
    seed: int = Field(default=7, ge=0)
    threads: int = Field(default=2, ge=1, le=256)
    mlflow_run_id: str = ""
    promote: bool = True

    @property
    def snapshot_file(self) -> Path:
        """The snapshot to train on."""
        return Path(self.snapshot)


class WatchDrift(_Parameters):
    """Parameters of 30_watch_drift: the target, the watched day (ISO 8601, UTC), how many days up to it to look at."""

    target: Literal["match", "reschedule", "no_show"]
    day: Annotated[str, AfterValidator(_require_day)]
    days: int = Field(default=7, ge=1, le=90)

    @property
    def watched_day(self) -> date:
        """The day whose sessions end the look back."""
        return date.fromisoformat(self.day)
