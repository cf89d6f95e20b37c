from collections.abc import Iterable

import streamlit as st
import structlog

from core.catalog import products
from core.catalog.products import Kind
from core.foundation.errors import LinkExpired, LinkInvalid, ShopError, StripeTrouble
from core.journeys.billing import portal
from core.kinds.grants import Delivery, License
from core.licensing import holding
from core.orders.status import GrantState
from core.people import purchases, sign_in
from core.people.purchases import Purchase
from core.seats import invitations
from storefront import deliveries, frame, links, pictures, process, sentences, visitor, words
from storefront.library import plans
from storefront.papers import purchase_papers
from storefront.plans import interval_card, seats_card
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import Entrance

log = structlog.get_logger()
shop = process.shop()


LIBRARY = Entrance("/purchases", "Open your purchases")


def draw_form(prefilled: str, intro: str) -> None:
    """Whose purchases?"""
    sign_in_form.draw(LIBRARY, intro=intro, prefilled=prefilled)
    if not sign_in_form.awaits_code():
        support = words.plain(frame.support())
        words.quiet(f"Used another address? Write to {support} and we'll find your order.")


def draw_letter(token: str) -> None:
    """Somebody came with the link of a letter. Mail scanners do that too: only the button signs in."""
    try:
        email = sign_in.read_letter(shop, token)
        st.markdown("You came from one of our letters.")
        if st.button(f"Continue as {words.plain(email)}", type="primary", width="stretch", key="continue"):
            sign_in_form.enter(LIBRARY, sign_in.by_letter(shop, token))
        words.quiet("Not you? Then this letter was meant for somebody else: close this page.")
    except LinkExpired as late:
        draw_form(late.subject, "That link was used before or is older than a week. Let us send you a code instead.")
    except LinkInvalid:
        draw_form("", "That link isn't complete. Type the email you bought with and we'll send you a code instead.")


def draw_signed_out() -> None:
    """What somebody sees who is not signed in."""
    pictures.trim()
    st.title("Your purchases", anchor=False)
    token = st.query_params.get("letter")
    if token and not sign_in_form.awaits_code():
        draw_letter(token)
    else:
        draw_form("", "Type the email you bought with and we'll send you a six-digit code. There is no password.")


def sign_out() -> None:
    """End it on the server, and let the sidecar take the cookie away."""
    with shop.transaction() as session:
        sign_in.sign_out(session, visitor.sign_in_id(), now=shop.now())
    links.redirect("/api/sign-out?next=/purchases", "Go on")
    st.stop()


def draw_library(email: str) -> None:
    """Everything this address has bought."""
    st.title("Your purchases", anchor=False)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        words.quiet(f"Signed in as {words.plain(email)}", width="content")
        st.page_link(links.ACCOUNT, label="Your account", icon=":material/person:")
        if st.button("Sign out", type="tertiary", key="sign-out"):
            sign_out()
    with shop.reading() as session:
        bought = purchases.library(session, email, livemode=shop.settings.livemode, signing_key=shop.signing_key)
        given = holding.given(session, email, livemode=shop.settings.livemode, signing_key=shop.signing_key)
        names = products.names(session) if given else {}
        seats = invitations.held_by(session, email, livemode=shop.settings.livemode)
    draw_given(given, names)
    seats_card.draw_held(seats)
    if not (bought or given or seats):
        st.markdown("Nothing was bought with this email yet. Bought with another one? Add it in your account.")
        links.to(links.SHOP, "To the shop", "storefront")
        return
    if bought:
        draw_goods(bought, email)
        purchase_papers.draw(bought, email)


def draw_given(given: tuple[tuple[str, License], ...], names: dict[str, str]) -> None:
    """Licences that nobody bought here: the seller gave them, or brought them along from another shop."""
    if given:
        st.header("Given to you", anchor=False)
    for product, license in given:
        deliveries.draw_given(names.get(product, product), license)


def draw_goods(bought: tuple[Purchase, ...], email: str) -> None:
    """What was bought, by what one does with it: what is coming up first, and what is over last."""
    now = shop.now()
    goods = [delivery for purchase in bought for delivery in purchase.deliveries]
    kept = sorted((each for each in goods if each.state is not GrantState.REVOKED), key=lambda each: TURNS[each.state])
    live = [each for each in kept if each.kind is Kind.WORKSHOP]
    coming = [each for each in live if each.ends_at is None or each.ends_at > now]
    draw_section("Coming up", sorted(coming, key=lambda each: (each.starts_at is None, each.starts_at)))
    draw_section("Downloads and keys", [each for each in kept if each.kind in (Kind.DOWNLOAD, Kind.LICENSE)])
    draw_plans(bought, email)
    draw_section("Past sessions", [each for each in live if each not in coming])
    draw_section("Over", [each for each in goods if each.state is GrantState.REVOKED])


# What may be used stands above what waits for somebody.
TURNS = {GrantState.ACTIVE: 0, GrantState.BLOCKED: 1, GrantState.SUSPENDED: 2}


def draw_section(title: str, goods: Iterable[Delivery]) -> None:
    """A heading with its cards; nothing at all without any."""
    if goods:
        st.header(title, anchor=False)
    for each in goods:
        deliveries.draw(each, where="library", level=3)


def draw_plans(bought: tuple[Purchase, ...], email: str) -> None:
    """Plans, each with what is billed and when, and the way to its seats, its card and its end."""
    kept = [(each, plan) for each in bought for plan in each.deliveries if plan.kind is Kind.PLAN]
    kept = [(each, plan) for each, plan in kept if plan.state is not GrantState.REVOKED]
    if kept:
        st.header("Plans", anchor=False)
    for purchase, plan in sorted(kept, key=lambda pair: TURNS[pair[1].state]):
        with deliveries.draw(plan, where="library", level=3):
            if purchase.plan:
                plans.draw(purchase.plan)
            if plan.state is GrantState.ACTIVE:
                seats_card.draw(email, plan.grant_id)
                interval_card.draw(email, plan.grant_id)
            draw_billing_button(purchase, plan, email)


def draw_billing_button(purchase: Purchase, plan: Delivery, email: str) -> None:
    """A button that leads to Stripe's page about this plan, and one to the end of it; or it says why they do not."""
    with st.container(horizontal=True, gap="small"):
        manage = st.button("Manage billing", icon=":material/credit_card:", key=f"billing-{plan.grant_id}")
        cancel = st.button("Cancel plan", type="tertiary", icon=":material/cancel:", key=f"cancel-{plan.grant_id}")
    if not (manage or cancel):
        return
    try:
        address = portal.open_page(shop, email, purchase.order_id, cancel=cancel)
    except StripeTrouble as error:
        log.warning("billing_not_reached", order=purchase.order_id, code=error.code)
        st.warning("We can't reach the billing page right now. Try again in a minute.", icon=":material/error:")
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
    else:
        links.redirect(address, "Manage billing")
        st.stop()


email = visitor.signed_in()
if email is None:
    with frame.column(440):
        draw_signed_out()
        frame.footer()
else:
    sign_in_form.forget()
    with frame.column(860):
        draw_library(email)
        frame.footer()
    deliveries.keep_links_fresh()
