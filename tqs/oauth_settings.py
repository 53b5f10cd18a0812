"""Logins by OAuth, as settings write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

Provider = Literal["google", "github", "azure", "okta", "auth0", "generic"]

OAUTH_PATH: Final = "/oauth"  # of the dashboards: where the provider sends people back to
ADDRESSES: Final = ("AUTHORIZE_URL", "TOKEN_URL", "USER_URL")
# What Panel cannot do without, for each provider.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "azure": ("tenant",),
    "okta": ("url",),
    "auth0": ("subdomain",),
    "generic": ADDRESSES,
}
ANYBODY: Final = ("common", "organizations", "consumers")  # tenants of Azure's that take the accounts of all others
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def read_oauth_extra(text: str) -> dict[str, str]:
    """What TQS_OAUTH_EXTRA says, a JSON object of texts.

    Raises
    ------
    ValueError
        anything else.
    """
    try:
        extra = json.loads(text)
    except ValueError:
        extra = None
    if not isinstance(extra, dict) or not all(isinstance(value, str) for value in extra.values()):
        raise ValueError('is no JSON object of texts; write it like {"tenant": "contoso.onmicrosoft.com"}')
    return extra


def check_oauth(
    provider: Provider | None, key: str | None, secret: object, extra: Mapping[str, str], page: str
) -> None:
    """Refuse half a configuration, and one by which tokens would go over an open line.

    page: the address of the dashboards.

    Raises
    ------
    ValueError
        naming what is missing or wrong.
    """
    named = {"TQS_OAUTH_PROVIDER": provider, "TQS_OAUTH_KEY": key, "TQS_OAUTH_SECRET": secret}
    missing = [name for name, value in named.items() if value is None]
    if len(missing) == len(named) and not extra:
        return
    if provider is None or missing:
        raise ValueError(f"logins by OAuth need {', '.join(named)}; {missing[0]} is missing")
    if lacking := [name for name in NEEDED.get(provider, ()) if not extra.get(name)]:
        raise ValueError(f"the provider {provider} needs {lacking[0]!r} in TQS_OAUTH_EXTRA, a JSON object of texts")
    if provider == "azure" and extra["tenant"] in ANYBODY:
        raise ValueError(f"TQS_OAUTH_EXTRA: the tenant {extra['tenant']!r} would be anybody's; name your own")
    for name in ADDRESSES:
        if name in extra and not _is_private(extra[name]):
            raise ValueError(f"TQS_OAUTH_EXTRA: {name} must begin with https:// (http:// on this machine only)")
    if not _is_private(page):
        raise ValueError(
            f"logins by OAuth need dashboards that are reached by https, not {page}; "
            "set TQS_DASHBOARD_URL to their https address"
        )


def _is_private(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # an address in brackets that is none
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))
