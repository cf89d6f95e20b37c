import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st
import structlog

from core.foundation.errors import CheckoutNotFound, StripeTrouble
from core.invoicing import receipts
from core.journeys import success_page
from core.orders import checkouts
from core.orders.status import GrantState, Status
from core.people import purchases
from core.people.purchases import Purchase
from storefront import amounts, deliveries, frame, links, pictures, process, visitor, words
from storefront.papers import purchase_papers

log = structlog.get_logger()
# Stripe usually confirms within seconds. After a minute the page says so, and looks less often.
PATIENCE = timedelta(minutes=1)
SETTLED = (Status.FULFILLED, Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED, Status.CHARGED_BACK)

shop = process.shop()
browser = visitor.browser_id()


@dataclass
class Visit:
    """What this page has learned since it was opened. `asked`: Stripe has answered. `order_id`: empty until known."""

    since: datetime
    asked: bool = False
    unknown: bool = False
    order_id: str = ""


def ask_stripe(visit: Visit, session_id: str) -> None:
    """Do once what the webhook does too, so that the page is right even if no webhook ever comes."""
    try:
        visit.order_id = success_page.confirm(shop, session_id)
        visit.asked = True
    except CheckoutNotFound:
        visit.unknown = True
    except StripeTrouble as error:
        # The webhook tells the database all the same: that is where the page keeps looking.
        log.warning("confirmation_waits", session=session_id, error=type(error).__name__, code=error.code)


def look(visit: Visit, session_id: str) -> Purchase | None:
    """The order as the database has it now, for this browser."""
    with shop.reading() as session:
        visit.order_id = visit.order_id or checkouts.order_of_session(session, session_id) or ""
        return purchases.seen_by_browser(session, visit.order_id, browser, signing_key=shop.signing_key)


def ask_again() -> None:
    """Forget what this page has learned, so that it asks Stripe once more."""
    st.session_state["visits"].pop(session_id, None)


def draw_nothing_known(title: str, text: str) -> None:
    """No order to show, and no reason to worry."""
    st.title(title, anchor=False)
    st.markdown(text)
    words.quiet(f"Something missing? Write to {words.plain(shop.settings.support_email)}.")
    links.to(links.PURCHASES, "Your purchases")


def step(label: str, icon: str, detail: str) -> None:
    """One step on the way to the goods."""
    with st.expander(label, icon=icon, type="step"):
        words.quiet(detail)


def draw_waiting(purchase: Purchase | None, *, slow: bool) -> None:
    """Money is on its way, as far as we know: never call that a failure."""
    st.title("Still waiting for confirmation" if slow else "Confirming your payment", anchor=False)
    if purchase:
        st.markdown(
            f"{about(purchase)} You can close this page: everything also goes to {address(purchase, 'your email')}."
        )
    else:
        st.markdown("You can close this page: everything also goes to your email.")
    if slow:
        st.warning(
            "This is taking longer than usual. Your order is saved. **You don't need to pay again.**",
            title="Nothing is lost", icon=":material/hourglass_top:",
        )  # fmt: skip
    with st.container(gap="small", key="steps"):
        step("Payment sent", ":material/check_circle:", "You paid on Stripe's page.")
        step(":shimmer[Waiting for Stripe to confirm]", "spinner", "Usually a few seconds. Some banks take a minute.")
        step("Preparing what you bought", ":material/radio_button_unchecked:", "This happens by itself.")
    if slow:
        st.button("Check again", icon=":material/refresh:", type="primary", on_click=ask_again)


def draw_unpaid() -> None:
    """The payment page was left, or has closed, before anything was paid."""
    st.title("Nothing has been paid yet", anchor=False)
    st.markdown("**Nothing was charged.** Your cart is as you left it.")
    links.to(links.CART, "Back to your cart", "shopping_bag")
    words.quiet("Paid in another tab just now? Then this page changes by itself in a moment.")


def draw_processing(purchase: Purchase) -> None:
    """Paid by a method whose money takes its time."""
    st.title("Your bank is settling this", anchor=False)
    st.markdown(f":orange-badge[:material/hourglass_top: Settling] &nbsp; {about(purchase)}")
    st.markdown(
        f"That can take a few days. We'll email {address(purchase, 'you')} as soon as it is through, with everything you "
        "bought. **You don't need to pay again.**"
    )


def draw_failed() -> None:
    """The bank said no, later."""
    st.title("That payment didn't go through", anchor=False)
    st.markdown("**Nothing was charged.** Your cart is as you left it. Another card or method usually works.")
    links.to(links.CART, "Back to your cart", "shopping_bag")


def draw_bought(purchase: Purchase) -> None:
    """Everything that was paid for, as far as it may be used."""
    st.title(headline(purchase), anchor=False)
    receipt = f" The receipt goes to {words.plain(purchase.email)}." if purchase.email else ""
    st.markdown(f"{badge(purchase.status)} &nbsp; {about(purchase)}{receipt}")
    if purchase.status is Status.PAID:
        st.info(
            "Your payment arrived, and something you bought couldn't be handed over yet. We've been told and will "
            "write to you. **You don't need to pay again.**",
            icon=":material/support_agent:",
        )
    for delivery in purchase.deliveries:
        deliveries.draw(delivery, where="thanks")
    draw_papers(purchase)
    draw_library_link("All of this also lives in Your purchases. Sign in with your email, no password.")


