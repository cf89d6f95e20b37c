"""The form that buys one product, in plain HTML: on the product's page, and behind a link that leads straight to the payment page.

It is sent to the sidecar, which checks all of it: a link may say whatever it likes, and to open it orders nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from core.catalog import products
from core.catalog.prices.introductions import Introduction
from core.catalog.products import Kind
from core.foundation.errors import AmountUnclear
from core.foundation.money import Money
from core.kinds.offers import Availability, Offer, PriceTag
from core.kinds.workshops import DateView
from core.languages.sentences import _, ngettext
from core.rights import clauses
from storefront import dates, words

# Where the form goes: the sidecar, which this process serves as well.
_BUY = "/api/checkout/form"
# As long as any name of a price, a date or a code may be.
_LONGEST = 161
# A field that nobody sees: what fills it in is no person.
_TRAP = (
    '<p class="trap" aria-hidden="true"><label>Website '
    '<input type="text" name="website" value="" tabindex="-1" autocomplete="off"></label></p>'
)


@dataclass(frozen=True)
class Link:
    """What a link asks for, as it stands there: nothing of it is checked."""

    price: str = ""
    quantity: str = ""
    date: str = ""
    code: str = ""
    amount: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Link":
        """What the query of an address asks for."""
        return cls(**{name: query.get(name, "").strip()[:_LONGEST] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class _Wanted:
    """What a link comes to, and in `notes` what of it does not hold. `said` is what it says that is paid, where buyers may."""

    tag: PriceTag
    quantity: int
    date: DateView | None
    notes: tuple[str, ...]
    said: Money | None = None

    @property
    def total(self) -> Money:
        return (self.said or self.tag.amount) * self.quantity


def drawn(offer: Offer, texts: Mapping[str, str]) -> str:
    """The form of a product's page, or why there is none."""
    match offer.availability:
        case Availability.WITHDRAWN:
            return tag_of("p", _("This is no longer for sale."))
        case Availability.SOLD_OUT:
            return tag_of("p", _("Every place is taken.") if offer.dates else _("There is no date for this yet."))
    return (
        f'<form method="post" action="{_BUY}"><input type="hidden" name="product" value="{escape(offer.id)}">'
        f"{_dates(offer)}{_prices(offer)}{_quantity(offer)}{_consents(offer, texts)}{_address(offer.prices)}{_TRAP}<p>"
        f"<button>{escape(_label(offer.prices, _('Buy now')))}</button>"
        f'<button name="then" value="cart" formnovalidate>{escape(_("Add to cart"))}</button></p>{_how(offer.prices)}</form>'
    )


def _all_free(tags: Sequence[PriceTag]) -> bool:
    return all(tag.is_free and tag.least is None for tag in tags)


def _label(tags: Sequence[PriceTag], otherwise: str) -> str:
    return _("Get it free") if _all_free(tags) else otherwise


def _address(tags: Sequence[PriceTag]) -> str:
    """Where what costs nothing goes, or may be had for nothing."""
    if not any(tag.is_free or tag.least == Money(0, tag.amount.currency) for tag in tags):
        return ""
    required = " required" if _all_free(tags) else ""
    field = f'<input type="email" name="email" autocomplete="email" maxlength="254"{required}>'
    return f"<p><label>{escape(_('Your email'))} {field}</label></p>"


def _how(tags: Sequence[PriceTag]) -> str:
    return "" if _all_free(tags) else _quiet(_("You pay on Stripe’s page, not here."))


def page(offer: Offer, texts: Mapping[str, str], link: Link, code: Introduction | None) -> str:
    """What a link leads to: what is bought for how much, and the one button that goes on to pay for it. `code` is what the code of
    the link takes off, or the one that a plan is begun with; None where that is nothing that is known here."""
    wanted = _wanted(offer, link)
    total = wanted.total
    less = code.left_of(total) if code else None
    notes = [*wanted.notes]
    is_links = code is not None and code.code.casefold() == link.code.casefold()
    is_free = not total and not wanted.tag.interval
    if link.code and (is_free or (less not in (None, total) and not is_links)):
        # Where the plan's own is taken off, the payment page has no field for another; what is free has no such page.
        notes.append(
            _("The code {code} isn't one that takes something off this, or it has ended.").format(code=link.code)
        )
    elif link.code and less in (None, total):
        notes.append(
            _(
                "The code {code} isn't one that takes something off this, or it has ended. If you think it should, type it on the"
                " payment page."
            ).format(code=link.code)
        )
    if less in (None, total) or not (is_links or wanted.tag.interval):
        code = None
    # The one that a plan is begun with is found again, and given up where this buyer may not use it.
    named = code.code if code and is_links else ""
    said = "".join(f'<p role="status">{escape(note)}</p>' for note in notes)
    fields = {
        "product": offer.id,
        "price": wanted.tag.id,
        "quantity": wanted.quantity,
        "code": named,
    }
    if wanted.date:
        fields["date"] = wanted.date.id
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(str(value))}">' for name, value in fields.items()
    )
    return (
        f'<div class="text">{tag_of("h1", offer.name)}{tag_of("p", offer.summary)}{said}'
        f'<form method="post" action="{_BUY}">{hidden}{_date_of(offer, wanted)}{_cost(offer, wanted, less, code, named)}'
        f"{_consents(offer, texts)}{_address([wanted.tag])}{_TRAP}"
        f"<p><button>{escape(_label([wanted.tag], _('Go to payment')))}</button></p>{_how([wanted.tag])}</form>"
        f'<p><a href="{escape(products.page_path(offer.id))}">{escape(_("See more about it first"))}</a></p></div>'
    )


