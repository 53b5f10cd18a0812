from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from dashboards.views.match_cards import show_reschedules, show_student, show_tutor
from dashboards.views.match_group import (
    ASSIGNMENT_COLUMNS,
    EXPORTED,
    make_table,
    render_totals,
    show_assignment,
    tell_unmatched,
    tell_verdict,
)
from dashboards.views.match_pair import SCALES, render_change, render_pair, render_side_by_side, tell_band, tell_source
from dashboards.views.match_ranking import RANKING_COLUMNS, show_difference, show_ranking
from dashboards.views.risk import RISKS
from scoring.assignment import AssignedPair, Assignment, ComparedAssignment
from scoring.explanations import Contribution
from scoring.match_people import StudentCard, TutorCard
from scoring.pair_changes import MISMATCHES, JudgedPair, Mismatch
from scoring.student_risks import StudentRisk
from scoring.tutor_ranking import RankedTutor

HOSTILE = "<b>Eve</b>"
STUDENT = StudentCard(UUID(int=1), HOSTILE, 14, 2, "modern", 5, 4, HOSTILE, 2, None)
TUTOR = TutorCard(UUID(int=2), "Xaver", 40, 4, "modern", None, 1, 3, False, 12.5, 24)
RANKED = RankedTutor(TUTOR.id, 16, 0.123, "low", 0.785)
JUDGED = JudgedPair(
    churn_probability=0.123,
    risk_level="low",
    low=0.081,
    high=0.149,
    compatibility_score=0.785,
    mismatches=(
        Mismatch("pace_mismatch", 2.0, True),
        Mismatch("style_mismatch", 0.0, True),
        Mismatch("communication_mismatch", 2.5, False),
        Mismatch("age_difference", 26.0, True),
    ),
    contributions=(
        Contribution("pace_mismatch", 2.0, 0.4, "their preferred paces lie 2 points apart"),
        Contribution("student_urgency", 4.0, -0.2, "the student's urgency is 4 out of 5"),
        Contribution("style_mismatch", 0.0, 0.0, "their teaching styles agree"),
    ),
    explanation=f"There is a low risk {HOSTILE}.",
    model_version="v3",
    fallback=False,
)


def test_cards_in_words() -> None:
    student = show_student(STUDENT, {STUDENT.id})
    assert (student["name"], student["note"], student["collected"]) == (HOSTILE, "14 years · pace 2 · modern", True)
    unknown = replace(STUDENT, age=None, preferred_pace=None, preferred_teaching_style=None)
    assert show_student(unknown, ())["note"] == "nothing told of preferences"
    assert "badges" not in student
    badge, whom = show_student(STUDENT, (), StudentRisk(HOSTILE, 0.7123, "high"))["badges"]
    assert (badge["text"], whom["text"]) == ("High 71.2%", f"with {HOSTILE}")
    assert (badge["icon"], badge["tone"]) == RISKS["high"][1:]

    plain = show_tutor(TUTOR, None, ())
    assert plain["note"] == "pace 4 · modern · 1 year of tutoring"
    assert [badge["text"] for badge in plain["badges"]] == ["Keeps sessions"]
    assert ("tag" in plain, "share" in plain) == (False, False)
    matched = show_tutor(TUTOR, RANKED, (), current=True)
    assert [badge["text"] for badge in matched["badges"]] == ["Low 12.3%", "Keeps sessions"]
    assert (matched["tag"], matched["share"], matched["share_label"]) == ("Current tutor", 0.785, "Compatibility 78%")


def test_the_flag_of_a_tutor_is_no_colour_alone() -> None:
    high, few = replace(TUTOR, is_high_risk=True), replace(TUTOR, total_sessions_30d=9)
    told = [show_reschedules(one) for one in (TUTOR, high, few, replace(TUTOR, total_sessions_30d=0))]
    assert [one["text"] for one in told] == [
        "Keeps sessions",
        "Reschedules often",
        "Keeps sessions",
        "No sessions in 30 days",
    ]
    assert [one["tone"] for one in told] == ["good", "bad", "good", "quiet"]
    assert [one.get("detail", "") for one in told] == ["", "", "few sessions", ""]
    assert show_reschedules(replace(TUTOR, total_sessions_30d=None))["tone"] == "quiet"


