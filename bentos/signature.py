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
NOT_SIGNED: Final = "The signature is not that of this timestamp and body by a secret that is known here."
CHALLENGE: Final = {"www-authenticate": "X-TQS-Signature"}
_SECONDS: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_DIGITS: Final = 64
_SIGNATURE: Final = re.compile(rf"(?:sha256=)?[0-9a-fA-F]{{{_DIGITS}}}", re.ASCII)


class SignedBody:
    """A body that is hashed as it arrives, so that its last byte decides at once whether it was signed.

    Parameters
    ----------
    secrets: those of which any may have signed it.
    timestamp, signature: as sent, of a form in which `find_fault` finds none.
    """

    def __init__(self, secrets: Sequence[str], timestamp: str, signature: str) -> None:
        self._signature = signature[-_DIGITS:].lower()
        self._hashes = [hmac.new(secret.encode(), timestamp.encode() + b".", hashlib.sha256) for secret in secrets]

    def update(self, part: bytes) -> None:
        """The next part of the body is there."""
        for one in self._hashes:
            one.update(part)

    def is_signed(self) -> bool:
        """Whether the signature is that of the timestamp and of what has arrived."""
        # All of them, so that the time it takes does not tell which it was.
        return any([hmac.compare_digest(one.hexdigest(), self._signature) for one in self._hashes])


def find_fault(timestamp: str, signature: str, now: float) -> str:
    """What can be said against a request before its body is read; empty where nothing can.

    Parameters
    ----------
    timestamp: seconds since 1970, in digits, as sent.
    signature: 64 hexadecimal digits, `sha256=` before them or not.
    now: seconds since 1970.
    """
    if not _SIGNATURE.fullmatch(signature) or not _SECONDS.fullmatch(timestamp):
        return "Send X-TQS-Timestamp, in seconds since 1970, and X-TQS-Signature, the HMAC-SHA256 in hex."
    if abs(now - int(timestamp)) > TOLERANCE_S:
        return "The timestamp is more than five minutes off; send the current time, and sign it."
    return ""
