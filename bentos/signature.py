"""Signed requests: HMAC-SHA256 over when they were sent and what they say."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

TOLERANCE_S: Final = (
    300  # of the sender's clock; a request that is sent again within it is a repeat, which harms nothing
)
NO_WEBHOOKS: Final = "This service takes no webhooks; an operator sets TQS_WEBHOOK_SECRET for it to."
CHALLENGE: Final = {"www-authenticate": "X-TQS-Signature"}
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE: Final = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})", re.ASCII)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The HMAC-SHA256 of timestamp, full stop and body by the secret's UTF-8 bytes, in hex."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def verify_signature(secrets: Sequence[str], timestamp: str, signature: str, body: bytes, now: float) -> str:
    """What is wrong with a request's signature; empty where nothing is.

    Parameters
    ----------
    secrets: those of which any may have signed it.
    timestamp: seconds since 1970, in digits, as sent.
    signature: 64 hexadecimal digits, `sha256=` before them or not.
    now: seconds since 1970.
    """
    found = _SIGNATURE.fullmatch(signature)
    if (fault := find_fault(timestamp, signature, now)) or found is None:
        return fault
    # All of them, so that the time it takes does not tell which it was.
    good = [hmac.compare_digest(sign(secret, timestamp, body), found[1].lower()) for secret in secrets]
    if not any(good):
        return "The signature is not that of this timestamp and body by a secret that is known here."
    return ""


def find_fault(timestamp: str, signature: str, now: float) -> str:
    """What can be said against a request before its body is read; empty where nothing can. As `verify_signature`."""
    if not _SIGNATURE.fullmatch(signature) or not _SECONDS.fullmatch(timestamp):
        return "Send X-TQS-Timestamp, in seconds since 1970, and X-TQS-Signature, the HMAC-SHA256 in hex."
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return "The timestamp is more than five minutes off; send the current time, and sign it."
    return ""
