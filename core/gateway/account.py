"""The shop's account at Stripe, as its doctor looks at it: what the key may do, and how the account is set up for the shop."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from core.foundation.errors import StripeRefused
from core.foundation.settings import Settings
from core.gateway.client import StripeApi
from core.gateway.permissions import Right

# Of an object that Stripe never made: whoever may do something to such objects is told that there is none.
_NOBODYS = "pushcart_asks_what_it_may"


@dataclass(frozen=True)
class Standing:
    """What time it is at Stripe, to the second, and whether the key moves real money."""

    at: datetime
    livemode: bool


class Account(Protocol):
    """What the doctor asks. Every method may raise StripeUnreachable, StripeKeyRefused, PermissionMissing or StripeRefused."""

    def standing(self) -> Standing: ...
    def try_right(self, right: Right) -> None: ...
    def endpoints(self) -> list[dict[str, Any]]: ...
    def make_endpoint(self, url: str, types: Sequence[str], *, shop_id: str) -> dict[str, Any]: ...
    def tell_endpoint(self, endpoint: str, types: Sequence[str]) -> dict[str, Any]: ...
    def find_price(self, price: str) -> dict[str, Any] | None: ...
    def tax_countries(self) -> list[str]: ...
    def tax_lacks(self) -> list[str]: ...

    @property
    def api_version(self) -> str: ...


class StripeAccount(StripeApi):
    """The account behind the shop's key."""

    @property
    def api_version(self) -> str:
        """The version of Stripe's API that the shop speaks: events must be written in it."""
        import stripe

        return str(stripe.api_version)

    def standing(self) -> Standing:
        """How the key stands with Stripe. Raises StripeKeyRefused where it does not."""
        answer = self._ask_raw(lambda: self._client.v1.balance.retrieve())
        at = parsedate_to_datetime(answer.last_response.headers["Date"]).astimezone(UTC)
        return Standing(at, livemode=bool(answer.livemode))

    def try_right(self, right: Right) -> None:
        """Raise PermissionMissing if the key is not allowed this. Nothing is made or changed at Stripe."""
        with suppress(StripeRefused):  # for what was asked, and so it may be asked
            self._ask_raw(self._attempt(right))

    def endpoints(self) -> list[dict[str, Any]]:
        """The account's webhook endpoints, newest first."""
        return list(self._all(lambda: self._client.v1.webhook_endpoints.list({"limit": 100})))

    def make_endpoint(self, url: str, types: Sequence[str], *, shop_id: str) -> dict[str, Any]:
        """A new endpoint at this address, for these types of events in our API version. Its `secret` is told only now."""
        wanted = {
            "url": url, "enabled_events": list(types), "api_version": self.api_version, "description": "Pushcart",
            "metadata": {"shop_id": shop_id},
        }  # fmt: skip
        return self._ask(lambda: self._client.v1.webhook_endpoints.create(wanted))  # type: ignore[arg-type]

    def tell_endpoint(self, endpoint: str, types: Sequence[str]) -> dict[str, Any]:
        """Have an endpoint told of these types of events, and switch it on."""
        changes = {"enabled_events": list(types), "disabled": False}
        return self._ask(lambda: self._client.v1.webhook_endpoints.update(endpoint, changes))  # type: ignore[arg-type]

    def tax_countries(self) -> list[str]:
        """The countries where the account is registered for tax now: Stripe takes none anywhere else."""
        asked = {"status": "active", "limit": 100}
        return [str(each["country"]) for each in self._all(lambda: self._client.v1.tax.registrations.list(asked))]  # type: ignore[arg-type]

    def tax_lacks(self) -> list[str]:
        """What Stripe must be told before it reckons tax, by its names for it, such as `head_office`; nothing once it knows."""
        found = self._ask(lambda: self._client.v1.tax.settings.retrieve())
        if found["status"] == "active":
            return []
        pending = (found.get("status_details") or {}).get("pending") or {}
        return [str(each) for each in pending.get("missing_fields") or ["head_office"]]

    def _attempt(self, right: Right) -> Callable[[], Any]:
        """A call that needs this right and has no effect: a list of one, or what Stripe refuses for what it lacks."""
        v1, one = self._client.v1, {"limit": 1}
        unchanged: Any = {"metadata": {"asked_by": "pushcart"}}
        attempts: dict[Right, Callable[[], Any]] = {
            Right.CHECKOUT: lambda: v1.checkout.sessions.expire(_NOBODYS),
            Right.EVENTS: lambda: v1.events.list(one),  # type: ignore[arg-type]
            Right.CHARGES: lambda: v1.refunds.create({"charge": _NOBODYS}),
            Right.PAYMENTS: lambda: v1.payment_intents.list(one),  # type: ignore[arg-type]
            Right.SUBSCRIPTIONS: lambda: v1.subscriptions.cancel(_NOBODYS),
            Right.INVOICES: lambda: v1.invoices.list(one),  # type: ignore[arg-type]
            Right.DISPUTES: lambda: v1.disputes.list(one),  # type: ignore[arg-type]
            Right.BALANCE: lambda: v1.balance.retrieve(),
            Right.BALANCE_TRANSACTIONS: lambda: v1.balance_transactions.list(one),  # type: ignore[arg-type]
            Right.PAYOUTS: lambda: v1.payouts.list(one),  # type: ignore[arg-type]
            Right.PRODUCTS: lambda: v1.products.update(_NOBODYS, {"active": False}),
            Right.PRICES: lambda: v1.prices.update(_NOBODYS, {"active": False}),
            Right.COUPONS: lambda: v1.coupons.update(_NOBODYS, unchanged),
            Right.PROMOTION_CODES: lambda: v1.promotion_codes.update(_NOBODYS, unchanged),
            Right.PORTAL: lambda: v1.billing_portal.sessions.create({"customer": _NOBODYS}),
            Right.CORRECTIONS: lambda: v1.invoices.update(_NOBODYS, unchanged),
            Right.CREDIT_NOTES: lambda: v1.credit_notes.update(_NOBODYS, unchanged),
            Right.CUSTOMERS: lambda: v1.customers.update(_NOBODYS, unchanged),
            Right.TAX: lambda: v1.tax.registrations.list(one),  # type: ignore[arg-type]
            Right.ENDPOINTS: lambda: v1.webhook_endpoints.update(_NOBODYS, {"disabled": False}),
        }
        return attempts[right]


def of_shop(settings: Settings) -> StripeAccount:
    """The account behind the key in the settings."""
    return StripeAccount(settings.stripe_secret_key.get_secret_value(), base=settings.stripe_base)
