"""What callers were promised, and whether it was kept: worked out here from rows and mails, in no statement of ours."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Engine, text

from processing.intake import Refusal, take_sessions
from processing.posted import PostedSession
from tests.reports.smtp_server import Server

COACHES = ("coach@example.com", "head@example.com")
PAST = (2, 5, 20, 60, 100)  # days: none within hours of the edge of a window
AHEAD = 3  # days
OUTCOMES = ("completed", "rescheduled", "no_show")
WINDOWS = (7, 30, 90)


@dataclass
class Ledger:
    """Tutors, what was told of their sessions and accepted, and how many promises to process that makes."""

    engine: Engine
    server: Server
    tutors: list[uuid.UUID] = field(default_factory=list)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    promises: int = 0
    blamed: set[str] = field(default_factory=set)  # sessions that had errors of their own, to be expected
    unheard: set[str] = field(default_factory=set)  # Message-IDs whose acknowledgement was lost
    today: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def hire(self, count: int) -> None:
        """Tutors of this ledger's own."""
        made = [uuid.uuid4() for _ in range(count)]
        self.tutors += made
        with self.engine.begin() as connection:
            for tutor in made:
                connection.execute(
                    text("INSERT INTO tutors (id, name, is_active, source) VALUES (:id, 'Ann', true, 'import')"),
                    {"id": tutor},
                )

    def imagine(self, random: Random, status: str | None = None) -> dict[str, Any]:
        """A session that nobody was told of yet, as JSON."""
        status = status or random.choice(("scheduled", *OUTCOMES))
        days = AHEAD if status == "scheduled" and random.random() < 0.5 else -random.choice(PAST)
        scheduled = self.today + timedelta(days=days)
        told = {
            "session_id": str(uuid.UUID(int=random.getrandbits(128))),
            "tutor_id": str(random.choice(self.tutors)),
            "student_id": "somebody",
            "scheduled_time": scheduled.isoformat(),
            "booked_at": (self.today - timedelta(days=120)).isoformat(),
            "duration_minutes": random.choice((30, 60)),
        }
        return told | imagine_outcome(random, scheduled, status)

    def with_outcome(self, random: Random, session_id: str) -> dict[str, Any]:
        """The outcome of a session that was told as scheduled; one that is ahead can only have been rescheduled."""
        told = self.told[session_id]
        scheduled = datetime.fromisoformat(told["scheduled_time"])
        return told | imagine_outcome(
            random, scheduled, "rescheduled" if scheduled > self.today else random.choice(OUTCOMES)
        )

    def tell(self, *bodies: dict[str, Any], engine: Engine | None = None) -> list[int]:
        """Post, and remember what was accepted; the statuses. Raises where no answer comes: nothing is promised."""
        posted = [PostedSession.model_validate(body) for body in bodies]
        answers = take_sessions(engine or self.engine, posted, "tests")
        statuses = [answer.status if isinstance(answer, Refusal) else 202 for answer in answers]
        self.accept(*(body for body, status in zip(bodies, statuses, strict=True) if status == 202))
        return statuses

    def accept(self, *bodies: dict[str, Any]) -> None:
        """What the answer 202 came for."""
        for body in bodies:
            stored = self.told.get(body["session_id"])
            if stored is None or (stored["status"] == "scheduled" != body["status"]):
                self.told[body["session_id"]] = body
                self.promises += 1

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(query))]

    def execute(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("SET LOCAL synchronous_commit = off"))  # also where all others wait
            connection.execute(text(statement), values)

    def end_leases(self) -> None:
        """What time does after somebody was killed, and with the pauses after errors."""
        for table in ("work_items", "email_reports"):
            self.execute(
                f"UPDATE {table} SET leased_until = leased_until - interval '1 hour', "
                "not_before = not_before - interval '1 hour' WHERE state = 'pending'"
            )

    def forgive_mails_tried_again(self) -> None:
        """Somebody may have ended, or been cut off, after such a mail was taken and before that was recorded."""
        again = self.rows("SELECT message_id FROM email_reports WHERE attempts > 1")
        self.unheard |= {row["message_id"] for row in again}

    def check(self) -> None:
        """Once all was worked off: stored once, scored as from scratch, predicted, reported once, nobody blamed."""
        self.check_stored()
        self.check_queue()
        self.check_scores()
        self.check_predictions()
        self.check_mails()

    def check_stored(self) -> None:
        moved = {str(row["session_id"]): row for row in self.rows("SELECT * FROM reschedules")}
        stored = {}
        for row in self.rows("SELECT * FROM sessions"):
            key = str(row["id"])
            stored[key] = {
                "session_id": key,
                "tutor_id": str(row["tutor_id"]),
                "scheduled_time": row["scheduled_time"].isoformat(),
                "booked_at": row["booked_at"].isoformat(),
                **{name: row[name] for name in ("student_id", "duration_minutes", "status")},
            }
            if key in moved:
                names = ("original_time", "cancelled_at")
                times = {name: moved[key][name].isoformat() for name in names}
                stored[key]["reschedule_info"] = {"initiator": moved[key]["initiator"], **times}
        assert stored == self.told

    def check_queue(self) -> None:
        items = self.rows("SELECT *, session_id::text AS session FROM work_items")
        assert len(items) == self.promises
        assert {item["session"] for item in items} == set(self.told)
        [clock] = self.rows("SELECT clock_timestamp() AS now")
        for item in items:
            assert (item["lease_token"], item["leased_until"]) == (None, None)
            later = item["counts_from"] is not None and item["counts_from"] > clock["now"]
            assert item["state"] == ("pending" if later else "done"), item
        self.check_blame()

    def check_blame(self) -> None:
        """At any time: nothing is failed, or has an error, that had none of its own."""
        blamed = self.rows("SELECT session_id::text AS session FROM work_items WHERE errors > 0 OR state = 'failed'")
        assert {row["session"] for row in blamed} <= self.blamed

    def check_scores(self) -> None:
        [clock] = self.rows("SELECT clock_timestamp() AS now")
        stored = {row["tutor_id"]: row for row in self.rows("SELECT * FROM tutor_scores")}
        newest = "SELECT DISTINCT ON (tutor_id) * FROM tutor_score_history ORDER BY tutor_id, day DESC"
        history = {row["tutor_id"]: row for row in self.rows(newest)}
        sessions: dict[uuid.UUID, list[dict[str, Any]]] = {tutor: [] for tutor in self.tutors}
        for row in self.rows(
            "SELECT s.*, r.initiator, r.cancelled_at FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id"
        ):
            sessions[row["tutor_id"]].append(row)
        for tutor, rows in sessions.items():
            if rows:
                now = max(clock["now"], stored[tutor]["last_calculated_at"])
                assert is_score(stored[tutor], score_from_scratch(rows, now)), tutor
                assert is_score(history[tutor], stored[tutor]), tutor

    def check_predictions(self) -> None:
        found = self.rows("SELECT session_id::text AS session, target FROM session_reschedule_predictions")
        made = {(row["session"], row["target"]) for row in found}
        ahead = {
            key
            for key, told in self.told.items()
            if told["status"] == "scheduled" and datetime.fromisoformat(told["scheduled_time"]) > self.today
        }
        assert made >= {(key, target) for key in ahead for target in ("reschedule", "no_show")}

    def check_mails(self) -> None:
        over = {uuid.UUID(key): told["status"] for key, told in self.told.items() if told["status"] != "scheduled"}
        expected = {f"<session.{key.hex}.{status}@tqs.invalid>" for key, status in over.items()}
        mails = self.rows("SELECT * FROM email_reports WHERE kind = 'session_report'")
        rows = Counter((mail["message_id"], mail["recipient"]) for mail in mails)
        assert rows == Counter((message, coach) for message in expected for coach in COACHES)
        assert {mail["state"] for mail in mails} <= {"sent"}
        arrived = Counter(
            (message_id, coach)
            for taken, message_id in zip(self.server.taken, self.server.message_ids, strict=True)
            if message_id.startswith("<session.")
            for coach in taken.recipients
        )
        assert set(arrived) == set(rows)
        assert {message for (message, _), times in arrived.items() if times > 1} <= self.unheard


