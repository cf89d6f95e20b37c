"""Free orders: what costs nothing is confirmed with an address alone, and no payment page is opened for it.

Whoever orders is as little proven as somebody who typed an address at the payment page, and is shown no more: so what is limited,
a place in a workshop, goes to proven addresses alone, and no more of them to one than an order may have.
"""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from core.catalog.products import Kind, Product
from core.foundation.errors import AddressUnproven, BadQuantity
from core.orders.orders import LineDraft, Order, OrderLine
from core.orders.status import Status
from core.people import customers


def are_free(drafts: Sequence[LineDraft]) -> bool:
    """Whether these lines together cost nothing, now and later."""
    return not any(draft.unit_amount or draft.interval for draft in drafts)


def check(session: Session, drafts: Sequence[LineDraft], signed_in: str) -> None:
    """Whether somebody with this proven address, empty if none is, may have these places for nothing. Raises AddressUnproven
    or BadQuantity."""
    places = [draft for draft in drafts if draft.kind is Kind.WORKSHOP]
    if places and not signed_in:
        raise AddressUnproven(product=places[0].product_id)
    customer = customers.whose(session, signed_in) if places else None
    for draft in places:
        wanted = sum(other.quantity for other in places if other.workshop_date_id == draft.workshop_date_id)
        most = session.get_one(Product, draft.product_id).max_quantity
        if customer and wanted + _had(session, customer, draft) > most:
            raise BadQuantity(product=draft.product_id, quantity=wanted, most=most)


def _had(session: Session, customer_id: str, draft: LineDraft) -> int:
    """How many places of this date the customer was given for nothing."""
    query = (
        select(func.coalesce(func.sum(OrderLine.quantity), 0))
        .join(Order, col(Order.id) == OrderLine.order_id)
        .where(
            Order.customer_id == customer_id, col(Order.status).in_((Status.FULFILLED, Status.PAID)),
            OrderLine.workshop_date_id == draft.workshop_date_id, OrderLine.unit_amount == 0,
        )
    )  # fmt: skip
    return int(session.exec(query).one())
