"""The numbers that an English sentence states, in digits or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that is stated. percent: whether as a percentage, such as "30 %" and "thirty percent"."""

    value: Decimal
    percent: bool = False


class UnreadableNumberError(ValueError):
    """A number is written in a way that does not tell for sure which one it is."""


def read_quantities(text: str) -> set[Quantity]:
    """All numbers that `text` states.

    "0.3", "30 %", "1,000", "the 30-day rate", "25 to 30 percent" (both are percentages), "twenty-five", "half" and
    "twice" are read. "one" and "two" are numbers only before what is counted: "two sessions", not "the two of them".

    Raises
    ------
    UnreadableNumberError
        for "0,3", ".5", "1.2.3", "v3", "10k", "-5", "½", "三", "tenfold", "a couple", "a sixth", "quadrupled", "a
        billion", "one in five" and the like.
    """
    if any(character.isnumeric() and not character.isascii() for character in text):
        raise UnreadableNumberError("a numeral other than 0 to 9")
    spoken = text.casefold()
    if _UNREADABLE.search(spoken) or _ONE_IN.search(spoken) or _OTHER_PART.search(_PART.sub("", spoken)):
        raise UnreadableNumberError("a number that is said in words other than those that are read")
    digits = {_read_digits(match, spoken) for match in _DIGITS.finditer(spoken)}
    words = {quantity for match in _WORDS.finditer(spoken) for quantity in _read_words(match, spoken)}
    parts = {Quantity(_PARTS[match["part"]] * _SMALL.get(match["many"], 1)) for match in _PART.finditer(spoken)}
    return digits | words | parts | {Quantity(Decimal(_TIMES[word])) for word in _TIME.findall(spoken)}


def is_supplied(quantity: Quantity, supplied: set[Quantity]) -> bool:
    """Whether the number is one of those that were supplied, where 0.3 and 30 % are the same."""
    value = quantity.value
    if quantity.percent:
        return quantity in supplied or (0 < value < 100 and Quantity(value / 100) in supplied)
    return quantity in supplied or (0 < value < 1 and Quantity(value * 100, percent=True) in supplied)


_PERCENT: Final = r"\s?(?:%|per\s?cent(?:age)?\b)"
_DIGITS: Final = re.compile(r"\d+(?:,\d{3}(?![\d,]))?(?:\.\d+)?", re.ASCII)
# What stands right before or after digits that are a part of something else.
_PART_OF_WORD_BEFORE: Final = re.compile(r"(?:\w|(?<!\S)[-−–]|[.,+/])$")
_PART_OF_WORD_AFTER: Final = re.compile(r"(?!(?:st|nd|rd|th)\b)[^\W\d]|[.,/]\d")
# A number is a percentage where this follows it; in a range of percentages it is so for both ends.
_IS_PERCENT: Final = re.compile(rf"{_PERCENT}|(?:\s?[-–—]\s?|\s(?:to|and|or)\s)[\w.-]+{_PERCENT}")

