from collections.abc import Callable, Sequence

import streamlit as st
import structlog

from core.catalog import products
from core.catalog.products import Kind
from core.foundation.errors import LinkExpired, LinkInvalid, ShopError, StripeTrouble
from core.journeys.billing import portal
from core.kinds import shelf_pages
from core.kinds.grants import Delivery, License
from core.kinds.standings import PlanStanding
from core.languages.sentences import _, marked, ngettext
from core.licensing import holding
from core.orders.status import GrantState, Status
from core.people import purchases, sign_in
from core.people.purchases import Purchase
from core.people.receipts import order_links
from core.seats import invitations
from storefront import frame, links, pictures, process, sentences, visitor, words
from storefront.goods import deliveries
from storefront.library import plans
from storefront.papers import order_view, purchase_papers
from storefront.plans import interval_card, seats_card
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import Entrance

log = structlog.get_logger()
shop = process.shop()


LIBRARY = Entrance("/purchases", marked("Open your purchases"))


def sent_to(token: str) -> str:
    """The address that a letter with this link went to; empty for a link that is none of ours."""
    try:
        return order_links.read(shop, token).address
    except LinkExpired as late:
        return late.subject
    except LinkInvalid:
        return ""


def draw_signed_out() -> None:
    """What somebody sees who is not signed in. Whoever comes from a letter need not type the address that it went to."""
    pictures.trim()
    st.title(_("Your purchases"), anchor=False)
    token = st.query_params.get("letter", "")
    known = sent_to(token) if token else ""
    intro = (
        _("You came from one of our letters. For all your purchases, and to change them, we send a six-digit code.")
        if known
        else _("Type the email you bought with and we'll send you a six-digit code. There is no password.")
    )
    sign_in_form.draw(LIBRARY, intro=intro, known=known)
    if not sign_in_form.awaited():
        told = _("Used another address? Write to {support} and we'll find your order.")
        words.quiet(told.format(support=words.plain(frame.support())))


def sign_out() -> None:
    """End it on the server, and let the sidecar take the cookie away."""
    with shop.transaction() as session:
        sign_in.sign_out(session, visitor.sign_in_id(), now=shop.now())
    links.redirect("/api/sign-out?next=/purchases", _("Go on"))
    st.stop()


def draw_library(email: str) -> None:
    """Everything this address has bought."""
    st.title(_("Your purchases"), anchor=False)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        words.quiet(_("Signed in as {email}").format(email=words.plain(email)), width="content")
        links.open_by(links.ACCOUNT, _("Your account"), "person")
        if st.button(_("Sign out"), type="tertiary", key="sign-out"):
            sign_out()
    with shop.reading() as session:
        bought = purchases.library(session, email, livemode=shop.settings.livemode, signing_key=shop.signing_key)
        given = holding.given(session, email, livemode=shop.settings.livemode, signing_key=shop.signing_key)
        names = products.names(session) if given else {}
        seats = invitations.held_by(session, email, livemode=shop.settings.livemode)
    open_ones = [each for each in seats if each.active]
    seats_card.draw_held(open_ones)
    if not (bought or given or seats):
        st.markdown(_("Nothing was bought with this email yet. Bought with another one? Add it in your account."))
        links.to(links.SHOP, _("To the shop"), "storefront")
        return
    if bought and not (bought := sought_among(bought)):
        st.markdown(_("Nothing here is called so. Look for fewer letters, or for another word."))
    draw_coming_money(bought)
    draw_goods(bought, email, lambda: draw_given(given, names))
    seats_card.draw_held([each for each in seats if not each.active])
    if bought:
        purchase_papers.draw(bought, email)


def sought_among(bought: tuple[Purchase, ...]) -> tuple[Purchase, ...]:
    """Those that are looked for, where there are so many that somebody looks for one."""
    if not shelf_pages.is_searchable(len(bought)):
        return bought
    sought = st.text_input(
        _("Search your purchases"), type="search", key="find-purchases", icon=":material/search:", max_chars=100,
        placeholder=_("Search your purchases"), label_visibility="collapsed",
    )  # fmt: skip
    return tuple(each for each in bought if shelf_pages.matches(said_of(each), sought or ""))


def said_of(purchase: Purchase) -> str:
    """By what a purchase is found: its number, and the names of what was bought."""
    return " ".join([purchase.number, *(line.name for line in purchase.lines)])


def draw_coming_money(bought: tuple[Purchase, ...]) -> None:
    """What is bought, and not paid yet: a bank is settling it."""
    coming = [each for each in bought if each.status is Status.PROCESSING]
    if coming:
        st.header(_("On its way"), anchor=False)
    for purchase in coming:
        with frame.card(f"coming-{purchase.order_id}", gap="xxsmall"):
            settling = _("Settling")
            st.markdown(f":orange-badge[:material/hourglass_top: {settling}] &nbsp; {order_view.about(purchase)}")
            words.quiet(", ".join(map(purchase_papers.item, purchase.lines)))
            st.markdown(_("Your bank is settling this, which can take a few days. **You don't need to pay again.**"))


def draw_given(given: tuple[tuple[str, License], ...], names: dict[str, str]) -> None:
    """Licences that nobody bought here: the seller gave them, or brought them along from another shop."""
    if given:
        st.header(_("Given to you"), anchor=False)
    with frame.portion(given, "given") as some:
        for product, license in some:
            deliveries.draw_given(names.get(product, product), license)


