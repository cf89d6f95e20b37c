from datetime import timedelta
from typing import Any

import streamlit as st
import structlog

from core.catalog.prices import introductions
from core.catalog.products import Interval
from core.foundation.errors import PlanHeld, ShopError, StillSettling, StripeTrouble, TrialUsed
from core.foundation.money import Money
from core.journeys import carts, checkout_limits
from core.journeys.carts import CartView, LineView
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import offers
from core.kinds.offers import Availability
from core.languages.sentences import _, ngettext
from core.people import purchases
from core.rights import clauses
from core.rights.clauses import Asked
from storefront import amounts, dates, frame, links, pictures, process, sentences, visitor, words
from storefront.goods import tiles
from storefront.paying import as_shown, buy_now, consent_boxes, free_order, prices
from storefront.plans import beginnings

log = structlog.get_logger()
shop = process.shop()
browser = visitor.browser_id()
# So long an empty cart leads to what became of it.
JUST_NOW = timedelta(hours=2)
# Under which name it is remembered what the page showed.
PLACE = "cart"


def remove(line: LineView) -> None:
    """Take a line out."""
    with shop.transaction() as session:
        carts.remove(session, browser, line.price.id, date_id=date_id(line))
    st.toast(_("{name} removed.").format(name=words.plain(named(line))), icon=":material/delete:")


def change_quantity(line: LineView) -> None:
    """Take as many of it as the field says."""
    as_shown.let_change(PLACE)
    try:
        with shop.transaction() as session:
            quantity = st.session_state[quantity_key(line)]
            amount = line.price.amount.amount
            carts.put(session, browser, line.price.id, quantity, date_id=date_id(line), amount=amount, now=shop.now())
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
        return _("Sold out") if line.date and line.date.bookable else _("This date can't be booked any more")
    if line.availability is Availability.WITHDRAWN:
        return _("No longer for sale")
    if line.price.id not in {tag.id for tag in line.offer.prices}:
        return _("Its price has changed")
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
                stays_out = _("This stays out of your payment.")
                words.quiet(f"{described(line)}. {stays_out}" if line.date else stays_out)
                if line.offer.open_dates:
                    links.to(links.PRODUCT, _("See other dates"), "event", where=f"line-{line.key}", id=line.offer.id)
            else:
                words.quiet(described(line))
                prices.draw_change(line)
                if line.date and line.quantity > line.date.left:
                    left = line.date.left
                    few = ngettext(
                        "Only {number} place is left on this date", "Only {number} places are left on this date", left
                    ).format(number=left)
                    st.markdown(f":orange-badge[:material/warning: {few}]")
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
            # Another tab may have changed it: what is charged is what the cart holds.
            frame.follow(quantity_key(line), line.quantity)
            st.number_input(
                _("{units} of {name}").format(
                    units=words.unit(line.offer.kind)[1].capitalize(), name=line.offer.name if alone else named(line)
                ),
                1, max(most, line.quantity), key=quantity_key(line),
                on_change=change_quantity, args=(line,), label_visibility="collapsed", width=124,
            )  # fmt: skip
        what = dates.day_of(line.date) if line.date else words.plain(line.offer.name)
        st.button(
            _("Remove {what}").format(what=what),
            key=f"remove-{line.key}",
            type="tertiary",
            on_click=remove,
            args=(line,),
        )


def described(line: LineView) -> str:
    """What a line is about, below its name."""
    each = amounts.price(line.price.amount, short=True)
    if line.price.interval:
        quantity = words.amount_of(line.offer.kind, line.quantity)
        often = words.each(line.price.interval)
        return _("{quantity} at {price}, billed {often}").format(quantity=quantity, price=each, often=often)
    if line.date:
        day, hours = dates.of(line.date)
        return f"{words.amount_of(line.offer.kind, line.quantity)}, {day}, {words.plain(hours)}"
    if line.quantity > 1:
        quantity = words.amount_of(line.offer.kind, line.quantity)
        return _("{quantity} at {price}").format(quantity=quantity, price=each)
    return words.plain(line.offer.facts)


