"""JWT bearer tokens, where they are configured: one pinned algorithm, an audience, an end, and scopes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import jwt

from access.audit import BEARER
from access.ring import ApiKey
from records.tables.operations import SCOPES
from tqs.errors import SettingsError
from tqs.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

LONGEST_TOKEN: Final = 8_192  # characters
LONGEST_SUBJECT: Final = 200
SECRET_BYTES: Final = 32  # RFC 7518, section 3.2: as long as the hash
DIFFERENT_BYTES: Final = 8
RSA_BITS: Final = 2_048
REMEMBERED: Final = 1_000  # verified tokens
REMEMBERED_FOR: Final = timedelta(seconds=60)

Key: TypeAlias = "str | RSAPublicKey | EllipticCurvePublicKey"


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must be: signed so, for this audience and, where one is named, by this issuer."""

    algorithm: str
    key: Key
    audience: str
    issuer: str | None = None


class TokenVerifier:
    """Verifies tokens, and remembers for a minute those that were good: checking a signature takes 10 to 100 µs."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules
        self._verified: dict[str, tuple[ApiKey, datetime]] = {}

    def verify(self, token: str, now: datetime) -> ApiKey | None:
        """Who presents the token; None where it is not good at `now`.

        The caller is named after the claim `sub`, marked so that it is no key's name, and has those of our scopes that
        the claim `scope` lists.
        """
        known = self._verified.get(token)
        if known is not None and now < known[1]:
            return known[0]
        caller = self._read(token, now) if 0 < len(token) <= LONGEST_TOKEN else None
        if caller is not None and caller.expires_at is not None:
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            self._verified[token] = caller, min(caller.expires_at, now + REMEMBERED_FOR)
        return caller

    def _read(self, token: str, now: datetime) -> ApiKey | None:
        rules = self._rules
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                rules.key,
                algorithms=[rules.algorithm],
                audience=rules.audience,
                issuer=rules.issuer,
                options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False},
            )
            end = datetime.fromtimestamp(int(claims["exp"]), UTC)
        except Exception:  # noqa: BLE001  # whatever a stranger's text does to the parsers, it is no token
            return None
        subject, listed = claims["sub"], claims.get("scope", "")
        if not isinstance(listed, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
            return None
        scopes = frozenset(listed.split()) & frozenset(SCOPES)
        name = f"{BEARER}{subject}"
        return ApiKey(None, name, scopes, end, name) if now < end else None


def configure_tokens(settings: Settings) -> TokenVerifier | None:
    """The verifier that the settings TQS_JWT_* describe; None where they are left out.

    Raises
    ------
    SettingsError
        where something is missing, does not belong together, or is too weak to trust.
    """
    secret, file = settings.jwt_secret, settings.jwt_public_key
    named = [settings.jwt_algorithm, settings.jwt_audience, settings.jwt_issuer]
    if secret is None and file is None:
        if any(named):
            raise SettingsError("TQS_JWT_*: no key is named; set TQS_JWT_SECRET or TQS_JWT_PUBLIC_KEY")
        return None
    if secret is not None and file is not None:
        raise SettingsError("TQS_JWT_SECRET and TQS_JWT_PUBLIC_KEY are both set; set the one that signs the tokens")
    if settings.jwt_algorithm is None:
        raise SettingsError("TQS_JWT_ALGORITHM is missing; pin the one that signs the tokens: HS256, RS256 or ES256")
    if settings.jwt_audience is None:
        raise SettingsError("TQS_JWT_AUDIENCE is missing; name who the tokens must be meant for")
    key: Key
    if secret is not None:
        key = _check_secret(secret.get_secret_value(), settings.jwt_algorithm)
    else:
        key = _read_public_key(file or Path(), settings.jwt_algorithm)
    return TokenVerifier(TokenRules(settings.jwt_algorithm, key, settings.jwt_audience, settings.jwt_issuer))


def _check_secret(secret: str, algorithm: str) -> str:
    if algorithm != "HS256":
        raise SettingsError(f"TQS_JWT_ALGORITHM {algorithm} takes TQS_JWT_PUBLIC_KEY; a secret goes with HS256")
    if "-----BEGIN" in secret:
        raise SettingsError("TQS_JWT_SECRET holds a PEM key; name its file in TQS_JWT_PUBLIC_KEY")
    if len(secret.encode()) < SECRET_BYTES or len(set(secret)) < DIFFERENT_BYTES:
        raise SettingsError(
            f"TQS_JWT_SECRET is too weak; take {SECRET_BYTES} random bytes or more, as from `openssl rand -hex 32`"
        )
    return secret


def _read_public_key(file: Path, algorithm: str) -> RSAPublicKey | EllipticCurvePublicKey:
    # Only who verifies by a public key needs the library.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    if algorithm == "HS256":
        raise SettingsError("TQS_JWT_ALGORITHM HS256 takes TQS_JWT_SECRET; a public key goes with RS256 or ES256")
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"TQS_JWT_PUBLIC_KEY: {file} cannot be read ({error.strerror})") from error
    if b"PRIVATE KEY" in pem:
        raise SettingsError(f"TQS_JWT_PUBLIC_KEY: {file} holds a private key, which only the issuer may have")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on curves that are refused below anyway
            key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"TQS_JWT_PUBLIC_KEY: {file} holds no public key in PEM form") from error
    if algorithm == "RS256" and isinstance(key, RSAPublicKey):
        if key.key_size < RSA_BITS:
            raise SettingsError(f"TQS_JWT_PUBLIC_KEY: {key.key_size} bits are too weak; take {RSA_BITS} or more")
        return key
    if algorithm == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    wanted = "an RSA key" if algorithm == "RS256" else "a key of the curve P-256"
    raise SettingsError(f"TQS_JWT_PUBLIC_KEY: {algorithm} takes {wanted}, and {file} holds another")
