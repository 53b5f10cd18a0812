"""Each figure that we claim, reproducible: ours and the limit in one run, as a ratio."""
