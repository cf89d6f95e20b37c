from datetime import timedelta
from typing import Any

import streamlit as st
import structlog

from core.catalog import introductions
from core.catalog.products import Interval
from core.foundation.errors import PlanHeld, ShopError, StillSettling, StripeTrouble
from core.foundation.money import Money
from core.journeys import carts, checkout, checkout_limits
from core.journeys.carts import CartView, LineView
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import offers
from core.kinds.offers import Availability
from core.rights import clauses
from core.rights.clauses import Asked
from core.traffic import challenges
from storefront import amounts, dates, frame, links, pictures, process, sentences, tiles, visitor, words
from storefront.paying import consent_boxes
from storefront.plans import beginnings

log = structlog.get_logger()
shop = process.shop()
browser = visitor.browser_id()
STAYS_OUT = "This stays out of your payment."


def remove(line: LineView) -> None:
    """Take a line out."""
    with shop.transaction() as session:
        carts.remove(session, browser, line.price.id, date_id=date_id(line))
    st.toast(f"{words.plain(named(line))} removed.", icon=":material/delete:")


def change_quantity(line: LineView) -> None:
    """Take as many of it as the field says."""
    try:
        with shop.transaction() as session:
            quantity = st.session_state[quantity_key(line)]
            carts.put(session, browser, line.price.id, quantity, date_id=date_id(line), now=shop.now())
    except ShopError as error:
        st.session_state["trouble"] = sentences.of(error)


def quantity_key(line: LineView) -> str:
    return f"quantity-in-cart-{line.key}"


def date_id(line: LineView) -> str:
    return line.date.id if line.date else ""


def named(line: LineView) -> str:
    """What a line is called beside others: two of a workshop differ in their dates."""
    return line.offer.name + (f", {dates.day_of(line.date)}" if line.date else "")


def left_out(line: LineView) -> str:
    """Why a line cannot be paid, or an empty string."""
    if line.availability is Availability.SOLD_OUT:
        return "Sold out" if line.date and line.date.bookable else "This date can't be booked any more"
    if line.availability is Availability.WITHDRAWN:
        return "No longer for sale"
    if line.price.id not in {tag.id for tag in line.offer.prices}:
        return "Its price has changed"
    return ""


def draw_line(line: LineView, cart: CartView) -> None:
    """One line: what, how many, how much."""
    reason = left_out(line)
    with st.container(border=True, horizontal=True, gap="small", vertical_alignment="top"):
        pictures.show(pictures.of_date(line.offer.thumb, line.date), f"in-cart-{line.key}", width=72)
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{words.plain(line.offer.name)}**")
            if reason:
                st.markdown(f":orange-badge[:material/remove_shopping_cart: {reason}]")
                words.quiet(f"{described(line)}. {STAYS_OUT}" if line.date else STAYS_OUT)
                if line.offer.open_dates:
                    links.to(links.PRODUCT, "See other dates", "event", where=f"line-{line.key}", p=line.offer.id)
            else:
                words.quiet(described(line))
                if line.date and line.quantity > line.date.left:
                    few = words.count(line.date.left, "place is", "places are")
                    st.markdown(f":orange-badge[:material/warning: Only {few} left on this date]")
            draw_controls(line, cart, fixed=bool(reason))
        st.markdown(
            f":gray[~~{amounts.price(line.total)}~~]" if reason else f"**{amounts.price(line.total)}**", width="content"
        )


def draw_controls(line: LineView, cart: CartView, *, fixed: bool) -> None:
    """How many, where one may have several, and the way out."""
    most = min(line.offer.max_quantity, line.date.left) if line.date else line.offer.max_quantity
    alone = sum(other.offer.id == line.offer.id for other in cart.lines) == 1
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if line.offer.max_quantity > 1 and not fixed:
            st.number_input(
                f"{words.unit(line.offer.kind)[1].capitalize()} of {line.offer.name if alone else named(line)}",
                1, max(most, line.quantity), line.quantity, key=quantity_key(line),
                on_change=change_quantity, args=(line,), label_visibility="collapsed", width=124,
            )  # fmt: skip
        what = dates.day_of(line.date) if line.date else line.offer.name
        st.button(f"Remove {what}", key=f"remove-{line.key}", type="tertiary", on_click=remove, args=(line,))


def described(line: LineView) -> str:
    """What a line is about, below its name."""
    each = amounts.price(line.price.amount, short=True)
    if line.price.interval:
        return f"{words.amount_of(line.offer.kind, line.quantity)} at {each}, billed {words.EACH[line.price.interval]}"
    if line.date:
        day, hours = dates.of(line.date)
        return f"{words.amount_of(line.offer.kind, line.quantity)}, {day}, {words.plain(hours)}"
    if line.quantity > 1:
        return f"{words.amount_of(line.offer.kind, line.quantity)} at {each}"
    return words.plain(line.offer.facts)


def later(lines: list[LineView]) -> str:
    """What will be charged after today, or an empty string."""
    billed = {each: [line for line in lines if line.price.interval is each] for each in Interval}
    parts = [f"{total_of(some)} every {each}" for each, some in billed.items() if some]
    days = beginnings.trial_of(lines)
    begins = f" from {dates.day(shop.now() + timedelta(days=days))} on" if days else ""
    return f"Then {' and '.join(parts)}{begins}, until you cancel." if parts else ""


def today(lines: list[LineView]) -> str:
    """What is charged now: of a plan that is tried first, nothing."""
    free = [line for line in lines if line.price.interval] if beginnings.trial_of(lines) else []
    charged = [line for line in lines if line not in free]
    return total_of(charged) if charged else amounts.price(Money(0, lines[0].total.currency))


