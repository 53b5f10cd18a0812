from __future__ import annotations

import json

import pytest

from modelling.artifact import digest_artifact, read_artifact
from tqs.errors import ModelError

from .conftest import FEATURES


def reread(artifact, manifest: dict | None = None, booster: bytes | None = None, features=FEATURES):
    data = artifact.manifest_bytes if manifest is None else json.dumps(manifest).encode()
    raw = artifact.booster if booster is None else booster
    return read_artifact(data, raw, sha256=digest_artifact(data, raw), features=features, version="v3")


def test_what_was_written_is_read_back(artifact):
    again = reread(artifact)
    assert again.manifest == artifact.manifest
    assert (again.version, again.target, again.sha256) == ("v3", "reschedule", artifact.sha256)


@pytest.mark.parametrize("place", ["manifest", "booster"])
def test_one_flipped_bit_is_damage(artifact, place):
    manifest, booster = bytearray(artifact.manifest_bytes), bytearray(artifact.booster)
    (manifest if place == "manifest" else booster)[100] ^= 1
    with pytest.raises(ModelError, match="is damaged"):
        read_artifact(bytes(manifest), bytes(booster), sha256=artifact.sha256, features=FEATURES)


def test_features_in_another_order_are_refused(artifact):
    with pytest.raises(ModelError, match="the same names in another order"):
        reread(artifact, features=FEATURES[::-1])


def test_a_new_feature_in_the_catalogue_is_named(artifact):
    with pytest.raises(ModelError, match="new here: omega; gone: delta"):
        reread(artifact, features=("alpha", "beta", "gamma", "omega"))


def test_a_booster_that_the_manifest_does_not_name_is_refused(artifact):
    with pytest.raises(ModelError, match="not the one its manifest names"):
        reread(artifact, booster=artifact.booster + b"\0")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("schema_name",), "tqs-model/9", "schema_name"),
        (("target",), "weather", "target"),
        (("surprise",), 1, "surprise"),
        (("scaler", "mean", 0), float("nan"), "scaler.mean.0"),
        (("scaler", "scale", 1), float("inf"), "scaler.scale.1"),
        (("scaler", "scale", 1), 0.0, "a scale must be positive"),
        (("scaler", "mean"), [0.0], "means"),
        (("scaler", "mean", 0), "0.5", "scaler.mean.0"),
        (("booster", "trees"), 0, "booster.trees"),
        (("golden", "rows"), [], "golden"),
        (("golden", "probabilities"), [0.5], "golden"),
        (("calibrator", "lowest"), 0.0, "lowest"),
        (("thresholds", "low"), 0.9, "thresholds"),
        (("training", "base_rate"), 1.0, "base_rate"),
        (("features", 1), "alpha", "named twice"),
    ],
)
def test_a_manifest_with_a_wrong_value_is_refused(artifact, path, value, said):
    manifest = json.loads(artifact.manifest_bytes)
    place = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(ModelError, match=said):
        reread(artifact, manifest)


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff\xfe", b'{"schema_name": '])
def test_bytes_that_are_no_manifest_are_refused(artifact, data):
    with pytest.raises(ModelError, match="manifest that cannot be used"):
        read_artifact(data, artifact.booster, sha256=digest_artifact(data, artifact.booster), features=FEATURES)
