import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import streamlit as st
import structlog

from core.foundation.errors import CheckoutNotFound, StripeTrouble, TooManyTries
from core.journeys import success_page
from core.languages.sentences import _
from core.orders import checkouts
from core.orders.status import Status
from core.people import purchases
from core.people.purchases import Purchase
from storefront import frame, links, pictures, process, visitor, words
from storefront.goods import deliveries
from storefront.papers import order_view

log = structlog.get_logger()
# Stripe usually confirms within seconds. After a minute the page says so, and looks less often.
PATIENCE = timedelta(minutes=1)
SETTLED = (Status.FULFILLED, Status.PARTIALLY_REFUNDED, Status.REFUNDED, Status.DISPUTED, Status.CHARGED_BACK)

shop = process.shop()
viewer = visitor.viewer()


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
        visit.order_id = success_page.confirm(shop, session_id, visitor.sender())
        visit.asked = True
    except CheckoutNotFound:
        visit.unknown = True
    except TooManyTries:
        return  # what the webhook tells is found all the same
    except StripeTrouble as error:
        # The webhook tells the database all the same: that is where the page keeps looking.
        log.warning("confirmation_waits", session=session_id, error=type(error).__name__, code=error.code)


def look(visit: Visit, session_id: str) -> Purchase | None:
    """The order as the database has it now, for whoever looks at it."""
    with shop.reading() as session:
        visit.order_id = visit.order_id or checkouts.order_of_session(session, session_id) or ""
        return purchases.seen(session, visit.order_id, viewer, signing_key=shop.signing_key, now=shop.now())


def ask_again() -> None:
    """Forget what this page has learned, so that it asks Stripe once more."""
    st.session_state["visits"].pop(session_id, None)


def draw_nothing_known(title: str, text: str) -> None:
    """No order to show, and no reason to worry."""
    st.title(title, anchor=False)
    st.markdown(text)
    told = _("Something missing? Write to {address}.")
    words.quiet(told.format(address=words.plain(frame.support())))
    links.to(links.PURCHASES, _("See all you bought"))


def step(label: str, icon: str, detail: str) -> None:
    """One step on the way to the goods."""
    with st.expander(label, icon=icon, type="step"):
        words.quiet(detail)


def draw_waiting(purchase: Purchase | None, *, slow: bool) -> None:
    """Money is on its way, as far as we know: never call that a failure."""
    st.title(_("Still waiting for confirmation") if slow else _("Confirming your payment"), anchor=False)
    if purchase:
        st.markdown(order_view.about(purchase))
    if purchase and purchase.email:
        told = _("You can close this page: everything also goes to {address}.")
        st.markdown(told.format(address=f"**{words.plain(purchase.email)}**"))
    else:
        st.markdown(_("You can close this page: everything also goes to your email."))
    if slow:
        st.warning(
            _("This is taking longer than usual. Your order is saved. **You don't need to pay again.**"),
            title=_("Nothing is lost"), icon=":material/hourglass_top:",
        )  # fmt: skip
    with st.container(gap="small", key="steps"):
        step(_("Payment sent"), ":material/check_circle:", _("You paid on Stripe's page."))
        waiting = _("Waiting for Stripe to confirm")
        step(f":shimmer[{waiting}]", "spinner", _("Usually a few seconds. Some banks take a minute."))
        step(_("Preparing what you bought"), ":material/radio_button_unchecked:", _("This happens by itself."))
    if slow:
        st.button(_("Check again"), icon=":material/refresh:", type="primary", on_click=ask_again)


def draw_unpaid(*, closed: bool) -> None:
    """The payment page was left, or has closed, before anything was paid."""
    st.title(_("Nothing has been paid yet"), anchor=False)
    if closed:
        st.markdown(_("The payment page has closed. **Nothing was charged.** Your cart is as you left it."))
    else:
        st.markdown(_("**Nothing was charged.** Your cart is as you left it."))
    links.to(links.CART, _("Back to your cart"), "shopping_bag")
    words.quiet(_("Paid in another tab just now? Then this page changes by itself in a moment."))


def draw_bought(purchase: Purchase) -> None:
    """Everything that was paid for, and where it is found again."""
    order_view.draw(purchase, where="thanks")
    order_view.draw_library_link(_("All of this also lives in Your purchases. Sign in with your email, no password."))


def draw(visit: Visit, purchase: Purchase | None) -> None:
    """The page for what is known."""
    slow = shop.now() - visit.since > PATIENCE
    if purchase is None:
        draw_waiting(None, slow=slow)
        return
    if not purchase.mine:
        order_view.draw_for_others(purchase)
        return
    match purchase.status:
        case Status.PENDING | Status.CANCELED if purchase.fulfilled_at is None:
            if visit.asked:
                draw_unpaid(closed=purchase.status is Status.CANCELED)
            else:
                draw_waiting(purchase, slow=slow)
        case Status.PROCESSING:
            order_view.draw_processing(purchase)
        case Status.FAILED:
            order_view.draw_failed()
        case _:
            draw_bought(purchase)


def has_unread_plan(purchase: Purchase | None) -> bool:
    """Whether it has a plan of which Stripe has not said yet what it costs and when it renews: that comes a moment after."""
    standings = [each for theirs in purchase.plans.values() for each in theirs] if purchase else []
    return any(each.price is None and each.ended_at is None for each in standings)


def watch(visit: Visit, session_id: str, drawn: Purchase | None) -> None:
    """Look again every now and then, and draw anew when there is something new."""
    at = shop.now()
    waiting = drawn is None or (drawn.status not in SETTLED and drawn.fulfilled_at is None)
    slow = at - visit.since > PATIENCE
    soon = not slow and (waiting or has_unread_plan(drawn))
    pace = "2s" if soon else "10s" if waiting else deliveries.LINKS_LAST

    @st.fragment(run_every=pace)
    def looking() -> None:
        found = look(visit, session_id)
        changed = (found and (found.status, found.plans)) != (drawn and (drawn.status, drawn.plans))
        impatient = soon and shop.now() - visit.since > PATIENCE
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
            _("We don't know this payment"), _("If you paid, check your email: everything you bought is there.")
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
        draw_nothing_known(_("Thank you. Check your email."), _("Everything you bought is on its way to you by mail."))
    else:
        draw_nothing_known(
            _("Looking for an order?"),
            _("Everything you bought is in the email we sent you, and among your purchases."),
        )
    frame.footer()
