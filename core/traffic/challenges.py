"""Challenges: a question of Cloudflare's Turnstile or of hCaptcha, which people answer and machines mostly do not.

Asked before the payment page where CHALLENGE says so, so that nobody tries out cards there by machine. A provider that cannot
be reached keeps nobody from paying: the limits stay.
"""

import json
from dataclasses import dataclass
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import structlog

from core.foundation import signing
from core.shop import Shop

log = structlog.get_logger()

_PATIENCE = 5.0


@dataclass(frozen=True)
class Provider:
    """Where its script is, who says whether an answer is right, and what page and form call it."""

    script: str
    verify: str
    css_class: str
    field: str


PROVIDERS = {
    "turnstile": Provider(
        "https://challenges.cloudflare.com/turnstile/v0/api.js",
        "https://challenges.cloudflare.com/turnstile/v0/siteverify", "cf-turnstile", "cf-turnstile-response",
    ),
    "hcaptcha": Provider(
        "https://js.hcaptcha.com/1/api.js", "https://api.hcaptcha.com/siteverify", "h-captcha", "h-captcha-response",
    ),
}  # fmt: skip


def asked(shop: Shop) -> Provider | None:
    """Whose question is asked before a payment page, if any is."""
    return PROVIDERS.get(shop.settings.challenge)


def way_to(shop: Shop, url: str) -> str:
    """Where a buyer goes on to this payment page: there at once, or to the question. Until it is answered nobody learns where
    the page is."""
    if asked(shop) is None:
        return url
    sealed = signing.seal(shop.signing_key, signing.PAYMENT_PAGE, url)
    return f"{shop.settings.public_url}/api/checkout/person/{sealed}"


def leads_to(shop: Shop, sealed: str) -> str:
    """The payment page behind the question. Raises SealBroken."""
    return signing.unseal(shop.signing_key, signing.PAYMENT_PAGE, sealed)


def is_person(shop: Shop, answer: str, *, address: str) -> bool:
    """Whether the provider takes this answer, which counts once. For outside any transaction."""
    provider = asked(shop)
    return provider is None or (bool(answer) and _is_right(shop, provider, answer, address))


def _is_right(shop: Shop, provider: Provider, answer: str, address: str) -> bool:
    fields = {"secret": shop.settings.challenge_secret_key.get_secret_value(), "response": answer, "remoteip": address}
    try:
        with urlopen(provider.verify, urlencode(fields).encode(), timeout=_PATIENCE) as said:
            return bool(json.load(said).get("success"))
    except (URLError, TimeoutError, ValueError) as error:
        log.warning("challenge_not_judged", error=type(error).__name__)
        return True
