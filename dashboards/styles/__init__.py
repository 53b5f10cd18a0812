"""The style sheets of the parts of a page; colours come from the theme, so that each serves light and dark."""

from functools import cache
from pathlib import Path


@cache
def read_style(name: str) -> str:
    """The style sheet `<name>.css` of this folder."""
    return (Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")
