"""A service that could not guard itself does not start, and says in a sentence why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bentos.preflight import require_key
from tqs.errors import SettingsError
from tqs.settings import Settings, load_settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jwt_secret": "weak", "jwt_algorithm": "HS256", "jwt_audience": "tqs"}, "TQS_JWT_SECRET is too weak"),
        ({"rate_limit": "a lot"}, "TQS_RATE_LIMIT: 'a lot' is no limit"),
    ],
)
def test_before_the_database_is_asked(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        require_key(Settings(home=tmp_path / "home", **settings))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TQS_JWT_ALGORITHM", "none", "'HS256', 'RS256' or 'ES256'"),
        ("TQS_JWT_ALGORITHM", "HS512", "'HS256', 'RS256' or 'ES256'"),
        ("TQS_CORS_ORIGINS", "*", r"TQS_CORS_ORIGINS: \* would let any web page call; name each origin"),
        ("TQS_CORS_ORIGINS", "https://a.example,https://*.example", "would let any web page call"),
        ("TQS_CORS_ORIGINS", "app.example.com", "'app.example.com' is no origin"),
        ("TQS_CORS_ORIGINS", "https://app.example.com/", "is no origin"),
        ("TQS_CORS_ORIGINS", "https://App.example.com", "is no origin"),
        ("TQS_CORS_ORIGINS", "null", "is no origin"),
    ],
)
def test_settings_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_origins_are_parted_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQS_CORS_ORIGINS", "https://app.example.com, http://localhost:5173,http://[::1]:80")
    assert load_settings().cors_origins == ("https://app.example.com", "http://localhost:5173", "http://[::1]:80")