def draw_goods(bought: tuple[Purchase, ...], email: str, draw_more: Callable[[], None]) -> None:
    """What was bought, by what one does with it: what is coming up first, and what is over last. `draw_more` draws what may be
    used and was not bought here."""
    now = shop.now()
    goods = [delivery for purchase in bought for delivery in purchase.deliveries]
    kept = sorted(
        (each for each in goods if each.state is not GrantState.REVOKED), key=lambda each: deliveries.TURNS[each.state]
    )
    live = [each for each in kept if each.kind is Kind.WORKSHOP]
    coming = [each for each in live if each.ends_at is None or each.ends_at > now]
    draw_section(_("Coming up"), "coming", sorted(coming, key=lambda each: (each.starts_at is None, each.starts_at)))
    draw_section(
        _("Downloads and keys"), "goods", [each for each in kept if each.kind in (Kind.DOWNLOAD, Kind.LICENSE)]
    )
    draw_plans(bought, email)
    draw_more()
    draw_section(_("Past sessions"), "past", [each for each in live if each not in coming])
    draw_section(_("Over"), "over", [each for each in goods if each.state is GrantState.REVOKED])


def draw_section(title: str, key: str, goods: Sequence[Delivery]) -> None:
    """A heading with its cards; nothing at all without any."""
    if goods:
        st.header(title, anchor=False)
    with frame.portion(goods, key) as some:
        for each in some:
            deliveries.draw(each, where="library", level=3)


def draw_plans(bought: tuple[Purchase, ...], email: str) -> None:
    """Plans, each with what is billed and when, and the way to its seats, its card and its end."""
    kept = [(each, plan) for each in bought for plan in each.deliveries if plan.kind is Kind.PLAN]
    kept = [(each, plan) for each, plan in kept if plan.state is not GrantState.REVOKED]
    if kept:
        st.header(_("Plans"), anchor=False)
    with frame.portion(sorted(kept, key=lambda pair: deliveries.TURNS[pair[1].state]), "plans") as some:
        for purchase, plan in some:
            draw_plan(purchase, plan, email)


def draw_plan(purchase: Purchase, plan: Delivery, email: str) -> None:
    """One of them."""
    with deliveries.draw(plan, where="library", level=3):
        standings = purchase.plans.get(plan.line_id, ())
        if len(standings) > 1:
            draw_each(purchase, plan, standings, email)
            return
        for standing in standings:
            plans.draw(standing, is_open=plan.state is GrantState.ACTIVE)
        if plan.state is GrantState.ACTIVE:
            seats_card.draw(email, plan.grant_id, standings)
            interval_card.draw(email, plan.grant_id)
        draw_billing_button(purchase, plan, standings[0] if standings else None, email)


def draw_each(purchase: Purchase, plan: Delivery, standings: Sequence[PlanStanding], email: str) -> None:
    """A plan that was begun twice: its people, and then each subscription with what may be done about it alone."""
    said = ngettext(
        "You pay for this plan by {number} subscription. Cancel what you don't need.",
        "You pay for this plan by {number} subscriptions, each by itself. Cancel what you don't need.",
        len(standings),
    )
    st.markdown(f":orange[:material/error:] {said.format(number=len(standings))}")
    if plan.state is GrantState.ACTIVE:
        seats_card.draw(email, plan.grant_id, standings)
    for number, standing in enumerate(standings):
        key = standing.subscription if number else plan.grant_id
        with st.container(border=True, gap="small", key=f"by-{key}"):
            plans.draw(standing, of=standings, is_open=plan.state is GrantState.ACTIVE)
            if plan.state is GrantState.ACTIVE:
                others = [each for each in standings if each is not standing]
                seats_card.draw_number(email, plan.grant_id, standing, others, key=key)
                interval_card.draw(email, plan.grant_id, standing.subscription, key=key)
            draw_billing_button(purchase, plan, standing, email)


def draw_billing_button(purchase: Purchase, plan: Delivery, standing: PlanStanding | None, email: str) -> None:
    """A button that leads to Stripe's page about this plan, and one to the end of it; or it says why they do not."""
    name = standing.subscription if standing else ""
    own = name if standing and standing != next(iter(purchase.plans.get(plan.line_id, ())), None) else plan.grant_id
    with st.container(horizontal=True, gap="small"):
        manage = st.button(_("Manage billing"), icon=":material/credit_card:", key=f"billing-{own}")
        # Of one that was told to end, Stripe's page asks whether it goes on after all.
        ends = standing is not None and standing.runs_until is not None
        label, icon = (_("Keep this plan"), "undo") if ends else (_("Cancel plan"), "cancel")
        cancel = st.button(label, type="tertiary", icon=f":material/{icon}:", key=f"cancel-{own}")
    if not (manage or cancel):
        return
    try:
        address = portal.open_page(shop, email, purchase.order_id, subscription=name, cancel=cancel)
    except StripeTrouble as error:
        log.warning("billing_not_reached", order=purchase.order_id, code=error.code)
        st.warning(_("We can't reach the billing page right now. Try again in a minute."), icon=":material/error:")
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
    else:
        links.redirect(address, _("Manage billing"))
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
