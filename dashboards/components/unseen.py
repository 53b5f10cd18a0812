"""Components that show nothing and take no room."""

from __future__ import annotations

from typing import Any

from panel.custom import JSComponent


class Unseen(JSComponent):  # type: ignore[misc]  # Panel is not typed for us
    """Its script does something else than to draw."""

    __abstract = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"width": 0, "height": 0, "margin": 0} | params)
