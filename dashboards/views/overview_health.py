"""Does all run as it should: the queue, the mails, the predictions and the models, in a word, and what to do if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from markupsafe import Markup

from dashboards.formats import format_count, format_time
from dashboards.html import EMPTY
from dashboards.views.model_words import TITLES
from modelling.health import ModelHealth
from processing.upkeep import LONG_WAIT_MINUTES, QueueCounts
from reports.contents import Notice
from scoring.attention import HOURS, Attention
from scoring.models import ServedModel
from scoring.sessions import Models

STALE: Final = timedelta(hours=3)  # predictions are renewed every hour
RULE: Final = "a simple rule"
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class System:
    """How the parts stand. failed_mails: of the last day; None where none failed. served: what answers, by target;
    empty in the first second."""

    queue: QueueCounts
    failed_mails: Notice | None
    attention: Attention
    models: Sequence[ModelHealth]
    served: Models


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that is not as it should be, in a sentence, and what to do about it.

    command: of the command line. link: address of the page that says more.
    """

    said: str
    remedy: str
    command: str = ""
    link: str = ""


def find_concerns(system: System, now: datetime) -> list[Concern]:
    """What is not as it should be, what holds up the most first."""
    return [*_find_in_queue(system), *_find_in_predictions(system.attention, now), *_find_in_models(system)]


def render_health(system: System, concerns: Sequence[Concern], zone: str, now: datetime) -> Markup:
    """In a word whether all is well, the concerns, and a line for each part."""
    lines = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, said)
        for name, said in (
            ("Sessions", Markup("<a href=queue>{}</a>{}").format(*_say_queue(system.queue))),
            ("Mails", Markup("<a href=queue>{}</a>{}").format(*_say_mails(system.failed_mails))),
            ("Predictions", Markup("<a href=sessions>{}</a>").format(_say_predictions(system.attention, now))),
        )
    )
    models = Markup("").join(_render_model(model, system.served.get(model.target), zone) for model in system.models)
    return Markup(
        "<section>{verdict}{concerns}<dl class=parts>{lines}{models}</dl>"
        "<footer><a href=models>All about the models</a></footer></section>"
    ).format(verdict=_render_verdict(concerns), concerns=_render_concerns(concerns), lines=lines, models=models)