def _wanted(offer: Offer, link: Link) -> _Wanted:
    notes = []
    tag = next((each for each in offer.prices if each.id == link.price), None)
    if link.price and tag is None:
        notes.append(_("The price that this link names isn't offered any more. This is what it costs now."))
    tag = tag or offer.prices[0]
    date = next((each for each in offer.open_dates if each.id == link.date), None)
    if link.date and date is None:
        notes.append(_("The date that this link names can't be booked any more. Choose another one."))
    if date is None and len(offer.open_dates) == 1:
        (date,) = offer.open_dates
    free = (date.left,) if date else tuple(each.left for each in offer.open_dates)
    most = max(1, min(offer.max_quantity, max(free, default=offer.max_quantity)))
    # Digits alone: int() would take those of every script, and signs.
    asked = int(link.quantity) if link.quantity.isascii() and link.quantity.isdecimal() else 0
    quantity = min(max(asked, 1), most)
    if link.quantity and asked != quantity:
        notes.append(
            ngettext(
                "This link asks for a number that can't be had: you can buy one at a time.",
                "This link asks for a number that can't be had: you can buy from 1 to {most} at a time.",
                most,
            ).format(most=most)
        )
    said, wrong = _said(tag, link.amount)
    return _Wanted(tag, quantity, date, (*notes, *filter(None, [wrong])), said)


def _said(tag: PriceTag, amount: str) -> tuple[Money | None, str]:
    """What a link says that is paid, written as in the field for it; None, and why, where that does not hold."""
    if not amount:
        return None, ""
    if tag.least is None:
        return None, _("This link names an amount, but this has a fixed price.")
    try:
        said = Money.parse(amount, tag.least.currency)
    except AmountUnclear:
        return None, _("The amount that this link names can't be read. Type what you pay below.")
    if said.amount < tag.least.amount:
        least = tag.least.format(short=True)
        return None, _("The link names less than {least}, which is the least that it is had for.").format(least=least)
    return said, ""


def _date_of(offer: Offer, wanted: _Wanted) -> str:
    """When it takes place, or the dates to choose among."""
    return tag_of("p", ", ".join(dates.of(wanted.date))) if wanted.date else _dates(offer)


def _cost(offer: Offer, wanted: _Wanted, less: Money | None, code: Introduction | None, named: str) -> str:
    return "".join(_cost_lines(offer, wanted, less, code, named))


def _cost_lines(
    offer: Offer, wanted: _Wanted, less: Money | None, code: Introduction | None, named: str
) -> Iterator[str]:
    total = wanted.total
    each = f" {words.each(wanted.tag.interval)}" if wanted.tag.interval else ""
    written = total.format(short=True) if total or each else _("Free")
    if code and less is not None:
        yield f'<p class="sum"><s>{escape(written)}</s> {escape(less.format(short=True))}{each}</p>'
        yield _quiet(_with_code(wanted, code))
    else:
        before = (
            f" <s>{escape((wanted.tag.before * wanted.quantity).format(short=True))}</s>" if wanted.tag.before else ""
        )
        yield f'<p class="sum">{escape(written)}{each}{before}</p>'
    yield _shown(wanted.tag) + _sale([wanted.tag]) + _own_amount([wanted.tag], wanted.said)
    if wanted.quantity > 1 and wanted.tag.least is None:
        yield _quiet(f"{words.amount_of(offer.kind, wanted.quantity)} × {price(wanted.tag)}")
    for other in offer.prices:
        if other is not wanted.tag:
            address = f"/buy/{offer.id}?price={other.id}&quantity={wanted.quantity}&code={named}"
            yield f'<p class="quiet"><a href="{escape(address)}">{escape(price(other))}</a></p>'