def later(lines: list[LineView]) -> str:
    """What will be charged after today, or an empty string."""
    billed = {each: [line for line in lines if line.price.interval is each] for each in Interval}
    every = {Interval.MONTH: _("{amount} every month"), Interval.YEAR: _("{amount} every year")}
    parts = [every[each].format(amount=total_of(some)) for each, some in billed.items() if some]
    if not parts:
        return ""
    what, days = _(" and ").join(parts), trial_of(lines)
    if not days:
        return _("Then {what}, until you cancel.").format(what=what)
    day = dates.day(shop.now() + timedelta(days=days))
    return _("Then {what} from {day} on, until you cancel.").format(what=what, day=day)


def trial_of(lines: list[LineView]) -> int:
    """For how many days nothing is charged for the plans among these lines."""
    return 0 if tried else beginnings.trial_of(lines)


def today(lines: list[LineView]) -> str:
    """What is charged now: of a plan that is tried first, nothing."""
    free = [line for line in lines if line.price.interval] if trial_of(lines) else []
    charged = [line for line in lines if line not in free]
    return total_of(charged) if charged else amounts.price(Money(0, lines[0].total.currency))


def total_of(lines: list[LineView]) -> str:
    """What the lines cost together, currency by currency."""
    sums: dict[str, Money] = {}
    for line in lines:
        sums[line.total.currency] = line.total + sums.get(line.total.currency, Money(0, line.total.currency))
    return _(" and ").join(amounts.price(amount) for amount in sums.values())


def free_for(days: int, plans: int) -> str:
    """How long so many plans cost nothing."""
    said = (
        ngettext(
            "Your plan is free for {number} day: cancel before and you pay nothing.",
            "Your plan is free for {number} days: cancel before and you pay nothing.",
            days,
        )
        if plans < 2
        else ngettext(
            "Your plans are free for {number} day: cancel before and you pay nothing.",
            "Your plans are free for {number} days: cancel before and you pay nothing.",
            days,
        )
    )
    return said.format(number=days)


def draw_summary(lines: list[LineView], asked: tuple[Asked, ...]) -> tuple[bool, Any]:
    """The sum, what is to be agreed to and the button; returns whether it was clicked, and where to say what comes of it."""
    with frame.card("summary", gap="small"):
        st.header(_("Summary"), anchor=False)
        with st.container(gap="xxsmall"):
            for line in lines:
                amounts.pair(words.plain(named(line)), amounts.price(line.total))
        amounts.pair(_("Today"), today(lines), strong=True)
        if days := trial_of(lines):
            words.quiet(free_for(days, sum(line.price.interval is not None for line in lines)))
        if then := later(lines):
            words.quiet(then)
        introduced = introduces(lines)
        if introduced:
            st.markdown(f":material/sell: {introduced}")
        draw_tax(lines)
        consent_boxes.draw(asked)
        free = is_free(lines)
        ready = not free or free_order.draw_address([line.offer for line in lines], "/cart")
        label = free_order.button() if free else _("Go to payment")
        go = ready and st.button(label, type="primary", width="stretch", icon=":material/lock:", key="pay")
        below = st.container(gap="small")
        if not free:
            words.quiet(
                # Stripe takes one code.
                _("You pay on Stripe's page. We never see your card number.")
                if introduced
                else _("You pay on Stripe's page. We never see your card number. Promotion codes are entered there.")
            )
    return go, below


def is_free(lines: list[LineView]) -> bool:
    """Whether nothing is to be paid for these, now or later."""
    return not any(line.total or line.price.interval for line in lines)


def introduces(lines: list[LineView]) -> str:
    """What the plan costs with its introductory code, where it is bought alone; empty where nothing is taken off that way."""
    if introduction is None or len(lines) != 1 or not lines[0].price.interval:
        return ""
    return beginnings.introduction(introduction, lines[0].price, lines[0].total)


def draw_tax(lines: list[LineView]) -> None:
    """Whether tax is in the sum, and for whom it is bought, where that makes a difference."""
    if shop.settings.tax == "stripe":
        on_top = any(line.price.plus_tax for line in lines)
        words.quiet(_("Tax is added on Stripe's page, by where you live.") if on_top else _("Tax is included."))
    consent_boxes.draw_business()


