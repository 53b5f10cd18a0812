"""Settings refuse what cannot be used, and say which variable and what to write instead."""

from pathlib import Path

import pytest

from tqs.errors import SettingsError
from tqs.settings import load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    seeds = ("API_KEY", "OPENAI_API_KEY", "DATABASE_URL", "MATCH_RISK_THRESHOLD_LOW", "MATCH_RISK_THRESHOLD_HIGH")
    for name in [name for name in os.environ if name.startswith("TQS_") or name in seeds]:
        monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_documents() -> None:
    settings = load_settings()
    assert settings.risk_thresholds("match") == (0.3, 0.7)
    assert settings.risk_thresholds("reschedule") == (0.15, 0.35)
    assert settings.risk_thresholds("no_show") == (0.05, 0.15)
    assert (settings.api_port, settings.dashboard_port, settings.mlflow_port, settings.prefect_port) == (
        3000,
        5006,
        5000,
        4200,
    )
    assert settings.home == Path(".tqs").resolve()
    assert settings.env == "production"
    assert settings.timezone == "UTC"
    assert (settings.reminder_threshold, settings.reminder_hours, settings.reminder_hold_out) == (None, 72, 0.2)


def test_the_older_build_s_names_are_understood_and_ours_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://old/db")
    monkeypatch.setenv("API_KEY", "old")
    monkeypatch.setenv("MATCH_RISK_THRESHOLD_HIGH", "0.8")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://old/db"
    assert settings.risk_thresholds("match") == (0.3, 0.8)
    monkeypatch.setenv("TQS_API_KEY", "new")
    key = load_settings().api_key
    assert key is not None
    assert key.get_secret_value() == "new"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TQS_TIMEZONE", "Mars/Olympus", "TQS_TIMEZONE: 'Mars/Olympus' is no time zone"),
        ("TQS_DATABASE_URL", "mysql://root@localhost/db", "only PostgreSQL is supported"),
        ("TQS_DATABASE_URL", "postgresql://localhost", "names no database"),
        ("TQS_DATABASE_URL", "nonsense", "is no database URL"),
        ("TQS_API_PORT", "70000", "TQS_API_PORT"),
        ("TQS_API_PORT", "5006", "must differ"),
        ("TQS_MATCH_RISK_THRESHOLD_LOW", "0.9", "must lie below"),
        ("TQS_ENV", "staging", "'production' or 'development'"),
        ("TQS_RESCHEDULE_RISK_THRESHOLD_HIGH", "nan", "RESCHEDULE_RISK_THRESHOLD_HIGH"),
        ("TQS_REMINDER_THRESHOLD", "0", "TQS_REMINDER_THRESHOLD: Input should be greater than 0"),
        ("TQS_REMINDER_THRESHOLD", "35", "TQS_REMINDER_THRESHOLD: Input should be less than 1"),
        ("TQS_REMINDER_HOLD_OUT", "0", "TQS_REMINDER_HOLD_OUT: Input should be greater than or equal to 0.05"),
        ("TQS_REMINDER_HOURS", "400", "TQS_REMINDER_HOURS: Input should be less than or equal to 336"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_a_refused_database_url_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQS_DATABASE_URL", "mysql://root:hunter2@localhost/db")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(load_settings(database_url="postgresql://u:hunter2@h/d"))


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("TQS_API_PROT", "TQS_API_PORT"), ("TQS_MATCH_RISK_THRESHOLD_LWO", "TQS_MATCH_RISK_THRESHOLD_LOW")],
)
def test_a_name_that_is_nearly_a_setting_is_refused(monkeypatch: pytest.MonkeyPatch, misspelt: str, meant: str) -> None:
    monkeypatch.setenv(misspelt, "0.2")
    with pytest.raises(SettingsError, match=f"^{misspelt} is no setting; did you mean {meant}"):
        load_settings()


def test_what_others_keep_under_the_prefix_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQS_TEST_DATABASE_URL", "postgresql://somewhere/else")
    monkeypatch.setenv("TQS_ROOM_OF_SOMEBODY", "1")
    load_settings()


