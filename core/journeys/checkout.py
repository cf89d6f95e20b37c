"""Checkout: from a basket to Stripe's payment page.

The order is committed before Stripe hears of it, so that whatever happens at Stripe has an order to belong to.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from core import fulfillment
from core.catalog import plan_prices, products, promotion_codes, seller, tax
from core.catalog.looks import brand
from core.catalog.prices import costs, introductions
from core.catalog.products import Kind, Priced
from core.connections.gates import Gates
from core.foundation import addresses
from core.foundation.database import repeatable
from core.foundation.errors import (
    AlreadyPaid,
    BadInput,
    CodeUnfit,
    EmptyBasket,
    MixedBasket,
    PlanHeld,
    StillSettling,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
    TrialUsed,
    UnknownPrice,
)
from core.foundation.money import Money, check_chargeable
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.foundation.telemetry import counters
from core.foundation.writes.flush import tell
from core.gateway.sessions import CheckoutState, SessionFacts
from core.journeys import carts, date_choice
from core.journeys.billing import plans_at_stripe
from core.journeys.checkout_sessions import answers, bundle_lines, free_orders, parameters, stand_in
from core.kinds import deliverables, offers, seats, workshops
from core.kinds.places import waiting_list
from core.kinds.places.waiting_list import Waiting, WaitingEntry
from core.kinds.workshops import DateView, Times
from core.languages import sentences
from core.orders import checkouts, history, orders
from core.orders.checkouts import Checkout, Tried
from core.orders.orders import LineDraft, Order, OrderLine
from core.orders.status import Progress
from core.people import customers
from core.rights import clauses, consents
from core.rights.clauses import Asked
from core.shop import Shop

# Stripe takes 30 minutes to 24 hours. Places are held no longer than they must; anything else may wait a day.
_HOLDING = timedelta(minutes=35)
_UNHURRIED = timedelta(hours=23)
# A Session that we never learned the id of: so long may a retry of its creation still be under way.
_CREATING = timedelta(minutes=4)
# Of a workshop whose date somebody has locked no more buyers wait at the database than go through at once.
_GATES = Gates()
# How often a basket may turn out to have been paid for, expired or changed under our hands before we give up.
_ROUNDS = 5


@dataclass(frozen=True)
class Item:
    """So many of one price. Without a `date` a workshop's next one with room is taken, and kept from then on. `amount` is what the
    buyer was shown that one costs, or has chosen, in minor units; None if they were shown nothing."""

    price: str
    quantity: int
    date: str = ""
    amount: int | None = None


@dataclass(frozen=True)
class Basket:
    """What somebody wants to pay for. The same `cart_id` is the same purchase; `browser_id` may open its deliveries.

    `email` is what they typed, and only a wish; `signed_in` is an address that they have proved. `again` says that they know
    of a plan that they have already, or have tried for nothing before, or of an order for the same things whose money is still
    to come, and want these too.
    `consents` are the versions of the clauses that they agreed to or were shown, None if nobody asked them now.
    `business` if they buy for one, and want an invoice that says so. `person` is the id that the buyer has in the seller's own
    programs. `offer` is the entry of the waiting list to which its places are offered. `code` is a promotion code to take off;
    without one, and if `introduced`, it is the one that a plan is begun with. Who leaves the payment page goes `back` there.
    `pageless` if no payment page is to be opened for what costs nothing: then it is confirmed at once, for the proven address or
    the typed one. `from_season` if nobody wants it at all: it is made up, to show a demo at work.
    """

    cart_id: str
    items: tuple[Item, ...]
    email: str = ""
    browser_id: str = ""
    signed_in: str = ""
    again: bool = False
    consents: tuple[str, ...] | None = None
    business: bool = False
    person: str = ""
    offer: str = ""
    code: str = ""
    introduced: bool = True
    back: str = "/cart"
    pageless: bool = False
    from_season: bool = False


@dataclass(frozen=True)
class PaymentLink:
    """Where the buyer pays, or sees what they have where nothing was to be paid, and on which dates the workshops among it take
    place."""

    order_id: str
    url: str
    dates: tuple[Times, ...] = ()
    is_paid: bool = False


@dataclass(frozen=True)
class _Wish:
    """What a basket comes to: the lines, the dates among them, and the prices that they were copied from.

    `asked` is what its buyer is to agree to, and `held` how many places its order holds by now, by date: so many are
    free to it beside those that the dates say. `promotion` is Stripe's id of the code that is taken off, and `texts` are the
    seller's own words. It is `free` if nothing is to be paid and no page is to be opened for that. `trial` is for how many days
    its plans are tried for nothing.
    """

    drafts: list[LineDraft]
    dates: tuple[DateView, ...]
    priced: Mapping[str, Priced]
    held: dict[str, int]
    asked: tuple[Asked, ...]
    offered: WaitingEntry | None = None
    promotion: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    free: bool = False
    trial: int = 0

    def is_of(self, lines: Sequence[OrderLine]) -> bool:
        """Whether an order with these lines is the same purchase, in whatever order they stand."""
        return _as_set([orders.draft_of(line) for line in lines]) == _as_set(self.drafts)


@dataclass(frozen=True)
class _Ticket:
    """An attempt that stands in the database: `session_id` once Stripe has opened it, `ending` if it must not be paid, and
    `confirmed` if there was nothing to pay."""

    checkout_id: str
    order_id: str
    parameters: dict[str, Any]
    session_id: str | None
    dates: tuple[DateView, ...]
    ending: bool = False
    confirmed: bool = False


def start(shop: Shop, basket: Basket) -> PaymentLink:
    """Open the payment page for a basket, or the one that is open for it already.

    A changed basket, or one whose Session has ended, makes a new attempt; the old Session is expired first, so that never
    two can be paid. Raises BadInput, NotOpen (AlreadyPaid, StillSettling, TrialUsed, PlanHeld, SoldOut, Withdrawn, PriceChanged) or
    StripeTrouble, after which the same call may be made again.
    """
    with counters.counted(counters.CHECKOUTS, "opened"):
        return _started(shop, basket)


def _started(shop: Shop, basket: Basket) -> PaymentLink:
    if basket.email:
        basket = replace(basket, email=addresses.checked(basket.email, reachable=shop.settings.livemode))
    for _ in range(_ROUNDS):
        try:
            with _GATES.through(*(item.price for item in basket.items)):
                ticket = _placed(shop, basket)
        except plans_at_stripe.Unknown as unknown:
            plans_at_stripe.make_known(shop, unknown)
            continue
        if ticket.confirmed:
            return PaymentLink(
                ticket.order_id, _shown_at(shop, ticket), tuple(date.times for date in ticket.dates), True
            )
        try:
            facts = _ended(shop, ticket) if ticket.ending else _opened(shop, ticket)
        except StripeRefused:
            if plans_at_stripe.forget_unfit(shop, _prices_in(ticket)):
                continue
            if basket.code and not ticket.ending:
                # Which buyers and which products a code is for, Stripe alone knows.
                raise CodeUnfit(code=basket.code) from None
            if basket.introduced and parameters.promotion_in(ticket.parameters):
                # Nobody has asked for this one: without it the plan is to be had all the same.
                basket = replace(basket, introduced=False)
                continue
            raise
        answers.record(shop, ticket.checkout_id, facts)
        if not ticket.ending and facts.state is CheckoutState.OPEN and facts.url:
            return PaymentLink(ticket.order_id, facts.url, tuple(date.times for date in ticket.dates))
    raise StripeUnreachable("unsettled", "the Session kept changing while it was being opened")


def _shown_at(shop: Shop, ticket: _Ticket) -> str:
    return f"{shop.settings.public_url}/thanks?session_id={ticket.session_id}"


def _prices_in(ticket: _Ticket) -> list[str]:
    return [line["price"] for line in ticket.parameters["line_items"] if "price" in line]


@repeatable
def _placed(shop: Shop, basket: Basket) -> _Ticket:
    with shop.transaction() as session:
        return _ticket(session, shop, basket, now=shop.now())


def _ticket(session: Session, shop: Shop, basket: Basket, *, now: datetime) -> _Ticket:
    """Decide under lock what this basket needs: its open attempt, an end to that attempt, or a new one."""
    _refuse_if_unreadable(basket)
    # What is made up asks nobody: its plans are only described.
    mode = "" if basket.from_season else shop.settings.mode
    prices = [item.price for item in basket.items]
    # Read with the lock, and after it.
    plan_prices.priced_ahead(session, prices, mode)
    products.texts_ahead(session)
    if basket.browser_id and not basket.again:
        checkouts.settling_elsewhere_ahead(session, basket.browser_id, cart_id=basket.cart_id)
    order = orders.lock_cart(session, basket.cart_id)
    priced = plan_prices.priced(session, prices, mode)
    drafts = bundle_lines.opened(session, _drafts(basket, priced, now=now), priced, now=now)
    trial, used = _trial(session, basket, priced, livemode=shop.settings.livemode)
    if not basket.again:
        _refuse_if_settling_elsewhere(session, basket, drafts)
        if used:
            raise TrialUsed(product=used.product_id, order_id=used.order_id)
        _refuse_if_held(session, basket, drafts, livemode=shop.settings.livemode)
    known = checkouts.of_order(session, order.id) if order else []
    if order:
        _refuse_if_paid(order, known)
        if order.livemode is not shop.settings.livemode:
            _begin_in_this_mode(order, known, livemode=shop.settings.livemode)
    if mode:
        plans_at_stripe.check_known(priced)
    live = next((row for row in known if row.state is CheckoutState.OPEN), None)
    if live and _creation_lost(live, now=now):
        live.state = CheckoutState.EXPIRED
        live = None
    standing = orders.lines(session, order.id) if order else []
    dated = date_choice.dated(session, drafts, standing, now=now)
    texts = products.texts(session)
    asked = clauses.asked(bundle_lines.sold(session, priced), texts)
    promotion = _promotion(session, basket, drafts, priced, livemode=shop.settings.livemode, now=now)
    held = workshops.held(session, order.cart_id) if order else {}
    free = basket.pageless and free_orders.are_free(drafts)
    if free:
        basket = replace(basket, email=_address_of(shop, basket))
        free_orders.check(session, dated[0], basket.signed_in)
    wish = _Wish(*dated, priced, held, asked, promotion=promotion, texts=texts, free=free, trial=trial)
    if basket.offer:
        wish = _offered(session, wish, basket.offer, order.id if order else "", now=now)
    if order is None or live is None:
        return _new_attempt(session, shop, order, standing, basket, wish, now=now)
    same = wish.is_of(standing) and (order.email, order.business) == (basket.email, basket.business)
    same = same and parameters.promotion_in(live.parameters) == promotion and not wish.free
    same = same and parameters.trial_in(live.parameters) == trial
    if not same:
        # Before the open Session is ended: a basket that cannot be had must not cost the buyer the page they have.
        _check_to_be_had(wish, now=now)
    else:
        consents.record(session, order.id, wish.asked, basket.consents, known=True, now=now)
    return _Ticket(live.id, order.id, live.parameters, live.stripe_checkout_session_id, wish.dates, ending=not same)


def _address_of(shop: Shop, basket: Basket) -> str:
    """Where what costs nothing goes. Raises AddressUnfit."""
    return basket.signed_in or addresses.checked(basket.email, reachable=shop.settings.livemode)


def _promotion(
    session: Session, basket: Basket, drafts: Sequence[LineDraft], priced: Mapping[str, Priced], *, livemode: bool,
    now: datetime,
) -> str:  # fmt: skip
    """Stripe's id of the code that the basket comes with, or that its plan is begun with; empty without. Raises CodeUnfit."""
    if basket.code:
        found = promotion_codes.usable(session, basket.code, livemode=livemode, now=now)
        if found is None:
            raise CodeUnfit(code=basket.code)
        return found.stripe_id or ""
    if not basket.introduced or basket.from_season:
        return ""
    total = Money(orders.total_of(drafts), drafts[0].currency)
    begun = introductions.of_alone(session, [*priced.values()], total, livemode=livemode, now=now)
    return begun.stripe_id if begun else ""


