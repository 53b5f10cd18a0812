"""What the address of the page that is open says behind its `?`: whatever somebody wrote there."""

from __future__ import annotations

from uuid import UUID

import panel as pn


def read_word(name: str) -> str:
    """The first value of a parameter, without characters that no text in the database can hold; or nothing."""
    return b"".join(pn.state.session_args.get(name, [])[:1]).decode(errors="replace").replace("\0", "")


def read_id(name: str) -> UUID | None:
    """The id that a parameter holds; None where there is none, or something else, which is not repeated anywhere."""
    try:
        return UUID(read_word(name))
    except ValueError:
        return None
