from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest

from dashboards import address
from dashboards.address import read_id, read_word

KEY = "00000000-0000-0000-0000-000000000007"


@pytest.mark.parametrize(
    ("given", "word", "key"),
    [
        ([], "", None),
        ([KEY.encode(), b"second"], KEY, UUID(KEY)),
        ([b"a\0b"], "ab", None),
        ([b"\xff" + KEY.encode()], f"\ufffd{KEY}", None),
    ],
)
def test_whatever_the_address_says(
    monkeypatch: pytest.MonkeyPatch, given: list[bytes], word: str, key: UUID | None
) -> None:
    state = SimpleNamespace(session_args={"id": given} if given else {})
    monkeypatch.setattr(address, "pn", SimpleNamespace(state=state))
    assert (read_word("id"), read_id("id")) == (word, key)