def _offered(session: Session, wish: _Wish, entry_id: str, order_id: str, *, now: datetime) -> _Wish:
    """The wish with the places that are held for this entry of a waiting list. Raises OfferOver."""
    entry = waiting_list.offered(session, entry_id, order_id, now=now)
    held = dict(wish.held)
    if entry.state is Waiting.OFFERED:
        held[entry.date_id] = held.get(entry.date_id, 0) + entry.places
    return replace(wish, held=held, offered=entry)


def _begin_in_this_mode(order: Order, known: Sequence[Checkout], *, livemode: bool) -> None:
    """The cart is from before the shop's key was changed: the Sessions it had are unknown to this key's Stripe."""
    for row in known:
        if row.state is CheckoutState.OPEN:
            row.state = CheckoutState.EXPIRED
    order.livemode = livemode


def _new_attempt(
    session: Session,
    shop: Shop,
    known: Order | None,
    standing: Sequence[OrderLine],
    basket: Basket,
    wish: _Wish,
    *,
    now: datetime,
) -> _Ticket:
    """Another attempt of the order that is known already, or the first of one that is placed now."""
    _check_to_be_had(wish, now=now)
    deliverables.release_all(session, standing)
    order = _renewed(known, basket, wish) if known else _first(session, shop, basket, wish, now=now)
    lines = orders.write_lines(session, order, wish.drafts, instead_of=standing, now=now)
    if wish.offered:
        waiting_list.hand_over(session, wish.offered, order.id)
    deliverables.hold_all(session, lines, now=now)
    agreed = consents.record(session, order.id, wish.asked, basket.consents, known=known is not None, now=now)
    if wish.free:
        history.note(session, order.id, f"checkout:{order.attempts}", actor="buyer", now=now)
        named = stand_in.fulfil(session, shop, order, basket.email, actor="buyer", now=now)
        return _Ticket("", order.id, {}, named, wish.dates, confirmed=True)
    row = _opening(session, shop, order, basket, wish, agreed, now=now)
    session.add(row)
    tell(session)  # before the order is settled, or it would seem to have nothing left that can be paid
    history.note(session, order.id, f"checkout:{order.attempts}", actor="buyer", now=now)
    if known:
        fulfillment.resettle(session, order.id, actor="buyer", now=now)
    return _Ticket(row.id, order.id, row.parameters, None, wish.dates)


