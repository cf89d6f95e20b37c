"""What payments paid for, asked for at Stripe where it is not known to the cent."""

from contextlib import suppress

from sqlmodel import Session

from core import admission, fulfillment
from core.foundation.errors import StripeTrouble
from core.orders import payments
from core.orders.payments import Payment
from core.shop import Shop


def learn(shop: Shop, payment_id: str) -> bool:
    """Have Stripe list what one of our payments was for; return whether that was not known. Raises StripeTrouble."""
    with shop.reading() as session:
        order_id = admission.of_ids(session, [payment_id], None)
        payment = session.get(Payment, payment_id)
    if payment is None or order_id is None or payment.lines_known:
        return False
    if payment.stripe_invoice_id and payment.stripe_subscription_id:
        listed = shop.stripe.lines_of_invoice(payment.stripe_invoice_id)
    else:
        listed = shop.stripe.line_items_of(payment.stripe_checkout_session_id or "")
    with shop.transaction() as session:
        fulfillment.list_lines(session, order_id, payment_id, listed, actor="worker", now=shop.now())
    return True


def learn_all_of(shop: Shop, order_id: str) -> None:
    """The same for all that an order received, before something follows from it that cannot be taken back. What Stripe
    does not tell now stays an estimate."""
    with shop.reading() as session:
        unknown = _unknown(session, order_id)
    with suppress(StripeTrouble):
        for payment_id in unknown:
            learn(shop, payment_id)


def _unknown(session: Session, order_id: str) -> list[str]:
    return [payment.id for payment in payments.of_order(session, order_id) if not payment.lines_known]
