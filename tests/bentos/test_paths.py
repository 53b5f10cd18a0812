"""What a path needs and is called; by no other spelling does it need less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bentos.paths import INGEST_PATHS, MODEL_PATHS, NOT_A_ROUTE, PathNames, body_limit, required_scope

MIB = 1024**2
STUDENT, TUTOR = "6b1cd0c6-7b4f-4f3f-9d5c-0a8e8f1f0a11", "0b1cd0c6-7b4f-4f3f-9d5c-0a8e8f1f0a12"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/tutors", "read"),
        ("HEAD", "/api/tutors", "read"),
        ("GET", f"/api/matching/predict/{STUDENT}/{TUTOR}", "read"),
        ("POST", "/predict_match", "read"),
        ("POST", "/score_tutors", "read"),
        ("POST", "/api/matching/run-matching", "read"),
        ("POST", "/api/sessions", "ingest"),
        ("POST", "/api/sessions/batch", "ingest"),
        ("POST", "/api/tutors", "admin"),
        ("POST", "/api/matching/generate-all", "admin"),
        ("PATCH", f"/api/matching/tutors/{TUTOR}", "admin"),
        ("DELETE", f"/api/tutors/{TUTOR}", "admin"),
        ("DELETE", "/api/sessions", "admin"),
        ("PUT", "/predict_match", "admin"),
        ("OPTIONS", "/api/tutors", "admin"),
        ("get", "/api/tutors", "admin"),
        ("POST", "/api/new/route", "admin"),
    ],
)
def test_scopes(method: str, path: str, scope: str) -> None:
    assert required_scope(method, path) == scope


@pytest.mark.parametrize("path", sorted(INGEST_PATHS | MODEL_PATHS | {"/api/matching/run-matching"}))
@pytest.mark.parametrize(
    "spell",
    [
        lambda path: path + "/",
        lambda path: "/" + path,
        lambda path: path.upper(),
        lambda path: path + ";v=1",
        lambda path: path + "%2f",
        lambda path: "/." + path,
        lambda path: path + "/..",
        lambda path: path + "\0",
        lambda path: path + " ",
        lambda path: path.replace("/", "\\"),
    ],
)
def test_another_spelling_needs_admin(path: str, spell: object) -> None:
    assert callable(spell)
    assert required_scope("POST", spell(path)) == "admin"


def test_limits_of_bodies() -> None:
    assert [body_limit(path) for path in sorted(MODEL_PATHS)] == [16 * MIB] * 4
    assert body_limit("/api/sessions/batch") == body_limit("/api/webhooks/sessions") == 5 * MIB
    assert body_limit("/api/sessions") == body_limit("/api/x") == body_limit("/predict_match/") == MIB


NAMES = PathNames(["/api/matching/predict/{student_id}/{tutor_id}", "/api/matching/students", "/api/tutors/{id}"])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/matching/students", "/api/matching/students"),
        (f"/api/tutors/{TUTOR}", "/api/tutors/{id}"),
        (f"/api/matching/predict/{STUDENT}/{TUTOR}", "/api/matching/predict/{id}/{id}"),
        ("/api/tutors/Mia Meyer\n2026-01-01 INFO", "/api/tutors/{id}"),
        ("/api/tutors", NOT_A_ROUTE),
        (f"/api/tutors/{TUTOR}/", NOT_A_ROUTE),
        ("/livez", "/livez"),
        ("/docs", "/docs"),
        ("", NOT_A_ROUTE),
    ],
)
def test_names(path: str, name: str) -> None:
    assert NAMES.name(path) == name


@given(st.lists(st.sampled_from(["", "api", "tutors", "matching", "students", "predict", TUTOR, "x"]), max_size=8))
def test_there_are_as_many_names_as_routes(parts: list[str]) -> None:
    assert NAMES.name("/" + "/".join(parts)) in {
        "/", "/docs", "/docs.json", "/metrics", "/api/matching/students", "/api/tutors/{id}",
        "/api/matching/predict/{id}/{id}", NOT_A_ROUTE,
    }  # fmt: skip
