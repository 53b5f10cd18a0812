"""Any history of posts, repeats, conflicts, kills, drains, mails and time that passes: what was promised is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pydantic import SecretStr

from processing import batch, intake, queue
from processing.batches import take_batch
from processing.drain import DrainReport, drain
from processing.upkeep import keep_up, requeue_failed
from reports import sending
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS
from tests.processing.faults.clock import Clock
from tests.processing.faults.ledger import COACHES, Bad, Ledger
from tqs.failpoints import POINTS
from tqs.settings import Settings, load_settings

OF_INTAKE = [point for point in POINTS if point.startswith("intake.")]
OF_PROCESSING = [point for point in POINTS if point not in OF_INTAKE]
MOST_KILLS = 8  # a session that was in ten of them would be given up
LEASE_AND_MORE = 40.0  # seconds
PAUSE_AND_MORE = 1200.0
LAST_ROUNDS = 8


class Killed(BaseException):
    """What nobody catches; the transaction that it leaves is rolled back, as that of a process that is gone."""


@contextmanager
def at(point: str, time: int, do: Callable[[], None]) -> Iterator[None]:
    """Do something when the product comes to a point for that many times."""
    reached = 0

    def reach(name: str) -> None:
        nonlocal reached
        reached += name == point
        if name == point and reached == time:
            do()

    with ExitStack() as stack:
        for module in (batch, intake, queue):
            stack.enter_context(mock.patch.object(module, "reach", reach))
        yield


def kill() -> None:
    raise Killed


class History(RuleBasedStateMachine):
    """One history; `place` is where all of them happen, one after the other."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.ledger = place.begin()
        self.kills = 0
        self.unanswered: list[dict[str, Any]] = []

    @initialize(seed=st.integers(0, 2**32), last=st.sampled_from(OF_PROCESSING))
    def choose(self, seed: int, last: str) -> None:
        self.random = Random(seed)
        self.last = last
        self.ledger.hire(2)

    def new(self, most: int) -> list[dict[str, Any]]:
        return [self.ledger.imagine(self.random) for _ in range(self.random.randint(1, most))]

    def outcomes(self, most: int) -> list[dict[str, Any]]:
        waiting = {body["session_id"] for body in self.unanswered}
        open_ = [key for key, told in self.ledger.told.items() if told["status"] == "scheduled" and key not in waiting]
        return [self.ledger.with_outcome(self.random, key) for key in self.random.sample(open_, min(most, len(open_)))]

    def stored(self) -> list[dict[str, Any]]:
        waiting = {body["session_id"] for body in self.unanswered}
        return [told for key, told in self.ledger.told.items() if key not in waiting]

    @rule(bodies=st.integers(1, 4))
    def post(self, bodies: int) -> None:
        told = self.new(bodies)
        assert self.ledger.tell(*told) == [202] * len(told)

    @rule()
    def post_outcomes(self) -> None:
        told = self.outcomes(3)
        assert not told or self.ledger.tell(*told) == [202] * len(told)

    @precondition(lambda self: self.stored())
    @rule()
    def repeat(self) -> None:
        told = self.random.choice(self.stored())
        assert self.ledger.tell(told, told) == [202, 202]

    @precondition(lambda self: self.stored())
    @rule()
    def contradict(self) -> None:
        told = self.random.choice(self.stored())
        assert self.ledger.tell(told | {"duration_minutes": 45}) == [409]
        if told["status"] == "completed":
            assert self.ledger.tell(told | {"status": "no_show"}) == [409]

    @rule()
    def post_a_batch(self) -> None:
        good = [*self.new(3), *self.outcomes(2)]
        wrong = [*({**told, "subject": 5} for told in good[:1]), *({**t, "student_id": "x"} for t in self.stored()[:1])]
        taken = take_batch(self.ledger.engine, [*wrong, *good, *good[:1]], "tests")
        assert taken.accepted == len(good)
        assert [(refused.index, refused.status) for refused in taken.refused] == list(enumerate((400, 409)))[
            : len(wrong)
        ]
        self.ledger.accept(*good)

    @rule(point=st.sampled_from(OF_INTAKE))
    def post_to_one_that_is_killed(self, point: str) -> None:
        told = [*self.new(2), *self.outcomes(1)]
        with at(point, 1, kill), pytest.raises(Killed):
            self.ledger.tell(*told)
        self.unanswered += told

    @precondition(lambda self: self.unanswered)
    @rule()
    def post_again_what_was_not_answered(self) -> None:
        told, self.unanswered = self.unanswered, []
        assert self.ledger.tell(*told) == [202] * len(told)

    @rule()
    def process(self) -> None:
        self.place.process()

    @precondition(lambda self: self.kills < MOST_KILLS)
    @rule(point=st.sampled_from(OF_PROCESSING), time=st.sampled_from((1, 1, 2, 3)), lease_ends=st.booleans())
    def kill_the_processor(self, point: str, time: int, lease_ends: bool) -> None:
        self.post(2)
        with at(point, time, kill):
            try:
                self.place.process()
            except Killed:
                self.kills += 1
        if lease_ends:
            self.place.clock.move(LEASE_AND_MORE)

    @precondition(lambda self: self.kills < MOST_KILLS)
    @rule(point=st.sampled_from(OF_PROCESSING), time=st.integers(1, 2))
    def another_takes_over_from_one_that_stands_still(self, point: str, time: int) -> None:
        def meanwhile() -> None:
            self.kills += 1
            self.place.clock.move(LEASE_AND_MORE)
            with at("", 1, kill):
                self.place.process()

        with at(point, time, meanwhile):
            self.place.process()

    @precondition(lambda self: self.stored())
    @rule()
    def spoil(self) -> None:
        self.place.bad.make(self.random.choice(self.stored())["session_id"])

    @rule()
    def make_good(self) -> None:
        self.place.bad.make_all_good()
        requeue_failed(self.ledger.engine)

    @rule()
    def look_after(self) -> None:
        keep_up(self.ledger.engine, self.place.settings, self.place.clock.now)

    @rule(seconds=st.sampled_from((1.0, LEASE_AND_MORE, PAUSE_AND_MORE)))
    def wait(self, seconds: float) -> None:
        self.place.clock.move(seconds)

    @rule(trouble=st.sampled_from(("none", "none", "busy", "deaf", "killed before", "killed after")))
    def send(self, trouble: str) -> None:
        with self.place.trouble(trouble):
            self.place.send()

    @invariant()
    def nobody_is_wronged(self) -> None:
        self.ledger.check_blame()

    def teardown(self) -> None:
        if self.unanswered:
            self.post_again_what_was_not_answered()
        self.make_good()
        self.kill_the_processor(self.last, 1, True)
        for _ in range(LAST_ROUNDS):
            self.wait(PAUSE_AND_MORE)
            self.process()
            self.place.send()
        self.ledger.check()


