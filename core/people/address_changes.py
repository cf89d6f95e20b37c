"""Changes of address: a customer's address becomes another, or is joined by one, with proof of both or on an owner's word.

What Stripe reported when an order was paid is where it went then. From there only a change leads elsewhere, and each is
written in the log of every order that it moved.
"""

from datetime import datetime

from sqlmodel import Session, col, delete, func, select, update

from core import announcements, seating
from core.foundation import addresses
from core.foundation.addresses import fold
from core.foundation.errors import AddressTaken, CustomerNotFound, OrderNotFound
from core.kinds import entitlement_records, licenses
from core.kinds.places import owed_letters, waiting_list
from core.orders import history, orders
from core.orders.history import FulfillmentLog
from core.orders.orders import Order
from core.people import codes, customer_notes, customers, past, sign_in
from core.people.codes import Proof
from core.people.customers import Customer, CustomerAddress, How
from core.people.receipts import order_links
from core.shop import Shop
from core.traffic.counting import NOBODY, Sender


def request(shop: Shop, old: str, new: str, sender: Sender = NOBODY) -> None:
    """Have a code sent to each of the two addresses: `old` is the one that is signed in. Raises AddressUnfit, TooManyTries."""
    new = addresses.checked(new, reachable=shop.settings.livemode)
    for address in (old, new):
        codes.limit_asking(shop, address, sender)
    with shop.transaction() as session:
        codes.owe(session, old, about=new, now=shop.now())
        codes.owe(session, new, about=old, now=shop.now())


def confirm(
    shop: Shop, old: str, new: str, *, old_digits: str, new_digits: str, keep: bool = False, sender: Sender = NOBODY
) -> str:
    """Change `old` to `new`, or with `keep` let the customer have both, if the digits of both codes are right; return a ticket
    that signs in with `new` where `old` was given up, whose sign-ins are ended, else an empty string.

    Whoever reads the mail of both is one person: if both had bought, they are one customer from now on. Raises
    AddressUnfit, LinkInvalid for wrong digits, LinkExpired for late ones, TooManyTries, CustomerNotFound.
    """
    new = addresses.checked(new, reachable=shop.settings.livemode)
    for address in (old, new):
        codes.limit_trying(shop, address, sender)
    proofs = [Proof(old, old_digits, about=new), Proof(new, new_digits, about=old)]
    ticket = ""
    with shop.transaction() as session:
        verdict = codes.judge(session, proofs, signing_key=shop.signing_key, now=shop.now())
        if verdict is None:
            # Of the two that are to be one person's, the one that has bought may be the other.
            bought, other = (new, old) if keep and customers.whose(session, old) is None else (old, new)
            change(session, bought, other, how=How.CODE, keep=keep, join=True, actor="buyer", now=shop.now())
        if verdict is None and not keep and fold(old) != fold(new):
            sign_in.end_all(session, [fold(old)], now=shop.now())
            ticket = sign_in.begin(session, shop, new)
    if verdict:
        raise verdict
    return ticket


def change(
    session: Session, old: str, new: str, *, how: How, keep: bool = False, join: bool = False, of: str = "", actor: str,
    now: datetime,
) -> str:  # fmt: skip
    """Give the customer of `old` the address `new`, and take `old` away unless they `keep` it; return the customer's id.

    Letters about what they bought under `old` go to `new` from now on. Raises CustomerNotFound, also if `new` was to be `of` a
    customer whose it is no more, and AddressTaken if it is another customer's and the two are not to `join`.
    """
    seated = _lock_orders(session, old, new)
    customer = _locked(session, old, new)
    other = customers.take(session, new, customer, how=how, now=now)
    if of not in ("", other):
        raise CustomerNotFound()  # who has been erased meanwhile is brought back by nobody
    if other != customer and not join:
        raise AddressTaken(orders=len(_orders_of(session, other)))
    theirs = _orders_of(session, customer, other)
    for order in theirs:
        readdress = not keep and fold(order.email) == fold(old)
        _move(session, order, new if readdress else order.email, to=customer, how=how, actor=actor, now=now)
    _give(session, customer, new, how=how, now=now)
    if customers.key_holders(session, col(licenses.LicenseKey.holder) == fold(new)):
        entitlement_records.look(session, [customer], now=now)  # of a key that an address had that was nobody's
    if other != customer:
        _join(session, other, customer, now=now)
    if not keep and fold(old) != fold(new):
        session.exec(delete(CustomerAddress).where(col(CustomerAddress.folded) == fold(old)))
        main = (col(Customer.id) == customer, col(Customer.email) == fold(old))
        session.exec(update(Customer).where(*main).values(email=fold(new)))
        _bring_along(session, old, new)
    for order in theirs:
        _settle_reference(session, order, customer)
    session.flush()
    folded = {row.folded for row in customers.addresses_of(session, customer)}
    for order in {order.id: order for order in (*theirs, *seated)}.values():
        seating.leave_one(session, order, customer, folded, actor=actor, now=now)
    return customer


