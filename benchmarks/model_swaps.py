"""A hundred promotions under load: does every request succeed, is every answer of one model, how soon do all follow?

Eight connections, as many to each of two workers, ask the predict endpoints without a pause, with few records (scored
where they arrive) and with many (scored in a thread). What each model says of each request is worked out beforehand,
in this process, and the models differ clearly, so an answer that names one version and holds another's probabilities is
found. A worker follows when it first answers by the new model, and may not go back.

First each target's second and third model are promoted one by one: no worker has loaded these before, so each of them
starts a child process to check it. Then the models of all three targets change at once, as soon as all workers have
followed. The last change is `tqs models rollback`, timed from the start of the command.
"""

from __future__ import annotations

import json
import math
import operator
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import combinations, cycle
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from access.keys import create_key
from benchmarks._load import CONNECTIONS, WORKERS, Connection, Request, open_connections
from benchmarks._model import make_artifact
from benchmarks._server import temporary_engine
from benchmarks.http_api import row, serving
from bentos.examples import MATCH, SESSION
from bentos.payloads import MatchBatch, SessionBatch
from modelling.artifact import Artifact
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from modelling.store import champion_versions, promote, save_challenger
from records.columns import TARGETS
from scoring.models import ServedModel
from scoring.stateless import predict_matches, predict_sessions
from tqs.settings import Settings, load_settings

MODELS: Final = 3  # of each target: as many as stay ready
PROMOTIONS: Final = 100  # the last of them by the command
FOLLOW_S: Final = 10.0
PATIENCE_S: Final = 60.0
FEW, MANY = 3, 40  # records of a request
SAME: Final = 1e-9  # to which one model agrees with itself, whatever it is asked together with
CLEARLY: Final = 0.02  # by which no two models agree on any record
SEEDS: Final = {"match": (3, 5, 8), "reschedule": (3, 4, 7), "no_show": (3, 4, 7)}
Row = dict[str, Any]
Said = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a target's endpoint, and by version what its model says of the records."""

    target: str
    request: Request
    answers: Mapping[str, Said]