def _first(session: Session, shop: Shop, basket: Basket, wish: _Wish, *, now: datetime) -> Order:
    """The order, placed now. Nothing has happened to it yet that its status could follow from."""
    return orders.add(
        session, cart_id=basket.cart_id, browser_id=basket.browser_id, email=basket.email,
        currency=wish.drafts[0].currency, livemode=shop.settings.livemode,
        prefix=brand.order_prefix(wish.texts, shop.settings),
        amount_expected=orders.total_of(wish.drafts), attempts=1,
        from_season=basket.from_season, business=basket.business, seller_reference=basket.person,
        language=sentences.language(), now=now,
    )  # fmt: skip


def _renewed(order: Order, basket: Basket, wish: _Wish) -> Order:
    order.email, order.currency, order.attempts = basket.email, wish.drafts[0].currency, order.attempts + 1
    order.browser_id = order.browser_id or basket.browser_id
    order.business, order.language = basket.business, sentences.language()
    order.seller_reference = basket.person or order.seller_reference
    return order


def _opening(
    session: Session, shop: Shop, order: Order, basket: Basket, wish: _Wish, agreed: tuple[str, ...], *, now: datetime
) -> Checkout:
    """The order's attempt to be, with all that Stripe is asked for. `agreed` are the versions of clauses that it is under."""
    holding = any(draft.kind is Kind.WORKSHOP for draft in wish.drafts)
    expires_at = now + (_HOLDING if holding else _UNHURRIED)
    # Only an invoice says who sells.
    who = seller.of(wish.texts, shop.settings) if shop.settings.invoices != "off" else None
    return Checkout(
        id=f"checkout:{order.id}:{order.attempts}", order_id=order.id, attempt=order.attempts, created_at=now,
        expires_at=expires_at, ask_after=checkouts.ask_next(now, now),
        parameters=parameters.build(
            shop, order, wish.drafts, wish.dates, expires_at, wish.trial, who, agreed,
            back=basket.back, promotion=wish.promotion, texts=wish.texts,
        ),
    )  # fmt: skip


