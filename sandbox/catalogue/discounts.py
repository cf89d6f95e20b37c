"""Discounts of sessions, invoices, subscriptions and customers: which coupon, and how it spreads over the lines."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from sandbox.catalogue import coupons, promotion_codes
from sandbox.ground import currencies, ids
from sandbox.ground.errors import invalid
from sandbox.ground.periods import period_end
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object


def named(account: Account, given: Object, *, currency: str, where: str = "discounts[0]") -> Object:
    """What one of `discounts` names, as a session keeps it. Raises StripeError when it cannot be redeemed."""
    promotion = None
    if id := given.get("promotion_code"):
        promotion = promotion_codes.checked(account, id, param=f"{where}[promotion_code]")
        coupon = account.find("coupon", promotion["promotion"]["coupon"], param=f"{where}[promotion_code]")
    elif id := given.get("coupon"):
        coupon = account.find("coupon", id, param=f"{where}[coupon]")
    else:
        raise invalid("You must provide a coupon or a promotion code.", param=where)
    if not coupons.usable(account, coupon):
        raise invalid(f"Coupon expired: {coupon['id']}", param=f"{where}[coupon]", code="coupon_expired")
    if coupon["currency"] not in (None, currency):
        text = f"The coupon {coupon['id']} is in {coupon['currency']} and cannot be applied to {currency}."
        raise invalid(text, param=f"{where}[coupon]")
    return {"coupon": coupon["id"], "promotion_code": promotion["id"] if promotion else None}


def apply(account: Account, items: list[Object], discount: Object | None) -> int:
    """Put the discount on the lines it applies to. Returns the whole discount in minor units."""
    for item in items:
        item.update(amount_discount=0, amount_total=item["amount_subtotal"])
    coupon = account.store.get("coupon", discount["coupon"]) if discount else None
    if coupon is None:
        return 0
    products = account.store.notes(coupon["id"]).get("products")
    affected = [item for item in items if not products or item["price"]["product"] in products]
    if not affected:
        return 0
    base = sum(item["amount_subtotal"] for item in affected)
    left = whole = _off(coupon, base, affected[0]["price"]["currency"])
    remaining = base
    for item in affected:
        # Each line takes its part of what is left, so that the parts add up to the cent.
        share = (
            int((Decimal(left) * item["amount_subtotal"] / remaining).to_integral_value(ROUND_HALF_UP)) if left else 0
        )
        left, remaining = left - share, remaining - item["amount_subtotal"]
        item.update(amount_discount=share, amount_total=item["amount_subtotal"] - share)
    return whole


def _off(coupon: Object, amount: int, currency: str) -> int:
    if coupon["amount_off"] is not None:
        return int(min(coupon["amount_off"], amount))
    exact = Decimal(amount) * Decimal(str(coupon["percent_off"])) / 100
    return currencies.rounded(exact, currency)


def redeem(account: Account, discount: Object | None) -> None:
    """Count the use of the coupon and of the promotion code."""
    if not discount:
        return
    if coupon := account.store.get("coupon", discount["coupon"]):
        coupons.redeem(account, coupon)
    if promotion := account.store.get("promotion_code", discount["promotion_code"] or ""):
        used = promotion["times_redeemed"] + 1
        exhausted = promotion["max_redemptions"] is not None and used >= promotion["max_redemptions"]
        account.store.change(promotion, times_redeemed=used, active=promotion["active"] and not exhausted)


def of(account: Account, subscription: Object) -> list[str]:
    """The discounts of a subscription, or else that of its customer."""
    return subscription["discounts"] or of_customer(account.find("customer", subscription["customer"]))


def of_customer(customer: Object) -> list[str]:
    """The discount of a customer, if they have one."""
    return [customer["discount"]["id"]] if customer["discount"] else []


def on_lines(
    account: Account, wanted: list[str], lines: list[Object], *, at: int | None = None
) -> tuple[list[str], int]:
    """Put discounts on the lines of an invoice of now, or of then: which were used, and what they take off in all.

    One that has ended by the time the period begins which is billed is none, though that time may be yet to come.
    """
    used, whole = [], 0
    moment = max([account.clock.now() if at is None else at, *(line["period"]["start"] for line in lines)])
    for id in wanted:
        discount = account.store.get("discount", id)
        if discount is None or (discount["end"] is not None and discount["end"] <= moment):
            continue
        parts = [_discountable(account, line) for line in lines]
        off = apply(account, parts, {"coupon": discount["source"]["coupon"]})
        for line, part in zip(lines, parts, strict=True):
            line["discount_amounts"].append({"amount": part["amount_discount"], "discount": id})
        used.append(id)
        whole += off
    return used, whole


def spend(account: Account, customer: Object, used: list[str]) -> None:
    """An invoice has used these: what counts once only has now been used up."""
    for id in used:
        discount = account.store.get("discount", id)
        coupon = account.store.get("coupon", discount["source"]["coupon"]) if discount else None
        if coupon is None or coupon["duration"] != "once":
            continue
        if id in of_customer(customer):
            take_from_customer(account, customer)
        for subscription in account.store.having("subscription", "customer", customer["id"]):
            if id in subscription["discounts"]:
                left = [each for each in subscription["discounts"] if each != id]
                account.store.change(subscription, discounts=left)


def _discountable(account: Account, line: Object) -> Object:
    taken = sum(each["amount"] for each in line["discount_amounts"])
    if not line["discountable"]:
        taken = line["amount"]
    price = account.find("price", line["pricing"]["price_details"]["price"])
    return {"amount_subtotal": line["amount"] - taken, "price": price}


def for_subscription(account: Account, given: Object, subscription: Object) -> Object:
    """The discount object that a subscription carries on."""
    return _lasting(account, _make(account, given, customer=subscription["customer"], subscription=subscription["id"]))


def _lasting(account: Account, discount: Object) -> Object:
    if discount["end"] is not None:
        account.at(discount["end"], "end_discount", discount["id"])
    return discount


def deleted(discount: Object) -> Object:
    """What is answered to whoever takes a discount away."""
    return {**{key: value for key, value in discount.items() if key != "end"}, "deleted": True}


def for_session(account: Account, given: Object, customer: Object, session: Object) -> Object:
    """The discount object of a session that was paid once, for its invoice."""
    return _make(account, given, checkout_session=session["id"], customer=customer["id"])


def for_invoice(account: Account, given: list[Object], *, customer: str, currency: str, invoice: str) -> list[str]:
    """The discounts a request names for an invoice. Raises StripeError when one cannot be redeemed."""
    picked = [chosen(account, each, currency, f"discounts[{position}]") for position, each in enumerate(given)]
    return [each["id"] if "id" in each else _give(account, each, customer, invoice) for each in picked]


def chosen(account: Account, given: Object, currency: str, where: str) -> Object:
    """What one of `discounts` names: what is to be redeemed, or a discount that is there already, with its id."""
    if id := given.get("discount"):
        return account.find("discount", id, param=f"{where}[discount]")
    return named(account, given, currency=currency, where=where)


def _give(account: Account, chosen: Object, customer: str, invoice: str) -> str:
    redeem(account, chosen)
    return str(_make(account, chosen, customer=customer, invoice=invoice)["id"])


def check_coupon(account: Account, id: str) -> None:
    """Raises StripeError when a coupon that a customer is to get cannot be redeemed."""
    if not coupons.usable(account, account.find("coupon", id, param="coupon")):
        raise invalid(f"Coupon expired: {id}", param="coupon", code="coupon_expired")


def take_from_customer(account: Account, customer: Object) -> None:
    """A customer no longer has the discount they had, if any. Announced."""
    if before := customer["discount"]:
        account.timers.cancel("end_discount", before["id"])
        account.store.change(customer, discount=None)
        account.emit("customer.discount.deleted", before)


def give_customer(account: Account, customer: Object, coupon: str) -> None:
    """A customer has the discount of a coupon on all their invoices, instead of what they had. Announced."""
    before = customer["discount"]
    chosen = {"coupon": coupon, "promotion_code": None}
    discount = _lasting(account, _make(account, chosen, customer=customer["id"]))
    redeem(account, chosen)
    account.store.change(customer, discount=discount)
    if before is None:
        account.emit("customer.discount.created", discount)
    else:
        previous = {key: before[key] for key in before if before[key] != discount[key]}
        account.emit("customer.discount.updated", discount, previous)


def _make(account: Account, given: Object, **of: Any) -> Object:
    discount = blank(
        "discount",
        id=ids.new("di"),
        promotion_code=given["promotion_code"],
        source={"type": "coupon", "coupon": given["coupon"]},
        end=_end(account, given["coupon"]),
        start=account.clock.now(),
        **of,
    )
    return account.store.save(discount)


def _end(account: Account, coupon: str) -> int | None:
    """When a coupon that lasts some months no longer counts."""
    months = account.find("coupon", coupon)["duration_in_months"]
    if not months:
        return None
    return period_end(account.clock.now(), {"interval": "month", "interval_count": months})
