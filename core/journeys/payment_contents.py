"""What payments paid for, asked for at Stripe where it is not known to the cent."""

from contextlib import suppress
from datetime import timedelta

from sqlmodel import Session

from core import admission, fulfillment
from core.foundation.errors import StripeTrouble
from core.invoicing import invoices
from core.orders import checkouts, orders, payments
from core.orders.payments import Payment
from core.shop import Shop

# So long an invoice that was asked for is waited for. Without it, all else is known.
_WRITTEN_WITHIN = timedelta(hours=1)


def learn(shop: Shop, payment_id: str) -> bool:
    """Have Stripe list what one of our payments was for; return whether that was not known. Raises StripeTrouble."""
    with shop.reading() as session:
        order_id = admission.of_ids(session, [payment_id], None)
        payment = session.get(Payment, payment_id)
    if payment is None or order_id is None or payment.lines_known:
        return False
    asked = _Asked(shop, payment)
    invoice = asked.invoice()
    if payment.stripe_subscription_id and invoice:
        listed = shop.stripe.lines_of_invoice(invoice)
    else:
        listed = shop.stripe.line_items_of(payment.stripe_checkout_session_id or "")
    billed = shop.stripe.find_invoice(invoice) if invoice else None
    numbered = billed is not None and bool(billed.get("number"))
    # Stripe writes it after it has told of the payment.
    awaited = asked.is_invoiced and not numbered and shop.now() - payment.paid_at < _WRITTEN_WITHIN
    card_country = asked.card_country(invoice)
    with shop.transaction() as session:
        order = orders.lock(session, order_id)
        if order and card_country:
            order.card_country = order.card_country or card_country
        if billed and numbered:
            row = session.get_one(Payment, payment_id)
            row.stripe_invoice_id = row.stripe_invoice_id or invoice
            invoices.keep(session, billed, order_id=order_id, payment_id=payment_id, now=shop.now())
        fulfillment.list_lines(
            session, order_id, payment_id, listed, complete=not awaited, actor="worker", now=shop.now()
        )  # fmt: skip
    return not awaited


class _Asked:
    """What was asked for when the Session of a payment was opened, and what Stripe made of it beside the payment."""

    def __init__(self, shop: Shop, payment: Payment) -> None:
        self._shop, self._payment = shop, payment
        with shop.reading() as session:
            known = checkouts.of_order(session, payment.order_id)
        self._is_taxed = any(map(checkouts.is_taxed, known))
        own = (row for row in known if row.stripe_checkout_session_id == payment.stripe_checkout_session_id)
        self.is_invoiced = bool(payment.amount) and any(map(checkouts.is_invoiced, own))

    def invoice(self) -> str | None:
        """The invoice of the payment, where one was to be written of what was bought once, as its Session says now."""
        known, session_id = self._payment.stripe_invoice_id, self._payment.stripe_checkout_session_id
        if known or not (self.is_invoiced and session_id):
            return known
        return self._shop.stripe.retrieve_checkout(session_id).invoice

    def card_country(self, invoice: str | None) -> str:
        """Where the card of a taxed payment is from: the second piece of evidence of where its buyer is. Empty if it is no card."""
        if not self._is_taxed:
            return ""
        stripe, intent = self._shop.stripe, self._payment.stripe_payment_intent_id
        if not intent and invoice:
            intent = stripe.payment_intent_of_invoice(invoice)
        charge = stripe.find_charge_of(intent) if intent else None
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
