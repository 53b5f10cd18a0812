"""Whether a text that a language model wrote may be shown: its form, its numbers, its claim of the risk, its names.

What a model was told may hold words that a stranger wrote (`learning_goals`), so nothing that it answers is taken on
trust. These rules hold whatever the model was made to say; a text that breaks one is refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from scoring.spoken_numbers import Quantity, UnreadableNumberError, is_supplied, read_quantities

SHORTEST: Final = 40
LONGEST: Final = 600
SENTENCES: Final = (2, 3)
_OPENERS: Final = """
A Above Additionally Along Also Although An And Another As At Because Beyond Both But By Compared Considering Conversely
Despite Even For From Further Furthermore Given Having However If In It Its Judged Just Meanwhile Moreover Most
Nevertheless No None Nonetheless Not Nothing On One Other Otherwise Overall Since Some Still Taken That The Their There
These They This Those Though Thus Together Two What When Where Whereas Which While With Without Yet
"""
_PROPER_WORDS: Final = """
Arabic Chinese Dutch English French German Greek Hebrew Hindi Italian Japanese Korean Latin Mandarin Polish Portuguese
Russian Spanish Turkish Ukrainian Monday Tuesday Wednesday Thursday Friday Saturday Sunday
Abitur ACT AP GCSE GRE IB IELTS SAT STEM TOEFL
"""
OPENERS: Final = frozenset(_OPENERS.split())
"""A sentence starts with one of these words, so that it cannot start with somebody's name."""
PROPER_WORDS: Final = frozenset(_PROPER_WORDS.split())
"""Words that are written large and name nobody."""


class RefusedTextError(Exception):
    """A text must not be shown. The message says why and quotes nothing of it."""


def check_text(text: str, risk_level: str, supplied: Iterable[str]) -> None:
    """Refuse a text that is not two or three plain English sentences about what was supplied.

    Parameters
    ----------
    risk_level: low, medium or high: the text says "<level> risk" and no other level ("moderate" is medium).
    supplied: the texts whose numbers may occur.

    Raises
    ------
    RefusedTextError
    """
    _check_form(text)
    _check_sentences(text)
    _check_risk(text.lower(), risk_level)
    _check_numbers(text, supplied)


# Letters of the Latin script and the marks of plain sentences: no markup, no control characters, no other scripts.
_PLAIN: Final = re.compile(r"[A-Za-z0-9À-ÖØ-öø-ÿĀ-ſ ,.;:!?'’‘“”\"()%/–—-]*")
_LINK: Final = re.compile(r"//|www|[^\W\d]\.[^\W\d]|\w:\w", re.IGNORECASE)
_SENTENCE_END: Final = re.compile(r"[.!?](?:\s|$)")
_WORD: Final = re.compile(r"[^\W\d_][\w’']*")
_LEVEL: Final = re.compile(
    r"\b(?P<level>low|medium|moderate|high)[ -]risk\b"
    r"|\brisk (?:level )?(?:is|remains|stays|seems|of .{1,80}? is) (?:\w+ )?(?P<told>low|medium|moderate|high)\b"
)
_DENIED: Final = re.compile(r"\b(?:no|not|never|hardly|without|isn['’]t|far from)\b[\w '’-]{0,20}$")
_SYNONYMS: Final = {"moderate": "medium"}


def _check_form(text: str) -> None:
    if not SHORTEST <= len(text) <= LONGEST:
        raise RefusedTextError(f"it has {len(text)} characters, not {SHORTEST} to {LONGEST}")
    if not _PLAIN.fullmatch(text):
        raise RefusedTextError("it holds markup, a line break, a control character or another script")
    if _LINK.search(text):
        raise RefusedTextError("it may hold a link")


def _check_sentences(text: str) -> None:
    if text[-1] not in ".!?":
        raise RefusedTextError("it ends within a sentence")
    sentences = [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]
    if not SENTENCES[0] <= len(sentences) <= SENTENCES[1]:
        raise RefusedTextError(f"it has {len(sentences)} sentences, not {SENTENCES[0]} to {SENTENCES[1]}")
    for sentence in sentences:
        first, *others = _WORD.findall(sentence) or [""]
        if first not in OPENERS or any(word not in PROPER_WORDS and not word.islower() for word in others):
            raise RefusedTextError("it may name somebody")


def _check_risk(spoken: str, risk_level: str) -> None:
    stated = [(match["level"] or match["told"], spoken[: match.start()]) for match in _LEVEL.finditer(spoken)]
    if not stated:
        raise RefusedTextError("it does not state the risk level")
    if any(_SYNONYMS.get(level, level) != risk_level or _DENIED.search(before) for level, before in stated):
        raise RefusedTextError("it states another risk level")


def _check_numbers(text: str, supplied: Iterable[str]) -> None:
    known: set[Quantity] = set().union(*(read_quantities(told) for told in supplied))
    try:
        stated = read_quantities(text)
    except UnreadableNumberError as error:
        raise RefusedTextError(f"it holds {error}") from None
    if not all(is_supplied(quantity, known) for quantity in stated):
        raise RefusedTextError("it holds a number that was not supplied")
