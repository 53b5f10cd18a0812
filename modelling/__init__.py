"""Split by time, pipeline, tuning, calibration, evaluation, gate, artifact, predictor, registry, drift."""

import os

# OpenMP reads it when XGBoost is loaded. By default its threads spin at every barrier while they wait for one that
# has no core: with other processes at work a fit on two cores took fifteen times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
