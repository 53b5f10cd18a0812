"""The client against a real server on the loopback that is well, slow, wrong or hostile."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from pydantic import SecretStr

from scoring import language_model
from scoring.language_model import LanguageModel, LanguageModelError, open_language_model
from tests.loops import run_coroutine
from tests.scoring.language_server import KEY, Server, completion, language_server, send
from tqs.settings import load_settings

SHORT_S = 0.4


@pytest.fixture
def server() -> Iterator[Server]:
    with language_server() as server:
        yield server


def run(model: LanguageModel, step: Callable[[LanguageModel], Awaitable[Any]]) -> Any:
    async def both() -> Any:
        await model.open()
        try:
            return await step(model)
        finally:
            await model.close()

    return run_coroutine(both())


async def ask(model: LanguageModel) -> str:
    return await model.complete("the rules", "the data")


async def fail(model: LanguageModel) -> str:
    with pytest.raises(LanguageModelError) as caught:
        await ask(model)
    return str(caught.value)


def test_a_prompt_goes_out_and_a_text_comes_back(server: Server) -> None:
    server.say("All is well.")

    assert run(server.model(), ask) == "All is well."

    (request,) = server.requests
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["body"] == {
        "model": "test-model",
        "messages": [{"role": "system", "content": "the rules"}, {"role": "user", "content": "the data"}],
    }


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """A byte every 50 ms: each read is in time, the whole is not."""
    body = completion("Hello. " * 500)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    _drip(handler, body)


def trickle_headers(handler: BaseHTTPRequestHandler) -> None:
    _drip(handler, b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 5000)


def _drip(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    stopping = handler.server.stand_in.stopping  # type: ignore[attr-defined]
    for i in range(len(content)):
        handler.wfile.write(content[i : i + 1])
        handler.wfile.flush()
        if stopping.wait(0.05):
            return


def hang(handler: BaseHTTPRequestHandler) -> None:
    handler.server.stand_in.stopping.wait(20)  # type: ignore[attr-defined]


@pytest.mark.parametrize("behave", [hang, trickle, trickle_headers])
def test_a_slow_server_costs_the_limit_and_no_more(server: Server, behave: Callable[..., None]) -> None:
    server.behave = behave
    start = time.monotonic()

    reason = run(server.model(limit_s=SHORT_S), fail)

    assert reason == f"no answer within {SHORT_S} s"
    assert time.monotonic() - start < SHORT_S + 1


def flood(handler: BaseHTTPRequestHandler) -> None:
    """100 MB, without saying so before."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" " * 2**20)
    handler.close_connection = True


def flood_an_error(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"x" * 100 * 2**20, 500)


def drop(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    handler.close_connection = True


NO_COMPLETION = "the answer is no chat completion with a text"
WRONG: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "500": (lambda h: send(h, b'{"error": {"message": "no"}}', 500), "the server answered with the status 500"),
    "401": (lambda h: send(h, b"{}", 401), "the server answered with the status 401"),
    "429": (lambda h: send(h, b"{}", 429, Retry_After="60"), "the server answered with the status 429"),
    "redirect": (
        lambda h: send(h, b"", 307, Location=f"http://127.0.0.1:{h.server.server_address[1]}/elsewhere"),
        "the server answered with the status 307",
    ),
    "no JSON": (lambda h: send(h, b"<html>"), NO_COMPLETION),
    "HTML": (lambda h: send(h, b"<html>", Content_Type="text/html"), NO_COMPLETION),
    "no choices": (lambda h: send(h, b'{"choices": []}'), NO_COMPLETION),
    "null": (lambda h: send(h, b"null"), NO_COMPLETION),
    "no text": (lambda h: send(h, completion(None)), NO_COMPLETION),
    "a list for a text": (lambda h: send(h, completion(["Hello."])), NO_COMPLETION),
    "deep JSON": (lambda h: send(h, b"[" * 60_000), NO_COMPLETION),
    "no UTF-8": (lambda h: send(h, b'{"choices": [{"message": {"content": "\xff"}}]}'), NO_COMPLETION),
    "a lone surrogate": (lambda h: send(h, b'{"choices": [{"message": {"content": "\\ud800"}}]}'), NO_COMPLETION),
    "100 MB": (flood, "the answer is larger than 65536 bytes"),
    "100 MB of error": (flood_an_error, "the answer is larger than 65536 bytes"),
    "packed": (
        lambda h: send(h, gzip.compress(b" " * 10**7), Content_Encoding="gzip"),
        "the answer is packed",
    ),
    "cut off": (drop, "the server cannot be reached or read (APIConnectionError)"),
    "no HTTP": (
        lambda h: h.wfile.write(b"SSH-2.0\r\n\r\n"),
        "the server cannot be reached or read (APIConnectionError)",
    ),
}