class Reader(Connection):
    """A connection that keeps what it was answered, also where that is no success."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, key)
        self.status = 0
        self.body = b""
        self.question: Question | None = None
        self._read = b""

    def put(self, question: Question) -> None:
        self.question = question
        self.ask(question.request)

    def take(self) -> bool:
        data = self.socket.recv(2**18)
        assert data, "the service closed a connection"
        self._read += data
        head, separator, body = self._read.partition(b"\r\n\r\n")
        if not separator:
            return False
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        if len(body) < int(length.split(b":")[1]):
            return False
        self.status, self.body, self._read = int(head[9:12]), body, b""
        return True


class Watch:
    """What all answers showed: how many there were, which were wrong, and which worker follows which promotion."""

    def __init__(
        self, connections: Sequence[Reader], workers: Mapping[Reader, bytes], asked: Iterator[Question]
    ) -> None:
        self._connections = connections
        self._workers = workers
        self._asked = asked
        self._selector = selectors.DefaultSelector()
        self.answers = 0
        self.wrong: list[str] = []
        for one in connections:
            self._selector.register(one.socket, selectors.EVENT_READ, one)
            one.put(next(asked))

    def follow(self, champions: Mapping[str, str], promoted_at: float) -> float:
        """Go on until every worker answers by these champions; seconds from the promotion to the last of them."""
        missing = {(worker, target) for worker in set(self._workers.values()) for target in champions}
        followed: dict[tuple[bytes, str], float] = {}
        while missing:
            assert time.perf_counter() < promoted_at + PATIENCE_S, f"not within {PATIENCE_S:.0f} s: {missing}"
            for one, asked_at in self._collect():
                question = one.question
                key = (self._workers[one], question.target)
                version = self._check(one)
                if question.target not in champions or version is None:
                    continue
                if version == champions[question.target]:
                    followed.setdefault(key, time.perf_counter())
                    missing.discard(key)
                elif key in followed and asked_at > followed[key]:
                    self.wrong.append(f"{key} went back to {version}")
        return max(followed.values()) - promoted_at

    def finish(self) -> None:
        """Take the answers that are still awaited."""
        waiting = set(self._connections)
        while waiting:
            for key, _ in self._selector.select(PATIENCE_S):
                if key.data in waiting and key.data.take():
                    self._check(key.data)
                    waiting.remove(key.data)
        self._selector.close()

    def _collect(self) -> Iterator[tuple[Reader, float]]:
        """The connections that were answered, with when they had been asked; each is asked anew afterwards."""
        for key, _ in self._selector.select(0.2):
            one = key.data
            if one.take():
                yield one, one.asked_at
                one.put(next(self._asked))

    def _check(self, one: Reader) -> str | None:
        """The version that an answer names, None where it is wrong, which is noted."""
        self.answers += 1
        question = one.question
        if not 200 <= one.status < 300:
            self.wrong.append(f"{question.target}: {one.status}")
            return None
        records = json.loads(one.body)
        versions = {record["model_version"] for record in records}
        said = tuple(record["probability"] for record in records)
        if len(versions) != 1 or not agree(said, question.answers.get(min(versions), ())):
            self.wrong.append(f"{question.target}: an answer of {versions} mixes models")
            return None
        return str(min(versions))


def agree(said: Said, expected: Said) -> bool:
    """Whether they are the same but for the last digits of a number."""
    return len(said) == len(expected) and all(map(partial(math.isclose, abs_tol=SAME), said, expected))


def run(full: bool = False) -> list[Row]:
    """Rows of results; the same whether `full` or not."""
    with temporary_engine() as engine, tempfile.TemporaryDirectory(prefix="tqs-bench-") as folder:
        saved = save_models(engine)
        key = create_key(engine, "benchmark", scopes=["admin"])
        questions = cycle(make_questions(saved))
        with serving(engine, Path(folder)) as url, open_connections(url, key, kind=Reader) as connections:
            workers = {one: one.worker() for one in connections}
            assert len(set(workers.values())) == WORKERS
            watch = Watch(connections, workers, questions)
            watch.follow(champion_versions(engine), time.perf_counter())
            fresh = promote_fresh(engine, watch)
            known = promote_known(engine, watch, PROMOTIONS - 1 - len(fresh))
            command = roll_back(engine, Path(folder), watch)
            watch.finish()
    for wrong in watch.wrong[:10]:
        print(wrong, file=sys.stderr)
    load = f"{PROMOTIONS} promotions, {CONNECTIONS} connections"
    return [
        count_row(f"{load}: failed or mixed of {watch.answers:,} answers", len(watch.wrong)),
        row(f"{load}: until both workers answer by a model new to them, slowest", max(fresh), FOLLOW_S, "s", 1.0),
        row(f"{load}: until both workers answer by one of the last three, slowest", max(known), FOLLOW_S, "s", 1.0),
        row("tqs models rollback, from the command until both workers answer so", command, FOLLOW_S, "s", 1.0),
    ]


def save_models(engine: Engine) -> dict[str, list[Artifact]]:
    """Three models of each target, of which the first serves."""
    saved = {
        target: [save_challenger(engine, make_artifact(target, seed=seed)) for seed in SEEDS[target]]
        for target in TARGETS
    }
    for target in TARGETS:
        promote(engine, target, "v1", expected_champion=None, reason="a benchmark", actor="benchmark")
    return saved


def promote_fresh(engine: Engine, watch: Watch) -> list[float]:
    """Promote the other models of each target one by one; the seconds until all workers followed each."""
    return [
        watch.follow({target: f"v{number}"}, change(engine, target, f"v{number}"))
        for number in range(2, MODELS + 1)
        for target in TARGETS
    ]


def promote_known(engine: Engine, watch: Watch, promotions: int) -> list[float]:
    """Promote models that the workers answered by before, all targets at once; the seconds of each round."""
    taken = []
    for turn in range(-(-promotions // len(TARGETS))):
        targets = TARGETS[: min(len(TARGETS), promotions - turn * len(TARGETS))]
        version = f"v{1 + turn % MODELS}"
        first = min(change(engine, target, version) for target in targets)
        taken.append(watch.follow(dict.fromkeys(targets, version), first))
    return taken


def change(engine: Engine, target: str, version: str) -> float:
    """Promote it; when that was begun."""
    before = champion_versions(engine)[target]
    started = time.perf_counter()
    promote(engine, target, version, expected_champion=before, reason="a benchmark", actor="benchmark")
    return started


def roll_back(engine: Engine, home: Path, watch: Watch) -> float:
    """Seconds from the start of `tqs models rollback` until all workers answer by the model before."""
    target = TARGETS[0]
    with engine.connect() as connection:
        previous = connection.exec_driver_sql(
            f"SELECT version FROM models WHERE target = '{target}' AND alias = 'previous'"
        ).scalar_one()
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")}
    env |= {"TQS_HOME": str(home), "TQS_DATABASE_URL": engine.url.render_as_string(hide_password=False)}
    started = time.perf_counter()
    command = subprocess.Popen(
        [str(Path(sys.executable).parent / "tqs"), "models", "rollback", target],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = watch.follow({target: previous}, started)
    said, _ = command.communicate(timeout=PATIENCE_S)
    assert command.returncode == 0, said
    return seconds


def make_questions(saved: Mapping[str, Sequence[Artifact]]) -> list[Question]:
    """Requests of few and of many records to each target, in turns."""
    settings = load_settings()
    return [_ask(target, size, saved[target], settings) for size in (FEW, MANY) for target in TARGETS]


def _ask(target: str, size: int, saved: Sequence[Artifact], settings: Settings) -> Question:
    example = (MATCH if target == "match" else SESSION)["records"][0]
    body = json.dumps({"records": [_vary(example, target, number) for number in range(size)]}).encode()
    answers = {}
    for artifact in saved:
        thresholds = RiskThresholds(*settings.risk_thresholds(target))
        model = ServedModel(target, thresholds, Predictor.from_artifact(artifact, thresholds, threads=1))
        if target == "match":
            found = predict_matches(MatchBatch.model_validate_json(body).records, model)
        else:
            found = predict_sessions(SessionBatch.model_validate_json(body).records, model, datetime.now(UTC))
        answers[artifact.version] = tuple(one.probability for one in found)
    for (one, mine), (other, its) in combinations(answers.items(), 2):
        apart = min(map(abs, map(operator.sub, mine, its)))
        assert apart > CLEARLY, f"models {one} and {other} of {target} are too alike: {apart}"
    return Question(target, Request(f"/predict_{target}", "POST", body), answers)


def _vary(example: Row, target: str, number: int) -> Row:
    if target == "match":
        return example | {"student": example["student"] | {"age": 8 + number % 60}}
    return example | {"duration_minutes": 30 + number % 120}


def count_row(name: str, wrong: int) -> Row:
    """A number of what must never be."""
    return {
        "name": name,
        "ours": wrong,
        "limit": 0,
        "unit": "answers",
        "ratio": wrong,
        "target": "<= 0",
        "ok": wrong == 0,
    }


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
