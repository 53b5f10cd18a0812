"""What a page does in the browser beside what it shows: its address, a shortcut, and bringing a part into view."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import param

from dashboards.components.unseen import Unseen


class InBrowser(Unseen):
    """Stands, unseen, at the top of the part that it brings into view; watch `pressed`."""

    address = param.String(doc='the query that the page is found by again, "?risk=high" or ""')
    revealed = param.Integer(doc="one more brings the part into view where it is not")
    focused = param.Integer(
        doc="one more moves the keyboard's focus to where it stands, so that Tab goes on from there"
    )
    key_code = param.String(doc='code of the key that is heard together with Alt, such as "KeyN"')
    pressed = param.Integer(doc="how often it was")

    _esm: ClassVar[Path] = Path(__file__).parent / "in_browser.js"
