"""Paying in a rehearsal: at the sandbox by itself, at Stripe by whoever follows the link with a test card."""

from collections.abc import Callable

from core.foundation.settings import Settings
from core.gateway import sandbox_acts
from core.journeys.checkout import PaymentLink

# Whose letters the sandbox's mailbox shows. At Stripe whoever pays types an address of their own.
_BUYER = "rehearsal@example.com"

# Pays a Session, or has somebody pay it.
Pay = Callable[[PaymentLink, str], object]


def at_sandbox(settings: Settings) -> Pay | None:
    """How the sandbox is paid, or None where none stands in for Stripe."""
    base = settings.stripe_base
    if not settings.demo or base is None:
        return None
    key = settings.stripe_secret_key.get_secret_value()
    return lambda _link, session_id: sandbox_acts.pay(base, key, session_id, email=_BUYER)
