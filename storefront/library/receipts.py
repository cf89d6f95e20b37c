"""Receipts: each order with what became of its money, Stripe's page of every payment, and the letter once more."""

import streamlit as st
import structlog

from core.foundation.errors import ReceiptNotFound, ShopError, StripeTrouble
from core.journeys import order_care, portal
from core.orders.status import Status
from core.people.purchases import PaidOnce, Purchase, PurchasedLine
from storefront import amounts, dates, frame, links, process, sentences, visitor, words
from storefront.library import clicks

log = structlog.get_logger()

STATES = {
    Status.PROCESSING: ":orange-badge[Settling]",
    Status.PAID: ":orange-badge[Being prepared]",
    Status.FULFILLED: ":green-badge[Paid]",
    Status.PARTIALLY_REFUNDED: ":violet-badge[Partly refunded]",
    Status.REFUNDED: ":violet-badge[Refunded]",
    Status.DISPUTED: ":orange-badge[Your bank is asking]",
    Status.CHARGED_BACK: ":violet-badge[Taken back by your bank]",
    Status.CANCELED: ":gray-badge[Ended]",
}
# Three years of months: what is older Stripe's portal has.
_SHOWN = 36


def draw(bought: tuple[Purchase, ...]) -> None:
    """A card per order, newest first."""
    st.header("Receipts", anchor=False)
    for purchase in bought:
        _draw_order(purchase)


def item(line: PurchasedLine) -> str:
    """What one line of a receipt is, of a workshop with its date."""
    return words.plain(line.name) + (f", {dates.day_of(line.times)}" if line.times else "")


def _draw_order(purchase: Purchase) -> None:
    where = f"receipt-{purchase.order_id}"
    with frame.card(where, gap="xsmall"):
        with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
            badge = STATES.get(purchase.status, "")
            st.markdown(f"**{words.plain(purchase.number)}** &nbsp; {badge}", width="content")
            st.markdown(f"**{amounts.price(purchase.total)}**", width="content")
        words.quiet(f"{dates.day(purchase.placed_at)}. {', '.join(map(item, purchase.lines))}")
        returned = [each.returned for each in purchase.paid if each.returned.amount]
        if returned:
            words.quiet(f"{amounts.price(sum(returned[1:], start=returned[0]))} of it went back.")
        clicks.draw_said(where)
        with st.container(horizontal=True, gap="small"):
            _draw_payments(purchase, where)
            if purchase.paid and purchase.email:
                _draw_resend(purchase, where)


def _draw_payments(purchase: Purchase, where: str) -> None:
    if len(purchase.paid) == 1:
        _draw_payment(purchase.paid[0], f"Receipt of {purchase.number}", where)
    elif purchase.paid:
        with st.popover(f"{len(purchase.paid)} receipts of {purchase.number}", icon=":material/receipt_long:"):
            for each in purchase.paid[:_SHOWN]:
                _draw_payment(each, f"{dates.day(each.paid_at)}, {amounts.price(each.amount)}", where)
            if len(purchase.paid) > _SHOWN:
                words.quiet("Older ones are on Stripe's page: Manage billing leads there.")


def _draw_payment(payment: PaidOnce, label: str, where: str) -> None:
    """A button that leads to Stripe's page of this payment, or says why it does not."""
    icon = ":material/receipt_long:"
    if not st.button(label, type="tertiary", icon=icon, key=f"paid-{payment.id}"):
        return
    try:
        address = portal.open_receipt(process.shop(), visitor.signed_in() or "", payment.id)
    except ReceiptNotFound:
        clicks.carry_out(where, _none_at_stripe)
    except StripeTrouble as error:
        log.warning("receipt_not_reached", payment=payment.id, code=error.code)
        st.warning("We can't reach the receipt right now. Try again in a minute.", icon=":material/error:")
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
    else:
        links.redirect(address, "Open the receipt")
        st.stop()


def _none_at_stripe(_email: str) -> str:
    return "Stripe shows no receipt of this payment. The one that we sent by email can be sent again."


def _draw_resend(purchase: Purchase, where: str) -> None:
    label = f"Email {purchase.number} again"
    if st.button(label, type="tertiary", icon=":material/forward_to_inbox:", key=f"resend-{purchase.order_id}"):

        def act(email: str) -> str:
            to = order_care.resend_to_buyer(process.shop(), email, purchase.order_id)
            return f"On its way to {words.plain(to)}."

        clicks.carry_out(where, act)
