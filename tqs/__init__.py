"""Settings, errors and the `tqs` command."""
