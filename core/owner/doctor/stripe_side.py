"""What the doctor finds at Stripe: the key, what it may do, the endpoint, the prices, the customer portal."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import col, select

from core.catalog.products import Kind, Price, Product
from core.events import arrivals
from core.events.handlers import HANDLERS
from core.foundation.errors import EndpointUnfit, PermissionMissing
from core.gateway import account, permissions
from core.gateway.account import Account
from core.gateway.permissions import Right
from core.journeys.billing import portal
from core.orders.subscriptions import Subscription
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop

_PATH = "/webhooks/stripe"
# Further than this from Stripe's time, signatures of webhooks begin to count as too old.
_CLOCKS_MAY_DIFFER = timedelta(seconds=60)
_LATELY, _UNDER_WAY = timedelta(days=1), timedelta(minutes=5)
_NOT_TOLD = "Orders would wait for the worker to ask, and nothing that happens later would be known in time."


def key(shop: Shop, theirs: Account) -> Iterator[Finding]:
    """Whether Stripe takes the key, in which mode, and whether the clocks agree."""
    standing = theirs.standing()
    if standing.livemode is not shop.settings.livemode:
        yield Finding("key", Level.WRONG, "The key's mode is not what it looks like.", "", "Make a new key at Stripe.")
    else:
        yield Finding("key", Level.FINE, f"Stripe takes the key, in {'live' if standing.livemode else 'test'} mode.")
    yield _clock(standing.at, shop.now())


def _clock(theirs: datetime, ours: datetime) -> Finding:
    apart = abs(ours - theirs)
    if apart <= _CLOCKS_MAY_DIFFER:
        return Finding("clock", Level.FINE, "This machine's clock agrees with Stripe's.")
    return Finding(
        "clock", Level.WRONG, f"This machine's clock is {apart.total_seconds():.0f} seconds off Stripe's.",
        "Signatures older than five minutes are refused, and with them events.",
        "Let the machine keep time, as by systemd-timesyncd or chrony.",
    )  # fmt: skip


def rights(shop: Shop, theirs: Account) -> Iterator[Finding]:
    """Whether the key may do all that the shop does, each by itself."""
    asked = permissions.needed(invoices=_has_invoices(shop), tax=_reckons_tax(shop))
    missing = [right for right in asked if not _is_allowed(theirs, right)]
    page = permissions.page_of_new_key(asked, livemode=shop.settings.livemode)
    edit = "Edit the restricted key in Stripe's dashboard, under Developers, API keys"
    for nth, right in enumerate(missing):
        yield Finding(
            "permissions", Level.WRONG, f"The key lacks the permission {right}.",
            "What the shop does with it would be refused when it is needed.",
            f"{edit}." if nth else f"{edit}, or make a new one, where all that the shop needs is ticked: {page}",
        )  # fmt: skip
    if not missing:
        yield Finding("permissions", Level.FINE, f"The key may do all that the shop does. {'; '.join(asked)}.")


def _has_invoices(shop: Shop) -> bool:
    """Whether Stripe writes invoices for the shop, which buyers may have corrected: those of plans it writes in any case."""
    if shop.settings.invoices != "off" or _sells_plans(shop):
        return True
    with shop.reading() as session:
        return session.exec(select(Subscription.id).limit(1)).first() is not None


def _reckons_tax(shop: Shop) -> bool:
    """Whether Stripe itself reckons tax for the shop: what stands in for it needs no registration."""
    return shop.settings.tax == "stripe" and not shop.settings.demo


def _is_allowed(theirs: Account, right: Right) -> bool:
    try:
        theirs.try_right(right)
    except PermissionMissing:
        return False
    return True


def endpoint(shop: Shop, theirs: Account, *, fix: bool = False) -> Iterator[Finding]:
    """Whether an endpoint leads here, is switched on, is told of every type of event that is used, in our API version."""
    ours = endpoints_of(shop, theirs)
    if not ours and shop.settings.demo:
        yield Finding("endpoint", Level.FINE, "The sandbox delivers its events to the webhook by itself.")
    elif not ours:
        yield Finding(
            "endpoint", Level.WRONG, "No webhook endpoint of the Stripe account leads to this shop.", _NOT_TOLD,
            f"`pushcart webhook register {shop.settings.public_url}/api{_PATH}`, and set the secret that it prints.",
        )  # fmt: skip
    for each in ours:
        yield from _fit(theirs, each, fix=fix)


def deliveries(shop: Shop, theirs: Account) -> Iterator[Finding]:
    """Whether all endpoints took what happened lately. Stripe alone knows: a ping of our own proves nothing of its secret."""
    since, until = shop.now() - _LATELY, shop.now() - _UNDER_WAY
    listed = shop.stripe.undelivered_events(since=since, types=sorted(HANDLERS))
    missed = [each for each in listed if each["created"] <= until.timestamp()]
    if not missed:
        yield Finding("deliveries", Level.FINE, "All that Stripe told in the last day was taken.")
        return
    what = f"Of the last day's events {len(missed)} were not taken by each endpoint, the newest {missed[0]['id']}."
    others = _others_who_are_told(shop, theirs)
    if others and _took_something_since(shop, missed[0]["created"]):
        # Of which endpoint it was Stripe says nothing.
        yield Finding(
            "deliveries", Level.LATER, what, f"It may be that of another program: {', '.join(others)}.",
            "See at Stripe what the attempts were answered, of that endpoint and of the shop's.",
        )  # fmt: skip
        return
    yield Finding(
        "deliveries", Level.WRONG if not shop.settings.demo else Level.LATER, what, _NOT_TOLD,
        "Compare STRIPE_WEBHOOK_SECRET with the endpoint's at Stripe, and see there what its attempts were answered.",
    )  # fmt: skip


def _others_who_are_told(shop: Shop, theirs: Account) -> list[str]:
    """Where Stripe tells other programs of the same account something that it tells the shop too."""
    ours = {each["id"] for each in endpoints_of(shop, theirs)}
    told = {*HANDLERS, "*"}
    return [
        each["url"]
        for each in theirs.endpoints()
        if each["id"] not in ours and each["status"] == "enabled" and told & set(each["enabled_events"])
    ]


def _took_something_since(shop: Shop, moment: int) -> bool:
    with shop.reading() as session:
        last = arrivals.last(session, livemode=shop.settings.livemode)
    return last is not None and last.timestamp() >= moment


def endpoints_of(shop: Shop, theirs: Account) -> list[dict[str, Any]]:
    """The account's endpoints that lead to this shop: those it made, and those at its public address."""
    host = urlsplit(shop.settings.public_url).hostname
    return [
        each
        for each in theirs.endpoints()
        if (each.get("metadata") or {}).get("shop_id") == shop.id
        or (urlsplit(each["url"]).hostname == host and urlsplit(each["url"]).path.rstrip("/").endswith(_PATH))
    ]


