"""Split, pipeline, tuning, calibration, evaluation, gate, artifact, registry, predictor."""
