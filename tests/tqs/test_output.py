"""How commands show what they found."""

from __future__ import annotations

import pytest

from tqs.cli.output import print_table


def test_a_row_within_a_row_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"line": 7, "row": {"name": "Ada", "age": "200", "email": None}}], empty="nothing")
    assert capsys.readouterr().out.splitlines()[1].split("  ")[-1].strip() == "name Ada, age 200"
