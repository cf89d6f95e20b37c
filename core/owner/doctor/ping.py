"""The ping: a signed event of our own, sent to the address at which Stripe is to tell the shop, that must arrive here."""

import time
from collections.abc import Iterator
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import orjson

from core.events import inbox
from core.foundation.records import new_id
from core.gateway import signature
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop

_ANSWER_SECONDS = 10
_WHY = "Stripe's events would not arrive either, or be refused."


def send(shop: Shop, url: str) -> Iterator[Finding]:
    """Whether what is sent there, signed with our secret, is taken and reaches this very database. Leaves no trace."""
    event_id = new_id("evt_ping")
    event = {
        "id": event_id, "object": "event", "type": "pushcart.ping", "livemode": shop.settings.livemode,
        "created": int(time.time()), "api_version": None, "data": {"object": {"object": "ping"}},
    }  # fmt: skip
    raw = orjson.dumps(event)
    trouble = post(shop, url, raw)
    arrived = inbox.forget(shop, event_id)
    if trouble:
        yield Finding("webhook", Level.WRONG, f"A signed ping to {url} {trouble}.", _WHY, _HOW)
    elif not arrived:
        yield Finding("webhook", Level.WRONG, f"{url} took a signed ping, and it did not reach this database.",
                      _WHY, "Have the webhook process use the same DATABASE_URL, or the address lead to it.")  # fmt: skip
    else:
        yield Finding("webhook", Level.FINE, f"A signed ping to {url} arrived.")


def post(shop: Shop, url: str, raw: bytes) -> str:
    """Send an event there, signed with our secret; return what went wrong, in words, or nothing if it was taken."""
    header = signature.signed(raw, shop.settings.stripe_webhook_secret[0].get_secret_value())
    asked = Request(url, data=raw, headers={"Stripe-Signature": header, "Content-Type": "application/json"})
    try:
        with urlopen(asked, timeout=_ANSWER_SECONDS) as answer:
            answer.read()
            return "" if answer.url == url else "was redirected, which Stripe does not follow"
    except HTTPError as error:
        with error:
            return f"was answered {error.code}"
    except (URLError, TimeoutError, OSError, ValueError) as error:
        return f"was not answered ({getattr(error, 'reason', error)})"


_HOW = (
    "See that the webhook process runs, that the address leads to it without a redirect, and that STRIPE_WEBHOOK_SECRET is "
    "the same there as here and as at Stripe."
)
