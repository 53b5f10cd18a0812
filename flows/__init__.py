"""Prefect flows: they decide when each step runs and compute nothing themselves."""
