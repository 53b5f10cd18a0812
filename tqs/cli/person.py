"""Who runs a command, for the record."""

from __future__ import annotations

import os
from getpass import getuser

from access.audit import ACCOUNT


def name_person() -> str:
    """The account, such as "account ada", by its number in a container that knows no names. No key is called so."""
    try:
        name = getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return ACCOUNT + name
