"""Whom a provider names, and who of them is let in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from tornado.web import HTTPError

from access.people import Person
from dashboards.oauth import StrangerError, check_request, name_provider, panel_options, read_identity, refuse
from tqs.settings import Settings

ADA = Person("ada@example.com", "coach", True, False, UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("claims", "claim", "login"),
    [
        ({"email": "Ada@Example.com", "email_verified": True}, "email", "ada@example.com"),
        ({"email": "o'brien@example.com", "email_verified": "true"}, "email", "o'brien@example.com"),
        ({"preferred_username": "Ada"}, "preferred_username", "ada"),
    ],
)
def test_who_is_vouched_for(claims: dict[str, Any], claim: str, login: str) -> None:
    assert read_identity(claims, claim) == login


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"email": None},
        {"email": 7, "email_verified": True},
        {"email": "", "email_verified": True},
        {"email": "a\x00b", "email_verified": True},
        {"email": "ada@example.com"},
        {"email": "ada@example.com", "email_verified": False},
        {"email": "ada@example.com", "email_verified": "false"},
        {"email": "ada@example.com", "email_verified": 1.5},
    ],
)
def test_an_address_that_nobody_confirmed_is_nobody_s(claims: dict[str, Any]) -> None:
    with pytest.raises(StrangerError):
        read_identity(claims, "email")


def test_strangers_are_told_what_lets_them_in() -> None:
    for nobody in (None, replace(ADA, is_active=False)):
        refusal = refuse("ada@example.com", nobody)
        assert refusal.status_code == 403
        assert refusal.command == "tqs people add ada@example.com --oauth --role viewer"
    assert refuse("x; rm -rf $HOME", None).command == "tqs people add 'x; rm -rf $HOME' --oauth --role viewer"
    assert refuse("ada@example.com", replace(ADA, has_password=True)).command == ""


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"next": "/"},
        {"next": "/tutors?tutor=7&sort=name"},
        {"next": "/match%C3%A9?student=1"},
        {"code": "x", "state": "y", "session_state": "z"},
        {"error": "access_denied", "error_description": "The résumé is not there", "state": "y"},
    ],
)
def test_what_is_asked_of_us(asked: dict[str, str]) -> None:
    check_request(asked)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"code": "x"}, 401),
        ({"code": "x", "state": ""}, 401),
        ({"state": "", "next": "?code=x"}, 401),
        ({"state": "", "next": "/?code=x"}, 401),
        ({"next": "/tutors?a=1&code=x"}, 401),
        ({"next": "/tutors?c%6fde=x"}, 401),  # which Panel decodes once more
        ({"state": "y", "next": "code=x"}, 401),
        ({"code": "x", "next": "/?state=y"}, 401),
        ({"code": "x", "next": "/?state="}, 401),
        ({"next": "/?error=x"}, 401),
        ({"next": "/?error_description=x"}, 401),
        ({"next": "///evil.example"}, 400),
        ({"next": "//evil.example"}, 400),
        ({"next": "/\\evil.example"}, 400),
        ({"next": "/\t/evil.example"}, 400),
        ({"next": "https://evil.example"}, 400),
        ({"next": "tutors"}, 400),
        ({"error": "x\nERROR all is lost"}, 400),
        ({"error": "x", "error_description": "\x1b[2J"}, 400),
        ({"code": "x", "state": "y\rz"}, 400),
    ],
)
def test_what_is_no_answer_and_what_leads_elsewhere_is_refused(asked: dict[str, str], status: int) -> None:
    with pytest.raises(HTTPError) as refusal:
        check_request(asked)
    assert refusal.value.status_code == status


def test_what_panel_is_told() -> None:
    assert panel_options(Settings()) == {}
    assert name_provider(Settings()) is None
    settings = Settings(
        oauth_provider="generic",
        oauth_key="tqs",
        oauth_secret="s3cret",  # noqa: S106
        oauth_extra={
            "AUTHORIZE_URL": "https://id.example.com/authorize",
            "TOKEN_URL": "https://id.example.com/token",
            "USER_URL": "https://id.example.com/userinfo",
            "scope": "openid email",
        },
        dashboard_url="https://tutors.example.com",
    )
    options = panel_options(settings)
    assert options["oauth_secret"] == "s3cret"  # noqa: S105
    assert options["oauth_redirect_uri"] == "https://tutors.example.com/oauth"
    assert options["oauth_extra_params"]["scope"] == ["openid", "email"]
    assert "s3cret" not in repr(settings)
    assert name_provider(settings) == "your organisation"