def total_of(lines: list[LineView]) -> str:
    """What the lines cost together, currency by currency."""
    sums: dict[str, Money] = {}
    for line in lines:
        sums[line.total.currency] = line.total + sums.get(line.total.currency, Money(0, line.total.currency))
    return " and ".join(amounts.price(amount) for amount in sums.values())


def draw_summary(lines: list[LineView], asked: tuple[Asked, ...]) -> tuple[bool, Any]:
    """The sum, what is to be agreed to and the button; returns whether it was clicked, and where to say what comes of it."""
    with frame.card("summary", gap="small"):
        st.header("Summary", anchor=False)
        with st.container(gap="xxsmall"):
            for line in lines:
                amounts.pair(words.plain(named(line)), amounts.price(line.total))
        amounts.pair("Today", today(lines), strong=True)
        if days := beginnings.trial_of(lines):
            words.quiet(f"Your plan is free for {words.count(days, 'day', 'days')}: cancel before and you pay nothing.")
        if then := later(lines):
            words.quiet(then)
        draw_introduction(lines)
        draw_tax(lines)
        consent_boxes.draw(asked)
        go = st.button("Go to payment", type="primary", width="stretch", icon=":material/lock:", key="pay")
        below = st.container(gap="small")
        words.quiet("You pay on Stripe's page. We never see your card number. Discount codes are entered there.")
    return go, below


def draw_introduction(lines: list[LineView]) -> None:
    """What the first plan among these costs with its introductory code, where nothing else would cost less by that as well."""
    plan = next((line for line in lines if line.price.interval), None)
    if (
        plan
        and len(lines) == 1
        and introduction
        and (said := beginnings.introduction(introduction, plan.price, plan.total))
    ):
        st.markdown(f":material/sell: {said}")


def draw_tax(lines: list[LineView]) -> None:
    """Whether tax is in the sum, and for whom it is bought, where that makes a difference."""
    if shop.settings.tax == "stripe":
        on_top = any(line.price.plus_tax for line in lines)
        words.quiet("Tax is added on Stripe's page, by where you live." if on_top else "Tax is included.")
    consent_boxes.draw_business()


def pay(cart: CartView, lines: list[LineView], asked: tuple[Asked, ...]) -> PaymentLink:
    """Open the payment page for what can be paid. Raises what `checkout.start` raises."""
    items = tuple(Item(line.price.id, line.quantity, date_id(line)) for line in lines)
    # Whoever was told that they have this plan, or that an earlier payment is still settling, and clicks again, means it.
    again = st.session_state.get("warned") == cart.id
    signed_in = visitor.signed_in() or ""
    try:
        business = consent_boxes.for_business()
        basket = Basket(
            cart.id,
            items,
            browser_id=browser,
            signed_in=signed_in,
            again=again,
            business=business,
            consents=consent_boxes.agreed(asked),
            person=visitor.reference(),
        )
        checkout_limits.admit(shop, basket, visitor.sender())
        return checkout.start(shop, basket)
    except (StillSettling, PlanHeld):
        st.session_state.warned = cart.id
        raise


def draw_empty() -> None:
    """Something to begin with."""
    st.title("Your cart is empty", anchor=False)
    if not browser:
        st.warning(sentences.NO_COOKIES, icon=":material/cookie_off:")
    with shop.reading() as session:
        first = [
            offer for offer in offers.shelf(session, now=shop.now()) if offer.availability is Availability.ON_SALE
        ][:3]
    if first:
        st.markdown("Most people start with one of these.")
        with st.grid(3, min_column_width=250, gap=(44, 32)):
            for offer in first:
                tiles.tile(offer)


with shop.reading() as session:
    cart = carts.view(session, browser, now=shop.now())
    terms = next((line.offer.terms for line in cart.lines if line.price.interval), {})
    introduction = introductions.of(session, terms, livemode=shop.settings.livemode, now=shop.now())
trouble = st.session_state.pop("trouble", "")

with frame.column(1080):
    frame.phone_links()
    if not cart.lines:
        draw_empty()
        frame.footer()
        st.stop()
    st.title("Your cart", anchor=False)
    if trouble:
        st.warning(trouble, icon=":material/error:")
    payable = [line for line in cart.lines if not left_out(line)]
    in_cart, summary = st.columns([7, 5], gap="medium")
    with in_cart:
        for line in cart.lines:
            draw_line(line, cart)
    if not payable:
        with summary, frame.card("summary", gap="small"):
            st.header("Nothing to pay", anchor=False)
            st.markdown("Nothing in your cart can be bought right now. Remove it, or come back later.")
            links.to(links.SHOP, "Back to the shop", "arrow_back")
        frame.footer()
        st.stop()
    asked = clauses.asked([line.offer for line in payable], frame.texts())
    with summary:
        go, below = draw_summary(payable, asked)
    with st.container(key="phone-pay", gap="small"):
        below_on_phone = st.container(gap="small")
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{today(payable)}** today", width="content")
            go |= st.button("Go to payment", type="primary", icon=":material/lock:", key="pay-phone")
    if go and consent_boxes.lacking(asked):
        for place in (below, below_on_phone):
            with place:
                consent_boxes.explain_lacking()
    elif go:
        try:
            with below, st.spinner("Opening Stripe's payment page…"):
                link = pay(cart, payable, asked)
            with below:
                links.redirect(challenges.way_to(shop, link.url), "Open the payment page")
        except ShopError as error:
            if isinstance(error, StripeTrouble):
                log.warning("checkout_not_opened", cart=cart.id, error=type(error).__name__, code=error.code)
            for where, place in (("summary", below), ("phone", below_on_phone)):
                with place:
                    sentences.explain(error, where=where)
    frame.footer()
    st.space("medium")  # keeps the footer clear of the bar on phones