def register(shop: Shop, url: str, theirs: Account | None = None) -> dict[str, Any]:
    """Make an endpoint at this address that is told of all that the shop uses: Stripe's answer, with its secret.

    Raises EndpointUnfit, or StripeTrouble.
    """
    address, theirs = urlsplit(url), theirs or account.of_shop(shop.settings)
    if address.scheme not in ("http", "https") or not address.hostname or not address.path.endswith(_PATH):
        raise EndpointUnfit(url, "address")
    if shop.settings.livemode and address.scheme != "https":
        raise EndpointUnfit(url, "plain")
    if any(each["url"] == url for each in endpoints_of(shop, theirs)):
        raise EndpointUnfit(url, "there")
    return theirs.make_endpoint(url, sorted(HANDLERS), shop_id=shop.id)


def _fit(theirs: Account, found: dict[str, Any], *, fix: bool) -> Iterator[Finding]:
    lacking = [] if "*" in found["enabled_events"] else sorted(set(HANDLERS) - set(found["enabled_events"]))
    off, name = found["status"] != "enabled", found["url"]
    if lacking or off:
        what = f"{name} is switched off." if off else f"{name} is not told of {_some(lacking)}."
        if fix:
            theirs.tell_endpoint(found["id"], sorted({*HANDLERS, *found["enabled_events"]} - {"*"}))
        how = "Switched on and completed." if fix else "`pushcart doctor --fix`, or edit the endpoint at Stripe."
        yield Finding("endpoint", Level.FINE if fix else Level.WRONG, what, _NOT_TOLD, how, mended=fix)
    if found["api_version"] not in (None, theirs.api_version):
        yield Finding(
            "endpoint", Level.LATER, f"{name} writes events in the API version {found['api_version']}.",
            f"The shop speaks {theirs.api_version} and asks Stripe anew where that matters, which takes longer.",
            "Make a new endpoint by `pushcart webhook register`, then end this one: a version cannot be changed.",
        )  # fmt: skip
    if not lacking and not off:
        yield Finding("endpoint", Level.FINE, f"{name} is told of everything that the shop uses.")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def prices(shop: Shop, theirs: Account) -> Iterator[Finding]:
    """Whether the prices that name one of Stripe's are what that is."""
    found = [each for price in _on_sale(shop) for each in _price(price, theirs)]
    yield from found
    if not found:
        yield Finding("prices", Level.FINE, "Prices agree with those at Stripe that they name.")


