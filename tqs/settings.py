"""Settings: one typed class, read from the environment, that refuses to start with a value it cannot use."""

from __future__ import annotations

import difflib
import os
import re
import zoneinfo
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tqs.errors import SettingsError
from tqs.mail_settings import SmtpServer, read_addresses, read_sender, read_smtp_url
from tqs.oauth_settings import Provider, check_oauth, read_oauth_extra

# Scheme, host in lower case and the port where it is not the scheme's own: as browsers write it.
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?|https?://\[[0-9a-f:]+\](:[1-9][0-9]{0,4})?")
PAGE_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~/-]*)?")
PREFIX = "TQS_"
SHORTEST_SECRET = 32  # characters; HMAC-SHA256 is as strong as its key
POSTGRESQL_DRIVERS = ("postgresql", "postgres", "postgresql+psycopg2")


def _named(name: str) -> AliasChoices:
    """`TQS_<NAME>`, or the name that the older build used."""
    return AliasChoices(f"TQS_{name}", name)


class Settings(BaseSettings):
    """Every setting of the product; each is an environment variable with the prefix `TQS_`.

    `home` holds what is kept on disk (embedded database, MLflow's files, keys). `database_url` names a
    PostgreSQL server; unset, an embedded one keeps its data in `home`. Probabilities below `*_low` are low
    risk, from `*_high` on high risk. `timezone` decides what is morning and which day a session is on. `llm_*` name an
    OpenAI-compatible server that words explanations; it is asked only where both its address and a key are set.
    `rate_limit` is how often each key may call, such as 600/minute (unset: without a limit). `cors_origins` are the
    web pages' origins whose scripts may call, parted by commas. `jwt_*` says which bearer tokens count as a key.
    `webhook_secret` signs webhooks; two parted by a comma while senders change from one to the other.

    `smtp_url` names the server that takes mail (smtp://user:password@host:587, smtps://...; with `?starttls=required`
    only one that offers encryption); unset, mails become files in `home`/mail. They come from `mail_from`. Reports of
    sessions go to `report_recipients`, what keeps failing is told to `operator_recipients` (unset: the same). In
    `report_mode` each, a recipient gets at most `report_cap` reports in an hour and the others in one mail at its end;
    hourly and daily gather all of them. Links in mails begin with `dashboard_url`.

    `oauth_*` let people log in to the dashboards with an account that they have elsewhere.

    A tutor is reminded of a session that starts within `reminder_hours` and is rescheduled with a probability of
    `reminder_threshold` or more (unset: nobody is, unless by hand). `reminder_hold_out` is the share of tutors, drawn
    by lot, who are not, so that one can see what reminders are worth.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    home: Path = Path(".tqs")
    env: Literal["production", "development"] = "production"
    database_url: SecretStr | None = Field(default=None, validation_alias=_named("DATABASE_URL"))
    api_key: SecretStr | None = Field(default=None, validation_alias=_named("API_KEY"))
    webhook_secret: SecretStr | None = None
    rate_limit: str | None = None
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    jwt_secret: SecretStr | None = None
    jwt_public_key: Path | None = None
    jwt_algorithm: Literal["HS256", "RS256", "ES256"] | None = None
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    timezone: str = "UTC"
    api_port: int = Field(default=3000, ge=1, le=65535)
    api_workers: int = Field(default=2, ge=1, le=64)
    dashboard_port: int = Field(default=5006, ge=1, le=65535)
    mlflow_port: int = Field(default=5000, ge=1, le=65535)
    prefect_port: int = Field(default=4200, ge=1, le=65535)
    match_risk_low: float = Field(default=0.3, gt=0, lt=1, validation_alias=_named("MATCH_RISK_THRESHOLD_LOW"))
    match_risk_high: float = Field(default=0.7, gt=0, lt=1, validation_alias=_named("MATCH_RISK_THRESHOLD_HIGH"))
    reschedule_risk_low: float = Field(
        default=0.15, gt=0, lt=1, validation_alias=_named("RESCHEDULE_RISK_THRESHOLD_LOW")
    )
    reschedule_risk_high: float = Field(
        default=0.35, gt=0, lt=1, validation_alias=_named("RESCHEDULE_RISK_THRESHOLD_HIGH")
    )
    no_show_risk_low: float = Field(default=0.05, gt=0, lt=1, validation_alias=_named("NO_SHOW_RISK_THRESHOLD_LOW"))
    no_show_risk_high: float = Field(default=0.15, gt=0, lt=1, validation_alias=_named("NO_SHOW_RISK_THRESHOLD_HIGH"))

    smtp_url: SecretStr | None = None
    mail_from: str | None = None
    report_recipients: Annotated[tuple[str, ...], NoDecode] = ()
    operator_recipients: Annotated[tuple[str, ...], NoDecode] = ()
    report_mode: Literal["each", "hourly", "daily"] = "each"
    report_cap: int = Field(default=30, ge=1, le=100_000)
    dashboard_url: str | None = None

    oauth_provider: Provider | None = None
    oauth_key: str | None = None
    oauth_secret: SecretStr | None = None
    oauth_extra: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)

    reminder_threshold: float | None = Field(default=None, gt=0, lt=1)
    reminder_hours: int = Field(default=72, ge=1, le=336)  # predictions reach 14 days ahead
    reminder_hold_out: float = Field(default=0.2, ge=0.05, le=0.95)

    llm_base_url: str | None = None
    llm_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("TQS_LLM_API_KEY", "OPENAI_API_KEY")
    )
    llm_model: str = Field(default="gpt-4o-mini", min_length=1, max_length=200)

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("llm_base_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:  # a port or an address in brackets that is none
            usable = False
        if not usable:
            raise ValueError("is no web address; write https://host/v1")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("holds more than host and path; the key has a setting of its own, TQS_LLM_API_KEY")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_smtp_url(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str | None) -> str | None:
        if value is not None:
            read_sender(value)
        return value

    @field_validator("report_recipients", "operator_recipients", mode="before")
    @classmethod
    def _recipients(cls, value: object) -> object:
        return read_addresses(value) if isinstance(value, str) else value

    @field_validator("oauth_extra", mode="before")
    @classmethod
    def _oauth_extra(cls, value: object) -> object:
        return read_oauth_extra(value) if isinstance(value, str) else value

    @field_validator("dashboard_url")
    @classmethod
    def _page_address(cls, value: str | None) -> str | None:
        if value is not None and not PAGE_ADDRESS.fullmatch(value):
            raise ValueError(f"{value!r} is no address that a page has; write one like https://tutors.example.com")
        return value and value.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in zoneinfo.available_timezones():
            raise ValueError(f"{name!r} is no time zone of the IANA database; write one like 'Europe/Berlin'")
        return name

    @field_validator("webhook_secret")
    @classmethod
    def _long_secrets(cls, value: SecretStr | None) -> SecretStr | None:
        short = [len(secret) for secret in _split_secrets(value) if len(secret) < SHORTEST_SECRET]
        if short:
            raise ValueError(
                f"holds a secret of {short[0]} characters; at least {SHORTEST_SECRET} are needed (openssl rand -hex 32)"
            )
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _exact_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(part.strip() for part in value.split(",") if part.strip())
        for origin in origins:
            if "*" in origin:
                raise ValueError("* would let any web page call; name each origin, such as https://app.example.com")
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"{origin!r} is no origin; write it as browsers do, such as https://app.example.com")
        return origins

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        try:
            url = make_url(value.get_secret_value())
        except (ArgumentError, ValueError):  # the latter where the port is no number
            raise ValueError("is no database URL; write postgresql://user:password@host/database") from None
        if url.drivername not in POSTGRESQL_DRIVERS:
            raise ValueError(f"names {url.drivername!r}; only PostgreSQL is supported (postgresql://...)")
        if not url.database:
            raise ValueError("names no database; write postgresql://user:password@host/database")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for target in ("match", "reschedule", "no_show"):
            low, high = self.risk_thresholds(target)
            if low >= high:
                raise ValueError(f"the low {target} threshold {low} must lie below the high one {high}")
        ports = [self.api_port, self.dashboard_port, self.mlflow_port, self.prefect_port]
        if len(set(ports)) < len(ports):
            raise ValueError(f"the ports {ports} must differ from each other")
        if self.smtp_url is not None and self.mail_from is None:
            raise ValueError("TQS_SMTP_URL needs TQS_MAIL_FROM, the address that mails come from: reports@example.com")
        check_oauth(self.oauth_provider, self.oauth_key, self.oauth_secret, self.oauth_extra, self.page_url)
        return self

    @property
    def smtp_server(self) -> SmtpServer | None:
        """Where mail is handed over; None: nowhere, mails become files."""
        return None if self.smtp_url is None else read_smtp_url(self.smtp_url.get_secret_value())

    @property
    def page_url(self) -> str:
        """What links to the dashboards begin with."""
        return self.dashboard_url or f"http://127.0.0.1:{self.dashboard_port}"

    @property
    def webhook_secrets(self) -> list[str]:
        """The secrets of which any may have signed a webhook; none where webhooks are not taken."""
        return _split_secrets(self.webhook_secret)

    def risk_thresholds(self, target: str) -> tuple[float, float]:
        """The probabilities from which `target` is of medium and of high risk."""
        return getattr(self, f"{target}_risk_low"), getattr(self, f"{target}_risk_high")


def _split_secrets(value: SecretStr | None) -> list[str]:
    return [] if value is None else [secret.strip() for secret in value.get_secret_value().split(",")]


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    SettingsError
        naming each setting with a value that cannot be used.
    """
    _refuse_misspelt_names(os.environ)
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # values are validated right there
    except ValidationError as error:
        lines = [_explain(item["loc"], item["msg"]) for item in error.errors(include_input=False, include_url=False)]
        raise SettingsError("; ".join(lines)) from None


def _refuse_misspelt_names(names: Iterable[str]) -> None:
    """A setting whose name is nearly one of ours would be ignored in silence."""
    known = {_name_variable(name, field.validation_alias) for name, field in Settings.model_fields.items()}
    for name in sorted(name for name in names if name.startswith(PREFIX) and name not in known):
        if meant := difflib.get_close_matches(name, known, n=1, cutoff=0.9):
            raise SettingsError(f"{name} is no setting; did you mean {meant[0]}? Correct its name, or unset it")


def _name_variable(field: str, alias: object) -> str:
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{PREFIX}{field.upper()}"


def _explain(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]).removeprefix("TQS_").upper() if location else ""
    return f"{'TQS_' + name if name else 'settings'}: {message.removeprefix('Value error, ')}"
