"""The papers of purchases: a line for each order with its receipts and invoices, and the form for a company's details."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.foundation.errors import ShopError
from core.invoicing import billing_details, receipts
from core.invoicing.billing_details import Details
from core.invoicing.receipts import OrderPapers
from core.journeys import order_care
from core.languages.sentences import _, marked
from core.orders.status import Status
from core.people.purchases import Purchase, PurchasedLine
from storefront import amounts, dates, frame, process, sentences, words
from storefront.library import clicks

_STATES = {
    Status.PROCESSING: ("orange", marked("Settling")),
    Status.PAID: ("orange", marked("Being prepared")),
    Status.FULFILLED: ("green", marked("Paid")),
    Status.PARTIALLY_REFUNDED: ("violet", marked("Partly refunded")),
    Status.REFUNDED: ("violet", marked("Refunded")),
    Status.DISPUTED: ("orange", marked("Your bank is asking")),
    Status.CHARGED_BACK: ("violet", marked("Taken back by your bank")),
    Status.CANCELED: ("gray", marked("Ended")),
}
_SAID = "details-said"


def draw(bought: Sequence[Purchase], email: str) -> None:
    """All of it, for the signed-in buyer with this address."""
    shop = process.shop()
    with shop.reading() as session:
        papers = receipts.of_orders(session, shop, [each.order_id for each in bought])
    st.header(_("Receipts"), anchor=False)
    with frame.portion(bought, "papers") as some:
        for purchase in some:
            _draw_order(purchase, papers[purchase.order_id])
    if open_ones := [each for each in bought if papers[each.order_id].correctable]:
        _draw_details(open_ones, papers, email)


def _draw_order(purchase: Purchase, papers: OrderPapers) -> None:
    with st.container(border=True, gap="xxsmall", key=f"papers-{purchase.order_id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
            st.markdown(f"**{purchase.number}** &nbsp; {_badge(purchase.status)}", width="content")
            st.markdown(f"**{amounts.price(purchase.total)}**", width="content")
        words.quiet(f"{dates.day(purchase.placed_at)} · {', '.join(map(item, purchase.lines))}")
        returned = [each.returned for each in purchase.paid if each.returned.amount]
        if returned:
            words.quiet(
                _("{amount} of it went back.").format(amount=amounts.price(sum(returned[1:], start=returned[0])))
            )
        clicks.draw_said(f"papers-{purchase.order_id}")
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if found := links_of(papers, purchase.number):
                st.markdown(" · ".join(found), width="content")
            if purchase.paid and purchase.email:
                _draw_resend(purchase)


def _badge(status: Status) -> str:
    color, label = _STATES.get(status, ("gray", ""))
    return f":{color}-badge[{_(label)}]" if label else ""


def _draw_resend(purchase: Purchase) -> None:
    label = _("Email {number} again").format(number=purchase.number)
    if st.button(label, type="tertiary", icon=":material/forward_to_inbox:", key=f"resend-{purchase.order_id}"):

        def act(email: str) -> str:
            to = order_care.resend_to_buyer(process.shop(), email, purchase.order_id)
            return _("On its way to {address}.").format(address=words.plain(to))

        clicks.carry_out(f"papers-{purchase.order_id}", act)


def item(line: PurchasedLine) -> str:
    """What one line of a receipt is, of a workshop with its date."""
    return words.plain(line.name) + (f", {dates.day_of(line.times)}" if line.times else "")


def links_of(papers: OrderPapers, number: str, *, invoices: bool = True) -> list[str]:
    """The links to the receipts of the order of this number and, with `invoices`, to what Stripe wrote of each payment."""
    found = []
    for place, payment in enumerate(papers.payments, 1):
        name = (
            _("Receipt {number} of {day}").format(number=number, day=dates.day(payment.paid_at))
            if place > 1
            else _("Receipt {number}").format(number=number)
        )
        found.append(f"[{name}]({receipts.path(payment.id)})")
        found += [
            f"[{_(paper.title)} {words.plain(paper.number)}]({paper.url or paper.pdf_url})"
            for paper in payment.papers
            if invoices and (paper.url or paper.pdf_url)
        ]
    return found


def _draw_details(open_ones: Sequence[Purchase], papers: dict[str, OrderPapers], email: str) -> None:
    """The form that makes out the papers of an order to a company."""
    if said := frame.told(_SAID):
        st.success(said, icon=":material/check_circle:")
    with st.expander(_("Made out to a company"), icon=":material/domain:"):
        words.quiet(
            _(
                "For {days} days after a payment you can say to whom its receipt and invoice are made out. An "
                "invoice that was written already is taken back by a credit note, and another one is written."
            ).format(days=billing_details.OPEN_FOR.days)
        )
        by_id = {each.order_id: each for each in open_ones}
        order_id = next(iter(by_id))
        if len(by_id) > 1:
            order_id = st.selectbox(
                _("Order"), list(by_id), format_func=lambda each: by_id[each].number, key="details-order"
            )  # fmt: skip
        with st.form("details", border=False):
            wanted = _fields(order_id, papers[order_id].details)
            if st.form_submit_button(_("Make it out to this company"), type="primary"):
                _keep(order_id, by_id[order_id].number, wanted, email)


def _fields(order_id: str, known: Details | None) -> Details:
    """The fields of the form, with what was written before."""

    def text(label: str, name: str, most: int, place: Any = st, hint: str | None = None) -> str:
        value = getattr(known, name) if known else ""
        return place.text_input(label, value, key=f"details-{name}-{order_id}", max_chars=most, placeholder=hint) or ""

    name = text(_("Company"), "name", 200)
    line1, line2 = text(_("Street and number"), "line1", 200), text(_("More of the address"), "line2", 200)
    left, right = st.columns(2)
    return Details(
        name,
        line1,
        line2=line2,
        postal_code=text(_("Postcode"), "postal_code", 20, left),
        city=text(_("Town"), "city", 100, right),
        country=text(_("Country, in two letters"), "country", 2, left, "DE"),
        tax_id=text(_("VAT or tax id"), "tax_id", 30, right),
    )


def _keep(order_id: str, number: str, details: Details, email: str) -> None:
    try:
        billing_details.write(process.shop(), order_id, details, email=email)
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
        return
    st.session_state[_SAID] = _(
        "The receipt of {number} is made out to {company} now. If there is an invoice, a new one "
        "follows within minutes."
    ).format(number=words.plain(number), company=words.plain(details.name.strip()))
    st.rerun()
