"""What reminders are worth so far, in a sentence."""

from __future__ import annotations

from markupsafe import Markup

from scoring.reminder_report import ReminderReport, Uplift


def render_reminders(report: ReminderReport) -> Markup | None:
    """What was measured of reminded tutors against those held out; None where it is too early to say."""
    uplift, treated, held = report.uplift, report.treated, report.hold_out
    if uplift is None or treated.rate is None or held.rate is None:
        return None
    if uplift.low > 0:
        tone, icon, said = "good", "trending_down", f"Reminders help: tutors move fewer sessions, by {_tell(uplift)}."
    elif uplift.high < 0:
        more = Uplift(-uplift.value, -uplift.high, -uplift.low)
        tone, icon, said = "bad", "trending_up", f"Reminders do harm: tutors move more sessions, by {_tell(more)}."
    else:
        points = f"between {-100 * uplift.low:.1f} points more and {100 * uplift.high:.1f} points fewer sessions moved"
        tone, icon, said = "quiet", "trending_flat", f"Whether reminders help cannot be told yet: {points}."
    compared = (
        f"{100 * treated.rate:.1f}% of {treated.sessions:,} sessions of reminded tutors were moved, "
        f"{100 * held.rate:.1f}% of {held.sessions:,} of those left alone."
    )
    doubt = Markup("<br>But {}.").format(report.doubt) if report.doubt else ""
    return Markup("<p class=calm><span class='icon {}' aria-hidden=true>{}</span>{} {}{}</p>").format(
        tone, icon, said, compared, doubt
    )


def _tell(uplift: Uplift) -> str:
    """As in "3.1 points (1.2 to 5.0)"."""
    return f"{100 * uplift.value:.1f} points ({100 * uplift.low:.1f} to {100 * uplift.high:.1f})"
