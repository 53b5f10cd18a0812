from __future__ import annotations

import json
import math

import pytest

from modelling.parameters import BuildFeatures, TrainModel
from tqs.errors import SettingsError


def test_what_the_flow_sends_is_what_the_notebook_gets():
    sent = TrainModel(target="match", snapshot="/s.parquet", snapshot_sha256="ab" * 32, trials=5)
    received = json.loads(json.dumps(sent.as_plain()))
    notebook = {"In": [""], "Out": {}, "math": math, "_i1": "x = 1", "TrainModel": TrainModel, **received}
    assert TrainModel.from_notebook(notebook) == sent


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"trails": 3}, "trails: Extra inputs"),
        ({"trials": "3"}, "trials: Input should be a valid integer"),
        ({"trials": 0}, "trials"),
        ({"target": "weather"}, "target"),
        ({"snapshot": ""}, "snapshot"),
        ({"snapshot_sha256": "xyz"}, "snapshot_sha256"),
        ({"seed": -1}, "seed"),
        ({"promote": 1}, "promote"),
    ],
)
def test_a_wrong_or_unknown_parameter_is_named(wrong, said):
    with pytest.raises(SettingsError, match=said):
        TrainModel.from_notebook({"target": "match", "snapshot": "s.parquet", **wrong})


def test_the_cut_off_is_a_moment_with_an_offset_or_now():
    given = {"target": "match", "snapshot": "s"}
    assert BuildFeatures.check(given).cut_off_us is None
    assert BuildFeatures.check({**given, "cut_off": "1970-01-01T02:00:01+02:00"}).cut_off_us == 1_000_000
    for wrong in ("2026-11-21T00:00:00", "yesterday"):
        with pytest.raises(SettingsError, match="cut_off"):
            BuildFeatures.check({**given, "cut_off": wrong})
