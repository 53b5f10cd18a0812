"""The filters of the list of tutors, and the address that finds them again."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from dashboards.tutor_filters import TutorFilters

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)


def made(risk: str = "", standing: str = "", subject: str = "", search: str = "") -> TutorFilters:
    filters = TutorFilters(lambda: None)
    filters.read(risk, standing, subject, search)
    return filters


@pytest.mark.parametrize(
    ("asked", "address"),
    [
        ((), ""),
        (("all", "active", "", ""), ""),
        (("high_risk", "former", "", ""), "?risk=high_risk&standing=former"),
        (("", "all", "Maths & more", "o'brien"), "?standing=all&subject=Maths+%26+more&search=o%27brien"),
        (("<b>", "nobody", "", ""), ""),  # words that mean nothing
    ],
)
def test_the_address_finds_again_what_is_listed(asked: tuple[str, ...], address: str) -> None:
    assert made(*asked).write() == address


def test_what_is_chosen_by_hand_is_in_the_address() -> None:
    told: list[None] = []
    filters = TutorFilters(lambda: told.append(None))
    search, risk, *_ = filters.widgets
    search.value_input = "ada"
    risk.value = "Low risk"

    assert filters.write() == "?risk=low_risk&search=ada"
    asked = filters.ask(NOW, [UUID(int=1)])
    assert (asked["search"], asked["risk_status"], asked["among"], len(told)) == ("ada", "low_risk", None, 2)


def test_whose_flag_is_new_are_flagged_and_among_those() -> None:
    filters = made("newly_flagged")

    assert filters.write() == "?risk=newly_flagged"
    asked = filters.ask(NOW, [UUID(int=1)])
    assert (asked["risk_status"], asked["among"]) == ("high_risk", [UUID(int=1)])
