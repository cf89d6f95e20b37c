"""Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over id, time and body, one for each secret that is good now."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A secret that no endpoint has."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(message_id: str, body: bytes, keys: Sequence[str], *, at: datetime) -> dict[str, str]:
    """The headers of one attempt at this moment, signed with each of these secrets."""
    moment = str(int(at.timestamp()))
    signed = [_signature(key, f"{message_id}.{moment}.".encode() + body) for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": moment, "webhook-signature": " ".join(signed)}


def _signature(key: str, content: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(raw, content, "sha256")).decode()
