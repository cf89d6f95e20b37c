"""What payments paid for, asked for at Stripe where it is not known to the cent."""

from contextlib import suppress

from sqlmodel import Session

from core import admission, fulfillment
from core.foundation.errors import StripeTrouble
from core.invoicing import invoices
from core.orders import checkouts, orders, payments
from core.orders.payments import Payment
from core.shop import Shop


def learn(shop: Shop, payment_id: str) -> bool:
    """Have Stripe list what one of our payments was for; return whether that was not known. Raises StripeTrouble."""
    with shop.reading() as session:
        order_id = admission.of_ids(session, [payment_id], None)
        payment = session.get(Payment, payment_id)
    if payment is None or order_id is None or payment.lines_known:
        return False
    invoice = payment.stripe_invoice_id
    if invoice and payment.stripe_subscription_id:
        listed = shop.stripe.lines_of_invoice(invoice)
    else:
        listed = shop.stripe.line_items_of(payment.stripe_checkout_session_id or "")
    billed = shop.stripe.find_invoice(invoice) if invoice else None
    card_country = _card_country(shop, payment)
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        if order and card_country:
            order.card_country = order.card_country or card_country
        if billed and billed.get("number"):
            invoices.record(session, billed, order_id=order_id, payment_id=payment_id, now=shop.now())
        fulfillment.list_lines(session, order_id, payment_id, listed, actor="worker", now=shop.now())
    return True


def _card_country(shop: Shop, payment: Payment) -> str:
    """Where the card of a taxed payment is from: the second piece of evidence of where its buyer is. Empty if it is nobody's."""
    with shop.reading() as session:
        taxed = any(map(checkouts.is_taxed, checkouts.of_order(session, payment.order_id)))
    intent = payment.stripe_payment_intent_id
    if taxed and not intent and payment.stripe_invoice_id:
        intent = shop.stripe.payment_intent_of_invoice(payment.stripe_invoice_id)
    charge = shop.stripe.find_charge_of(intent) if taxed and intent else None
    method = (charge or {}).get("payment_method_details") or {}
    return str((method.get(method.get("type")) or {}).get("country") or "")


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