def pay(cart: CartView, lines: list[LineView], asked: tuple[Asked, ...]) -> PaymentLink:
    """Open the payment page for what can be paid. Raises what `checkout.start` raises."""
    items = tuple(Item(line.price.id, line.quantity, date_id(line), line.price.amount.amount) for line in lines)
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
            email=free_order.address() if is_free(lines) else "",
            pageless=True,
        )
        return checkout_limits.start(shop, basket, visitor.sender())
    except (StillSettling, PlanHeld, TrialUsed):
        st.session_state.warned = cart.id
        raise


def draw_empty() -> None:
    """What was just bought, since it may have been this cart in another tab, and something to begin with."""
    st.title(_("Your cart is empty"), anchor=False)
    if not browser:
        st.warning(_(sentences.NO_COOKIES), icon=":material/cookie_off:")
    with shop.reading() as session:
        bought = purchases.newest_here(session, browser, since=shop.now() - JUST_NOW)
        first = [
            offer for offer in offers.shelf(session, now=shop.now()) if offer.availability is Availability.ON_SALE
        ][:3]
    if bought:
        links.to(links.BOUGHT, _("See what you just bought"), "receipt_long", id=bought)
    if first:
        st.markdown(_("Most people start with one of these."))
        with st.grid(3, min_column_width=250, gap=(44, 32)):
            for offer in first:
                tiles.tile(offer)


with shop.reading() as session:
    cart = carts.view(session, browser, now=shop.now())
    terms = next((line.offer.terms for line in cart.lines if line.price.interval), {})
    introduction = introductions.of(session, terms, livemode=shop.settings.livemode, now=shop.now())
tried = beginnings.has_tried(line.offer for line in cart.lines if line.price.interval)
trouble = st.session_state.pop("trouble", "")

with frame.column(1080):
    frame.phone_links()
    if not cart.lines:
        draw_empty()
        frame.footer()
        st.stop()
    st.title(_("Your cart"), anchor=False)
    if trouble:
        st.warning(trouble, icon=":material/error:")
    payable = [line for line in cart.lines if not left_out(line)]
    in_cart, summary = st.columns([7, 5], gap="medium")
    with in_cart:
        for line in cart.lines:
            draw_line(line, cart)
    if not payable:
        with summary, frame.card("summary", gap="small"):
            st.header(_("Nothing to pay"), anchor=False)
            st.markdown(_("Nothing in your cart can be bought right now. Remove it, or come back later."))
            links.to(links.SHOP, _("Back to the shop"), "arrow_back")
        frame.footer()
        st.stop()
    asked = clauses.asked([line.offer for line in payable], frame.texts())
    with summary:
        go, below = draw_summary(payable, asked)
    with st.container(key="phone-pay", gap="small"):
        below_on_phone = st.container(gap="small")
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(_("**{amount}** today").format(amount=today(payable)), width="content")
            if not is_free(payable):
                go |= st.button(_("Go to payment"), type="primary", icon=":material/lock:", key="pay-phone")
    shown = tuple((line.key, line.quantity, line.total, left_out(line)) for line in cart.lines)
    if as_shown.is_another(PLACE, shown) and go:
        for place in (below, below_on_phone):
            with place:
                as_shown.explain()
    elif go and consent_boxes.lacking(asked):
        for place in (below, below_on_phone):
            with place:
                consent_boxes.explain_lacking()
    elif go:
        try:
            with below, st.spinner(_("Opening Stripe's payment page…")):
                link = pay(cart, payable, asked)
            with below:
                buy_now.leave_for(link)
        except ShopError as error:
            if isinstance(error, StripeTrouble):
                log.warning("checkout_not_opened", cart=cart.id, error=type(error).__name__, code=error.code)
            for where, place in (("summary", below), ("phone", below_on_phone)):
                with place:
                    sentences.explain(error, where=where)
    frame.footer()
    st.space("medium")  # keeps the footer clear of the bar on phones
