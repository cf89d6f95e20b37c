"""Order care: what the staff do for a buyer whose money stays where it is: letters again, another address, a way to pay."""

from core.foundation import addresses, outbox
from core.foundation.errors import AlreadyPaid, MadeUp, NeverPaid, OrderNotFound, OtherMode
from core.foundation.outbox import Job
from core.journeys import checkout
from core.journeys.checkout import Basket, Item, PaymentLink
from core.orders import history, orders, payments
from core.orders.orders import Order
from core.people import address_changes, deeds
from core.people.customers import How
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop


def resend(shop: Shop, order_id: str, *, deed: Deed) -> None:
    """Send the receipt once more, with everything that the order gives and a new link to the library, to the order's address.

    Raises OrderNotFound, MadeUp, NeverPaid, NotPermitted or DoneAlready.
    """
    with shop.transaction() as session:
        who = deeds.begin(session, shop.settings, deed, Action.RESEND, subject=order_id, now=shop.now())
        order = orders.lock(session, order_id)
        if order is None:
            raise OrderNotFound(order=order_id)
        if order.from_season:
            raise MadeUp(order_id=order_id)
        if not order.email or not payments.of_order(session, order_id):
            raise NeverPaid(order_id=order_id)
        history.note(session, order_id, f"resent:{deed.token}", actor=who.role, now=shop.now())
        outbox.owe(session, Job.RECEIPT, order_id, deed.token, key=f"{order_id}:{deed.token}", to=order.email)


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
        items = tuple(
            Item(line.price_id, line.quantity, line.workshop_date_id or "") for line in orders.lines(session, order_id)
        )
    return checkout.start(shop, Basket(order.cart_id, items, email=order.email, browser_id=order.browser_id))