def _check_to_be_had(wish: _Wish, *, now: datetime) -> None:
    by_id = {date.id: date for date in wish.dates}
    for offer in offers.of_priced(wish.priced.values(), wish.dates, now=now):
        wanted: dict[str | None, int] = {}
        for draft in wish.drafts:
            if draft.product_id == offer.id:
                wanted[draft.workshop_date_id] = wanted.get(draft.workshop_date_id, 0) + draft.quantity
        for date_id, quantity in wanted.items():
            carts.check(carts.with_own(offer, wish.held), quantity, by_id.get(date_id or ""))


def _opened(shop: Shop, ticket: _Ticket) -> SessionFacts:
    """The ticket's Session at Stripe, made now if it is not there yet."""
    if ticket.session_id:
        return shop.stripe.retrieve_checkout(ticket.session_id)
    try:
        return shop.stripe.open_checkout(ticket.parameters, key=ticket.checkout_id)
    except (StripeRefused, StripeKeyRefused) as refusal:
        # It never came to be: forget the attempt and what it holds, so that the next click starts afresh.
        _give_up(shop, ticket, refusal)
        raise


def _ended(shop: Shop, ticket: _Ticket) -> SessionFacts:
    """The ticket's Session, expired at Stripe (or paid, if the buyer was faster)."""
    session_id = ticket.session_id or shop.stripe.open_checkout(ticket.parameters, key=ticket.checkout_id).id
    return shop.stripe.expire_checkout(session_id)


