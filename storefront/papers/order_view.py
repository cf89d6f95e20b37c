"""An order as its buyer sees it: what has become of it in words, everything it gives, and its papers."""

from collections.abc import Sequence

import streamlit as st

from core.catalog.products import Kind
from core.invoicing import receipts
from core.kinds.grants import Closing, Delivery
from core.languages.sentences import _, ngettext
from core.orders.status import GrantState, Status
from core.people.purchases import Purchase
from storefront import amounts, links, process, words
from storefront.goods import deliveries
from storefront.library import plans
from storefront.papers import purchase_papers


def draw(purchase: Purchase, *, where: str, first: str = "") -> None:
    """Everything that was paid for, as far as it may be used: what may be used now on top, and above all else what the `first`
    grant gives."""
    st.title(headline(purchase), anchor=False)
    st.markdown(f"{badge(purchase.status)} &nbsp; {about(purchase)}")
    for sentence in money(purchase):
        st.markdown(sentence)
    if purchase.status is Status.PAID:
        st.info(
            _(
                "Your payment arrived, and something you bought couldn't be handed over yet. We've been told and will "
                "write to you. **You don't need to pay again.**"
            ),
            icon=":material/support_agent:",
        )
    for delivery in in_turn(purchase, first):
        standings = purchase.plans.get(delivery.line_id, ())
        with deliveries.draw(delivery, where=where):
            for standing in standings:
                plans.draw(standing, of=standings, is_open=delivery.state is GrantState.ACTIVE)
            deliveries.draw_way_to_seats(delivery, where)
    _draw_papers(purchase)


def in_turn(purchase: Purchase, first: str = "") -> list[Delivery]:
    """What the `first` grant gives, then plans of which something is owed, then what may be used, then what waits for somebody, and
    what is over last."""
    owing = {line_id for line_id, standings in purchase.plans.items() if any(each.owed for each in standings)}
    return sorted(
        purchase.deliveries,
        key=lambda each: (each.grant_id != first, each.line_id not in owing, deliveries.TURNS[each.state]),
    )


def draw_processing(purchase: Purchase) -> None:
    """Paid by a method whose money takes its time."""
    st.title(_("Your bank is settling this"), anchor=False)
    settling = _("Settling")
    st.markdown(f":orange-badge[:material/hourglass_top: {settling}] &nbsp; {about(purchase)}")
    told = (
        _(
            "That can take a few days. We'll email {address} as soon as it is through, with everything you bought. "
            "**You don't need to pay again.**"
        ).format(address=f"**{words.plain(purchase.email)}**")
        if purchase.email
        else _(
            "That can take a few days. We'll email you as soon as it is through, with everything you bought. "
            "**You don't need to pay again.**"
        )
    )
    st.markdown(told)


def draw_failed() -> None:
    """The bank said no, later."""
    st.title(_("That payment didn't go through"), anchor=False)
    st.markdown(_("**Nothing was charged.** Your cart is as you left it. Another card or method usually works."))
    links.to(links.CART, _("Back to your cart"), "shopping_bag")


def draw_for_others(purchase: Purchase) -> None:
    """What anybody may know who has the address of this page."""
    paid = purchase.status not in (Status.PENDING, Status.PROCESSING, Status.FAILED)
    paid = paid and (purchase.status is not Status.CANCELED or purchase.fulfilled_at is not None)
    st.title(_("This order is paid") if paid else _("This order is not paid yet"), anchor=False)
    said = (
        _("Order **{number}** was placed in another browser. What was bought was sent by mail to its buyer.")
        if paid
        else _("Order **{number}** was placed in another browser. Everything goes to its buyer by mail once it is.")
    )
    st.markdown(said.format(number=purchase.number))
    draw_library_link(_("Is it yours? Sign in with the email you used, no password."))


def draw_library_link(text: str) -> None:
    """Where everything is found again."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        words.quiet(text, width="content")
        links.trailing(links.PURCHASES, _("See all you bought"))


def headline(purchase: Purchase) -> str:
    """What has become of it, in a few words."""
    match purchase.status:
        case Status.PAID:
            return _("Thank you. Your payment is here.")
        case Status.REFUNDED:
            return _("Your money went back")
        case Status.CHARGED_BACK:
            return _("Your bank took the payment back")
        case Status.DISPUTED:
            return _("Your bank is looking into this")
        case Status.CANCELED:
            return _ended(purchase.deliveries) if purchase.plan else _("This has ended")
        case _other:
            return _of_what_it_gives(purchase.deliveries)


def _of_what_it_gives(goods: Sequence[Delivery]) -> str:
    if all(each.state is GrantState.ACTIVE for each in goods):
        return _("Thank you. It's all yours.")
    reasons = {each.closing for each in goods}
    if any(each.state is GrantState.ACTIVE for each in goods) or len(reasons) > 1:
        return _("Thank you")
    match reasons.pop():
        case Closing.UNPAID:
            return ngettext("Your plan waits for its payment", "Your plans wait for their payment", _plans(goods))
        case Closing.PAUSED:
            return ngettext("Your plan is on hold", "Your plans are on hold", _plans(goods))
        case Closing.TAKEN_BACK:
            return _("We closed this order")
        case Closing.ENDED:
            return _ended(goods)
        case _other:
            return _("Thank you")


def _ended(goods: Sequence[Delivery]) -> str:
    return ngettext("Your plan has ended", "Your plans have ended", _plans(goods))


def _plans(goods: Sequence[Delivery]) -> int:
    """Of how many plans one speaks."""
    return max(1, sum(each.kind is Kind.PLAN for each in goods))


def badge(status: Status) -> str:
    """The state of the money."""
    match status:
        case Status.REFUNDED:
            color, icon, label = "violet", "undo", _("Refunded")
        case Status.CHARGED_BACK:
            color, icon, label = "violet", "gavel", _("Taken back by your bank")
        case Status.PARTIALLY_REFUNDED:
            color, icon, label = "violet", "undo", _("Partly refunded")
        case Status.DISPUTED:
            color, icon, label = "orange", "gavel", _("On hold")
        case Status.CANCELED:
            color, icon, label = "gray", "event_busy", _("Ended")
        case _other:
            color, icon, label = "green", "check", _("Paid")
    return f":{color}-badge[:material/{icon}: {label}]"


def about(purchase: Purchase) -> str:
    """Number and sum, and where the letters about it go."""
    named = {"number": purchase.number, "total": amounts.price(purchase.total)}
    settles = purchase.status in (Status.PENDING, Status.PROCESSING)
    if not purchase.email or settles:
        return _("Order **{number}**, {total}.").format(**named)
    said = _("Order **{number}**, {total}. The receipt goes to {address}.")
    return said.format(**named, address=words.plain(purchase.email))


def money(purchase: Purchase) -> list[str]:
    """What went back of what was paid, where something did: nothing where all of it did, since that stands above."""
    returned = [each.returned for each in purchase.paid if each.returned.amount]
    if not returned or purchase.status is Status.REFUNDED:
        return []
    back, paid = amounts.price(sum(returned[1:], start=returned[0])), amounts.price(purchase.total)
    return [_("{amount} of {total} went back to you.").format(amount=back, total=paid)]


def _draw_papers(purchase: Purchase) -> None:
    """The receipt, and the invoice once Stripe has written it. It has addresses, which a link alone does not show."""
    shop = process.shop()
    with shop.reading() as session:
        papers = receipts.of_orders(session, shop, [purchase.order_id])[purchase.order_id]
    if found := purchase_papers.links_of(papers, purchase.number, invoices=not purchase.by_link):
        st.markdown(" · ".join(found))
