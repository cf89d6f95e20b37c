import streamlit as st

from core.catalog import products
from core.catalog.prices import introductions
from core.foundation.errors import ShopError, UnknownPrice
from core.journeys import carts
from core.journeys.carts import LineView
from core.journeys.checkout import Item
from core.kinds import offers
from core.kinds.offers import Availability, Offer, PriceTag
from core.kinds.workshops import DateView
from core.languages.sentences import _, ngettext
from core.rights import clauses
from storefront import dates, frame, links, process, sentences, visitor, words
from storefront.goods import product_view
from storefront.paying import as_shown, buy_now, consent_boxes, free_order, prices
from storefront.plans import beginnings
from storefront.workshops import waiting_form

shop = process.shop()


# That the click of this run has put something in the cart.
JUST_PUT = "just-put"


def put_in_cart(offer: Offer, drawn: PriceTag, date: DateView | None) -> None:
    """Put what is chosen into the browser's cart: what was drawn, with the choices as new as the click itself."""
    browser = visitor.browser_id()
    if not browser:
        st.session_state["trouble"] = _(sentences.NO_COOKIES)
        return
    tag, date_id = product_view.chosen_price(offer, drawn), product_view.chosen_date(offer, date)
    quantity = st.session_state.get(f"quantity-{offer.id}", 1)
    try:
        amount = prices.said_amount(offer, tag).amount
        with shop.transaction() as session:
            carts.put(session, browser, tag.id, quantity, date_id=date_id, amount=amount, now=shop.now())
        st.session_state[JUST_PUT] = True
    except UnknownPrice:
        st.session_state["trouble"] = _(as_shown.CHANGED)
    except ShopError as error:
        st.session_state["trouble"] = sentences.of(error)


def draw_buying(
    offer: Offer, date: DateView | None, in_cart: list[LineView], trouble: str, meant: tuple[object, ...]
) -> None:
    """Everything from the price to the button, or why there is none; and what became of the last click, by which the buyer
    `meant` these choices."""
    match offer.availability:
        case Availability.WITHDRAWN if offer.draft:
            st.info(_("This is a draft: nobody but you and your colleagues sees it."), icon=":material/edit_note:")
            return
        case Availability.WITHDRAWN:
            st.info(_("This is no longer for sale."), icon=":material/remove_shopping_cart:")
            return
        case Availability.SOLD_OUT:
            text = _("Every place is taken.") if offer.dates else _("There is no date for this yet.")
            st.warning(trouble or text, icon=":material/event_busy:")
            waiting_form.draw(offer)
            return
    line = next((line for line in in_cart if line.date == date), None)
    tag = product_view.choose_price(offer)
    same_price = line.price.amount if line and line.price.id == tag.id else None
    chosen = prices.choose_amount(offer, tag, same_price)
    if chosen is None:
        return
    tag = chosen
    quantity = product_view.choose_quantity(offer, date, line.quantity if line else 0)
    product_view.draw_price(offer, tag, quantity)
    prices.draw_sale(tag)
    beginnings.draw(offer, tag, tag.amount * quantity, introduction, tried=tried, now=shop.now())
    product_view.draw_tax(tag)
    consent_boxes.draw_business()
    asked = clauses.asked([offer], frame.texts())
    consent_boxes.draw(asked)
    free = tag.is_free
    ready = not free or free_order.draw_address([offer], products.page_path(offer.id))
    with st.container(horizontal=True, gap="small", key="ways-to-buy"):
        draw_button(offer, tag, date, line, as_chosen=line is not None and is_chosen(line, tag, quantity))
        go = ready and buy_now.draw_button(free_order.button() if free else buy_now.button(), first=free)
    drawn = (tag.id, date.id if date else "", quantity)
    gone = any(choice not in (None, now) for choice, now in zip(meant, drawn, strict=True))
    costs = tuple((each.id, each.amount) for each in offer.prices)
    changed = as_shown.is_another(f"product-{offer.id}", costs) or gone
    if go and changed:
        as_shown.explain()
    elif go:
        buy_now.go(
            offer.id,
            Item(tag.id, quantity, date.id if date else "", tag.amount.amount),
            asked,
            st.container(gap="small"),
        )
    if trouble:
        st.warning(trouble, icon=":material/error:")
    elif in_cart:
        st.success("  \n".join(map(described, in_cart)), icon=":material/check_circle:")
    product_view.draw_promises(offer)
    waiting_form.draw(offer)