class Bad:
    """Sessions that no processor can process, until they are made good."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        ledger.execute("CREATE TABLE bad (session_id uuid)")
        ledger.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF new.state = 'done' AND EXISTS (SELECT FROM bad WHERE session_id = new.session_id) THEN "
            "RAISE EXCEPTION 'bad'; END IF; RETURN new; END $$"
        )
        ledger.execute("CREATE TRIGGER refuse BEFORE UPDATE ON work_items FOR EACH ROW EXECUTE FUNCTION refuse()")

    def make(self, session_id: str) -> None:
        self.ledger.execute("INSERT INTO bad VALUES (:id)", id=session_id)
        self.ledger.blamed.add(session_id)

    def make_all_good(self) -> None:
        self.ledger.execute("DELETE FROM bad")


def imagine_outcome(random: Random, scheduled: datetime, status: str) -> dict[str, Any]:
    if status != "rescheduled":
        return {"status": status}
    info = {
        "initiator": random.choice(("tutor", "tutor", "student")),
        "original_time": scheduled.isoformat(),
        "cancelled_at": (scheduled - timedelta(days=AHEAD + 1)).isoformat(),
    }
    return {"status": status, "reschedule_info": info}


def score_from_scratch(sessions: Sequence[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """A tutor's figures by the definitions: rates in percent of the sessions whose outcome is known and was told."""
    counted = []
    for row in sessions:
        end = row["scheduled_time"] + timedelta(minutes=row["duration_minutes"] or 60)
        happened = row["cancelled_at"] or row["completed_time"] or end
        facts = [happened, row["outcome_recorded_at"], row["booked_at"], row["recorded_at"]]
        if row["status"] != "scheduled" and max(fact for fact in facts if fact is not None) < now:
            counted.append(row)
    score: dict[str, Any] = {}
    for days in WINDOWS:
        inside = [row for row in counted if now - timedelta(days=days) < row["scheduled_time"] <= now]
        by_tutor = sum(row["status"] == "rescheduled" and row["initiator"] == "tutor" for row in inside)
        score[f"total_sessions_{days}d"] = len(inside)
        score[f"tutor_reschedules_{days}d"] = by_tutor
        score[f"reschedule_rate_{days}d"] = 100 * by_tutor / len(inside) if inside else None
        score["no_shows_90d"] = sum(row["status"] == "no_show" for row in inside)
    short, long = score["reschedule_rate_7d"], score["reschedule_rate_30d"]
    score["reschedule_trend"] = None if short is None or long is None else (short - long) / 100
    score["is_high_risk"] = long is not None and long > 15
    return score


def is_score(stored: dict[str, Any], expected: dict[str, Any]) -> bool:
    names = [name for name in expected if name.split("_")[0] in ("total", "tutor", "reschedule", "no", "is")]
    return all(
        stored[name] == expected[name]
        or (None not in (stored[name], expected[name]) and abs(stored[name] - expected[name]) < 1e-9)
        for name in names
        if name != "tutor_id"
    )
