"""Drafts of invoices: what stands on them and what that comes to. From `invoices.finalize` on nothing of it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import events
from sandbox.billing import invoice_items, invoice_lines, subscription_items
from sandbox.catalogue import currency_options, discounts, taxes
from sandbox.ground import ids, periods
from sandbox.ground.periods import DAY
from sandbox.protocol import derived_objects
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def compose(
    account: Account,
    customer: Object,
    lines: list[Object],
    *,
    off: int = 0,
    discount_ids: Iterable[str] = (),
    taxed: bool = False,
    **values: Any,
) -> Object:
    """A new invoice of a customer, not saved. `off` is the discount on all of it. With `taxed`, lines that do not know
    their taxes yet get those of the place where the customer is."""
    if taxed:
        levy(account, customer, lines)
    id, now = ids.new("in"), account.clock.now()
    for line in lines:
        line["invoice"] = id
    starts = [line["period"]["start"] for line in lines if values.get("parent")]
    return blank(
        "invoice",
        id=id,
        account_country="DE",
        account_name=account.settings.shop_name,
        created=now,
        customer=customer["id"],
        customer_address=customer["address"],
        customer_email=customer["email"],
        customer_name=customer["name"],
        customer_phone=customer["phone"],
        customer_shipping=customer["shipping"],
        customer_tax_exempt=customer["tax_exempt"],
        customer_tax_ids=taxes.ids_of(account, customer),
        discounts=list(discount_ids),
        hosted_invoice_url=None,
        invoice_pdf=None,
        issuer={"type": "self"},
        lines=derived_objects.envelope(f"/v1/invoices/{id}/lines", lines),
        payment_settings={},
        period_end=now,
        period_start=min([now, *starts]),
        status="draft",
        test_clock=account.clock.test_clock,
        **{
            "auto_advance": True,
            "collection_method": "charge_automatically",
            "custom_fields": customer["invoice_settings"]["custom_fields"],
            "footer": customer["invoice_settings"]["footer"],
            "metadata": {},
            **_totals(lines, off, discount_ids),
            **values,
            "automatic_tax": taxes.described(enabled=taxed, buyer=taxes.of_customer(account, customer)),
        },
    )


def levy(account: Account, customer: Object, lines: list[Object]) -> None:
    """Put the taxes on lines that have none yet."""
    buyer = taxes.of_customer(account, customer)
    for line in lines if buyer else ():
        assert buyer is not None
        price = account.find("price", line["pricing"]["price_details"]["price"])
        read = currency_options.in_currency(account, price, line["currency"])
        base = line["amount"] - sum(part["amount"] for part in line["discount_amounts"])
        line["taxes"] = line["taxes"] or taxes.for_invoice(taxes.levied(account, read, base, buyer))


def _totals(lines: list[Object], off: int, discount_ids: Iterable[str]) -> Object:
    subtotal = sum(line["amount"] for line in lines)
    levied = [tax for line in lines for tax in line["taxes"]]
    added, included = taxes.amounts(levied)
    total = subtotal - off + added
    parts = [part for line in lines for part in line["discount_amounts"]]
    each = {id: sum(part["amount"] for part in parts if part["discount"] == id) for id in discount_ids}
    if len(each) == 1:
        # Checkout's discount is known as a whole only.
        each = dict.fromkeys(each, off)
    return {
        "amount_due": max(total, 0),
        "amount_remaining": max(total, 0),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - included,
        "total": total,
        "total_discount_amounts": [{"amount": amount, "discount": id} for id, amount in each.items()],
        "total_excluding_tax": total - added - included,
        "total_taxes": taxes.summed(levied),
    }


def of_subscription(
    account: Account,
    subscription: Object,
    lines: list[Object],
    *,
    reason: str,
    off: int = 0,
    discount_ids: Iterable[str] = (),
) -> Object:
    """A new invoice of a subscription, saved but not announced."""
    made = _of_subscription(account, subscription, lines, reason=reason, off=off, discount_ids=discount_ids)
    return account.store.save(made)


def _of_subscription(account: Account, subscription: Object, lines: list[Object], **more: Any) -> Object:
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return compose(
        account,
        account.find("customer", subscription["customer"]),
        lines,
        billing_reason=more.pop("reason"),
        collection_method=subscription["collection_method"],
        due_date=_due(account, subscription),
        currency=subscription["currency"],
        taxed=subscription["automatic_tax"]["enabled"],
        parent={"type": "subscription_details", "subscription_details": details},
        **more,
    )


def _due(account: Account, subscription: Object) -> int | None:
    days = subscription["days_until_due"]
    return None if days is None else account.clock.now() + days * DAY


def for_period(account: Account, subscription: Object, *, reason: str, plans: bool = True) -> Object:
    """A draft for the period the items show, and for what has been waiting; with `plans=False` only for the latter."""
    items = subscription_items.of(account, subscription["id"]) if plans else []
    waiting = invoice_items.waiting_for(account, subscription, loose=plans)
    free = subscription["status"] == "trialing"
    invoice = account.store.save(drawn_up(account, subscription, items, waiting, reason=reason, free=free))
    for item in waiting:
        account.store.change(item, invoice=invoice["id"])
    return invoice


def drawn_up(
    account: Account,
    subscription: Object,
    items: list[Object],
    waiting: list[Object],
    *,
    reason: str,
    free: bool = False,
    at: int | None = None,
) -> Object:
    """An invoice of a subscription for these, not kept, with the discounts it has by then."""
    lines = [invoice_lines.of_plan(account, item, subscription, free=free) for item in items]
    lines += [invoice_lines.of_item(item, account, subscription) for item in waiting]
    used, off = discounts.on_lines(account, discounts.of(account, subscription), lines, at=at)
    return _of_subscription(account, subscription, lines, reason=reason, off=off, discount_ids=used)


def upcoming(account: Account, subscription: Object) -> Object:
    """The next invoice of a subscription as it is."""
    return preview_next(account, subscription, subscription_items.of(account, subscription["id"]), [])


def preview_next(account: Account, subscription: Object, items: list[Object], new: list[Object]) -> Object:
    """The invoice of the next period, for these items and what waits, `new` included; not kept."""
    start = int(subscription["items"]["data"][0]["current_period_end"])
    anchor = subscription["billing_cycle_anchor"]
    coming = preview(account, subscription, from_moment(items, start, anchor=anchor), new, reason="upcoming", at=start)
    charged = coming["collection_method"] == "charge_automatically"
    attempt = start + int(account.settings.draft_seconds) if charged else None
    return {**coming, "created": start, "next_payment_attempt": attempt, "period_end": start}


def from_moment(items: list[Object], start: int, *, anchor: int | None = None) -> list[Object]:
    """The items in a period that begins then."""
    return [
        {
            **item,
            "current_period_start": start,
            "current_period_end": periods.period_end(start, item["price"]["recurring"], anchor=anchor),
        }
        for item in items
    ]


def preview(
    account: Account, subscription: Object, items: list[Object], new: list[Object], *, reason: str, **at: Any
) -> Object:
    """An invoice for these items and what waits, `new` included; not kept."""
    waiting = invoice_items.waiting_for(account, subscription, loose=bool(items)) + new
    invoice = drawn_up(account, subscription, items, waiting, reason=reason, **at)
    id = ids.new("upcoming_in")
    lines = [{**line, "invoice": id} for line in invoice["lines"]["data"]]
    # What the customer has been credited, or owes, is part of what they will be asked for.
    starting = account.find("customer", subscription["customer"])["balance"]
    due = max(invoice["total"] + starting, 0)
    return {
        **invoice,
        "id": id,
        "amount_due": due,
        "amount_remaining": due,
        "ending_balance": invoice["total"] + starting - due,
        "lines": {**invoice["lines"], "data": lines, "url": f"/v1/invoices/{id}/lines"},
        "starting_balance": starting,
    }


def recount(account: Account, invoice: Object, lines: list[Object]) -> None:
    """Put these lines on a draft instead of those it has; discounts and totals follow. Not announced."""
    counted = [{**line, "discount_amounts": [], "invoice": invoice["id"], "taxes": []} for line in lines]
    used, off = discounts.on_lines(account, invoice["discounts"], counted)
    if invoice["automatic_tax"]["enabled"]:
        levy(account, account.find("customer", invoice["customer"]), counted)
    envelope = {**invoice["lines"], "data": counted}
    account.store.change(invoice, lines=envelope, **_totals(counted, off, used))


def put(account: Account, invoice: Object, lines: list[Object]) -> None:
    """Put these lines on a draft with the taxes they have; totals follow. Not announced."""
    account.store.change(invoice, lines={**invoice["lines"], "data": lines}, **_totals(lines, 0, []))


def announce(account: Account, invoice: Object, before: Object) -> None:
    """Emit invoice.updated with what has changed since; nothing when nothing has."""
    if previous := {key: before[key] for key in before if before[key] != invoice.get(key)}:
        account.emit("invoice.updated", invoice, previous)


def snapshot(invoice: Object) -> Object:
    """The invoice as it is now, for `announce` to compare with."""
    return events.copy(invoice)