def _on_sale(shop: Shop) -> Sequence[Price]:
    with shop.reading() as session:
        return session.exec(
            select(Price)
            .join(Product, col(Price.product_id) == Product.id)
            .where(col(Price.active), col(Product.active))
            .order_by(col(Price.id))
        ).all()


def _price(price: Price, theirs: Account) -> Iterator[Finding]:
    if price.stripe_price_id is None:
        return
    found = theirs.find_price(price.stripe_price_id)
    wrong = "is unknown to this Stripe account" if found is None else _difference(price, found)
    if wrong:
        yield Finding(
            "prices", Level.WRONG, f"{price.id} names Stripe's {price.stripe_price_id}, which {wrong}.",
            "A checkout of it would be refused, or come back as a mismatch.",
            "Name the right price in the catalogue file and apply it.",
        )  # fmt: skip


def _difference(price: Price, theirs: dict[str, Any]) -> str:
    interval = (theirs.get("recurring") or {}).get("interval")
    if not theirs["active"] or not theirs["product"].get("active", True):
        return "is archived"
    if (theirs["unit_amount"], theirs["currency"]) != (price.amount, price.currency):
        return f"costs {theirs['unit_amount']} {theirs['currency']} and not {price.amount} {price.currency}"
    if interval != (price.interval and str(price.interval)):
        return f"is billed {'every ' + interval if interval else 'once'}"
    return ""


def customer_portal(shop: Shop, *, fix: bool = False) -> Iterator[Finding]:
    """Whether buyers of plans can end and change them in Stripe's customer portal. Nothing, if none is sold."""
    if not _sells_plans(shop):
        return
    found, wanted = portal.standing(shop), portal.features(shop)
    if fix:
        # Stripe does not say which plans one may switch between: they are said anew.
        portal.set_up(shop)
    offered = found["features"] if found else {}
    lacking = [name for name in wanted if not (offered.get(name) or {}).get("enabled")]
    if not lacking:
        yield Finding("portal", Level.FINE, "Buyers of plans can end and change them, and their card, by themselves.")
        return
    what = f"does not offer {', '.join(lacking)}" if found else "was not set up for this shop yet"
    # Whoever opens it first has it set up.
    level = Level.FINE if fix else Level.WRONG if found else Level.LATER
    yield Finding(
        "portal", level, f"The customer portal {what}.", "Buyers of plans write to you for what they could do themselves.",
        "It is set up now." if fix else "`pushcart doctor --fix`.", mended=fix,
    )  # fmt: skip


def registrations(shop: Shop, theirs: Account) -> Iterator[Finding]:
    """Whether Stripe knows enough of the seller to reckon tax, and where it is to take it. Nothing, if it is to take none."""
    if not _reckons_tax(shop):
        return
    if lacks := theirs.tax_lacks():
        yield Finding(
            "tax", Level.WRONG, f"Stripe is to reckon tax, and does not know what it needs for that: {', '.join(lacks)}.",
            "Without a head office it opens no payment page that is to reckon tax, in test mode neither.",
            "Say it in Stripe's dashboard, under Tax, Settings, in this mode, or set TAX=off.",
        )  # fmt: skip
    if countries := theirs.tax_countries():
        if not lacks:
            yield Finding("tax", Level.FINE, f"Stripe takes tax in {', '.join(sorted(set(countries)))}.")
        return
    yield Finding(
        "tax", Level.WRONG if shop.settings.livemode else Level.LATER, "Stripe is to take tax, and is registered nowhere.",
        "It takes none from anybody, and you owe it all the same.",
        "Add your registrations in Stripe's dashboard, under Tax, Registrations, or set TAX=off.",
    )  # fmt: skip


def _sells_plans(shop: Shop) -> bool:
    with shop.reading() as session:
        plan = select(Product.id).where(col(Product.active), Product.kind == Kind.PLAN).limit(1)
        return session.exec(plan).first() is not None