@pytest.mark.parametrize(("behave", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_answer_is_an_error_that_quotes_nothing(
    server: Server, caplog: pytest.LogCaptureFixture, behave: Callable[..., None], reason: str
) -> None:
    server.behave = behave
    with caplog.at_level(logging.DEBUG):
        assert run(server.model(), fail) == reason
    assert [request["path"] for request in server.requests] == ["/v1/chat/completions"]  # asked once, and not elsewhere
    said = "".join(record.getMessage() for record in caplog.records)
    assert f"the language model gave no text: {reason}" in said
    assert "the data" not in said
    assert KEY not in said


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    model = LanguageModel(f"http://127.0.0.1:{port}/v1", SecretStr(KEY), "test-model")
    assert run(model, fail) == "the server cannot be reached or read (APIConnectionError)"


def test_proxies_of_the_environment_are_not_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.say("All is well.")
    assert run(server.model(), ask) == "All is well."


def test_a_server_that_failed_is_left_alone_and_then_tried_by_one_call(server: Server) -> None:
    now = [100.0]
    behaviours = {"bad": lambda h: send(h, b"{}", 500), "good": lambda h: send(h, completion("All is well."))}

    async def step(model: LanguageModel) -> None:
        server.behave = behaviours["bad"]
        await fail(model)
        assert model.is_resting
        assert await fail(model) == "the server failed a moment ago and is left alone"
        assert len(server.requests) == 1

        now[0] += 10.5  # the rest is over: of three calls at once one tries
        reasons = await asyncio.gather(fail(model), fail(model), fail(model))
        assert len(server.requests) == 2
        assert sorted(reasons)[0] == "the server answered with the status 500"

        now[0] += 10.5  # the second rest is twice as long
        assert model.is_resting
        now[0] += 10
        server.behave = behaviours["good"]
        assert await ask(model) == "All is well."
        assert await asyncio.gather(ask(model), ask(model)) == ["All is well."] * 2
        assert len(server.requests) == 5

    run(server.model(clock=lambda: now[0]), step)


def test_calls_beyond_the_places_wait(server: Server) -> None:
    lock, eight, now, peak = threading.Lock(), threading.Barrier(8), [0], [0]

    def meet(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            now[0] += 1
            peak[0] = max(peak[0], now[0])
        eight.wait(4)
        with lock:
            now[0] -= 1
        send(handler, completion("All is well."))

    async def step(model: LanguageModel) -> list[str]:
        return await asyncio.gather(*(ask(model) for _ in range(16)))

    server.behave = meet
    assert run(server.model(), step) == ["All is well."] * 16
    assert peak == [8]


def test_our_own_load_does_not_rest_a_healthy_server(server: Server) -> None:
    """Forty at once of a server that takes 0.6 of the limit: the second eight have too little of it left."""
    limit_s = 7.0

    def think(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.6 * limit_s)
        send(handler, completion("All is well."))

    async def step(model: LanguageModel) -> list[str | BaseException]:
        answers = await asyncio.gather(*(ask(model) for _ in range(40)), return_exceptions=True)
        assert not model.is_resting
        server.say("All is well.")
        assert await ask(model) == "All is well."
        return answers

    server.behave = think
    answers = run(server.model(limit_s=limit_s), step)
    assert answers.count("All is well.") == 8
    reasons = {str(answer) for answer in answers if isinstance(answer, LanguageModelError)}
    assert reasons == {"all places are taken", "no answer within 7 s"}


def test_a_client_that_loads_slowly_does_not_rest_the_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    load = language_model._open_client

    def load_slowly(url: str, key: str) -> Any:
        time.sleep(2 * SHORT_S)
        return load(url, key)

    async def both() -> None:
        model = server.model(limit_s=SHORT_S)
        monkeypatch.setattr(language_model, "_open_client", load_slowly)
        assert await fail(model) == "the client is not loaded yet"
        assert not model.is_resting
        await model.open()
        assert await ask(model) == "Hello."
        await model.close()

    run_coroutine(both())


def test_failures_at_the_same_time_count_once(server: Server) -> None:
    now = [100.0]

    async def step(model: LanguageModel) -> None:
        await asyncio.gather(*(fail(model) for _ in range(5)))
        now[0] += 10.5
        assert not model.is_resting

    server.behave = hang
    run(server.model(limit_s=SHORT_S, clock=lambda: now[0]), step)


def test_connections_are_kept(server: Server) -> None:
    ports: set[int] = set()

    def note(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address[1])
        send(handler, completion("All is well."))

    async def step(model: LanguageModel) -> None:
        for _ in range(3):
            await ask(model)

    server.behave = note
    run(server.model(), step)
    assert len(ports) == 1


def test_it_is_asked_only_where_address_and_key_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TQS_LLM_BASE_URL", "TQS_LLM_API_KEY", "OPENAI_API_KEY", "TQS_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)
    assert open_language_model(load_settings()) is None
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert open_language_model(load_settings()) is None
    monkeypatch.setenv("TQS_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("TQS_LLM_MODEL", "mine")
    model = open_language_model(load_settings())
    assert model is not None
    assert model.name == "mine"


def test_the_request_is_what_the_server_reads(server: Server) -> None:
    server.say("All is well.")

    async def step(model: LanguageModel) -> str:
        return await model.complete("rules", json.dumps({"goals": 'ü "quoted" \n'}))

    run(server.model(), step)
    assert json.loads(server.requests[0]["body"]["messages"][1]["content"]) == {"goals": 'ü "quoted" \n'}
