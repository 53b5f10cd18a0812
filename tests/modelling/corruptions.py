"""Sixty ways in which a saved model may be damaged, each as the bytes and the hash that its row would then hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xgboost

from benchmarks._model import make_artifact
from modelling.artifact import LARGEST_BOOSTER_BYTES, Artifact, digest_artifact

Reached = Literal["bytes", "child"]


@dataclass(frozen=True)
class Corruption:
    """What a row holds. reached: whether a look at the bytes tells, or only a load in a child process."""

    name: str
    manifest: str
    booster: bytes
    sha256: str
    reached: Reached = "bytes"


def corruptions(artifact: Artifact) -> list[Corruption]:
    """Sixty, of a sound model."""
    made = [
        *_with_the_old_hash(artifact),
        *_with_a_hash_of_the_row_that_fits(artifact),
        *_with_another_manifest(artifact),
        *_with_all_hashes_that_fit(artifact),
    ]
    assert len(made) == len({one.name for one in made}) == 60
    return made


def _with_the_old_hash(artifact: Artifact) -> Iterator[Corruption]:
    whole, manifest = artifact.booster, artifact.manifest_bytes.decode()
    for share in (0, 0.1, 0.3, 0.5, 0.7, 0.9):
        yield Corruption(f"cut to {share}", manifest, whole[: int(share * len(whole))], artifact.sha256)
    yield Corruption("without its last byte", manifest, whole[:-1], artifact.sha256)
    yield Corruption("with a byte more", manifest, whole + b"\0", artifact.sha256)
    for number, place in enumerate(np.linspace(0, len(whole) - 1, 12).astype(int)):
        yield Corruption(f"bit of booster {place}", manifest, _flip(whole, place, number % 8), artifact.sha256)
    # The lowest bit of a letter or a digit, so that the text stays text.
    places = [place for place, sign in enumerate(manifest) if sign.isalnum()]
    for place in (places[number] for number in np.linspace(0, len(places) - 1, 4).astype(int)):
        text = _flip(manifest.encode(), place, 0).decode()
        yield Corruption(f"bit of manifest {place}", text, whole, artifact.sha256)


def _with_a_hash_of_the_row_that_fits(artifact: Artifact) -> Iterator[Corruption]:
    whole = artifact.booster
    damaged = {
        "empty": b"",
        "cut in the middle": whole[: len(whole) // 2],
        "another model's": make_artifact(artifact.target, seed=99).booster,
        "first bit": _flip(whole, 0, 0),
        "bit in the middle": _flip(whole, len(whole) // 2, 7),
        "last bit": _flip(whole, len(whole) - 1, 3),
    }
    for name, booster in damaged.items():
        yield _hashed(f"booster that the manifest does not name: {name}", artifact.manifest_bytes.decode(), booster)


def _with_another_manifest(artifact: Artifact) -> Iterator[Corruption]:
    """Every hash fits what is there."""

    def change(name: str, edit: Callable[[dict[str, Any]], Any]) -> Corruption:
        manifest = json.loads(artifact.manifest_bytes)
        edit(manifest)
        return _hashed(name, json.dumps(manifest), artifact.booster)

    def swap(values: list[Any]) -> None:
        values[0], values[1] = values[1], values[0]

    other = "match" if artifact.target != "match" else "reschedule"
    twin = "no_show" if artifact.target == "reschedule" else "reschedule"  # of the same features
    yield change("another schema", lambda m: m.update(schema_name="tqs-model/9"))
    yield change("a member more", lambda m: m.update(surprise=1))
    yield change("a member less", lambda m: m.pop("scaler"))
    yield change("columns swapped", lambda m: swap(m["features"]))
    yield change("a feature renamed", lambda m: m["features"].__setitem__(0, "omega"))
    yield change("a feature less", lambda m: m["features"].pop())
    yield change("of another target", lambda m: m.update(target=other))
    yield change("of a target of the same features", lambda m: m.update(target=twin))
    yield change("a scaler that is too short", lambda m: m["scaler"]["mean"].pop())
    yield change("a scale of nothing", lambda m: m["scaler"]["scale"].__setitem__(0, 0.0))
    yield change("a mean that is no number", lambda m: m["scaler"]["mean"].__setitem__(0, float("nan")))
    yield change("no golden rows", lambda m: m["golden"].update(rows=[], probabilities=[]))
    yield change("no trees", lambda m: m["booster"].update(trees=0))
    yield change("thresholds in the wrong order", lambda m: m["thresholds"].update(low=0.9))
    yield _hashed("no manifest", "", artifact.booster)
    yield _hashed("half a manifest", artifact.manifest_bytes.decode()[: len(artifact.manifest_bytes) // 2], b"x")
    yield _hashed("a manifest without an end", "[" * 200_000, artifact.booster)


def _with_all_hashes_that_fit(artifact: Artifact) -> Iterator[Corruption]:
    """Also the one that the manifest names: what XGBoost loads, and answers, is all that tells."""
    whole, target = artifact.booster, artifact.target
    used = _most_used(artifact)

    def turn_scaler(manifest: dict[str, Any]) -> None:
        manifest["scaler"] = {name: values[::-1] for name, values in manifest["scaler"].items()}

    def shift(manifest: dict[str, Any]) -> None:
        manifest["golden"]["probabilities"] = [0.5 * p for p in manifest["golden"]["probabilities"]]

    def recalibrate(manifest: dict[str, Any]) -> None:
        manifest["calibrator"].update(lowest=0.499, highest=0.501)

    yield _renamed("cut in the middle, hashed anew", artifact, whole[: len(whole) // 2])
    yield _renamed("cut near its end, hashed anew", artifact, whole[: int(0.95 * len(whole))])
    yield _renamed("no booster at all, hashed anew", artifact, b"not a booster")
    yield _renamed("zeros, hashed anew", artifact, bytes(len(whole)))
    yield _renamed("of fewer trees", artifact, make_artifact(target, trees=artifact.manifest.booster.trees - 1).booster)
    yield _renamed("another model's, hashed anew", artifact, make_artifact(target, seed=98).booster)
    yield _renamed("columns of the trees swapped", artifact, _edit_trees(artifact, lambda t: _swap_columns(t, used)))
    yield _renamed("a leaf changed by one bit", artifact, _edit_trees(artifact, _flip_a_leaf(artifact)))
    yield _renamed("columns of the scaler in reverse order", artifact, whole, turn_scaler)
    yield _renamed("golden answers of another model", artifact, whole, shift)
    yield _renamed("another calibration", artifact, whole, recalibrate)
    yield Corruption("huge", artifact.manifest_bytes.decode(), bytes(LARGEST_BOOSTER_BYTES + 1), "0" * 64)
    yield _hashed("a huge manifest", " " * (5 * 1024 * 1024), whole)


def _hashed(name: str, manifest: str, booster: bytes) -> Corruption:
    return Corruption(name, manifest, booster, digest_artifact(manifest.encode(), booster))


def _renamed(
    name: str, artifact: Artifact, booster: bytes, edit: Callable[[dict[str, Any]], object] = lambda _: None
) -> Corruption:
    manifest = json.loads(artifact.manifest_bytes)
    manifest["booster"].update(bytes=len(booster), sha256=hashlib.sha256(booster).hexdigest())
    edit(manifest)
    text = json.dumps(manifest)
    return Corruption(name, text, booster, digest_artifact(text.encode(), booster), "child")


def _flip(data: bytes, place: int, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[place] ^= 1 << bit
    return bytes(flipped)


def _most_used(artifact: Artifact) -> list[int]:
    """The numbers of the two features that split most often."""
    found = xgboost.Booster(model_file=bytearray(artifact.booster)).get_score(importance_type="weight")
    most = sorted(found, key=lambda name: -found[name])[:2]
    return [int(name.removeprefix("f")) for name in most]


def _edit_trees(artifact: Artifact, edit: Callable[[list[dict[str, Any]]], None]) -> bytes:
    booster = xgboost.Booster(model_file=bytearray(artifact.booster))
    model = json.loads(booster.save_raw("json"))
    edit(model["learner"]["gradient_booster"]["model"]["trees"])
    changed = xgboost.Booster(model_file=bytearray(json.dumps(model).encode()))
    return bytes(changed.save_raw("ubj"))


def _swap_columns(trees: list[dict[str, Any]], used: list[int]) -> None:
    other = {used[0]: used[1], used[1]: used[0]}
    for tree in trees:
        tree["split_indices"] = [other.get(column, column) for column in tree["split_indices"]]


def _flip_a_leaf(artifact: Artifact) -> Callable[[list[dict[str, Any]]], None]:
    """A bit of the exponent of the leaf in which the first golden row lands."""
    manifest = artifact.manifest
    rows = (np.array(manifest.golden.rows[:1]) - manifest.scaler.mean) / manifest.scaler.scale
    booster = xgboost.Booster(model_file=bytearray(artifact.booster))
    leaf = int(booster.predict(xgboost.DMatrix(rows.astype(np.float32)), pred_leaf=True).ravel()[0])

    def flip(trees: list[dict[str, Any]]) -> None:
        value = np.array([trees[0]["split_conditions"][leaf]], dtype=np.float32)
        value.view(np.uint32)[0] ^= np.uint32(1 << 25)
        trees[0]["split_conditions"][leaf] = float(value[0])

    return flip
