"""One student with one tutor: how likely they part, how well they fit, why, and what is known of both."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup

from dashboards.components.data_table import Tone
from dashboards.formats import NOTHING, format_percent, format_points, tell_side
from dashboards.views.match_cards import tell_years
from dashboards.views.notices import Notice
from dashboards.views.risk import render_risk
from features.catalogue import features_of
from scoring.match_people import StudentCard, TutorCard
from scoring.pair_changes import JudgedPair, Mismatch
from scoring.shrinkage import FEW_SESSIONS
from scoring.tutor_ranking import RankedTutor

NOBODY_CHOSEN: Final = Notice("touch_app", "Choose a student", "Then the tutors are in the order of the best match.")
NO_TUTOR_CHOSEN: Final = Notice("touch_app", "Choose a tutor", "The first of the list is the best match.")
# mismatch: title, value that fills its bar, and what stands at both ends of the bar
SCALES: Final = {
    "pace_mismatch": ("Pace", 4.0, "same", "4 points"),
    "style_mismatch": ("Teaching style", 1.0, "same", "different"),
    "communication_mismatch": ("Communication", 4.0, "same", "4 points"),
    "age_difference": ("Age", 20.0, "same", "20 years or more"),
}
# share of the scale from which on: word, icon, tone
SEVERITIES: Final[tuple[tuple[float, str, str, Tone], ...]] = (
    (0.6, "Far apart", "unfold_more", "bad"),
    (0.3, "Some way apart", "drag_handle", "warn"),
    (0.0, "Close", "check", "good"),
)


def render_pair(
    student: StudentCard, tutor: TutorCard, judged: JudgedPair, ranked: RankedTutor | None, tutors: int
) -> Markup:
    """The answer for the two with its reasons, as HTML in which names are text."""
    return Markup(
        "<section><h2>{student} with {tutor}</h2><p class=quiet>{place}</p><dl class=answer>"
        "<div><dt>Likely to leave</dt><dd><span class=figure>{churn}</span>{badge}<small>{band}</small></dd></div>"
        "<div><dt>Compatibility</dt><dd><span class=figure>{fit}</span>{bar}</dd></div></dl>{caution}"
        "<h3>How far apart they are</h3><ul class=mismatches>{mismatches}</ul>"
        "<div class=why><h3><span class=icon aria-hidden=true>lightbulb</span>Why</h3><p>{why}</p>"
        "<ul>{reasons}</ul><p class=quiet>{by}</p></div></section>"
    ).format(
        student=student.name,
        tutor=tutor.name,
        place=_tell_place(ranked, tutors),
        churn=format_percent(100 * judged.churn_probability),
        badge=render_risk(judged.risk_level),
        band=tell_band(judged),
        fit=f"{100 * judged.compatibility_score:.0f}%",
        bar=_render_bar(judged.compatibility_score, "accent", "0%", "100%"),
        caution=_render_caution(tutor),
        mismatches=Markup("").join(_render_mismatch(one) for one in judged.mismatches),
        why=judged.explanation,
        reasons=Markup("").join(
            Markup('<li><span class="icon {}" aria-hidden=true>{}</span><span>{}: {}</span></li>').format(
                *(
                    ("bad", "arrow_upward", "Raises the risk")
                    if one.effect > 0
                    else ("good", "arrow_downward", "Lowers the risk")
                ),
                one.phrase,
            )
            for one in judged.contributions
            if one.effect != 0
        ),
        by=tell_source(judged),
    )


def tell_source(judged: JudgedPair) -> str:
    """Who answers: the model, or the rule where none serves."""
    if judged.fallback:
        return "No model serves: the rule answers, likely to leave = 1 − compatibility."
    return f"Predicted by model {judged.model_version}; the reasons are what moved it most."


def tell_band(judged: JudgedPair) -> str:
    """The band in a sentence; empty without one."""
    if judged.low is None or judged.high is None:
        return ""
    said = f"Of pairs scored alike {100 * judged.low:.0f}–{100 * judged.high:.0f}% left, 9 times in 10"
    side = tell_side(judged.churn_probability, judged.low, judged.high)
    return f"{said}; this one stands {side} among them" if side else said


def render_change(before: JudgedPair, after: JudgedPair, *, changed: bool) -> Markup:
    """What is predicted now and what would be, with the difference."""
    if not changed:
        return Markup(
            "<p class=quiet role=status>Move a slider: the answer of the model follows. Nothing is stored.</p>"
        )
    difference = after.churn_probability - before.churn_probability
    tone = "quiet" if abs(difference) < 0.0005 else "bad" if difference > 0 else "good"
    return Markup(
        "<div class=change role=status><div><span class=label>Now</span><span class=figure>{}</span>{}</div>"
        "<span class=icon aria-hidden=true>arrow_forward</span>"
        "<div><span class=label>What if</span><span class=figure>{}</span>{}</div>"
        '<div><span class=label>Difference</span><span class="figure {}">{}</span>'
        "<small>compatibility {:.0f}% → {:.0f}%</small></div></div>"
    ).format(
        format_percent(100 * before.churn_probability),
        render_risk(before.risk_level),
        format_percent(100 * after.churn_probability),
        render_risk(after.risk_level),
        tone,
        format_points(difference),
        100 * before.compatibility_score,
        100 * after.compatibility_score,
    )


def render_side_by_side(student: StudentCard, tutor: TutorCard) -> Markup:
    """What is known of both, as a table."""
    rows = (
        ("Age", _unit(student.age, "years"), _unit(tutor.age, "years")),
        ("Pace", _scale(student.preferred_pace), _scale(tutor.preferred_pace)),
        ("Teaching style", student.preferred_teaching_style or NOTHING, tutor.teaching_style or NOTHING),
        ("Communication", _scale(student.communication_style_preference), _scale(tutor.communication_style)),
        ("Urgency", _scale(student.urgency_level), ""),
        ("Satisfaction so far", _scale(student.previous_satisfaction), ""),
        ("Confidence", "", _scale(tutor.confidence_level)),
        (
            "Experience",
            _unit(student.previous_tutoring_experience, "× tutored before"),
            tell_years(tutor.experience_years) or NOTHING,
        ),
        ("Sessions in 30 days", "", NOTHING if tutor.total_sessions_30d is None else f"{tutor.total_sessions_30d}"),
        ("Rescheduled in 30 days", "", format_percent(tutor.reschedule_rate_30d)),
        ("Wants to learn", student.learning_goals or NOTHING, ""),
    )
    body = Markup("").join(Markup("<tr><th scope=row>{}</th><td>{}</td><td>{}</td></tr>").format(*row) for row in rows)
    return Markup(
        "<table><thead><tr><td></td><th scope=col>{student}<small>student</small></th>"
        '<th scope=col><a href="tutor?id={id}">{tutor}</a><small>tutor</small></th></tr></thead>'
        "<tbody>{body}</tbody></table>"
    ).format(student=student.name, tutor=tutor.name, id=tutor.id, body=body)


def _render_mismatch(mismatch: Mismatch) -> Markup:
    title, full, least, most = SCALES[mismatch.name]
    share = min(mismatch.value / full, 1.0)
    _, word, icon, tone = next(severity for severity in SEVERITIES if share >= severity[0])
    if mismatch.name == "style_mismatch":
        word = "Different" if mismatch.value else "Same"
    if not mismatch.known:
        word, icon, tone = "Not known", "help_outline", "quiet"
    (feature,) = (one for one in features_of("match") if one.name == mismatch.name)
    phrase = feature.describe(mismatch.value, known=mismatch.known)
    return Markup(
        '<li><span class=title>{}</span><span class="severity {}"><span class=icon aria-hidden=true>{}</span>{}</span>'
        "{}<small>{}</small></li>"
    ).format(title, tone, icon, word, _render_bar(share, tone, least, most), f"{phrase[0].upper()}{phrase[1:]}")


def _render_bar(share: float, tone: str, least: str, most: str) -> Markup:
    """A bar that is read by its words: what stands at its ends, and its share."""
    return Markup(
        '<span class="bar {}" aria-hidden=true><span class=fill style="width: {:.0f}%"></span></span>'
        "<span class=ends aria-hidden=true><span>{}</span><span>{}</span></span>"
    ).format(tone, 100 * share, least, most)


def _render_caution(tutor: TutorCard) -> Markup:
    sessions = tutor.total_sessions_30d or 0
    if sessions >= FEW_SESSIONS:
        return Markup("")
    noun = "session" if sessions == 1 else "sessions"
    return Markup("<p class=caution><span class=icon aria-hidden=true>info</span>{}</p>").format(
        f"{tutor.name} had {sessions or 'no'} {noun} in 30 days: little is known of how they keep them."
    )


def _tell_place(ranked: RankedTutor | None, tutors: int) -> str:
    if ranked is None:
        return ""
    if ranked.place == 0:
        return f"The best match of {tutors:,} tutors"
    return f"Place {ranked.place + 1:,} of {tutors:,} tutors for this student"


def _scale(value: int | None) -> str:
    return NOTHING if value is None else f"{value} of 5"


def _unit(value: int | None, unit: str) -> str:
    return NOTHING if value is None else f"{value} {unit}"
