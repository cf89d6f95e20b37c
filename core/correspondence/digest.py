"""The digest: what a week came to beside the one before, what needs a person, and what is coming, as things stand now."""

from datetime import timedelta

from sqlmodel import Session

from core.foundation.errors import NoOwners
from core.foundation.money import Money
from core.messages import digests
from core.messages.digests import DigestLetter, Need, Renewals, WeekSales
from core.orders import subscriptions
from core.owner.figures import recurring, sales, sums
from core.owner.figures.days import Days
from core.owner.figures.recurring import Recurring
from core.owner.figures.sales import Sales
from core.owner.needs import set_aside
from core.owner.needs.items import Item
from core.people import deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

_WEEK = timedelta(days=7)
# Deadlines of banks that are named: later ones are in the digests to come.
_COMING = timedelta(days=14)
# A letter is no list: the overview has all of it.
_MOST_NEEDS = 8


def of_week(shop: Shop, week: str) -> DigestLetter | None:
    """What to write about a week, such as `2026-W47`; None once another week is over, which has its own.

    Raises NoOwners.
    """
    now, zone = shop.now(), shop.settings.zone
    first = digests.monday_of(week)
    if digests.last_monday(now, zone).date() != first + _WEEK:
        return None
    return written(shop, Days(first, first + timedelta(days=6), zone))


def written(shop: Shop, week: Days) -> DigestLetter:
    """What to write about these days, as things stand now. Raises NoOwners."""
    if not shop.settings.owners:
        raise NoOwners
    now, livemode = shop.now(), shop.settings.livemode
    items = set_aside.needs(shop)
    with shop.reading() as session:
        sold = _sold(session, week, livemode=livemode)
        billed = subscriptions.renewing(session, livemode=livemode, since=now, until=now + _WEEK)
    due = [item for item in items if item.due_by and item.due_by < now + _COMING]
    rest = [item for item in items if item not in due]
    return DigestLetter(
        owners=shop.settings.owners, first=week.first, last=week.last, sold=sold,
        needs=tuple(map(_need, rest[:_MOST_NEEDS])), more_needs=max(0, len(rest) - _MOST_NEEDS),
        due=tuple(map(_need, due)), renewals=tuple(Renewals(count, amount) for count, amount in billed),
        url=f"{shop.settings.public_url}/owner", test=not livemode,
    )  # fmt: skip


def choose(shop: Shop, *, wanted: bool, deed: Deed) -> None:
    """Have the digest sent each Monday, or not. Raises NotPermitted or DoneAlready."""
    with shop.transaction() as session:
        said = "on" if wanted else "off"
        deeds.begin(session, shop.settings, deed, Action.DIGEST, subject="digest", detail=said, now=shop.now())
        digests.choose(session, wanted=wanted, now=shop.now())


def owe_due(shop: Shop) -> None:
    """Owe the digest that is due, once however many workers ask."""
    now, zone = shop.now(), shop.settings.zone
    with shop.reading() as session:  # nearly always there is nothing to write
        due = digests.is_due(session, zone, now=now)
    if due:
        with shop.transaction() as session:
            digests.owe_due(session, zone, now=now)


def _sold(session: Session, week: Days, *, livemode: bool) -> tuple[WeekSales, ...]:
    asked = sums.ask(session, week.zone, livemode=livemode)
    before = Days(week.first - _WEEK, week.last - _WEEK, week.zone)
    sold, earlier = sales.of_days(session, week, asked), sales.of_days(session, before, asked)
    monthly = recurring.of_days(session, week, asked)
    return tuple(
        _week_sales(
            sold.get(currency, Sales(currency)), earlier.get(currency, Sales(currency)),
            monthly.get(currency, Recurring(currency)),
        )
        for currency in sorted({*sold, *earlier, *monthly})
    )  # fmt: skip


def _week_sales(sold: Sales, before: Sales, monthly: Recurring) -> WeekSales:
    def money(amount: int) -> Money:
        return Money(amount, sold.currency)

    return WeekSales(
        net=money(sold.net), net_before=money(before.net), gross=money(sold.gross), discounts=money(sold.discounts),
        refunds=money(sold.refunds), orders=sold.orders, orders_before=before.orders, mrr=money(monthly.mrr),
    )  # fmt: skip


def _need(item: Item) -> Need:
    about = "" if item.subject in item.detail else item.subject
    return Need(item.topic.replace("_", " ").capitalize(), ": ".join(filter(None, (about, item.detail))), item.due_by)
