"""Files that nobody but their owner may read: keys, passwords, and the folder that holds them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def ensure_private_folder(folder: Path) -> Path:
    """Make `folder`, and what is missing above it, for its owner only (0700); one that is there stays as it is.

    Raises
    ------
    OSError
        it cannot be made, or something else has its name.
    """
    if not folder.is_dir():
        ensure_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_private_file(file: Path, content: str, *, replace: bool) -> None:
    """Write a text file for its owner only (0600), whole and durable or not at all.

    replace: whether a file of that name gives way; else it stays, also where another process made it just now.

    Raises
    ------
    OSError
        it cannot be written; then nothing is left behind.
    """
    ensure_private_folder(file.parent)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")  # 0600 from the start
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        if replace:
            draft.replace(file)
        else:
            _link_unless_there(draft, file)
    finally:
        draft.unlink(missing_ok=True)


def _link_unless_there(draft: Path, file: Path) -> None:
    try:
        file.hardlink_to(draft)
    except FileExistsError:
        return
