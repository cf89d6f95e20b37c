"""Order care: what is done for a buyer whose money stays where it is: letters again, another address, a way to pay."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from core.catalog import promotion_codes
from core.catalog.products import Price
from core.foundation import addresses
from core.foundation.errors import (
    AccessDenied,
    AlreadyPaid,
    CodeUnfit,
    MadeUp,
    NeverPaid,
    OrderNotFound,
    OtherMode,
    TooManyTries,
)
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.records import new_id
from core.journeys import checkout
from core.journeys.checkout import Basket, Item, PaymentLink
from core.journeys.checkout_sessions import parameters
from core.languages import sentences
from core.orders import checkouts, history, orders, payments
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.people import address_changes, customers, deeds
from core.people.customers import How
from core.people.deeds import Deed
from core.people.receipts.receipt_copies import ReceiptCopy
from core.people.staff import Action, Staff
from core.shop import Shop

_ELSEWHERE = "to another address"
_RESENT = "resent:"
# So often within this time buyers may have the receipt of an order sent once more.
_AT_MOST, _LATELY = 3, timedelta(hours=1)


def resend(shop: Shop, order_id: str, *, to: str = "", actor: str = "owner", deed: Deed | None = None) -> str:
    """Send the receipt once more, with everything that the order gives and a new link to the library; return where it goes:
    to the order's address, or to another one, `to`, which no link signs in unless it is the same customer's.

    Raises AddressUnfit, OrderNotFound, MadeUp, NeverPaid, NotPermitted or DoneAlready.
    """
    to = addresses.checked(to, reachable=shop.settings.livemode) if to else ""
    copy, now = deed.token if deed else new_id("do"), shop.now()
    with shop.transaction() as session:
        if deed:
            actor = _may_send(session, shop, order_id, to, deed).role
        order = orders.lock(session, order_id)
        if order is None:
            raise OrderNotFound(order=order_id)
        return _owe_copy(session, order, copy, to=to, actor=actor, now=now)


def resend_to_buyer(shop: Shop, email: str, order_id: str) -> str:
    """Send the receipt of an order of their own once more to whoever is signed in with this address; return where it goes,
    which is the order's address.

    Raises AccessDenied for anybody else's, MadeUp, NeverPaid, or TooManyTries.
    """
    now = shop.now()
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        if order is None or order.customer_id is None or order.customer_id != customers.whose(session, email):
            raise AccessDenied()
        lately = select(func.count()).where(
            col(FulfillmentLog.order_id) == order_id, col(FulfillmentLog.event).startswith(_RESENT, autoescape=True),
            col(FulfillmentLog.created_at) > now - _LATELY,
        )  # fmt: skip
        if session.exec(lately).one() >= _AT_MOST:
            raise TooManyTries(limit=f"{_AT_MOST} per hour")
        return _owe_copy(session, order, new_id("do"), to="", actor="buyer", now=now)


def _owe_copy(session: Session, order: Order, copy: str, *, to: str, actor: str, now: datetime) -> str:
    """Owe one more receipt of this order, which is locked; where it goes."""
    if order.from_season:
        raise MadeUp(order_id=order.id)
    if not order.email or not payments.of_order(session, order.id):
        raise NeverPaid(order_id=order.id)
    elsewhere = _is_other(order, to)
    if elsewhere:
        session.add(ReceiptCopy(id=copy, order_id=order.id, address=to, created_at=now))
    detail = _ELSEWHERE if elsewhere else ""
    history.note(session, order.id, f"{_RESENT}{copy}", actor=actor, detail=detail, now=now)
    receiver = to if elsewhere else order.email
    outbox.owe(session, Job.RECEIPT, order.id, copy, key=f"{order.id}:{copy}", to=receiver)
    return receiver


def _may_send(session: Session, shop: Shop, order_id: str, to: str, deed: Deed) -> Staff:
    """Who sends it. Another address gets what was bought: that takes no less than giving the order to it."""
    order = session.get(Order, order_id)
    elsewhere = order is not None and _is_other(order, to)
    if elsewhere:
        deeds.permit(session, shop.settings, deed, Action.READDRESS, now=shop.now())
    return deeds.begin(
        session, shop.settings, deed, Action.RESEND, subject=order_id, detail=_ELSEWHERE if elsewhere else "",
        now=shop.now(),
    )  # fmt: skip


def _is_other(order: Order, to: str) -> bool:
    return bool(to) and addresses.fold(to) != addresses.fold(order.email)


def readdress(shop: Shop, order_id: str, new: str, *, deed: Deed) -> None:
    """Give the order to whoever has this address, and send the receipt there.

    Raises AddressUnfit, OrderNotFound also where nobody has paid, NotPermitted or DoneAlready.
    """
    new = addresses.checked(new, reachable=shop.settings.livemode)
    now = shop.now()
    with shop.transaction() as session:
        who = deeds.begin(session, shop.settings, deed, Action.READDRESS, subject=order_id, now=now)
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order=order_id)
        address_changes.change_of_order(
            session, order_id, new, owner=order.customer_id, how=How.OWNER, actor=who.role, now=now
        )
        outbox.owe(session, Job.RECEIPT, order_id, deed.token, key=f"{order_id}:{deed.token}", to=new)


def payment_link(shop: Shop, order_id: str, *, deed: Deed) -> PaymentLink:
    """The page on which an order can still be paid: the one that is open for it, or a new one for the very same things.

    Raises OrderNotFound, OtherMode, MadeUp, AlreadyPaid, NotPermitted, DoneAlready, or what `checkout.start` raises.
    """
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.PAYMENT_LINK, subject=order_id, now=shop.now())
        order = session.get(Order, order_id)
        if order is None:
            raise OrderNotFound(order=order_id)
        if order.livemode is not shop.settings.livemode:
            raise OtherMode(order_id=order_id, livemode=order.livemode)
        if order.from_season:
            raise MadeUp(order_id=order_id)
        if payments.of_order(session, order_id):
            raise AlreadyPaid(order_id=order_id, session_id=order.stripe_checkout_session_id or "")
        basket = _basket_of(session, order, now=shop.now())
    # The page, and the letters about the order, go on to speak its buyer's language, and not that of whoever asks for it.
    with sentences.spoken(order.language):
        try:
            return checkout.start(shop, basket)
        except CodeUnfit:
            return checkout.start(shop, replace(basket, code=""))


def _basket_of(session: Session, order: Order, *, now: datetime) -> Basket:
    """What the order is for, once more, with the code that its buyer came with as long as it may be used."""
    attempts = checkouts.of_order(session, order.id)
    taken_off = parameters.promotion_in(attempts[-1].parameters) if attempts else ""
    code = promotion_codes.usable_as(session, taken_off, livemode=order.livemode, now=now) if taken_off else None
    return Basket(
        order.cart_id, tuple(_items(session, order.id)), email=order.email, browser_id=order.browser_id,
        business=order.business, code=code.code if code else "",
    )  # fmt: skip


def _items(session: Session, order_id: str) -> Iterator[Item]:
    """An item for each thing that was put into the basket: a bundle is one, however many parts its lines are."""
    lines = orders.lines(session, order_id)
    for line in lines:
        price = session.get_one(Price, line.price_id)
        parts = {each.product_id: each.unit_amount for each in lines if each.price_id == line.price_id}
        if line.product_id not in (price.product_id, next(iter(parts))):
            continue
        # What its buyer said that they pay is what they pay, and no longer what is suggested.
        said = line.unit_amount if line.product_id == price.product_id else sum(parts.values())
        amount = None if price.minimum is None else said
        yield Item(line.price_id, line.quantity, line.workshop_date_id or "", amount)
