"""Hands a file to the browser, which saves it."""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import ClassVar

import param

from dashboards.components.unseen import Unseen


class Download(Unseen):
    """Watches nothing; `send` it a file."""

    file: dict[str, str] = param.Dict(default={}, doc='{"name": "x.csv", "text": what is in it, "at": when}')

    _esm: ClassVar[Path] = Path(__file__).parent / "download.js"

    def send(self, name: str, text: str) -> None:
        """Let the browser save a text file."""
        self.file = {"name": name, "text": text, "at": str(monotonic())}
