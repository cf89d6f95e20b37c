"""What is done to invoices at Stripe that were paid: they are taken back by a credit note and written anew. No money moves."""

from typing import Any, Protocol

from core.foundation.settings import Settings
from core.gateway.client import StripeApi


class Invoices(Protocol):
    """What correcting an invoice asks. Every method may raise StripeUnreachable, StripeKeyRefused or StripeRefused.

    With the same `key` the same is done once, within the day for which Stripe remembers it.
    """

    def find(self, invoice: str) -> dict[str, Any] | None: ...
    def lines(self, invoice: str) -> list[dict[str, Any]]: ...
    def of_customer(self, customer: str) -> list[dict[str, Any]]: ...
    def readdress(self, customer: str, details: dict[str, Any], *, key: str) -> None: ...
    def tax_ids_of(self, customer: str) -> list[dict[str, Any]]: ...
    def add_tax_id(self, customer: str, kind: str, value: str, *, key: str) -> None: ...
    def draft(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...
    def add_lines(self, invoice: str, lines: list[dict[str, Any]], *, key: str) -> dict[str, Any]: ...
    def finalize(self, invoice: str, *, key: str) -> dict[str, Any]: ...
    def mark_paid(self, invoice: str, *, key: str) -> dict[str, Any]: ...
    def credit_notes_of(self, invoice: str) -> list[dict[str, Any]]: ...
    def credit(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]: ...


class StripeInvoices(StripeApi):
    """The invoices of the account behind the shop's key."""

    def find(self, invoice: str) -> dict[str, Any] | None:
        """An invoice as it is now."""
        return self.find_invoice(invoice)

    def lines(self, invoice: str) -> list[dict[str, Any]]:
        """All that stands on it."""
        return self.lines_of_invoice(invoice)

    def of_customer(self, customer: str) -> list[dict[str, Any]]:
        """The invoices of a customer, newest first."""
        return list(self._all_of(lambda: self._client.v1.invoices.list({"customer": customer, "limit": 100})))

    def readdress(self, customer: str, details: dict[str, Any], *, key: str) -> None:
        """Have a customer called so and live there: invoices that are made from now on say it."""
        self._ask(lambda: self._client.v1.customers.update(customer, details, {"idempotency_key": key}))  # type: ignore[arg-type]

    def tax_ids_of(self, customer: str) -> list[dict[str, Any]]:
        """The tax ids of a customer."""
        return list(self._all_of(lambda: self._client.v1.customers.tax_ids.list(customer, {"limit": 100})))

    def add_tax_id(self, customer: str, kind: str, value: str, *, key: str) -> None:
        """Give a customer a tax id. Raises StripeRefused for one that cannot be."""
        made = {"type": kind, "value": value}
        self._ask(lambda: self._client.v1.customers.tax_ids.create(customer, made, {"idempotency_key": key}))  # type: ignore[arg-type]

    def draft(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """An invoice that nobody was sent yet."""
        return self._ask(lambda: self._client.v1.invoices.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]

    def add_lines(self, invoice: str, lines: list[dict[str, Any]], *, key: str) -> dict[str, Any]:
        """Put lines on a draft."""
        asked = {"lines": lines}
        return self._ask(lambda: self._client.v1.invoices.add_lines(invoice, asked, {"idempotency_key": key}))  # type: ignore[arg-type]

    def finalize(self, invoice: str, *, key: str) -> dict[str, Any]:
        """Give a draft its number. It is charged to nobody."""
        asked = {"auto_advance": False}
        return self._ask(lambda: self._client.v1.invoices.finalize_invoice(invoice, asked, {"idempotency_key": key}))  # type: ignore[arg-type]

    def mark_paid(self, invoice: str, *, key: str) -> dict[str, Any]:
        """Say that its money has come already, by another way."""
        asked = {"paid_out_of_band": True}
        return self._ask(lambda: self._client.v1.invoices.pay(invoice, asked, {"idempotency_key": key}))  # type: ignore[arg-type]

    def credit_notes_of(self, invoice: str) -> list[dict[str, Any]]:
        """By what an invoice was taken back, newest first."""
        return list(self._all_of(lambda: self._client.v1.credit_notes.list({"invoice": invoice, "limit": 100})))

    def credit(self, parameters: dict[str, Any], *, key: str) -> dict[str, Any]:
        """Take an invoice back, or part of it."""
        return self._ask(lambda: self._client.v1.credit_notes.create(parameters, {"idempotency_key": key}))  # type: ignore[arg-type]


def of_shop(settings: Settings) -> StripeInvoices:
    """The invoices of the account behind the key in the settings."""
    return StripeInvoices(settings.stripe_secret_key.get_secret_value(), base=settings.stripe_base)