_FIRST: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL: Final[dict[str | None, int]] = {
    **{word: value for value, word in enumerate(_FIRST.split())},
    **{word: 10 * value for value, word in enumerate(_TENS.split(), start=2)},
    "dozen": 12,
    "dozens": 12,
}
_SCALES: Final = {"hundred": 100, "hundreds": 100, "thousand": 1_000, "thousands": 1_000, "million": 10**6}
_NUMBER: Final = rf"(?:{'|'.join([*filter(None, _SMALL), *_SCALES])})"
_WORDS: Final = re.compile(rf"\b{_NUMBER}(?:(?:[ -]|\sand\s){_NUMBER})*\b")
_PARTS: Final = {
    "half": Decimal("0.5"),
    "halves": Decimal("0.5"),
    "third": Decimal(1) / 3,
    "quarter": Decimal("0.25"),
    "fifth": Decimal("0.2"),
    "tenth": Decimal("0.1"),
}
_PART: Final = re.compile(
    rf"\b(?:(?P<many>a|{_NUMBER})[ -](?=half|third|quarter|fifth|tenth)|(?=half|halves))"
    r"(?P<part>half|halves|third|quarter|fifth|tenth)s?\b"
)
_OTHER_PART: Final = re.compile(r"\b(?:third|quarter|fifth|tenth)(?:s\b|[ -]of\b)")
_TIMES: Final = {
    "twice": 2,
    **dict.fromkeys(["double", "doubles", "doubled", "doubling"], 2),
    "thrice": 3,
    **dict.fromkeys(["triple", "triples", "tripled", "tripling", "treble", "trebles", "trebled", "trebling"], 3),
}
_TIME: Final = re.compile(rf"\b(?:{'|'.join(_TIMES)})\b")
# "one" and "two" count something where one of these follows, at once or after two words more.
_COUNTED: Final = re.compile(
    r"[ -](?:[a-z]+ ){0,2}(?:(?:year|month|week|day|hour|minute|session|lesson|time|point|level|step|tutoring"
    rf"|reschedule|cancellation|no-show)s?\b|out of\b|of (?:\d|{_NUMBER}\b))"
)
_UNREADABLE: Final = re.compile(
    r"\b(?:"
    r"\w*folds?"  # tenfold, two-fold
    r"|couples?"
    r"|(?!coupl|doubl|tripl)\w+upl(?:e|es|ed|ing|y|icate|icated)"  # quadruple; "coupled with" is none
    r"|(?!million\b)\w*illi(?:ons?|onths?|ards?)|lakhs?|crores?|myriads?"
    r"|halv(?:e|ed|ing)"
    # From the fourth on an ordinal is as likely a fraction, and as a place in a row it is no number that was supplied.
    r"|(?:fourth|sixth|seventh|eighth|ninth|eleventh|twelfth|\w+teenth|\w+tieth|hundredth|thousandth)s?"
    r")\b"
)
_COUNT: Final = rf"(?:\d%?|\b{_NUMBER}\b)"
# "one in five", "1 in every 4", "three lessons in ten"; not "4 sessions in 30 days".
_ONE_IN: Final = re.compile(
    rf"{_COUNT}[\s–—-]+(?P<noun>[a-z]+[\s–—-]+)?in[\s–—-]+"
    rf"(?:(?:a|an|any|each|every|about|around|roughly|nearly|almost|some)[\s–—-]+){{0,3}}[\d.,]*{_COUNT}"
    r"(?(noun)(?![\d.,]*[\s–—-]+(?:minute|hour|day|week|month|year)))"
)


def _read_digits(match: re.Match[str], text: str) -> Quantity:
    if _PART_OF_WORD_BEFORE.search(text[: match.start()][-2:]) or _PART_OF_WORD_AFTER.match(text, match.end()):
        raise UnreadableNumberError("digits that are a part of something else")
    return Quantity(Decimal(match[0].replace(",", "")), _IS_PERCENT.match(text, match.end()) is not None)


def _read_words(match: re.Match[str], text: str) -> Iterator[Quantity]:
    percent = _IS_PERCENT.match(text, match.end()) is not None
    if match[0] in ("one", "two") and not percent and not _COUNTED.match(text, match.end()):
        return
    for value in _sum_words([word for word in re.split("[ -]", match[0]) if word != "and"]):
        yield Quantity(Decimal(value), percent)


def _sum_words(words: list[str]) -> Iterator[int]:
    """The numbers that a row of number words is: "two hundred thirty" one, "three four" two."""
    thousands = below = 0
    last = 1_000
    for word in words:
        value = _SCALES.get(word) or _SMALL[word]
        if value >= 1_000:
            thousands, below = thousands + max(below, 1) * value, 0
        elif value == 100:
            below = max(below, 1) * value
        elif last >= 100 or (last >= 20 and value < 10):
            below += value
        else:
            yield thousands + below
            thousands, below = 0, value
        last = value
    yield thousands + below