class Place:
    """The database with its clock, the mail server and the processor."""

    def __init__(self, ledger: Ledger, bad: Bad, clock: Clock, options: Settings) -> None:
        self.ledger, self.bad, self.clock, self.settings = ledger, bad, clock, options
        self.models = CurrentModels(ledger.engine, options, SESSION_TARGETS)

    def begin(self) -> Ledger:
        """Nothing has happened yet."""
        self.ledger.execute("TRUNCATE sessions, reschedules, tutors, email_reports, audit_log, bad CASCADE")
        self.clock.set(0.0)
        self.ledger.server.taken.clear()
        fresh = Ledger(self.ledger.engine, self.ledger.server)
        self.bad.ledger = fresh
        return fresh

    def process(self) -> DrainReport:
        return drain(self.ledger.engine, self.settings, self.models)

    def send(self) -> None:
        while True:
            report = sending.send_due_mails(self.ledger.engine, self.settings, self.clock.now)
            if report.claimed == 0 or report.trouble is not None:
                break

    @contextmanager
    def trouble(self, kind: str) -> Iterator[None]:
        """With the next mail: a refusal for now, a connection that breaks after DATA, or a sender that is killed."""
        server, unheard = self.ledger.server, self.bad.ledger.unheard

        def lose(*arguments: Any) -> int:
            unheard.update(mail.message_id for mail in arguments[2])
            raise Killed

        def stay_silent(taken: Any) -> str | None:
            unheard.add(str(taken.message["Message-ID"]))
            server.taken.append(taken)
            server.drop()
            return "250 OK"

        with ExitStack() as stack:
            if kind == "busy":
                server.answer_recipient = lambda recipient: "451 not now" if recipient == COACHES[0] else None
            elif kind == "deaf":
                server.answer_data = stay_silent
            elif kind == "killed before":
                stack.enter_context(mock.patch.object(sending, "hold_mails", side_effect=Killed))
                stack.callback(self.clock.move, PAUSE_AND_MORE)
            elif kind == "killed after":
                stack.enter_context(mock.patch.object(sending, "record_sent", lose))
            try:
                yield
            except Killed:
                pass
            finally:
                server.answer_recipient = server.answer_data = lambda _: None


@pytest.fixture
def place(ledger: Ledger, bad: Bad, clock: Clock, tmp_path: Path) -> Place:
    options = load_settings(
        home=tmp_path,
        smtp_url=SecretStr(f"{ledger.server.url}?timeout=5"),
        mail_from="reports@example.com",
        report_recipients=COACHES,
        report_cap=100_000,
    )
    return Place(ledger, bad, clock, options)


@pytest.mark.parametrize(
    "histories", [pytest.param(12), pytest.param(300, marks=pytest.mark.long)], ids=["few", "many"]
)
def test_any_history(place: Place, histories: int) -> None:
    run_state_machine_as_test(
        lambda: History(place),
        settings=settings(
            max_examples=histories,
            stateful_step_count=20,
            deadline=None,
            phases=[Phase.generate],  # to shrink a history takes many minutes
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
