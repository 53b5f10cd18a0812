from __future__ import annotations

import pytest

from scoring.explanation_check import RefusedTextError, check_text

SUPPLIED = ["the tutor rescheduled 25% of the sessions of the last 30 days", "4 out of 5", "16 years"]
GOOD = (
    "There is a high risk that the two do not continue together, mainly because the tutor rescheduled 25% of the "
    "sessions of the last 30 days. In its favour, they prefer the same pace."
)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("25%", "25 percent"),
        GOOD.replace("25%", "0.25"),
        GOOD.replace("25%", "a quarter"),
        GOOD.replace("same pace", "same pace, and the 16-year-old wants to learn Spanish for the GCSE"),
        GOOD + " With a pace of 4 out of 5, the student is ready – and keen.",
        GOOD.replace("There is a high risk", "The risk is high"),
        GOOD.replace("There is a high risk", "The risk of the two parting is quite high, which says"),
        GOOD.replace("In its favour", "While this lowers the risk"),
    ],
)
def test_good_texts_pass(text: str) -> None:
    check_text(text, "high", SUPPLIED)


NUMBER = "it holds a number that was not supplied"
NAME = "it may name somebody"
FORM = "it holds markup, a line break, a control character or another script"
RISK = "it states another risk level"
BAD = {
    "another percentage": (GOOD.replace("25%", "26%"), NUMBER),
    "a made-up number": (GOOD.replace("same pace", "same pace 99 times"), NUMBER),
    "a made-up number in words": (GOOD.replace("same pace", "same pace in ninety-nine cases"), NUMBER),
    "a share in words": (GOOD.replace("25%", "half"), NUMBER),
    "a small number in words": (GOOD.replace("25%", "two"), NUMBER),
    "a year": (GOOD.replace("same pace", "same pace since 2025"), NUMBER),
    "a percentage of a count": (GOOD.replace("25%", "30%"), NUMBER),
    "another digit": (GOOD.replace("25%", "２５%"), FORM),
    "a part of a number": (GOOD.replace("25%", "1/4"), "it holds digits that are a part of something else"),
    "a name at the start": (GOOD.replace("There is", "Mia runs"), NAME),
    "a name within": (GOOD.replace("the tutor", "Mr Smith"), NAME),
    "an organisation": (GOOD.replace("the tutor", "ACME"), NAME),
    "itself": (GOOD.replace("In its", "I think in its"), NAME),
    "a domain": (GOOD.replace("same pace", "same pace as on evil.example"), "it may hold a link"),
    "a link": (GOOD.replace("same pace", "same pace at https://evil.example/x"), "it may hold a link"),
    "a scheme": (GOOD.replace("same pace", "same pace mailto:me"), "it may hold a link"),
    "an e-mail": (GOOD.replace("same pace", "same pace as me@example"), FORM),
    "HTML": (GOOD.replace("high", "<b>high</b>"), FORM),
    "an entity": (GOOD.replace("high", "&lt;high"), FORM),
    "Markdown": (GOOD.replace("high", "**high**"), FORM),
    "a code": (GOOD.replace("high", "`high`"), FORM),
    "a line break": (GOOD.replace(". In", ".\nIn"), FORM),
    "a control character": (GOOD.replace("same", "same\x1b"), FORM),
    "a bidirectional mark": (GOOD.replace("same", "same\u202e"), FORM),
    "an invisible character": (GOOD.replace("same", "sa\u200bme"), FORM),
    "look-alike letters": (GOOD.replace("pace", "расе"), FORM),
    "an emoji": (GOOD.replace("pace", "pace 🙂"), FORM),
    "another level": (GOOD.replace("high", "low"), RISK),
    "both levels": (GOOD.replace("In its favour", "Though at low risk"), RISK),
    "the level denied": (GOOD.replace("a high", "not really a high"), RISK),
    "another level, said otherwise": (GOOD.replace("In its favour", "The risk is low because"), RISK),
    "no level": (GOOD.replace("a high risk", "a chance"), "it does not state the risk level"),
    "one sentence": (GOOD.split(". ", maxsplit=1)[0] + ".", "it has 1 sentences, not 2 to 3"),
    "four sentences": (GOOD + " This holds." + " This holds.", "it has 4 sentences, not 2 to 3"),
    "cut off": (GOOD[:-1], "it ends within a sentence"),
    "too long": (GOOD[:-1] + " and" + " so on" * 100 + ".", f"it has {len(GOOD) + 604} characters, not 40 to 600"),
    "nothing": ("", "it has 0 characters, not 40 to 600"),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD.keys())
def test_bad_texts_are_refused_and_not_quoted(text: str, reason: str) -> None:
    with pytest.raises(RefusedTextError) as caught:
        check_text(text, "high", SUPPLIED)
    assert str(caught.value) == reason


def test_moderate_is_medium() -> None:
    check_text(GOOD.replace("high", "moderate"), "medium", SUPPLIED)
    with pytest.raises(RefusedTextError):
        check_text(GOOD.replace("high", "moderate"), "high", SUPPLIED)
