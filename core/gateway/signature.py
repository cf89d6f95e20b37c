"""The signature of Stripe's webhooks, checked on the raw body."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson

from core.foundation.errors import PayloadInvalid, SignatureInvalid

# Ids and types as they can be kept and looked up. Stripe's own ids never have more than 255 characters.
_NAME = re.compile(r"[!-~]{1,255}")
# The last second that a calendar has, as Stripe counts them.
_LAST_SECOND = int(datetime.max.replace(tzinfo=UTC).timestamp())
# What every event says of itself, whatever its type is, and of which form it is there. All else depends on its type, and a type
# that is not known yet may have any.
_FIELDS: dict[str, Callable[[Any], bool]] = {
    "id": lambda said: isinstance(said, str) and bool(_NAME.fullmatch(said)),
    "type": lambda said: isinstance(said, str) and bool(_NAME.fullmatch(said)),
    "data": lambda said: isinstance(said, dict),
    "data.object": lambda said: isinstance(said, dict),
    "livemode": lambda said: isinstance(said, bool),
    # Nothing hangs on these, so they may be left out: by no event's time is it told which came first.
    "object": lambda said: said in (None, "event"),
    "created": lambda said: said is None or (type(said) is int and 0 <= said <= _LAST_SECOND),
}

# Webhook signatures older than this many seconds are refused, so that a captured event cannot be played again.
TOLERANCE = 300


def verified(raw: bytes, header: str | None, secrets: Sequence[str]) -> dict[str, Any]:
    """The event in a webhook's raw body, if one of our secrets signed it in the last five minutes.

    Raises SignatureInvalid for a missing, wrong or old signature; PayloadInvalid for what is not a snapshot event.
    Verifying takes 20 µs; the SDK's `construct_event` would take 600, for objects that nobody needs.
    """
    if header is not None and not header.isascii():
        # No signature has such letters, and the library compares them with none.
        raise SignatureInvalid("the header holds letters that no signature has")
    signature, refusal = _library()
    reason = "no secret is set"
    for secret in secrets:
        try:
            signature.verify_header(raw, header, secret, TOLERANCE)
            return _snapshot(raw)
        except UnicodeDecodeError:
            raise PayloadInvalid("the body is not UTF-8") from None
        except refusal as error:
            reason = str(error)
    raise SignatureInvalid(reason)


def signed(raw: bytes, secret: str) -> str:
    """The header that says that somebody who knows the secret sent this now."""
    return str(_library()[0].generate_signature_header(raw.decode(), secret))


@cache
def _library() -> tuple[Any, type[Exception]]:
    """What checks signatures, and how it says that one is wrong. Imported once: the SDK looks each name up at every import."""
    from stripe import SignatureVerificationError, WebhookSignature

    return WebhookSignature, SignatureVerificationError


def _snapshot(raw: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise PayloadInvalid(f"the body is not JSON: {error}") from None
    if not isinstance(event, dict) or event.get("object") == "v2.core.event":
        raise PayloadInvalid("thin events carry no data: let the endpoint send snapshot events")
    for field, is_right in _FIELDS.items():
        said = event["data"].get("object") if field == "data.object" else event.get(field)
        if not is_right(said):
            what = "missing" if said is None else "not what an event has there"
            raise PayloadInvalid(f"this is no event: {field} is {what}")
    return event
