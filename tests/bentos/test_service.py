"""The service as its clients meet it: over HTTP, with two workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import URL, text

from access.keys import create_key, revoke_key
from benchmarks._model import make_artifact
from bentos import examples
from bentos.service import TutorQuality
from modelling.store import promote, save_challenger
from scoring.forms import TutorScore
from tests.bentos.calls import (
    HOSTILE,
    MODEL_PATHS,
    STATISTICS,
    all_answer_by,
    all_say,
    ask,
    body_of,
    connect_raw,
    operations,
    post,
    problem,
    session,
)
from tests.bentos.conftest import Service, start_service, wait_until
from tests.conftest import connect_as_owner

pytestmark = pytest.mark.xdist_group("service")

NOBODY = "00000000-0000-4000-8000-000000000000"


def test_match_by_the_rule(client: httpx.Client) -> None:
    # 1 - compatibility = 0.3 * |4 - 3| / 4 + 0.3 * 0 + 0.2 * |3 - 4| / 4 + 0.2 * |15 - 25| / 20
    expected = 0.3 / 4 + 0.2 / 4 + 0.2 / 2
    strangers = {"student": {}, "tutor": {}}  # 0.3 * 2.5 / 4 + 0.3 * 0.5 + 0.2 * 2.5 / 4 + 0.2 * 10 / 20
    opposites = {
        "student": {"age": 10, "preferred_pace": 1, "preferred_teaching_style": "modern",
                    "communication_style_preference": 1},
        "tutor": {"age": 60, "preferred_pace": 5, "teaching_style": "structured", "communication_style": 5},
    }  # fmt: skip
    answers = post(client, "/predict_match", examples.MATCH["records"][0], strangers, opposites)
    assert [answer["probability"] for answer in answers] == pytest.approx([expected, 0.5625, 1.0], abs=1e-12)
    assert [answer["risk_level"] for answer in answers] == ["low", "medium", "high"]
    assert {(answer["model_version"], answer["fallback"]) for answer in answers} == {("rule", True)}
    assert "contributions" not in answers[0]


def test_reschedule_by_the_rule(client: httpx.Client) -> None:
    by_tutor = {"status": "rescheduled", "initiator": "tutor", "cancelled_at": "2026-11-19T12:00:00Z"}
    history = [
        {"scheduled_time": "2026-11-20T15:00:00Z", **by_tutor},
        {"scheduled_time": "2026-11-21T15:00:00Z", "status": "rescheduled", "initiator": "student"},
        {"scheduled_time": "2026-11-22T15:00:00Z", "status": "completed"},
        {"scheduled_time": "2026-10-20T15:00:00Z", **by_tutor, "cancelled_at": "2026-10-19T12:00:00Z"},  # too old
        {"scheduled_time": "2026-11-30T15:00:00Z", "status": "completed", "completed_time": "2026-12-01T08:00:00Z"},
    ]  # the last was not known before as_of
    answers = post(
        client,
        "/predict_reschedule",
        session(),
        session(tutor_statistics=None, tutor_history=history),
        session(tutor_statistics=None, tutor_history=[]),
    )
    assert [answer["probability"] for answer in answers] == pytest.approx([0.25, 1 / 3, 0.1])
    assert [answer["risk_level"] for answer in answers] == ["medium", "medium", "low"]


def test_no_show_by_the_rule(client: httpx.Client) -> None:
    answers = post(
        client, "/predict_no_show", session(), session(tutor_statistics=None, tutor_history=[]), contributions=True
    )
    assert [answer["probability"] for answer in answers] == pytest.approx([0.05, 0.03])
    assert [answer["risk_level"] for answer in answers] == ["medium", "low"]
    assert [answer["contributions"] for answer in answers] == [[], []]


def test_tutor_scores(client: httpx.Client) -> None:
    (score,) = post(client, "/score_tutors", examples.TUTOR["records"][0])
    # of the four sessions only that of 28 November lies within 7 days; the tutor moved that of the 12th
    assert score == asdict(TutorScore(None, 0.0, 25.0, 25.0, 1, 4, 4, 0, 1, 1, 1, 25.0, -0.25, True, 15.0))


def test_a_bad_record_is_answered_in_its_place_and_the_order_is_kept(client: httpx.Client) -> None:
    rates = [10.0 * i for i in range(8)]
    records: list[Any] = [session(tutor_statistics=STATISTICS | {"reschedule_rate_30d": rate}) for rate in rates]
    records[2] = session(scheduled_time="2026-12-01T07:00:00Z")  # past
    records[4] = session(colour="red")
    records[6] = 5
    answers = post(client, "/predict_reschedule", *records)
    assert [answer.get("probability") for answer in answers] == pytest.approx([0, 0.1, None, 0.3, None, 0.5, None, 0.7])
    assert [answers[i]["error"]["field"] for i in (2, 4, 6)] == ["scheduled_time", "colour", "record"]


def test_ten_thousand_records_and_not_one_more(client: httpx.Client) -> None:
    record = {"student": {"age": 15}, "tutor": {"age": 25}}
    answers = post(client, "/predict_match", *[record] * 10_000)
    assert len(answers) == 10_000
    errors = problem(client.post("/predict_match", json={"records": [record] * 10_001}), 400)["errors"]
    assert [error["field"] for error in errors] == ["records"]


@pytest.mark.parametrize(
    "path", [*MODEL_PATHS, "/api/models", "/", "/docs.json", "/metrics", "/schema.json", "/nothing"]
)
def test_no_key_no_answer(service: Service, path: str) -> None:
    for key in (None, "tqs_wrong"):
        headers = {} if key is None else {"X-API-Key": key}
        headers["X-Forwarded-For"] = f"192.0.2.{len(path)}"  # not to be throttled for the other tests' refusals
        problem(httpx.request("POST", service.url + path, headers=headers, json={}), 401)


@pytest.mark.parametrize("path", ["/api/health", "/livez", "/readyz", "/healthz"])
def test_probes_need_no_key(service: Service, path: str) -> None:
    assert httpx.get(service.url + path).status_code == 200


def test_unknown_paths_and_methods(client: httpx.Client) -> None:
    problem(client.get("/api/nothing"), 404)
    problem(client.get("/nothing"), 404)
    problem(client.get("/predict_match/submit"), 404)
    problem(client.get("/predict_match"), 405)
    assert client.get("/predict_match").headers["allow"] == "POST"


@pytest.mark.parametrize("path", MODEL_PATHS)
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bodies_are_400(client: httpx.Client, path: str, body: bytes) -> None:
    problem(client.post(path, content=body, headers={"Content-Type": "application/json"}), 400)


def test_of_a_member_that_is_there_twice_the_last_counts(client: httpx.Client) -> None:
    body = b'{"records": [1, 2], "records": [{"student": {"age": 300}, "age": 1, "student": {}, "tutor": {}}]}'
    answer = client.post("/predict_match", content=body, headers={"Content-Type": "application/json"})
    assert answer.json() == [{"error": {"field": "age", "message": "There is no such field"}}]


def test_only_json_is_taken(client: httpx.Client) -> None:
    problem(client.post("/predict_match", data={"records": "[]"}), 415)
    problem(client.post("/predict_match", files={"records": b"[]"}), 415)
    problem(
        client.post("/predict_match", content=b"{}", headers={"Content-Type": "application/vnd.bentoml+pickle"}), 415
    )


def test_a_chunked_body_over_the_limit_is_cut_off(service: Service) -> None:
    """16 MiB and a byte, without the end of the body: the answer does not wait for it."""
    with connect_raw(service, "Transfer-Encoding: chunked") as connection:
        for _ in range(16):
            connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
        connection.sendall(b"1\r\n \r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_declared_length_over_the_limit_is_refused_at_once(service: Service) -> None:
    with connect_raw(service, "Content-Length: 16777217") as connection:
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_refused_keys_are_throttled_over_both_workers(service: Service) -> None:
    headers = {"X-API-Key": "wrong", "X-Forwarded-For": "198.51.100.7"}

    def refuse(_: int) -> httpx.Response:
        return httpx.get(f"{service.url}/api/models", headers=headers, timeout=30)

    with ThreadPoolExecutor(8) as pool:  # each on a connection of its own, so both workers take part
        answers = list(pool.map(refuse, range(80)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (60, 20)
    throttled = next(answer for answer in answers if answer.status_code == 429)
    problem(throttled, 429)
    assert 1 <= int(throttled.headers["retry-after"]) <= 64
    good = headers | {"X-API-Key": service.key}
    assert httpx.get(f"{service.url}/api/models", headers=good).status_code == 200


def test_bad_input_leaves_no_trace_in_the_log(service: Service, client: httpx.Client) -> None:
    problem(client.post("/predict_match", json={"records": "Mia Meyer"}), 400)
    post(client, "/predict_match", {"student": "Mia Meyer", "tutor": {}}, {"student": {}, "tutor": {}})
    log = service.log.read_text()
    assert "Mia" not in log
    assert "Traceback" not in log


def test_a_new_key_works_at_once_and_a_revoked_one_stops_by_itself(service: Service) -> None:
    key = create_key(service.engine, "short-lived", scopes=["read"])
    headers = {"X-API-Key": key, "X-Forwarded-For": "198.51.100.8"}

    def status() -> int:
        return httpx.get(f"{service.url}/api/models", headers=headers, timeout=30).status_code

    assert status() == 200
    revoke_key(service.engine, key[:12])
    wait_until(lambda: [status() for _ in range(6)] == [401] * 6, 60)


def test_an_ingest_key_may_not_predict(service: Service) -> None:
    key = create_key(service.engine, "rails", scopes=["ingest"])
    answer = httpx.post(f"{service.url}/predict_match", headers={"X-API-Key": key}, json=examples.MATCH, timeout=30)
    problem(answer, 403)


def test_health(service: Service) -> None:
    answer = httpx.get(f"{service.url}/api/health")
    assert answer.status_code == 200
    health = answer.json()
    assert health.pop("version")
    assert health.pop("models").keys() == {"match", "reschedule", "no_show"}
    assert health == {
        "status": "healthy",
        "database": "connected",
        "queue": {"pending": 0, "failed": 0, "oldest_seconds": 0.0},
    }


def test_a_database_that_is_gone_is_told_and_recovered_from(service: Service) -> None:
    with connect_as_owner(service.database) as run:
        name = service.database.database
        run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            wait_until(lambda: all_say(service, "/api/health", 503), 3)
            answer = httpx.get(f"{service.url}/api/health")
            assert (answer.json()["status"], answer.json()["database"]) == ("unhealthy", "unreachable")
            assert int(answer.headers["retry-after"]) >= 1
            problem(httpx.get(f"{service.url}/readyz"), 503)
            with service.client as client:  # the stateless endpoints and the keys do without it
                assert post(client, "/predict_no_show", session())[0]["probability"] == 0.05
                assert client.get("/api/models").status_code == 200
            with service.admin as client:
                for method, path, _ in operations(TutorQuality.openapi_spec.asdict(), NOBODY):
                    if path not in (*MODEL_PATHS, "/api/models", "/api/health"):
                        answer = ask(client, method, path, body_of(method, path, NOBODY))
                        problem(answer, 503)
                        assert int(answer.headers["retry-after"]) >= 1
        finally:
            run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    wait_until(lambda: all_say(service, "/api/health", 200), 10)
    wait_until(lambda: all_say(service, "/readyz", 200), 10)


@pytest.fixture
def promoted(service: Service) -> Iterator[None]:
    """A model of no_show that was promoted while the service ran, and that is gone again after the test."""
    saved = save_challenger(service.engine, make_artifact("no_show"), "run-1")
    promote(service.engine, "no_show", saved.version, expected_champion=None, reason="a test", actor="test")
    wait_until(lambda: all_answer_by(service, "no_show", "v1"), 90)
    yield
    with service.engine.begin() as connection:
        connection.execute(text("DELETE FROM models"))
    wait_until(lambda: all_answer_by(service, "no_show", "rule"), 90)


@pytest.mark.usefixtures("promoted")
def test_a_promoted_model_answers_without_a_restart(service: Service, client: httpx.Client) -> None:
    (answer,) = post(client, "/predict_no_show", session(), contributions=True)
    assert answer["fallback"] is False
    assert 1 <= len(answer["contributions"]) <= 5
    assert answer["contributions"][0].keys() == {"feature", "value", "effect", "phrase"}
    effects = [abs(item["effect"]) for item in answer["contributions"]]
    assert effects == sorted(effects, reverse=True)

    (model,) = [m for m in client.get("/api/models").json()["models"] if m["target"] == "no_show"]
    assert model == {
        "target": "no_show", "version": "v1", "fallback": False, "trained_at": "2026-01-01T00:00:00+00:00",
        "metrics": {"log_loss": 0.5}, "calibration": "none", "source_run": "run-1",
        "risk_thresholds": {"low": 0.05, "high": 0.15}, "refusal": None,
    }  # fmt: skip
    assert httpx.get(f"{service.url}/api/health").json()["models"]["no_show"] == "v1"


def test_the_document_tells_of_every_endpoint_and_its_examples_answer(client: httpx.Client) -> None:
    document = client.get("/docs.json").json()
    assert document["openapi"] == "3.1.0"
    for path in MODEL_PATHS:
        operation = document["paths"][path]["post"]
        example = operation["requestBody"]["content"]["application/json"]["example"]
        answers = client.post(path, json=example).json()
        assert len(answers) == len(example["records"])
        assert "error" not in answers[0]
        bare = [{name: value for name, value in answer.items() if name != "contributions"} for answer in answers]
        assert client.post(path, json=example["records"]).json() == bare
        assert operation["responses"]["401"]["content"].keys() == {"application/problem+json"}


def test_metrics_for_who_has_a_key(client: httpx.Client) -> None:
    client.get("/api/models")
    assert "bentoml_service_request_total" in client.get("/metrics").text


def test_without_a_key_it_does_not_start(database_url: URL, tmp_path: Path) -> None:
    process, port, log = start_service(database_url, tmp_path)
    assert process.wait(60) == 1
    assert "tqs keys create" in log.read_text()
    assert "Traceback" not in log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/livez")