def change_of_order(
    session: Session, order_id: str, new: str, *, owner: str | None, how: How, actor: str, now: datetime
) -> str:
    """Give one paid order of the customer `owner` to whoever `new` belongs to, and nothing else; return that customer's id.

    Raises OrderNotFound if it is not theirs, also if nobody has paid for it: whose it is, its payment will say.
    """
    order = orders.lock(session, order_id)
    if order is None or order.customer_id is None or order.customer_id != owner:
        raise OrderNotFound(order=order_id)
    customer = customers.remember(session, new, how=how, now=now)
    if customer != owner:
        # The browser that bought it may be that of whoever had it before: they see neither whose it is now nor its keys.
        order.browser_id = ""
    _move(session, order, new, to=customer, how=how, actor=actor, now=now)
    session.flush()
    folded = {row.folded for row in customers.addresses_of(session, customer)}
    seating.leave_one(session, order, customer, folded, actor=actor, now=now)
    return customer


def _lock_orders(session: Session, old: str, new: str) -> list[Order]:
    """Lock the orders of whoever has these addresses, and those in whose plans they have a seat; return the latter. All at once
    and before the addresses, as whoever settles an order or takes a seat does."""
    found = [customers.whose_with_all(session, address) for address in (old, new)]
    people = {owner for owner, _ in found if owner}
    kept = set[str]().union(*(folded for _, folded in found))
    seated = seating.of_people(session, people, kept)
    own = session.exec(select(Order.id).where(col(Order.customer_id).in_(people))).all()
    locked = orders.lock_all(session, seated.union(own))
    return [locked[order_id] for order_id in sorted(seated)]


def _locked(session: Session, old: str, new: str) -> str:
    """The customer of `old`, whose row and that of `new`'s nobody else changes from now on."""
    folded = col(CustomerAddress.folded).in_((fold(old), fold(new)))
    session.exec(select(CustomerAddress).where(folded).order_by(CustomerAddress.folded).with_for_update()).all()
    customer = customers.whose(session, old)
    if customer is None:
        raise CustomerNotFound()
    return customer


def _orders_of(session: Session, *customer_ids: str) -> list[Order]:
    """Their orders, locked in an order that everybody keeps."""
    query = select(Order).where(col(Order.customer_id).in_(customer_ids)).order_by(Order.id).with_for_update()
    return list(session.exec(query.execution_options(populate_existing=True)))


def _move(session: Session, order: Order, email: str, *, to: str, how: How, actor: str, now: datetime) -> None:
    """Bring one order to its customer, and its letters to this address."""
    if (order.email, order.customer_id) == (email, to):
        return
    if order.customer_id not in (None, to):
        entitlement_records.look(session, [str(order.customer_id)], now=now)
    elsewhere = fold(order.email) != fold(email)
    order.email, order.customer_id, order.updated_at = email, to, now
    announcements.mark(session, order, now=now)
    if elsewhere:
        owed_letters.follow(session, order)
    earlier = select(func.count()).where(
        col(FulfillmentLog.order_id) == order.id, col(FulfillmentLog.event).startswith("address_changed:")
    )
    number = session.exec(earlier).one() + 1
    history.note(session, order.id, f"address_changed:{number}", actor=actor, detail=how.value, now=now)


def _settle_reference(session: Session, order: Order, customer: str) -> None:
    """Nobody need look any more at an order whose customer goes by now by the id under which it was bought."""
    left = customers.without_reference(order.attention)
    if left != order.attention and customers.reference_of(session, customer) == order.seller_reference:
        order.attention = left


def _give(session: Session, customer: str, address: str, *, how: How, now: datetime) -> None:
    """Let the address, known already, be this customer's, and written as it was given now."""
    row = session.get_one(CustomerAddress, fold(address))
    row.address, row.how, row.verified_at, row.customer_id = address, how, now, customer
    session.add(row)
    session.flush()


def _bring_along(session: Session, old: str, new: str) -> None:
    """What belongs to whoever has an address, and to no order of theirs: whoever has it next must not be taken for them."""
    licenses.readdress(session, fold(old), fold(new))
    owed_letters.readdress(session, old, new)
    waiting_list.readdress(session, old, new)


def _join(session: Session, other: str, customer: str, *, now: datetime) -> None:
    """Give all addresses of one customer to another. The first is no customer any more."""
    theirs = col(CustomerAddress.customer_id) == other
    session.exec(update(CustomerAddress).where(theirs).values(customer_id=customer))
    past.join(session, other, customer)
    left_over = customers.take_reference(session, other, customer)
    announcements.joined(session, other, customer, external_id=left_over, now=now)
    customer_notes.move(session, other, customer)
    # What either of them has ended stays so.
    order_links.end_of_both(session, other, customer)
    session.exec(delete(Customer).where(col(Customer.id) == other))
