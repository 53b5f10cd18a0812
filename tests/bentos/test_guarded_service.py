"""Limits, tokens, other pages and docs as a service with these settings has them: over HTTP, with two workers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import URL, Engine, text

from access.keys import create_key, list_keys, revoke_key
from records.engine import create_app_engine
from tests.access.test_tokens import SECRET, make_token
from tests.bentos.calls import problem
from tests.bentos.conftest import Service, serving, wait_until
from tests.conftest import temporary_database

pytestmark = pytest.mark.xdist_group("guarded service")

LIMIT = 40
PAGE = "https://app.example.com"
SETTINGS = {
    "TQS_RATE_LIMIT": f"{LIMIT}/minute",
    "TQS_JWT_SECRET": SECRET,
    "TQS_JWT_ALGORITHM": "HS256",
    "TQS_JWT_AUDIENCE": "tqs",
    "TQS_CORS_ORIGINS": PAGE,
    "TQS_ENV": "development",
    "TQS_API_KEY": "new-key-of-the-setting, old-key-of-the-setting",
}


@pytest.fixture(scope="module")
def guarded(template_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("guarded")
    with temporary_database(template_url, template=template_url.database) as database:
        engine = create_app_engine(database)
        try:
            with serving(database, home, **SETTINGS) as (url, process, log):
                yield Service(url, "", "", engine, database, process, log)
        finally:
            engine.dispose()


def ask(service: Service, **headers: str) -> httpx.Response:
    """On a connection of its own, so that either worker may answer."""
    return httpx.get(f"{service.url}/api/models", headers=headers, timeout=30)


def test_the_limit_of_a_key_holds_over_both_workers(guarded: Service) -> None:
    key = create_key(guarded.engine, "busy", scopes=["read"])
    calm = create_key(guarded.engine, "calm", scopes=["read"])
    assert ask(guarded, **{"X-API-Key": key}).status_code == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(guarded, **{"X-API-Key": key}), range(3 * LIMIT)))
    let_in = 1 + sum(answer.status_code == 200 for answer in answers)
    assert 0.8 * LIMIT <= let_in <= 1.2 * LIMIT
    refused = [answer for answer in answers if answer.status_code != 200]
    assert "This key may make 40 per 1 minute calls" in problem(refused[0], 429)["detail"]
    assert 1 <= int(refused[0].headers["retry-after"]) <= 64
    assert ask(guarded, **{"X-API-Key": calm}).status_code == 200


def test_tokens(guarded: Service) -> None:
    assert ask(guarded, Authorization=f"Bearer {make_token()}").status_code == 200
    problem(ask(guarded, Authorization=f"Bearer {make_token(scope='ingest')}"), 403)
    problem(ask(guarded, Authorization=f"Bearer {make_token(aud='other')}"), 401)
    problem(ask(guarded, Authorization=f"Bearer {make_token(SECRET[::-1])}"), 401)


def test_both_keys_of_the_setting_are_good_while_they_are_exchanged(guarded: Service) -> None:
    for key in ("new-key-of-the-setting", "old-key-of-the-setting"):
        assert ask(guarded, **{"X-API-Key": key}).status_code == 200
    problem(ask(guarded, **{"X-API-Key": SETTINGS["TQS_API_KEY"]}), 401)


def test_two_live_keys_of_one_name_and_then_one(guarded: Service) -> None:
    """Rotation: none of the calls in between fails, and the old key ends in both workers within five seconds."""
    old = create_key(guarded.engine, "rails", scopes=["read"])
    new = create_key(guarded.engine, "rails", scopes=["read"])
    assert [ask(guarded, **{"X-API-Key": key}).status_code for key in (old, new, old, new)] == [200] * 4
    revoke_key(guarded.engine, old[:12])

    # From addresses that nothing was refused to, so that only a key that is not known gives 401.
    addresses = (f"198.18.{number // 250}.{number % 250}" for number in itertools.count())

    def refuse(address: str) -> int:
        return ask(guarded, **{"X-API-Key": old, "X-Forwarded-For": address}).status_code

    def both_refuse() -> bool:
        with ThreadPoolExecutor(8) as pool:
            return set(pool.map(refuse, itertools.islice(addresses, 16))) == {401}

    wait_until(both_refuse, 5)
    assert ask(guarded, **{"X-API-Key": new}).status_code == 200


def test_an_expired_key_is_refused(guarded: Service) -> None:
    key = create_key(guarded.engine, "short", scopes=["read"])
    assert ask(guarded, **{"X-API-Key": key}).status_code == 200
    with guarded.engine.begin() as connection:
        query = "UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE prefix = :prefix"
        connection.execute(text(query), {"prefix": key[:12]})
    wait_until(lambda: ask(guarded, **{"X-API-Key": key, "X-Forwarded-For": "203.0.113.78"}).status_code == 401, 5)


def test_the_use_of_keys_and_what_was_refused_are_written_within_seconds(guarded: Service) -> None:
    key = create_key(guarded.engine, "used", scopes=["read"])
    assert ask(guarded, **{"X-API-Key": key}).status_code == 200
    problem(ask(guarded, **{"X-API-Key": "wrong", "X-Forwarded-For": "203.0.113.79"}), 401)

    def is_written(engine: Engine) -> bool:
        with engine.connect() as connection:
            query = "SELECT count(*) FROM audit_log WHERE action = 'refuse key' AND subject = '203.0.113.79'"
            refused = connection.scalar(text(query))
        used = {row.name: row.last_used_at for row in list_keys(engine)}["used"]
        return bool(refused) and used is not None

    wait_until(lambda: is_written(guarded.engine), 30)


def test_pages_of_the_configured_origin_may_call(guarded: Service) -> None:
    wish = {"Origin": PAGE, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
    answer = httpx.options(f"{guarded.url}/api/models", headers=wish, timeout=30)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, PAGE)
    refused = ask(guarded, Origin=PAGE)
    problem(refused, 401)
    assert refused.headers["access-control-allow-origin"] == PAGE
    assert "access-control-allow-origin" not in ask(guarded, Origin="https://evil.example").headers


@pytest.mark.parametrize("path", ["/docs", "/docs.json", "/metrics", "/static_content/swagger-ui-bundle.js"])
def test_docs_are_open_in_development(guarded: Service, path: str) -> None:
    assert httpx.get(guarded.url + path, timeout=30).status_code == 200


def test_metrics_keep_one_series_for_a_route(guarded: Service) -> None:
    key = create_key(guarded.engine, "metrics", scopes=["read"])
    for number in range(20):
        httpx.get(f"{guarded.url}/api/nothing/{number}", headers={"X-API-Key": key}, timeout=30)
    said = httpx.get(f"{guarded.url}/metrics", timeout=30).text
    assert 'endpoint="/{unknown}"' in said
    assert "/api/nothing" not in said