@repeatable
def _give_up(shop: Shop, ticket: _Ticket, refusal: StripeTrouble) -> None:
    with shop.transaction() as session:
        orders.lock(session, ticket.order_id)
        row = session.get_one(Checkout, ticket.checkout_id, populate_existing=True)
        if row.stripe_checkout_session_id is None:
            row.state = CheckoutState.EXPIRED
            session.flush()
        fulfillment.resettle(session, ticket.order_id, actor="checkout", now=shop.now())
        if isinstance(refusal, StripeKeyRefused):
            said = refusal.message or refusal.code
            milestones.record(session, Name.PAYMENT_PAGE_REFUSED, at=shop.now(), detail=said)


def _refuse_if_paid(order: Order, known: Sequence[Checkout]) -> None:
    progress = checkouts.progress(list(known))
    session_id = next((row.stripe_checkout_session_id for row in known if row.state is CheckoutState.COMPLETE), None)
    if progress is Progress.PAID:
        raise AlreadyPaid(order_id=order.id, session_id=session_id or "")
    if progress is Progress.PROCESSING:
        raise StillSettling(order_id=order.id, session_id=session_id or "")


def _refuse_if_settling_elsewhere(session: Session, basket: Basket, drafts: list[LineDraft]) -> None:
    """Bank debits take days: whoever puts the same things into another cart meanwhile is warned before paying twice."""
    if not basket.browser_id:
        return
    wanted = {draft.product_id for draft in drafts}
    if settling := checkouts.settling_elsewhere(session, basket.browser_id, wanted, cart_id=basket.cart_id):
        raise StillSettling(order_id=settling[0], session_id=settling[1] or "")