def _with_code(wanted: _Wanted, code: Introduction) -> str:
    """For whom and for how long the code takes something off."""
    of_these = code.payments(wanted.tag.interval) if wanted.tag.interval else None
    if of_these and code.first_time:
        said = ngettext(
            "With the code {code}, for the first payment, if it is your first purchase here.",
            "With the code {code}, for the first {number} payments, if it is your first purchase here.",
            of_these,
        )
    elif of_these:
        said = ngettext(
            "With the code {code}, for the first payment.",
            "With the code {code}, for the first {number} payments.",
            of_these,
        )
    elif code.first_time:
        said = _("With the code {code}, if it is your first purchase here.")
    else:
        said = _("With the code {code}.")
    return said.format(code=code.code, number=of_these)


def _quiet(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'


def _dates(offer: Offer) -> str:
    found = [(date.id, ", ".join(dates.of(date))) for date in offer.open_dates]
    return _choice(_("Date"), "date", found) if offer.kind is Kind.WORKSHOP else ""


def _prices(offer: Offer) -> str:
    more = "".join(map(_shown, offer.prices)) + _sale(offer.prices) + _own_amount(offer.prices)
    if len(offer.prices) > 1:
        return _choice(_("Price"), "price", [(tag.id, price(tag)) for tag in offer.prices]) + more
    (tag,) = offer.prices
    return f'<input type="hidden" name="price" value="{escape(tag.id)}"><p class="sum">{priced(tag)}</p>{more}'


def priced(tag: PriceTag) -> str:
    """What it costs in HTML, and what it cost before its sale."""
    before = f" <s>{escape(tag.before.format(short=True))}</s>" if tag.before else ""
    return escape(price(tag)) + before


def _shown(tag: PriceTag) -> str:
    """What this form says that one costs: nobody is charged anything else."""
    return f'<input type="hidden" name="shown" value="{escape(tag.id)}:{tag.amount.amount}">'


def _sale(tags: Sequence[PriceTag]) -> str:
    """Until when it costs less."""
    return "".join(
        _quiet(
            _("Instead of {price}, until {date}.").format(
                price=tag.before.format(short=True), date=dates.day(tag.until)
            )
        )
        for tag in tags
        if tag.before and tag.until
    )


def _own_amount(tags: Sequence[PriceTag], said: Money | None = None) -> str:
    """The field in which buyers say what they pay, where they may; what is `said` already stands in it."""
    found = next((tag for tag in tags if tag.least is not None), None)
    if found is None or found.least is None:
        return ""
    label = _("What you pay, in {currency}").format(currency=found.amount.currency.upper())
    hint = _("{amount} is suggested, {least} is the least.").format(
        amount=found.amount.format(short=True), least=found.least.format(short=True)
    )
    typed = (said or found.amount).typed()
    field = f'<input type="text" name="amount" inputmode="decimal" maxlength="20" value="{typed}" required>'
    return f"<p><label>{escape(label)} {field}</label></p>{_quiet(hint)}"


def _quantity(offer: Offer) -> str:
    most = min(offer.max_quantity, max((date.left for date in offer.open_dates), default=offer.max_quantity))
    label = words.unit(offer.kind)[1].capitalize()
    number = f'<input type="number" name="quantity" value="1" min="1" max="{most}">'
    return f"<p><label>{label} {number}</label></p>" if most > 1 else ""


def _consents(offer: Offer, texts: Mapping[str, str]) -> str:
    """A box for what is to be agreed to, not ticked; what is told, with a field that says so."""
    return "".join(
        f'<p><label><input type="checkbox" name="consent" value="{each.version}"{" required" if each.required else ""}> '
        f"{escape(each.wording)}</label></p>"
        if each.box
        else f'<input type="hidden" name="consent" value="{each.version}"><p class="quiet">{escape(each.wording)}</p>'
        for each in clauses.asked([offer], texts)
    )


def _choice(title: str, name: str, found: list[tuple[str, str]]) -> str:
    """One of these, the first unless another is chosen."""
    options = "".join(
        f'<div><label><input type="radio" name="{name}" value="{escape(value)}"{"" if index else " checked"}> '
        f"{escape(text)}</label></div>"
        for index, (value, text) in enumerate(found)
    )
    return f"<fieldset><legend>{escape(title)}</legend>{options}</fieldset>"


def price(tag: PriceTag) -> str:
    """What it costs, and how often."""
    if not tag.amount and not tag.interval:
        return _("Free")
    if tag.least is not None:
        return _("From {price}").format(price=tag.least.format(short=True))
    each = f" {words.each(tag.interval)}" if tag.interval else ""
    return tag.amount.format(short=True) + each


def tag_of(name: str, text: str) -> str:
    """A text in an element; nothing where there is none."""
    return f"<{name}>{escape(text)}</{name}>" if text else ""