def test_a_pair_with_its_reasons() -> None:
    html = render_pair(STUDENT, TUTOR, JUDGED, RANKED, 401)
    text = html.striptags()

    assert "<b>Eve" not in html
    assert "<b>Eve</b> with XaverPlace 17 of 401 tutors for this student" in text
    assert "Of pairs scored alike 8–15% left, 9 times in 10" in text
    assert "12.3%" in text
    assert "78%" in text
    severities = [part.split("</span>")[1].split("<")[0] for part in html.split('class="severity ')[1:]]
    assert severities == ["Some way apart", "Same", "Not known", "Far apart"]
    assert "Their preferred paces lie 2 points apart" in text
    assert "The communication style of one of them is not known" in text
    assert "Raises the risk: their preferred paces lie 2 points apart" in text
    assert "Lowers the risk: the student's urgency is 4 out of 5" in text.replace("&#39;", "'")
    assert "their teaching styles agree" not in text  # what has no effect is no reason
    assert "had" not in text
    assert [part.split("%")[0] for part in html.split("width: ")[1:]] == ["78", "50", "0", "62", "100"]
    assert set(SCALES) == set(MISMATCHES)


@pytest.mark.parametrize(
    ("sessions", "said"), [(9, "had 9 sessions"), (1, "had 1 session "), (None, "had no sessions")]
)
def test_little_is_known_of_a_tutor_with_few_sessions(sessions: int | None, said: str) -> None:
    html = render_pair(STUDENT, replace(TUTOR, total_sessions_30d=sessions), JUDGED, None, 0)
    assert f"Xaver {said}" in html


def test_who_answers() -> None:
    assert tell_source(JUDGED) == "Predicted by model v3; the reasons are what moved it most."
    assert tell_source(replace(JUDGED, fallback=True)).startswith("No model serves: the rule answers")
    assert tell_band(replace(JUDGED, low=None, high=None)) == ""
    assert tell_band(replace(JUDGED, churn_probability=0.2)).endswith("; this one stands higher among them")
    assert tell_band(replace(JUDGED, churn_probability=0.05)).endswith("; this one stands lower among them")
    assert tell_band(JUDGED).endswith("9 times in 10")
    assert "The best match of 401 tutors" in render_pair(STUDENT, TUTOR, JUDGED, replace(RANKED, place=0), 401)


def test_what_would_be_if() -> None:
    after = replace(JUDGED, churn_probability=0.181, risk_level="medium", compatibility_score=0.5)
    text = render_change(JUDGED, after, changed=True).striptags()
    assert text.startswith("Now12.3%checkLowarrow_forwardWhat if18.1%error_outlineMedium")
    assert text.endswith("Difference+5.8 ppcompatibility 78% → 50%")
    assert 'class="figure bad"' in render_change(JUDGED, after, changed=True)
    assert 'class="figure good"' in render_change(after, JUDGED, changed=True)
    assert 'class="figure quiet"' in render_change(JUDGED, replace(JUDGED, churn_probability=0.1234), changed=True)
    assert "Nothing is stored" in render_change(JUDGED, JUDGED, changed=False)


def test_both_side_by_side() -> None:
    html = render_side_by_side(STUDENT, TUTOR)
    assert "<b>Eve" not in html
    assert f'href="tutor?id={TUTOR.id}"' in html
    for row in (
        "<th scope=row>Pace</th><td>2 of 5</td><td>4 of 5</td>",
        "<th scope=row>Communication</th><td>5 of 5</td><td>–</td>",
        "<th scope=row>Experience</th><td>2 × tutored before</td><td>1 year of tutoring</td>",
        "<th scope=row>Satisfaction so far</th><td>–</td><td></td>",
        "<th scope=row>Rescheduled in 30 days</th><td></td><td>12.5%</td>",
    ):
        assert row in html