def format_age(seconds: float) -> str:
    """As people say it: "under a minute", "12 minutes", "5 hours", "3 days"."""
    for unit, name in ((DAY_S, "day"), (HOUR_S, "hour"), (MINUTE_S, "minute")):
        if seconds >= (unit if unit == MINUTE_S else 2 * unit):
            count = int(seconds // unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "under a minute"


def _find_in_queue(system: System) -> list[Concern]:
    found = []
    if system.queue.failed:
        one = system.queue.failed == 1
        found.append(
            Concern(
                f"{format_count(system.queue.failed)} {'session' if one else 'sessions'} could not be processed.",
                "See why there, and once the reason is gone:",
                "tqs process --requeue",
                "queue",
            )
        )
    if system.queue.oldest_seconds > MINUTE_S * LONG_WAIT_MINUTES:
        found.append(
            Concern(
                f"Sessions have been waiting for {format_age(system.queue.oldest_seconds)}.",
                "See that a processor runs:",
                "tqs up processor",
            )
        )
    mails = system.failed_mails
    if mails is not None:
        why = f" ({mails.errors[0][0]})" if mails.errors and mails.errors[0][0] else ""
        found.append(
            Concern(
                f"{format_count(mails.count)} {'mail' if mails.count == 1 else 'mails'} could not be sent{why}.",
                "Correct the addresses or the mail server's settings, then:",
                "tqs process --requeue",
                "queue",
            )
        )
    return found


def _find_in_predictions(attention: Attention, now: datetime) -> list[Concern]:
    remedy = "They are renewed every hour where the flows run (tqs up prefect); by hand:"
    if attention.ahead and attention.unpredicted == attention.ahead:
        return [Concern("No session ahead has a prediction.", remedy, "tqs score")]
    found = []
    if attention.unpredicted:
        missing = f"{format_count(attention.unpredicted)} of the {format_count(attention.ahead)} sessions"
        found.append(Concern(f"{missing} of the next {HOURS} hours have no prediction.", remedy, "tqs score"))
    if attention.oldest is not None and now - attention.oldest > STALE:
        age = format_age((now - attention.oldest).total_seconds())
        found.append(
            Concern(f"The oldest prediction of the next {HOURS} hours was made {age} ago.", remedy, "tqs score")
        )
    return found


def _find_in_models(system: System) -> list[Concern]:
    found = []
    for model in system.models:
        title, served = TITLES[model.target], system.served.get(model.target)
        retrain = f"tqs retrain --target {model.target}"
        if model.champion is None:
            found.append(Concern(f"{title}: no model serves yet, {RULE} answers.", "Train one:", retrain))
        elif served is not None and served.refusal:
            found.append(
                Concern(
                    f"{title}: {model.champion} cannot serve, {_name(served)} answers.",
                    "See why on the page of the models, then train another one or roll back:",
                    f"tqs models rollback {model.target}",
                )
            )
        if model.drift == "drift":
            held = f" Retraining is held back: {model.retraining_reason}." if model.retraining_reason else ""
            found.append(
                Concern(
                    f"{title}: the last days differ from what the model learned from.{held}",
                    "See what moved on the page of the models; a retraining learns it:",
                    retrain,
                )
            )
        if model.training in ("failed", "lost"):
            found.append(Concern(f"{title}: the last training did not end well.", "See why on the page of the models."))
    return found


def _render_verdict(concerns: Sequence[Concern]) -> Markup:
    tone, icon, word = (
        ("warn", "warning", f"{len(concerns)} {'thing' if len(concerns) == 1 else 'things'} to look at")
        if concerns
        else ("good", "check_circle", "All well")
    )
    return Markup("<p class='verdict {}'><span class=icon aria-hidden=true>{}</span>{}</p>").format(tone, icon, word)


def _render_concerns(concerns: Sequence[Concern]) -> Markup:
    if not concerns:
        return Markup("")
    items = (
        Markup("<li><b>{}</b> {} {}</li>").format(
            Markup('<a href="{}">{}</a>').format(one.link, one.said) if one.link else one.said,
            one.remedy,
            Markup("<code>{}</code>").format(one.command) if one.command else "",
        )
        for one in concerns
    )
    return Markup("<ul class=concerns>{}</ul>").format(Markup("").join(items))


def _say_queue(queue: QueueCounts) -> tuple[str, Markup]:
    """What leads to the page of it, and what stands below."""
    if not queue.pending:
        return f"{format_count(queue.failed)} failed, none waits" if queue.failed else "None waits", EMPTY
    said = f"{format_count(queue.pending)} waiting, the oldest for {format_age(queue.oldest_seconds)}"
    return said, Markup("<small>by hand: <code>tqs process</code></small>")


def _say_mails(failed: Notice | None) -> tuple[str, Markup]:
    """As `_say_queue`."""
    if failed is None:
        return "None failed", EMPTY
    said = f"{format_count(failed.count)} failed within a day"
    return said, Markup("<small>once more: <code>tqs process --requeue</code></small>")


def _say_predictions(attention: Attention, now: datetime) -> str:
    if attention.oldest is None:
        return "None yet" if attention.ahead else f"No session in {HOURS} hours"
    age = f"At most {format_age((now - attention.oldest).total_seconds())} old"
    if now - attention.oldest < timedelta(minutes=1):
        age = "Just made"
    return f"{age}, {format_count(attention.unpredicted)} to come" if attention.unpredicted else age


def _render_model(model: ModelHealth, served: ServedModel | None, zone: str) -> Markup:
    said = [_say_drift(model)]
    if model.champion is not None and model.since is not None:
        said.insert(0, f"since {_format_date(model.since, zone)}")
    if model.trained_at is not None:
        said.append(f"last trained {_format_date(model.trained_at, zone)}")
    answers = model.champion if served is None else _name(served)
    return Markup(
        '<div><dt>{}</dt><dd>Answered by <a href="models?target={}">{}</a><small>{}</small></dd></div>'
    ).format(TITLES[model.target], model.target, answers or RULE, ", ".join(said))


def _name(served: ServedModel) -> str:
    return RULE if served.fallback else served.version


def _say_drift(model: ModelHealth) -> str:
    return {"drift": "drifting", "stable": "no drift", "no verdict": "drift not judged"}.get(
        model.drift or "", "drift not watched yet"
    )


def _format_date(moment: datetime, zone: str) -> str:
    return format_time(moment, zone).partition(",")[0]
