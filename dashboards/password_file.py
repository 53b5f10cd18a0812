"""The password of `admin`: generated, kept beside the other keys and readable only by its owner.

The key that signs the cookies of logins is derived from it, so a new password ends every old login.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
from pathlib import Path
from typing import Final

from tqs.errors import SettingsError
from tqs.private_files import write_private_file

PASSWORD_FILE: Final = "dashboard-password"  # noqa: S105  # the name of the file
COOKIE_SECRET_FILE: Final = "dashboard-cookie-secret"  # noqa: S105
SHORTEST_SECRET: Final = 12  # characters


def ensure_password(home: Path) -> str:
    """The password of `admin`, kept in `home` and generated where there is none.

    Raises
    ------
    SettingsError
        where the file cannot be used, or others than its owner may read it.
    """
    return _ensure_secret(home / PASSWORD_FILE, length=16)


def derive_cookie_secret(home: Path) -> str:
    """The key that signs the cookies: another one with every new password."""
    secret = _ensure_secret(home / COOKIE_SECRET_FILE, length=32)
    return hmac.new(secret.encode(), ensure_password(home).encode(), hashlib.sha256).hexdigest()


def _ensure_secret(file: Path, length: int) -> str:
    try:
        if not file.exists():
            write_private_file(file, secrets.token_urlsafe(length) + "\n", replace=False)
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SettingsError(f"{file} can be read by others than its owner; run `chmod 600 {file}`")
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be used ({error}); give its owner the right to, or delete it") from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"{file} holds {len(secret)} characters and needs {SHORTEST_SECRET} or more; delete it for a new one"
        )
    return secret
