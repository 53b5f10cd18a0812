from __future__ import annotations

import base64
import hashlib
import re
from http import HTTPStatus

import pytest
from markupsafe import Markup
from sqlalchemy import Engine

from dashboards.bar import PAGES, render_bar
from dashboards.plain_page import POLICY, make_answer, render_error, render_plain_page
from tqs.errors import DatabaseDownError, ModelError, NotFoundError


def test_the_policy_lets_the_one_script_of_the_page_run() -> None:
    (script,) = re.findall("<script>(.*?)</script>", render_plain_page("Card", Markup(), depth=2), re.DOTALL)

    assert f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" in POLICY


@pytest.mark.parametrize(("depth", "root"), [(0, "./"), (2, "../../")])
def test_the_ways_lead_from_where_the_page_is(depth: int, root: str) -> None:
    page = render_plain_page("Card", Markup(), depth=depth, back="models")

    assert f'<p class=back><a href="{root}models">' in page
    assert {f"{root}{address}" for address in PAGES} <= set(re.findall('href="([^"]+)"', page))
    assert f'href="{root}logout"' in page
    assert f'<a href="{root}models" aria-current="page">' in page


def test_names_and_reasons_are_text() -> None:
    page = render_error(HTTPStatus.CONFLICT, "<b>no</b>", depth=0, name="<i>Eve</i>")

    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;no&lt;/b&gt;" in page
    assert "<span>&lt;i&gt;Eve&lt;/i&gt;</span>" in page


def test_an_error_that_is_not_known_is_ours() -> None:
    assert "<h1>Something went wrong here</h1>" in render_error(HTTPStatus.INTERNAL_SERVER_ERROR, depth=0)
    assert "<h1>There is nothing here</h1>" in render_error(HTTPStatus.NOT_FOUND, depth=0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFoundError("no model v9 <b>"), HTTPStatus.NOT_FOUND),
        (ModelError("no model v9 <b>"), HTTPStatus.CONFLICT),
        (DatabaseDownError("no model v9 <b>"), HTTPStatus.SERVICE_UNAVAILABLE),
    ],
)
def test_what_cannot_be_answered_says_why(engine: Engine, error: Exception, status: HTTPStatus) -> None:
    def fail() -> tuple[str, Markup]:
        raise error

    answer, page = make_answer(engine, fail, depth=0)

    assert answer == status
    assert "<p>no model v9 &lt;b&gt;.</p>" in page


def test_an_error_of_our_own_is_no_answer(engine: Engine) -> None:
    def fail() -> tuple[str, Markup]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_answer(engine, fail, depth=0)


def test_the_bar_marks_where_one_is_and_says_what_one_may_do() -> None:
    bar = render_bar("Tutors", "ada", "coach")

    assert re.findall('<a href="([^"]+)" aria-current="page">', bar) == ["./tutors"]
    assert '<small title="May act on sessions and tutors">coach</small>' in bar
    assert "<small" not in render_bar("Tutors", "admin", "admin")  # said once