def test_the_key_of_the_language_model_has_two_names(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "older")
    assert load_settings().llm_api_key.get_secret_value() == "older"
    monkeypatch.setenv("TQS_LLM_API_KEY", "newer")
    assert load_settings().llm_api_key.get_secret_value() == "newer"
    assert "newer" not in repr(load_settings())


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/v1", "https://[::1]:8000/v1", "https://api.example/v1/"])
def test_addresses_of_a_language_model(monkeypatch, address):
    monkeypatch.setenv("TQS_LLM_BASE_URL", address)
    assert load_settings().llm_base_url == address


@pytest.mark.parametrize(
    "address",
    [
        "api.example/v1",
        "file:///etc/passwd",
        "https://",
        "https://h:99999",
        "https://user:pw@h/v1",
        "https://h/v1?key=x",
    ],
)
def test_other_addresses_of_a_language_model_are_refused(monkeypatch, address):
    monkeypatch.setenv("TQS_LLM_BASE_URL", address)
    with pytest.raises(SettingsError, match="TQS_LLM_BASE_URL"):
        load_settings()


WHOLE = {
    "TQS_OAUTH_PROVIDER": "generic",
    "TQS_OAUTH_KEY": "tqs",
    "TQS_OAUTH_SECRET": "hush-hush",
    "TQS_OAUTH_EXTRA": '{"AUTHORIZE_URL": "https://id.example.com/a", "TOKEN_URL": "https://id.example.com/t",'
    ' "USER_URL": "https://id.example.com/u"}',
    "TQS_DASHBOARD_URL": "https://tutors.example.com",
}


def test_logins_by_oauth_are_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().oauth_provider is None
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert list(settings.oauth_extra) == ["AUTHORIZE_URL", "TOKEN_URL", "USER_URL"]
    assert "hush-hush" not in repr(settings)
    monkeypatch.delenv("TQS_DASHBOARD_URL")  # on this machine itself, to try it
    assert load_settings().oauth_provider == "generic"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TQS_OAUTH_PROVIDER", "", "TQS_OAUTH_PROVIDER is missing"),
        ("TQS_OAUTH_PROVIDER", "myspace", "TQS_OAUTH_PROVIDER"),
        ("TQS_OAUTH_PROVIDER", "azure", "the provider azure needs 'tenant' in TQS_OAUTH_EXTRA"),
        ("TQS_OAUTH_PROVIDER", "okta", "needs 'url'"),
        ("TQS_OAUTH_PROVIDER", "auth0", "needs 'subdomain'"),
        ("TQS_OAUTH_KEY", "", "TQS_OAUTH_KEY is missing"),
        ("TQS_OAUTH_SECRET", "", "TQS_OAUTH_SECRET is missing"),
        ("TQS_OAUTH_EXTRA", "", "needs 'AUTHORIZE_URL' in TQS_OAUTH_EXTRA"),
        ("TQS_OAUTH_EXTRA", "nonsense", "TQS_OAUTH_EXTRA: is no JSON object of texts"),
        ("TQS_OAUTH_EXTRA", '{"scope": ["openid"]}', "is no JSON object of texts"),
        ("TQS_OAUTH_EXTRA", WHOLE["TQS_OAUTH_EXTRA"].replace("https", "http"), "AUTHORIZE_URL must begin with https"),
        ("TQS_DASHBOARD_URL", "http://tutors.example.com", "reached by https, not http://tutors.example.com"),
    ],
)
def test_half_a_configuration_of_oauth_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    for each, whole in WHOLE.items():
        monkeypatch.setenv(each, whole)
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert said in str(refusal.value)
    assert "hush-hush" not in str(refusal.value)


@pytest.mark.parametrize("tenant", ["common", "organizations", "consumers"])
def test_a_tenant_that_is_anybody_s_is_refused(monkeypatch: pytest.MonkeyPatch, tenant: str) -> None:
    for each, whole in WHOLE.items():
        monkeypatch.setenv(each, whole)
    monkeypatch.setenv("TQS_OAUTH_PROVIDER", "azure")
    monkeypatch.setenv("TQS_OAUTH_EXTRA", f'{{"tenant": "{tenant}"}}')
    with pytest.raises(SettingsError, match=f"the tenant '{tenant}' would be anybody's"):
        load_settings()
