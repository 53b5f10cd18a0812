"""What a page tells its visitor after an act, and while one is under way."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import param
from panel.custom import JSComponent

from dashboards.components import read_script

Told = Literal["good", "bad", "busy"]


class ToldLine(JSComponent):  # type: ignore[misc]  # Panel is not typed for us
    """One sentence, shown and said aloud until the next one or until it is closed; nothing before the first."""

    said: dict[str, Any] = param.Dict(
        default={}, doc='{"text": shown as text, "tone": of Told, "number": of the sentence}'
    )

    _esm: ClassVar[str] = read_script("told")
    _stylesheets: ClassVar[list[Any]] = [(Path(__file__).parent / "told.css").read_text(encoding="utf-8")]

    def tell(self, sentence: str, tone: Told) -> None:
        """Say it, be it the same as before."""
        self.said = {"text": sentence, "tone": tone, "number": self.said.get("number", 0) + 1}