def test_the_best_against_the_chosen() -> None:
    chosen = replace(RANKED, tutor_id=UUID(int=3), churn_probability=0.2)
    rows = show_ranking([RANKED, chosen], {TUTOR.id: TUTOR}, chosen)
    assert len(rows) == 1  # of the other nothing is known by now
    assert {key: cell["text"] for key, cell in rows[0]["cells"].items()} == {
        "name": "Xaver",
        "churn": "Low 12.3%",
        "difference": "−7.7 pp",
        "fit": "78%",
        "reschedules": "Keeps sessions",
    }
    assert set(rows[0]["cells"]) == {column["key"] for column in RANKING_COLUMNS}
    assert show_difference(chosen, chosen)["text"] == "chosen"
    assert show_difference(chosen, RANKED) == {"text": "+7.7 pp", "icon": "thumb_down", "tone": "bad"}
    assert show_difference(chosen, None)["text"] == "–"
    near = replace(chosen, tutor_id=UUID(int=4), churn_probability=0.2004)
    assert show_difference(near, chosen)["text"] == "the same"


def pair(student: int, tutor: int, churn: float) -> AssignedPair:
    return AssignedPair(UUID(int=student), UUID(int=tutor), churn, 1 - churn, "low", 1.0, 0.0, 2.0, 3.0)


def assignment(*pairs: AssignedPair, unmatched: tuple[UUID, ...] = ()) -> Assignment:
    total = sum(one.churn_probability for one in pairs)
    mean = total / len(pairs) if pairs else None
    fit = None if mean is None else 1 - mean
    return Assignment(list(pairs), list(unmatched), total, mean, len(pairs) - total, fit)


FOUND = ComparedAssignment(
    assignment(pair(1, 11, 0.11), pair(2, 12, 0.11)), assignment(pair(1, 12, 0.10), pair(2, 11, 0.43))
)
NAMES = {UUID(int=1): HOSTILE, UUID(int=2): "=1+1"}
TUTORS = {UUID(int=11): "Xaver", UUID(int=12): "Yves"}


def test_the_best_assignment_beside_the_greedy_one() -> None:
    assert tell_verdict(FOUND) == "0.31 fewer students expected to leave than by taking the best pair first."
    assert (
        tell_verdict(ComparedAssignment(FOUND.best, FOUND.best)) == "Taking the best pair first would do as well here."
    )
    assert tell_verdict(ComparedAssignment(assignment(), assignment())) == "There is no room: no student gets a tutor."
    html = render_totals(FOUND)
    for row in (
        "Students with a tutor</th><td>2</td><td>2</td>",
        "Expected to leave</th><td>0.22</td><td>0.53</td>",
        "Likely to leave, mean</th><td>11.0%</td><td>26.5%</td>",
        "Compatibility, sum</th><td>1.78</td><td>1.47</td>",
        "Compatibility, mean</th><td>89%</td><td>74%</td>",
    ):
        assert row in html


def test_pairs_as_rows_and_as_a_table_to_export() -> None:
    greedy = {UUID(int=1): UUID(int=12)}
    rows = show_assignment(FOUND.best.matches, greedy, NAMES, TUTORS)
    assert [[cell["text"] for cell in row["cells"].values()] for row in rows] == [
        [HOSTILE, "Xaver", "Low 11.0%", "89%", "Yves"],
        ["=1+1", "Yves", "Low 11.0%", "89%", "no tutor"],
    ]
    assert set(rows[0]["cells"]) == {column["key"] for column in ASSIGNMENT_COLUMNS}
    assert show_assignment(FOUND.best.matches, {UUID(int=1): UUID(int=11)}, NAMES, TUTORS)[0]["cells"]["greedy"] == {
        "text": "the same",
        "tone": "quiet",
    }

    table = make_table(assignment(pair(1, 11, 0.11), unmatched=(UUID(int=2),)), NAMES, TUTORS)
    assert table.name == "assignment"
    assert tuple(table.header) == EXPORTED
    first = (UUID(int=1), HOSTILE, UUID(int=11), "Xaver", 0.11, "low", 0.89, 1.0, 0.0, 2.0, 3.0)
    assert table.rows == [first, (UUID(int=2), "=1+1", *[None] * 9)]


def test_those_who_get_no_tutor() -> None:
    many = {UUID(int=n): f"S{n}" for n in range(12)}
    assert tell_unmatched(FOUND.best, NAMES) == ""
    two = assignment(unmatched=(UUID(int=2), UUID(int=1)))
    assert tell_unmatched(two, NAMES) == f"Without a tutor, since there is no room left: =1+1, {HOSTILE}."
    told = tell_unmatched(assignment(unmatched=tuple(many)), many)
    assert told.endswith("S8, S9 and 2 more.")
