"""What the shop's key must be allowed: of every call that the shop has for Stripe, and no more."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import core.gateway
from core.gateway import permissions
from core.gateway.permissions import Right

# By the resource of Stripe's library: what reading it takes, and what anything else does.
OF_CALLS = {
    "balance": (Right.BALANCE, None),
    "balance_transactions": (Right.BALANCE_TRANSACTIONS, None),
    "billing_portal.configurations": (Right.PORTAL, Right.PORTAL),
    "billing_portal.sessions": (Right.PORTAL, Right.PORTAL),
    "charges": (Right.CHARGES, None),
    "checkout.sessions": (Right.CHECKOUT, Right.CHECKOUT),
    "checkout.sessions.line_items": (Right.CHECKOUT, None),
    "coupons": (Right.COUPONS, Right.COUPONS),
    "credit_notes": (Right.CREDIT_NOTES, Right.CREDIT_NOTES),
    "customers": (None, Right.CUSTOMERS),
    "customers.tax_ids": (Right.CUSTOMERS, Right.CUSTOMERS),
    "disputes": (Right.DISPUTES, None),
    "events": (Right.EVENTS, None),
    "invoice_payments": (Right.INVOICES, None),
    "invoices": (Right.INVOICES, Right.CORRECTIONS),
    "invoices.line_items": (Right.INVOICES, None),
    "payouts": (Right.PAYOUTS, None),
    "prices": (Right.PRICES, Right.PRICES),
    "products": (Right.PRODUCTS, Right.PRODUCTS),
    "promotion_codes": (Right.PROMOTION_CODES, Right.PROMOTION_CODES),
    "refunds": (Right.CHARGES, Right.CHARGES),
    "subscription_items": (Right.SUBSCRIPTIONS, None),
    "subscription_schedules": (Right.SUBSCRIPTIONS, None),
    "subscriptions": (Right.SUBSCRIPTIONS, Right.SUBSCRIPTIONS),
    "tax.registrations": (Right.TAX, None),
    "tax.settings": (Right.TAX, None),
    "webhook_endpoints": (Right.ENDPOINTS, Right.ENDPOINTS),
}
_READING = ("list", "retrieve", "create_preview")
_PAGE = "https://dashboard.stripe.com"


# What is only read along with something else, by `expand`.
ALONG = {Right.PAYMENTS}
# As the shop asks: the doctor tries permissions by a shorter name.
_CALL = re.compile(r"self\._client\.v1\.([a-z_]+(?:\.[a-z_]+)*)\.([a-z_]+)")


def test_every_call_to_stripe_has_its_permission_and_each_permission_its_call() -> None:
    calls = [
        call for path in Path(core.gateway.__file__).parent.glob("*.py") for call in _CALL.findall(path.read_text())
    ]
    # A resource may stand under a name of its own before something is asked of it.
    asked = [call for call in calls if ".".join(call) not in OF_CALLS]
    needed = {OF_CALLS[resource][action not in _READING] for resource, action in asked}
    assert None not in needed
    assert needed | ALONG == set(Right)


def test_the_handbook_names_them_all_and_no_other() -> None:
    handbook = (Path(core.gateway.__file__).parents[2] / "docs" / "going-live.md").read_text()
    section = handbook.partition("### A restricted key")[2].partition("\n## ")[0]
    named = [name for row in re.findall(r"^\| ([^|]*: [^|]*) \|", section, re.MULTILINE) for name in row.split(", ")]
    assert sorted(named) == sorted(Right)


@pytest.mark.parametrize(("livemode", "begins"), [(True, f"{_PAGE}/apikeys/"), (False, f"{_PAGE}/test/apikeys/")])
def test_the_page_of_a_new_key_has_them_ticked(livemode: bool, begins: str) -> None:
    page = permissions.page_of_new_key(permissions.needed(invoices=True, tax=True), livemode=livemode)
    assert page.startswith(f"{begins}create?")
    asked = parse_qs(urlsplit(page).query)["permissions[]"]
    assert "rak_invoice_write" in asked
    assert "rak_invoice_read" not in asked
    # Of tax alone Stripe publishes no name.
    assert len(asked) == len(set(asked)) == len(Right) - len({Right.INVOICES, Right.TAX})
