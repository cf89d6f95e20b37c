"""A product as its page draws it: what it is, what it costs and when it takes place. For buyers, and for whoever writes it."""

from collections.abc import Collection
from html import escape

import streamlit as st

from core.catalog.products import Interval, Kind
from core.foundation.money import Money
from core.kinds.offers import Offer, PriceTag
from core.kinds.workshops import DateView
from core.languages.sentences import _, ngettext
from storefront import amounts, dates, links, pictures, process, words

_BILLING = "billing"
# More prices than these do not stand side by side, and of more dates than these a list would push the button off the page.
_SIDE_BY_SIDE, _LISTED = 3, 10


def draw_head(offer: Offer) -> None:
    """What it is called, and what it is in a sentence."""
    st.title(words.plain(offer.name), anchor=False)
    st.markdown(words.plain(offer.summary))


def draw_cover(offer: Offer, date: DateView | None) -> None:
    """Its picture, with the places of this date in it where it has dots for them."""
    pictures.show(pictures.of_date(offer.picture, date), offer.id, offer.image_alt)


def choose_price(offer: Offer) -> PriceTag:
    """The price, chosen by the buyer where there are several."""
    tags = {tag.id: tag for tag in offer.prices}
    if len(tags) == 1:
        return offer.prices[0]
    named = words.apart(
        {tag.id: _named(tag) for tag in offer.prices}, lambda tag_id: amounts.price(tags[tag_id].amount)
    )
    few = len(tags) <= _SIDE_BY_SIDE
    chosen = (st.segmented_control if few else st.pills)(
        _("Billing") if offer.kind is Kind.PLAN else _("Price"),
        list(tags),
        default=max(offer.prices, key=lambda tag: tag.interval is Interval.YEAR).id,
        format_func=named.__getitem__,
        required=True,
        width="stretch" if few else "content",
        wrap=True,  # in a column they would stand in one line, of which the end is not seen
        key=_BILLING,
    )
    return tags[chosen]


def chosen_price(offer: Offer, drawn: PriceTag) -> PriceTag:
    """The price that is chosen at this moment, which in a callback may be another one than was drawn."""
    chosen = st.session_state.get(_BILLING, drawn.id)
    return next((tag for tag in offer.prices if tag.id == chosen != drawn.id), drawn)


def chosen_date(offer: Offer, drawn: DateView | None) -> str:
    """The id of the date that is chosen at this moment, else that of the one that was drawn, if any."""
    return str(st.session_state.get(_date_key(offer)) or (drawn.id if drawn else ""))


def chosen(offer: Offer) -> tuple[object, ...]:
    """The price, the date and the quantity that are chosen at this moment, before they are drawn; None of each where there is no
    choice. What is drawn may be another one, where that cannot be had any more."""
    return tuple(st.session_state.get(key) for key in (_BILLING, _date_key(offer), f"quantity-{offer.id}"))


def _date_key(offer: Offer) -> str:
    return f"date-{offer.id}"


def _named(tag: PriceTag) -> str:
    """What a price is called beside the others."""
    return words.each(tag.interval).capitalize() if tag.interval else amounts.price(tag.amount)


def choose_quantity(offer: Offer, date: DateView | None, in_cart: int = 0) -> int:
    """How many, where one may have several; at first as many as are `in_cart`."""
    most = min(offer.max_quantity, date.left) if date else offer.max_quantity
    if most <= 1:
        return 1
    label = words.unit(offer.kind)[1].capitalize()
    begin = min(in_cart, most) or 1
    return int(st.number_input(label, 1, most, begin, key=f"quantity-{offer.id}"))


def draw_tax(tag: PriceTag) -> None:
    """Whether the price is all that is paid, where the shop takes tax."""
    if process.shop().settings.tax == "stripe":
        words.quiet(_("Plus tax, by where you live.") if tag.plus_tax else _("Tax is included."))


def draw_price(offer: Offer, tag: PriceTag, quantity: int) -> None:
    """What is to be paid, and what that is for."""
    total = tag.amount * quantity
    if tag.interval is None and not total:
        st.html(f'<p class="sum"><strong>{escape(_("Free"))}</strong></p>')
        return
    if tag.interval is None:
        _draw_sum(_("One payment"), total, before=tag.before * quantity if tag.before else None)
        if quantity > 1:
            words.quiet(_at(offer, tag, quantity))
        return
    _draw_sum(_("You pay"), total, _("per month") if tag.interval is Interval.MONTH else _("per year"))
    each = _at(offer, tag, quantity)
    words.quiet(f"{each} {_saving(offer, tag, quantity)}".strip())


def _at(offer: Offer, tag: PriceTag, quantity: int) -> str:
    """How many, and what each of them costs."""
    price = amounts.price(tag.amount, short=True)
    return _("{quantity} at {price}.").format(quantity=words.amount_of(offer.kind, quantity), price=price)


def _draw_sum(label: str, total: Money, each: str = "", *, before: Money | None = None) -> None:
    """A sum in large figures. st.metric would have every browser fetch what draws its charts."""
    amount = escape(amounts.written(total, short=True))
    if before:
        # The line through it is seen and not heard.
        was = escape(_("Before: {price}").format(price=amounts.written(before, short=True)))
        old = escape(amounts.written(before, short=True))
        amount += f' <s class="before" aria-hidden="true">{old}</s><span class="heard">{was}</span>'
    st.html(
        f'<p class="sum"><span>{label}</span> <strong>{amount}</strong>{f" <small>{each}</small>" if each else ""}</p>'
    )


