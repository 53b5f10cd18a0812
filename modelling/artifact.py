"""The model artifact: an XGBoost booster in UBJSON and one JSON manifest. Data, never pickle.

The manifest names the booster's size and SHA-256, so any copy of the two files proves itself; the artifact's own
SHA-256 covers both and is kept beside them in the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from modelling.bands import Bands
from modelling.calibrator import Calibrator
from tqs.errors import ModelError

SCHEMA: Final = "tqs-model/1"
MANIFEST_FILE: Final = "manifest.json"
BOOSTER_FILE: Final = "booster.ubj"
LARGEST_BOOSTER_BYTES: Final = 256 * 1024 * 1024
LARGEST_MANIFEST_BYTES: Final = 4 * 1024 * 1024


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Scaler(_Part):
    """Standard scaling: (x − mean) / scale for each feature, in the features' order."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]


class Thresholds(_Part):
    """The risk thresholds in force when the model was trained."""

    low: float
    high: float


class BoosterFile(_Part):
    """What the booster's bytes must be."""

    bytes: int = Field(gt=0, le=LARGEST_BOOSTER_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    trees: int = Field(ge=1)


class Training(_Part):
    """What the model learned from. Times are ISO 8601 in UTC and bound the scheduled times of the rows.

    calibration_fading: `modelling.calibration.FADINGS`. code_commit, lock_sha256: `modelling.origin`, "" where unknown.
    """

    first_scheduled: str
    last_scheduled: str
    rows: int = Field(ge=1)
    positives: int = Field(ge=1)
    base_rate: float = Field(gt=0, lt=1)
    snapshot_sha256: str
    seed: int
    parameters: dict[str, float | int | str]
    calibration_fading: float = 1.0
    code_commit: str = ""
    lock_sha256: str = ""


class Golden(_Part):
    """Made-up rows (quantiles of each feature, nobody's record) and the probabilities they must give."""

    rows: tuple[tuple[float, ...], ...]
    probabilities: tuple[float, ...]


class Manifest(_Part):
    """All of a model that is not a tree."""

    schema_name: Literal["tqs-model/1"] = SCHEMA
    target: Literal["match", "reschedule", "no_show"]
    created_at: str
    features: tuple[str, ...] = Field(min_length=1)
    scaler: Scaler
    calibrator: Calibrator
    thresholds: Thresholds
    booster: BoosterFile
    training: Training
    golden: Golden
    metrics: dict[str, float]
    libraries: dict[str, str]
    bands: Bands | None = None  # models that were saved before there were any have none

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        n = len(self.features)
        if len(set(self.features)) != n:
            raise ValueError("a feature is named twice")
        if len(self.scaler.mean) != n or len(self.scaler.scale) != n:
            raise ValueError(
                f"the scaler has {len(self.scaler.mean)} means and {len(self.scaler.scale)} scales for {n} features"
            )
        if min(self.scaler.scale) <= 0:
            raise ValueError("a scale must be positive")
        if not self.golden.rows or any(len(row) != n for row in self.golden.rows):
            raise ValueError(f"golden rows must be at least one row of {n} numbers")
        if len(self.golden.rows) != len(self.golden.probabilities):
            raise ValueError("golden rows and golden probabilities differ in number")
        if not 0 < self.thresholds.low < self.thresholds.high < 1:
            raise ValueError(f"thresholds {self.thresholds.low}, {self.thresholds.high} are not 0 < low < high < 1")
        return self


@dataclass(frozen=True, slots=True)
class Artifact:
    """A checked model: only `build_artifact` and `read_artifact` make one.

    version is "" until the artifact is saved; it is the name of the row that holds it and no part of the hash.
    """

    manifest: Manifest
    manifest_bytes: bytes
    booster: bytes
    sha256: str
    version: str = ""

    @property
    def target(self) -> str:
        """match, reschedule or no_show."""
        return self.manifest.target


def build_artifact(manifest: Manifest, booster: bytes) -> Artifact:
    """An artifact out of a manifest and the UBJSON bytes that it names; its own reading must accept it."""
    data = manifest.model_dump_json(indent=1).encode()
    return read_artifact(data, booster, sha256=digest_artifact(data, booster), features=manifest.features)


def digest_artifact(manifest_bytes: bytes, booster: bytes) -> str:
    """SHA-256 (hex) of the manifest's bytes followed by the booster's."""
    digest = hashlib.sha256(manifest_bytes)
    digest.update(booster)
    return digest.hexdigest()


def read_artifact(
    manifest_bytes: bytes, booster: bytes, *, sha256: str, features: Sequence[str], version: str = ""
) -> Artifact:
    """The artifact in these bytes, after every check that needs no XGBoost.

    Parameters
    ----------
    sha256: what `digest_artifact` gave when the model was saved.
    features: the catalogue's feature names for the model's target, in order.
    version: the row's name, such as "v3".

    Raises
    ------
    ModelError: the hash, the schema, a number, a size or the features are not what they must be.
    """
    name = f"model {version or '(unsaved)'}"
    found = digest_artifact(manifest_bytes, booster)
    if found != sha256:
        raise ModelError(
            f"{name} is damaged: its bytes have SHA-256 {found[:12]}…, {sha256[:12]}… was recorded; "
            "serve another version with `tqs models rollback` or retrain"
        )
    try:
        manifest = Manifest.model_validate_json(manifest_bytes, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ModelError(f"{name} has a manifest that cannot be used: {where}: {first['msg']}; retrain") from error
    if manifest.features != tuple(features):
        difference = _difference(manifest.features, features)
        raise ModelError(
            f"{name} was trained on other features than this release computes ({difference}); "
            "retrain, or go back to the release that trained it"
        )
    if len(booster) != manifest.booster.bytes or hashlib.sha256(booster).hexdigest() != manifest.booster.sha256:
        raise ModelError(f"{name} holds a booster that is not the one its manifest names; retrain")
    return Artifact(manifest, manifest_bytes, booster, sha256, version)


def artifact_files(artifact: Artifact) -> Mapping[str, bytes]:
    """The artifact as files: name to bytes."""
    return {MANIFEST_FILE: artifact.manifest_bytes, BOOSTER_FILE: artifact.booster}


def _difference(trained: Sequence[str], catalogue: Sequence[str]) -> str:
    missing, unknown = sorted(set(catalogue) - set(trained)), sorted(set(trained) - set(catalogue))
    if missing or unknown:
        return f"new here: {', '.join(missing) or 'none'}; gone: {', '.join(unknown) or 'none'}"
    return "the same names in another order"
