from __future__ import annotations

import hashlib
import json

import pytest

from modelling import canary
from modelling.artifact import digest_artifact, read_artifact
from modelling.canary import check_artifact, check_golden_rows
from tqs.errors import ModelError

from .conftest import FEATURES, make_artifact


def test_a_sound_model_passes_in_the_child(artifact):
    check_artifact(artifact)


def test_a_model_that_answers_otherwise_than_it_did_is_refused(fitted, problem):
    shifted = make_artifact(fitted, problem[0], problem[1], golden_shift=0.01)
    with pytest.raises(ModelError, match=r"a golden row is off by 0\.01"):
        check_golden_rows(shifted)
    with pytest.raises(ModelError, match=r"failed its check: a golden row is off by 0\.01.*does not serve"):
        check_artifact(shifted)


def test_a_booster_damaged_before_it_was_hashed_never_passes(artifact):
    """Cut short in the middle: XGBoost may raise, crash or load; the child's end is what we hear of it."""
    booster = artifact.booster[: len(artifact.booster) // 2]
    manifest = json.loads(artifact.manifest_bytes)
    manifest["booster"].update(bytes=len(booster), sha256=hashlib.sha256(booster).hexdigest())
    data = json.dumps(manifest).encode()
    cut = read_artifact(data, booster, sha256=digest_artifact(data, booster), features=FEATURES)
    with pytest.raises(ModelError, match="failed its check"):
        check_artifact(cut)


def test_a_child_that_dies_is_reported_with_its_status(artifact, monkeypatch, tmp_path):
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -SEGV $$\n")
    killed.chmod(0o700)
    monkeypatch.setattr(canary.sys, "executable", str(killed))
    with pytest.raises(ModelError, match="the process ended with -11"):
        check_artifact(artifact)


def test_a_child_that_hangs_is_given_up(artifact, monkeypatch, tmp_path):
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o700)
    monkeypatch.setattr(canary.sys, "executable", str(hanging))
    with pytest.raises(ModelError, match=r"not loaded within 0\.2 s"):
        check_artifact(artifact, time_limit_s=0.2)
