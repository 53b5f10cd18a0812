"""Who runs a command, for the record."""

from __future__ import annotations

import os
from getpass import getuser


def name_person() -> str:
    """The name of the account; a number in a container that knows no names."""
    try:
        return getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
