"""The one look: colours, type and spacing of every page, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import panel as pn

# Contrast of each on its background is at least 4.5 (text) or 3 (marks), in light and in dark.
BLUE: Final = "#3f6fd8"
RED: Final = "#d64545"
GREEN: Final = "#2f9e5b"
GREY: Final = "#7d8796"

FONT: Final = "Inter, Roboto, 'Helvetica Neue', Arial, sans-serif"

_TYPOGRAPHY: Final = {
    "fontFamily": FONT,
    "button": {"textTransform": "none", "fontWeight": 500, "whiteSpace": "nowrap"},
    "h3": {"fontSize": "1.125rem", "fontWeight": 700, "letterSpacing": 0},
}

THEME: Final[dict[str, Any]] = {
    "light": {
        "palette": {
            "primary": {"main": "#2f5bb7"},
            "error": {"main": "#b3261e"},
            "success": {"main": "#1b6b3a"},
            "warning": {"main": "#8a5300"},
            "background": {"default": "#f5f7fa", "paper": "#ffffff"},
            "text": {"primary": "#16202e", "secondary": "#566173"},
            "divider": "#dfe4ec",
        },
        "typography": _TYPOGRAPHY,
        "shape": {"borderRadius": 8},
        "components": {"MuiToggleButton": {"styleOverrides": {"root": {"color": "#566173"}}}},
    },
    "dark": {
        "palette": {
            "primary": {"main": "#8fb2ff"},
            "error": {"main": "#ff8a80"},
            "success": {"main": "#7ed6a0"},
            "warning": {"main": "#f3b95f"},
            "background": {"default": "#10151d", "paper": "#182029"},
            "text": {"primary": "#e8edf4", "secondary": "#a3afc0"},
            "divider": "#2c3744",
        },
        "typography": _TYPOGRAPHY,
        "shape": {"borderRadius": 8},
        "components": {
            "MuiAppBar": {
                "styleOverrides": {"root": {"backgroundColor": "#1d2a3c", "backgroundImage": "none", "color": "#fff"}}
            }
        },
    },
}

LOOK: Final = "tqs-look"  # the cookie that LOOK_SCRIPT sets
LOOK_SCRIPT: Final = (Path(__file__).parent / "pages" / "look.js").read_text(encoding="utf-8")
FAVICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%232f5bb7'/%3E"
    "%3Cpath d='M7 24V16h4v8zm7 0V8h4v16zm7 0V13h4v11z' fill='%23fff'/%3E%3C/svg%3E"
)


def follow_look() -> None:
    """Draw the page that is being made light or dark from the start, as its browser said the last time it drew one."""
    if pn.state.cookies.get(LOOK) == "dark":
        pn.config.theme = "dark"
