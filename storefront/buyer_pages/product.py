import streamlit as st

from core.catalog.products import Interval, Kind
from core.foundation.errors import ShopError
from core.journeys import carts
from core.journeys.carts import LineView
from core.kinds import offers
from core.kinds.offers import Availability, Offer, PriceTag
from core.kinds.workshops import DateView
from storefront import amounts, dates, frame, links, pictures, process, sentences, visitor, words

shop = process.shop()


def put_in_cart(price_id: str, product_id: str, date_id: str) -> None:
    """Put what is chosen into the browser's cart."""
    browser = visitor.browser_id()
    if not browser:
        st.session_state["trouble"] = sentences.NO_COOKIES
        return
    try:
        with shop.transaction() as session:
            quantity = st.session_state.get(f"quantity-{product_id}", 1)
            carts.put(session, browser, price_id, quantity, date_id=date_id, now=shop.now())
    except ShopError as error:
        st.session_state["trouble"] = sentences.of(error)


def choose_price(offer: Offer) -> PriceTag:
    """The price, chosen by the buyer where there are several."""
    tags = {tag.id: tag for tag in offer.prices}
    if len(tags) == 1:
        return offer.prices[0]
    chosen = st.segmented_control(
        "Billing" if offer.kind is Kind.PLAN else "Price",
        list(tags),
        default=max(offer.prices, key=lambda tag: tag.interval is Interval.YEAR).id,
        format_func=lambda tag_id: named(tags[tag_id]),
        required=True,
        width="stretch",
        key="billing",
    )
    return tags[chosen]


def named(tag: PriceTag) -> str:
    """What a price is called beside the others."""
    return words.EACH[tag.interval].capitalize() if tag.interval else amounts.price(tag.amount)


def choose_quantity(offer: Offer, date: DateView | None, in_cart: LineView | None) -> int:
    """How many, where one may have several."""
    most = min(offer.max_quantity, date.left) if date else offer.max_quantity
    if most <= 1:
        return 1
    label = words.unit(offer.kind)[1].capitalize()
    begin = min(in_cart.quantity, most) if in_cart else 1
    return int(st.number_input(label, 1, most, begin, key=f"quantity-{offer.id}"))


def draw_price(offer: Offer, tag: PriceTag, quantity: int) -> None:
    """What is to be paid, and what that is for."""
    total = tag.amount * quantity
    if tag.interval is None:
        st.metric("One payment", amounts.price(total, short=True))
        if quantity > 1:
            words.quiet(f"{words.amount_of(offer.kind, quantity)} at {amounts.price(tag.amount, short=True)}.")
        return
    st.metric("You pay", f"{amounts.price(total, short=True)} :small[per {tag.interval}]")
    each = f"{words.amount_of(offer.kind, quantity)} at {amounts.price(tag.amount, short=True)}."
    words.quiet(f"{each} {saving(offer, tag, quantity)}".strip())


def saving(offer: Offer, tag: PriceTag, quantity: int) -> str:
    """What a year in one go saves compared with twelve months."""
    month = next((each for each in offer.prices if each.interval is Interval.MONTH), None)
    if tag.interval is not Interval.YEAR or month is None or month.amount.currency != tag.amount.currency:
        return ""
    saved = (month.amount * 12 - tag.amount) * quantity
    return f"Saves {amounts.price(saved, short=True)} a year compared with monthly." if saved.amount > 0 else ""


def choose_date(offer: Offer, in_cart: list[LineView]) -> DateView | None:
    """When it takes place, chosen by the buyer where several dates have room, and how many places are gone."""
    if len(offer.open_dates) < 2:
        date = next(iter(offer.open_dates or offer.dates), None)
        if date:
            day, hours = dates.of(date)
            st.markdown(f":material/event: **{day}**  \n:material/schedule: {words.plain(hours)}")
    else:
        date = choose_among(offer, {line.date.id for line in in_cart if line.date})
        full = [dates.day_of(each) for each in offer.dates if not each.left]
        if full:
            words.quiet(f"Sold out: {', '.join(full)}")
    if date:
        taken = date.capacity - date.left
        st.progress(taken / date.capacity, text=f"{taken} of {date.capacity} places taken")
    return date


def choose_among(offer: Offer, in_cart: set[str]) -> DateView:
    """One of the dates with room: at first that which is in the cart already, else the next."""
    by_id = {date.id: date for date in offer.open_dates}
    first = next((place for place, date_id in enumerate(by_id) if date_id in in_cart), 0)
    chosen = st.radio(
        "Date",
        list(by_id),
        index=first,
        format_func=lambda date_id: dates.of(by_id[date_id])[0],
        captions=[f"{words.plain(dates.of(date)[1])} · {left(date)}" for date in offer.open_dates],
        width="stretch",
        key=f"date-{offer.id}",
    )
    return by_id[chosen]


