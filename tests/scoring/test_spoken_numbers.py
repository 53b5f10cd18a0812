from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import features_of
from records.columns import TEACHING_STYLES
from scoring.match_facts import STUDENT_UNITS, TUTOR_UNITS
from scoring.spoken_numbers import Quantity, UnreadableNumberError, is_supplied, read_quantities

READ = {
    "25% of the sessions of the last 30 days": {"25%", "30"},
    "30 % or 30 percent or 30 per cent": {"30%"},
    "between 25 and 30 percent": {"25%", "30%"},
    "25–30%, 20-25 %": {"20%", "25%", "30%"},
    "a 16-year-old in the 30-day window": {"16", "30"},
    "4 out of 5, then 2.5.": {"4", "5", "2.5"},
    "1,250 sessions since 2025": {"1250", "2025"},
    "the 30th session": {"30"},
    "twenty-five percent": {"25%"},
    "twenty to thirty percent": {"20%", "30%"},
    "two hundred and thirty, three thousand four hundred and five": {"230", "3405"},
    "paces of three and four": {"3", "4"},
    "ninety nine": {"99"},
    "a dozen": {"12"},
    "half of the sessions, a quarter of them": {"0.5", "0.25"},
    "twice as many": {"2"},
    "the two of them, one of whom is new; on the one hand": set(),
    "two sessions and one long year": {"2", "1"},
    "two of the sessions": {"2"},
    "one of five": {"1", "5"},
    "someone often attends the first session at a height": set(),
    "the third lesson, coupled with a quarterly plan, unfolding in part": set(),
    "three tenths and two quarters of them": {"0.3", "0.5", "3"},
    "doubling, trebled, double": {"2", "3"},
    "4 sessions in 30 days, 12 sessions in the last 90 days": {"4", "30", "12", "90"},
    "a million": {"1000000"},
}


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_numbers_are_read(text: str, expected: set[str]) -> None:
    wanted = {Quantity(Decimal(number.rstrip("%")), number.endswith("%")) for number in expected}
    assert read_quantities(text) == wanted


UNREADABLE = ["0,3", ".5", "1.2.3", "v3", "10k", "5e3", "by -5%", "+5", "1/3", "12,34", "1,000,000", "1_000"]
SAID_OTHERWISE = [
    *("tenfold", "a hundredfold", "two-fold", "10-fold", "manifold"),
    *("a billion", "two billions", "trillions", "a quadrillion", "zillions", "millions", "a milliard"),
    *("a sixth", "two sevenths", "one eighth", "three-ninths", "an eleventh", "a twelfth", "nine sixteenths"),
    *("a twentieth", "a fiftieth", "a hundredth", "three hundredths", "a thousandth", "a fourth", "three fourths"),
    *("the remaining third of", "several tenths", "a further quarter of", "thirds"),
    *("a couple", "a couple of", "couples"),
    *("quadruple", "quadrupled", "quintupling", "the sextuple", "halved", "halving"),
    *("one in five", "1 in 5", "nine in ten", "3 in every 4", "one in about every ten", "1-in-5", "one in a hundred"),
    *("one lesson in four", "1 session in 10", "ſix in ten"),
]
OTHER_NUMERALS = ["½", "²", "三", "٣", "３", "Ⅳ"]


@pytest.mark.parametrize("text", [*UNREADABLE, *SAID_OTHERWISE, *OTHER_NUMERALS])
def test_what_may_be_another_number_is_not_read(text: str) -> None:
    with pytest.raises(UnreadableNumberError):
        read_quantities(f"about {text} of them")


@pytest.mark.parametrize(
    ("stated", "supplied", "answer"),
    [
        ("30%", "30 percent", True),
        ("0.3", "30%", True),
        ("30%", "0.3", True),
        ("3.0", "3", True),
        ("30", "30%", False),
        ("100%", "1", False),
        ("1", "100%", False),
        ("31%", "30%", False),
        ("0.30", "30", False),
        ("thirty percent", "0.3", True),
        ("half", "50%", True),
    ],
)
def test_a_fraction_and_its_percentage_are_the_same(stated: str, supplied: str, answer: bool) -> None:
    (quantity,) = read_quantities(stated)
    assert is_supplied(quantity, read_quantities(supplied)) is answer


def test_all_that_a_prompt_supplies_can_be_read() -> None:
    for feature in features_of("match"):
        for value in (0.0, 1.0, 2.0, 5.0, 0.3, 12.5):
            read_quantities(feature.describe(value))
        read_quantities(feature.describe(feature.default, known=False))
    for unit in [*STUDENT_UNITS.values(), *TUTOR_UNITS.values()]:
        read_quantities(unit.format(3))
    for style in TEACHING_STYLES:
        assert read_quantities(style) == set()


@given(st.integers(0, 999_999), st.booleans())
def test_every_whole_number_is_read_in_digits(number: int, percent: bool) -> None:
    assert read_quantities(f"It is {number}{'%' if percent else ''}.") == {Quantity(Decimal(number), percent)}
