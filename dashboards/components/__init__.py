"""Parts of pages that Panel has no widget for."""

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent


def read_script(name: str) -> str:
    """The script `<name>.js` of this folder, with what it shares with others before it."""
    return "\n".join((_FOLDER / one).read_text(encoding="utf-8") for one in ("elements.js", f"{name}.js"))