def draw_papers(purchase: Purchase) -> None:
    """The receipt, and the invoice once Stripe has written it."""
    with shop.reading() as session:
        papers = receipts.of_orders(session, shop, [purchase.order_id])[purchase.order_id]
    if found := purchase_papers.links_of(papers):
        st.markdown(" · ".join(found))


def draw_for_others(purchase: Purchase) -> None:
    """What anybody may know who has the address of this page."""
    paid = purchase.status in (*SETTLED, Status.PAID)
    st.title("This order is paid" if paid else "This order is not paid yet", anchor=False)
    mail = (
        "What was bought was sent by mail to its buyer." if paid else "Everything goes to its buyer by mail once it is."
    )
    st.markdown(f"Order **{purchase.number}** was placed in another browser. {mail}")
    draw_library_link("Is it yours? Sign in with the email you used, no password.")


def draw_library_link(text: str) -> None:
    """Where everything is found again."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        words.quiet(text, width="content")
        links.trailing(links.PURCHASES, "Your purchases")


def headline(purchase: Purchase) -> str:
    """What has become of it, in a few words."""
    match purchase.status:
        case Status.PAID:
            return "Thank you. Your payment is here."
        case Status.REFUNDED:
            return "Your money went back"
        case Status.CHARGED_BACK:
            return "Your bank took the payment back"
        case Status.DISPUTED:
            return "Your bank is looking into this"
        case Status.CANCELED:
            return "This has ended"
        case _:
            open_now = all(delivery.state is GrantState.ACTIVE for delivery in purchase.deliveries)
            return "Thank you. It's all yours." if open_now else "Thank you"


def badge(status: Status) -> str:
    """The state of the money."""
    match status:
        case Status.REFUNDED:
            return ":violet-badge[:material/undo: Refunded]"
        case Status.CHARGED_BACK:
            return ":violet-badge[:material/gavel: Taken back by your bank]"
        case Status.PARTIALLY_REFUNDED:
            return ":violet-badge[:material/undo: Partly refunded]"
        case Status.DISPUTED:
            return ":orange-badge[:material/gavel: On hold]"
        case Status.CANCELED:
            return ":gray-badge[:material/event_busy: Ended]"
        case _:
            return ":green-badge[:material/check: Paid]"


def about(purchase: Purchase) -> str:
    """Number and sum."""
    return f"Order **{purchase.number}**, {amounts.price(purchase.total)}."


def address(purchase: Purchase, otherwise: str) -> str:
    """Where its letters go, as far as it is known already."""
    return f"**{words.plain(purchase.email)}**" if purchase.email else otherwise


def draw(visit: Visit, purchase: Purchase | None) -> None:
    """The page for what is known."""
    slow = shop.now() - visit.since > PATIENCE
    if purchase is None:
        draw_waiting(None, slow=slow)
        return
    if not purchase.mine:
        draw_for_others(purchase)
        return
    match purchase.status:
        case Status.PENDING | Status.CANCELED if purchase.fulfilled_at is None:
            if visit.asked:
                draw_unpaid()
            else:
                draw_waiting(purchase, slow=slow)
        case Status.PROCESSING:
            draw_processing(purchase)
        case Status.FAILED:
            draw_failed()
        case _:
            draw_bought(purchase)


def watch(visit: Visit, session_id: str, drawn: Purchase | None) -> None:
    """Look again every now and then, and draw anew when there is something new."""
    at = shop.now()
    waiting = drawn is None or (drawn.status not in SETTLED and drawn.fulfilled_at is None)
    slow = at - visit.since > PATIENCE
    pace = "10s" if waiting and slow else "2s" if waiting else deliveries.LINKS_LAST

    @st.fragment(run_every=pace)
    def looking() -> None:
        found = look(visit, session_id)
        changed = (found and found.status) != (drawn and drawn.status)
        impatient = waiting and not slow and shop.now() - visit.since > PATIENCE
        if changed or impatient or shop.now() - at >= deliveries.LINKS_LAST:
            st.rerun()

    looking()


def draw_visit(session_id: str) -> None:
    """Ask Stripe at the first opening, then show what the database says until nothing more is to come."""
    visits: dict[str, Visit] = st.session_state.setdefault("visits", {})
    if session_id not in visits:
        draw_waiting(None, slow=False)
        visit = Visit(shop.now())
        ask_stripe(visit, session_id)
        visits[session_id] = visit
        st.rerun()
    visit = visits[session_id]
    if visit.unknown:
        draw_nothing_known(
            "We don't know this payment", "If you paid, check your email: everything you bought is there."
        )
        return
    purchase = look(visit, session_id)
    draw(visit, purchase)
    watch(visit, session_id, purchase)


session_id = st.query_params.get("session_id", "")
with frame.column(760):
    pictures.trim()
    if re.fullmatch(r"(cs|given)_\w{1,200}", session_id, re.ASCII):
        draw_visit(session_id)
    elif "CHECKOUT_SESSION_ID" in session_id:
        # Whoever opened the Session encoded the braces, so that Stripe did not fill them in.
        log.error("placeholder_not_filled", session=session_id)
        draw_nothing_known("Thank you. Check your email.", "Everything you bought is on its way to you by mail.")
    else:
        draw_nothing_known(
            "Looking for an order?", "Everything you bought is in the email we sent you, and among your purchases."
        )
    frame.footer()
