"""Stripe's own pages for a buyer: its customer portal, where a plan's seats and card are changed or it is ended, and the receipt
of each payment."""

from typing import Any

from sqlmodel import Session, col, select

from core.foundation.errors import AccessDenied, ReceiptNotFound
from core.orders.orders import Order
from core.orders.payments import Payment
from core.orders.subscriptions import Subscription
from core.people import customers, purchases
from core.shop import Shop


def open_page(shop: Shop, email: str, order_id: str) -> str:
    """The address of Stripe's portal for this buyer's own plan. Raises AccessDenied for anybody else's, or StripeTrouble."""
    with shop.reading() as session:
        customer = session.exec(
            select(Subscription.stripe_customer_id)
            .join(Order, col(Order.stripe_subscription_id) == Subscription.id)
            .where(Order.id == order_id, Order.customer_id == customers.whose(session, email))
        ).first()
    if not customer:
        raise AccessDenied()
    return shop.stripe.open_portal(customer, return_url=f"{shop.settings.public_url}/purchases")


def open_receipt(shop: Shop, email: str, payment_id: str) -> str:
    """The address of Stripe's invoice, or else of its receipt, of a payment of this buyer's own.

    Raises AccessDenied for anybody else's, ReceiptNotFound where Stripe has no page of it, or StripeTrouble.
    """
    with shop.reading() as session:
        payment = _theirs(session, email, payment_id)
    number = payment.stripe_invoice_id
    invoice = (shop.stripe.find_invoice(number) if number else None) or {}
    found = invoice.get("hosted_invoice_url") or _charge_of(shop, payment).get("receipt_url")
    if not found:
        raise ReceiptNotFound(payment=payment_id)
    return str(found)


def _charge_of(shop: Shop, payment: Payment) -> dict[str, Any]:
    """The charge of a payment. That of a Session is known by it alone, as long as nothing went wrong with it."""
    intent = payment.stripe_payment_intent_id
    if payment.stripe_charge_id:
        return shop.stripe.find_charge(payment.stripe_charge_id) or {}
    made_by = (shop.stripe.find_checkout_of(payment_intent=intent) if intent else None) or {}
    return (made_by.get("payment_intent") or {}).get("latest_charge") or {}


def _theirs(session: Session, email: str, payment_id: str) -> Payment:
    payment = session.get(Payment, payment_id)
    order = session.get(Order, payment.order_id) if payment else None
    if payment is None or order is None or order.customer_id is None:
        raise AccessDenied()
    others = purchases.others_sessions(session, [order])
    if order.customer_id != customers.whose(session, email) or purchases.is_anothers(payment, others):
        raise AccessDenied()
    return payment
