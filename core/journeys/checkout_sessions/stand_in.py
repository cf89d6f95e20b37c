"""What stands in the place of a Session where nothing is to be paid: it says so, and the order is fulfilled like any other.

Stripe never hears of it.
"""

from datetime import datetime

from sqlmodel import Session

from core import admission, fulfillment
from core.admission import Refused
from core.gateway.sessions import CheckoutState, Money, SessionFacts
from core.orders import checkouts
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.shop import Shop


def fulfil(session: Session, shop: Shop, order: Order, email: str, name: str = "", *, actor: str, now: datetime) -> str:
    """Say of the order's newest attempt that nothing was to be paid, as a Session would, and let follow what follows from that.
    Return the name by which that stands in the place of a Session's id."""
    metadata = {"order_id": order.id, "shop_id": shop.id, "attempt": str(order.attempts)}
    attempt = Checkout(
        id=f"checkout:{order.id}:{order.attempts}", order_id=order.id, attempt=order.attempts,
        parameters={"metadata": metadata}, expires_at=now, created_at=now, ask_after=now,
    )  # fmt: skip
    session.add(attempt)
    session.flush()
    facts = SessionFacts(
        id=f"{checkouts.GIVEN}{order.id}", metadata=metadata, recovered_from=None, livemode=order.livemode,
        state=CheckoutState.COMPLETE, money=Money.PAID, amount_subtotal=0, amount_total=0, amount_discount=0,
        amount_tax=0, currency=order.currency, email=email, name=name, country="", tax_id="", payment_intent=None,
        invoice=None, subscription=None, customer=None, expires_at=now, told_at=now,
    )  # fmt: skip
    admitted = admission.of_session(session, shop.id, facts, opened_as=attempt.id)
    assert not isinstance(admitted, Refused)
    fulfillment.apply(session, admitted, actor=actor, now=now)
    return facts.id