def left(date: DateView) -> str:
    """How many places are free."""
    return f"{words.count(date.left, 'place', 'places')} left"


def draw_buying(offer: Offer, date: DateView | None, in_cart: list[LineView], trouble: str) -> None:
    """Everything from the price to the button, or why there is none; and what became of the last click."""
    match offer.availability:
        case Availability.WITHDRAWN:
            st.info("This is no longer for sale.", icon=":material/remove_shopping_cart:")
            return
        case Availability.SOLD_OUT:
            text = "Every place is taken." if offer.dates else "There is no date for this yet."
            st.warning(trouble or text, icon=":material/event_busy:")
            return
    line = next((line for line in in_cart if line.date == date), None)
    tag = choose_price(offer)
    quantity = choose_quantity(offer, date, line)
    draw_price(offer, tag, quantity)
    draw_button(offer, tag, date, line, as_chosen=line is not None and is_chosen(line, tag, quantity))
    if trouble:
        st.warning(trouble, icon=":material/error:")
    elif in_cart:
        st.success("  \n".join(f"{described(each)} in your cart." for each in in_cart), icon=":material/check_circle:")
    draw_promises(offer)


def draw_button(
    offer: Offer, tag: PriceTag, date: DateView | None, in_cart: LineView | None, *, as_chosen: bool
) -> None:
    """The one thing to do next: put it in the cart, change what is there, or go and pay."""
    if as_chosen:
        if st.button("Go to cart", type="primary", width="stretch", icon=":material/arrow_forward:", key="go-to-cart"):
            st.switch_page(links.CART)
        return
    st.button(
        "Change what's in the cart" if in_cart else "Add to cart",
        type="primary",
        width="stretch",
        icon=":material/shopping_bag:",
        key="add",
        on_click=put_in_cart,
        args=(tag.id, offer.id, date.id if date else ""),
    )


def is_chosen(line: LineView, tag: PriceTag, quantity: int) -> bool:
    """Whether the cart holds exactly what is chosen here."""
    return line.price.id == tag.id and line.quantity == quantity


def described(line: LineView) -> str:
    """What the cart holds of it."""
    name = words.plain(line.offer.name)
    if line.offer.max_quantity == 1:
        return f"{name} is"
    each = f", {words.EACH[line.price.interval]}," if line.price.interval else ""
    each = f" on {dates.of(line.date)[0]}," if line.date else each
    return f"{name}, {words.amount_of(line.offer.kind, line.quantity)}{each} {'is' if line.quantity == 1 else 'are'}"


def draw_promises(offer: Offer) -> None:
    """What buyers wonder about before they click."""
    speed = "Your place is held while you pay" if offer.kind is Kind.WORKSHOP else "Yours within seconds of paying"
    promises = (("lock", "You pay on Stripe's page, not here"), ("bolt", speed))
    st.markdown("  \n".join(f":gray[:small[:material/{icon}: &nbsp;{text}]]" for icon, text in promises))


def draw_details(offer: Offer) -> None:
    """What one gets, and what others asked before."""
    about, questions = st.columns([7, 5], gap="medium")
    with about:
        st.header("What you get", anchor=False)
        st.markdown(offer.description)
        st.markdown("  \n".join(f":material/{icon}: &nbsp;{words.plain(text)}" for icon, text in offer.gets))
    with questions:
        if offer.faq:
            st.header("Before you buy", anchor=False)
        for question, answer in offer.faq:
            with st.expander(words.plain(question)):
                st.markdown(words.plain(answer))


asked_for = st.query_params.get("p", "")
with shop.reading() as session:
    cart = carts.view(session, visitor.browser_id(), now=shop.now())
    in_cart = [line for line in cart.lines if line.offer.id == asked_for]
    # What is in the cart is seen with the places that its own order holds.
    offer = in_cart[0].offer if in_cart else offers.of_product(session, asked_for, now=shop.now())
trouble = st.session_state.pop("trouble", "")

with frame.column(1080):
    if offer is None:
        st.title("We can't find that product", anchor=False)
        st.markdown("It may have been renamed or taken off the shelf.")
        links.to(links.SHOP, "See everything in the shop", "arrow_back")
        frame.footer()
        st.stop()
    frame.title_bar(offer.name)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        links.to(links.SHOP, "All products", "arrow_back")
        frame.phone_cart()
    cover, panel = st.columns([7, 5], gap="medium")
    with panel:
        st.title(words.plain(offer.name), anchor=False)
        st.markdown(words.plain(offer.summary))
        date = choose_date(offer, in_cart)
        draw_buying(offer, date, in_cart, trouble)
    with cover:
        pictures.show(pictures.of_date(offer.image, date), offer.id, offer.image_alt)
    st.space("small")
    draw_details(offer)
    frame.footer()