def _refuse_if_held(session: Session, basket: Basket, drafts: list[LineDraft], *, livemode: bool) -> None:
    """Warn who has one of these plans already. A typed address is not asked about: it would tell anybody who has what."""
    plans = {draft.product_id for draft in drafts if draft.kind is Kind.PLAN}
    if not plans:
        return
    held = seats.held(
        session, plans, customer_id=customers.whose(session, basket.signed_in) if basket.signed_in else None,
        browser_id=basket.browser_id, besides=basket.cart_id, livemode=livemode,
    )  # fmt: skip
    if held:
        raise PlanHeld(product=held[0].product, order_id=held[0].order_id)


def _trial(
    session: Session, basket: Basket, priced: Mapping[str, Priced], *, livemode: bool
) -> tuple[int, Tried | None]:
    """For how many days the plans of the basket are tried for nothing, and the earlier trial by which they no longer are."""
    plans = {each.product.id: each.product.terms for each in priced.values() if each.price.interval}
    days = products.shortest_trial(plans.values())
    if not days or basket.from_season:
        return days, None
    used = tried_before(
        session,
        plans,
        signed_in=basket.signed_in,
        browser_id=basket.browser_id,
        besides=basket.cart_id,
        livemode=livemode,
    )
    return (0, used) if used else (days, None)


def tried_before(
    session: Session, plans: Collection[str], *, signed_in: str, browser_id: str, besides: str = "", livemode: bool
) -> Tried | None:
    """The first trial that whoever is signed in under this address, or has this browser, had of one of these plans: each is
    tried for nothing once. A typed address is not asked about: it would tell anybody who has tried what."""
    customer_id = customers.whose(session, signed_in) if signed_in else None
    found = checkouts.tried(
        session, plans, customer_id=customer_id, browser_id=browser_id, besides=besides, livemode=livemode
    )
    return found[0] if found else None


def _creation_lost(row: Checkout, *, now: datetime) -> bool:
    """Whether the answer to its creation is lost for good: nobody ever saw the page's address, so nobody can pay there."""
    return row.stripe_checkout_session_id is None and row.created_at + _CREATING < now


def _refuse_if_unreadable(basket: Basket) -> None:
    if not basket.cart_id or len(basket.cart_id) > 64:
        raise BadInput()
    if not basket.items:
        raise EmptyBasket()


def _drafts(basket: Basket, priced: Mapping[str, Priced], *, now: datetime) -> list[LineDraft]:
    drafts = [draft(item, priced, now=now) for item in basket.items]
    for name in ("currency", "interval"):
        if len({getattr(each, name) for each in drafts} - {None}) > 1:
            raise MixedBasket(field=name)
    check_chargeable(Money(orders.total_of(drafts), drafts[0].currency))
    return drafts


def _as_set(drafts: list[LineDraft]) -> list[LineDraft]:
    """The same purchase is the same in any order of its lines."""
    return sorted(
        drafts, key=lambda draft: (draft.price_id, draft.product_id, draft.workshop_date_id or "", draft.quantity)
    )


def draft(item: Item, found: Mapping[str, Priced], *, now: datetime) -> LineDraft:
    """The line that an item comes to, at the price that is on sale. Raises UnknownPrice, PriceChanged or BelowMinimum."""
    priced = found.get(item.price)
    if priced is None or not priced.price.active:
        raise UnknownPrice(price=item.price)
    price, product = priced.price, priced.product
    return LineDraft(
        product_id=product.id, price_id=price.id, kind=product.kind, name=product.name, quantity=item.quantity,
        unit_amount=costs.agreed(price, item.amount, now=now), currency=price.currency, interval=price.interval,
        image=product.image, stripe_price_id=priced.at_stripe, workshop_date_id=item.date or None,
        tax_code=tax.code_of(product.kind, product.tax_code), tax_behavior=price.tax_behavior or tax.INCLUSIVE,
    )  # fmt: skip