def _saving(offer: Offer, tag: PriceTag, quantity: int) -> str:
    """What a year in one go saves compared with twelve months."""
    monthly = (each for each in offer.prices if each.interval is Interval.MONTH)
    month = next((each for each in monthly if each.amount.currency == tag.amount.currency), None)
    if tag.interval is not Interval.YEAR or month is None:
        return ""
    saved = (month.amount * 12 - tag.amount) * quantity
    if saved.amount <= 0:
        return ""
    return _("Saves {amount} a year compared with monthly.").format(amount=amounts.price(saved, short=True))


def choose_date(offer: Offer, in_cart: Collection[str] = ()) -> DateView | None:
    """When it takes place, chosen by the buyer where several dates have room, and how many places are gone. At first that date
    is chosen which is `in_cart`."""
    if len(offer.open_dates) < 2:
        date = next(iter(offer.open_dates or offer.dates), None)
        if date:
            day, hours = dates.of(date)
            st.markdown(f":material/event: **{day}**  \n:material/schedule: {words.plain(hours)}")
            _draw_yours(date)
    else:
        date = _choose_among(offer, in_cart)
        _draw_yours(date)
        called = dates.apart(offer.dates, dates.day_of)
        full = [called[each.id] for each in offer.dates if not each.left]
        if full:
            words.quiet(_("Sold out: {dates}").format(dates=words.plain(", ".join(full))))
    if date:
        taken = date.capacity - date.left
        text = _("{taken} of {capacity} places taken").format(taken=taken, capacity=date.capacity)
        st.progress(taken / date.capacity, text=text)
    return date


def _draw_yours(date: DateView) -> None:
    """When it takes place by the clock of whoever looks, if that shows another time."""
    if yours := dates.yours(date.starts_at, date.ends_at, date.timezone):
        words.quiet(words.plain(yours))


def _choose_among(offer: Offer, in_cart: Collection[str]) -> DateView:
    """One of the dates with room: at first that which is in the cart already, else the next."""
    by_id = {date.id: date for date in offer.open_dates}
    first = next((place for place, date_id in enumerate(by_id) if date_id in in_cart), 0)
    if len(by_id) > _LISTED:
        whole = dates.apart(offer.dates, lambda date: ", ".join(dates.of(date)))
        return by_id[
            st.selectbox(_("Date"), list(by_id), index=first, format_func=whole.__getitem__, key=_date_key(offer))
        ]
    # Of all dates: one that sells out meanwhile calls no other by another name.
    called = dates.apart(offer.dates, dates.on_weekday)
    chosen = st.radio(
        _("Date"),
        list(by_id),
        index=first,
        format_func=lambda date_id: words.plain(called[date_id]),
        captions=[f"{words.plain(dates.of(date)[1])} · {_left(date)}" for date in offer.open_dates],
        width="stretch",
        key=_date_key(offer),
    )
    return by_id[chosen]


def _left(date: DateView) -> str:
    """How many places are free."""
    return ngettext("{number} place left", "{number} places left", date.left).format(number=date.left)


def draw_promises(offer: Offer) -> None:
    """What buyers wonder about before they click: nothing, where there is nothing to pay."""
    if all(tag.is_free for tag in offer.prices):
        return
    held = offer.kind is Kind.WORKSHOP
    speed = _("Your place is held while you pay") if held else _("Yours as soon as your payment is through")
    promises = (("lock", _("You pay on Stripe's page, not here")), ("bolt", speed))
    st.markdown("  \n".join(f":gray[:small[:material/{icon}: &nbsp;{text}]]" for icon, text in promises))


def _apart(offer: Offer) -> Money | None:
    """What the parts of a bundle cost by themselves, None where that is not to be told in its currency."""
    if not offer.parts or not offer.prices:
        return None
    currency = offer.prices[0].amount.currency
    each = [[tag.amount for tag in part.prices if tag.amount.currency == currency] for part in offer.parts]
    if not all(each):
        return None
    return sum((min(some, key=lambda amount: amount.amount) for some in each), start=Money(0, currency))


def draw_details(offer: Offer, *, narrow: bool = False) -> None:
    """What one gets, and what others asked before: beside each other, or where it is `narrow` below."""
    about, questions = (st.container(), st.container()) if narrow else st.columns([7, 5], gap="medium")
    with about:
        if offer.description.strip() or offer.parts or offer.gets:
            st.header(_("What you get"), anchor=False)
        st.markdown(offer.description)
        for part in offer.parts:
            links.turn_to(words.plain(part.name), where=f"part-{part.id}", id=part.id)
            st.markdown(words.plain(part.summary))
        if apart := _apart(offer):
            words.quiet(_("Bought one by one they cost {price}.").format(price=amounts.price(apart, short=True)))
        with st.container(key="gets"):
            st.markdown("\n".join(f"- :material/{icon}: &nbsp;{words.plain(text)}" for icon, text in offer.gets))
    with questions:
        if offer.faq:
            st.header(_("Before you buy"), anchor=False)
        for question, answer in offer.faq:
            with st.expander(words.plain(question)):
                st.markdown(words.plain(answer))