def draw_button(
    offer: Offer, tag: PriceTag, date: DateView | None, in_cart: LineView | None, *, as_chosen: bool
) -> None:
    """The one thing to do next: put it in the cart, change what is there, or go and pay.

    It is one button all the while, by its key, so that whoever presses it by keyboard stays on it.
    """
    label = _("Go to cart") if as_chosen else _("Change what's in the cart") if in_cart else _("Add to cart")
    pressed = st.button(
        label,
        type="secondary" if tag.is_free and not as_chosen else "primary",
        width="stretch",
        icon=":material/arrow_forward:" if as_chosen else ":material/shopping_bag:",
        key="add",
        on_click=None if as_chosen else put_in_cart,
        args=(offer, tag, date),
    )
    # In the run of the click that put it there, it was another button.
    if pressed and as_chosen and not just_put:
        st.switch_page(links.CART)


def is_chosen(line: LineView, tag: PriceTag, quantity: int) -> bool:
    """Whether the cart holds exactly what is chosen here."""
    return (line.price.id, line.price.amount, line.quantity) == (tag.id, tag.amount, quantity)


def described(line: LineView) -> str:
    """That the cart holds this of it."""
    name = words.plain(line.offer.name)
    if line.offer.max_quantity == 1:
        return _("{name} is in your cart.").format(name=name)
    quantity = words.amount_of(line.offer.kind, line.quantity)
    if line.date:
        said = ngettext(
            "{name}, {quantity} on {day}, is in your cart.",
            "{name}, {quantity} on {day}, are in your cart.",
            line.quantity,
        )
        return said.format(name=name, quantity=quantity, day=dates.of(line.date)[0])
    if line.price.interval:
        said = ngettext(
            "{name}, {quantity}, {each}, is in your cart.",
            "{name}, {quantity}, {each}, are in your cart.",
            line.quantity,
        )
        return said.format(name=name, quantity=quantity, each=words.each(line.price.interval))
    said = ngettext("{name}, {quantity} is in your cart.", "{name}, {quantity} are in your cart.", line.quantity)
    return said.format(name=name, quantity=quantity)


asked_for = products.asked_for(st.query_params.to_dict())
with shop.reading() as session:
    cart = carts.view(session, visitor.browser_id(), now=shop.now())
    in_cart = [line for line in cart.lines if line.offer.id == asked_for]
    # What is in the cart is seen with the places that its own order holds.
    offer = in_cart[0].offer if in_cart else offers.of_product(session, asked_for, now=shop.now())
    introduction = (
        introductions.of(session, offer.terms, livemode=shop.settings.livemode, now=shop.now()) if offer else None
    )
tried = offer is not None and beginnings.has_tried([offer])
trouble = st.session_state.pop("trouble", "")
if offer and offer.draft and not visitor.works_here():
    offer = None
just_put = st.session_state.pop(JUST_PUT, False)

with frame.column(1080):
    if offer is None:
        st.title(_("We can't find that product"), anchor=False)
        st.markdown(_("It may have been renamed or taken off the shelf."))
        links.to(links.SHOP, _("See everything in the shop"), "arrow_back")
        frame.footer()
        st.stop()
    frame.title_bar(offer.name)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        links.to(links.SHOP, _("All products"), "arrow_back")
        frame.phone_links()
    cover, panel = st.columns([7, 5], gap="medium")
    with panel:
        product_view.draw_head(offer)
        meant = product_view.chosen(offer)
        date = product_view.choose_date(offer, {line.date.id for line in in_cart if line.date})
        draw_buying(offer, date, in_cart, trouble, meant)
    with cover:
        product_view.draw_cover(offer, date)
    st.space("small")
    product_view.draw_details(offer)
    frame.footer()
