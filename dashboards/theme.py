"""The one look: colours, type and spacing of every page, light and dark."""

from __future__ import annotations

from typing import Any, Final

# Contrast of each on its background is at least 4.5 (text) or 3 (marks), in light and in dark.
BLUE: Final = "#3f6fd8"
RED: Final = "#d64545"
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
        "components": {"MuiAppBar": {"styleOverrides": {"root": {"backgroundColor": "#1d2a3c", "color": "#fff"}}}},
    },
}
