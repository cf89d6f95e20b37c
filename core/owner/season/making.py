"""Making the season: order after order, each through checkout, the inbox of events and the worker's questions, as real ones.

What differs is who answers (generated objects in Stripe's place), the clock, and that nothing is owed to the outside: no
letter, no notice and no job comes of it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from time import sleep
from typing import cast

from sqlalchemy import Connection
from sqlmodel import Session, col, update

from core.catalog import plan_prices, products
from core.catalog.promotion_codes import PromotionCode
from core.foundation import database
from core.foundation.errors import NoSeason, NotTheDemo, SeasonThere, SeasonUnderWay, UnknownPrice
from core.foundation.jobs import outbox
from core.foundation.records import new_id
from core.gateway.client import Stripe
from core.kinds.workshops import WorkshopDate
from core.owner.season import fates, log_entry, paying_out, plot, seasons
from core.owner.season.fates import Clock, Stage
from core.owner.season.plan_objects import StripeOfOrder
from core.owner.season.plot import Act
from core.owner.season.seasons import Season
from core.people.deeds import Deed
from core.rights import clauses
from core.rights.clauses import Asked
from core.shop import Shop

# For others to write in between, in seconds: SQLite has them look rarely once they have waited for a while.
_BREATH = 0.11
# So many orders are made in one transaction: each waits for the disk once, and nobody else waits for long.
_AT_ONCE = 10
_PLACES = 24


@dataclass(frozen=True)
class SeasonShop(Shop):
    """The same shop, all of whose transactions are parts of the one that is open on `connection`, and owe nobody anything."""

    connection: Connection = field(kw_only=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A part of the open transaction, in which nothing is owed."""
        with database.joined(self.connection, now=self.now, secret=self.signing_key) as session:
            outbox.silence(session)
            yield session

    def reading(self, *, patiently: bool = False) -> AbstractContextManager[Session]:
        """The same: what is to be read may not be committed yet."""
        return self.transaction()


def fill(shop: Shop, *, progress: Callable[[int, int], None], deed: Deed | None = None) -> int:
    """Make the season, or what of it is missing; return how many orders it has. `progress` is told how many of them are
    made, of all. From a terminal there is no `deed`.

    Whatever interrupts it leaves whole orders only. Raises NotTheDemo, NotPermitted, DoneAlready, SeasonThere,
    SeasonUnderWay, UnknownPrice where the demo's goods are not on the shelves, or NoSeason if it is removed meanwhile.
    """
    acts = plot.acts()
    season = _begin(shop, acts, deed)
    begins = beginning(season.until)
    asked = _asked(shop, acts)
    try:
        for start in range(season.done, len(acts), _AT_ONCE):
            progress(start, len(acts))
            _make(shop, season.run, acts[start : start + _AT_ONCE], begins, asked)
            sleep(_BREATH)
        with _part(shop, season.run, done=len(acts) + 1) as made:
            paying_out.pay_out_all(made, begins)
    except BaseException:
        _let_go(shop, season.run)
        raise
    progress(len(acts), len(acts))
    return len(acts)


def beginning(until: datetime) -> datetime:
    """The midnight at which a season begins that ends then."""
    return datetime.combine((until - timedelta(days=seasons.DAYS)).date(), time(), UTC)


def _begin(shop: Shop, acts: Sequence[Act], deed: Deed | None) -> Season:
    now = shop.now()
    with shop.transaction() as session:
        log_entry.write(session, shop, deed, "filled")
        if not shop.settings.demo:
            raise NotTheDemo
        season = seasons.lock(session)
        if season and season.is_complete:
            raise SeasonThere
        if season and season.touched_at > now - seasons.STALLED:
            raise SeasonUnderWay(done=season.done, of=season.of)
        _check_shelves(session, acts)
        if season is None:
            season = Season(id="season", run="", until=now, done=0, of=len(acts), touched_at=now)
            session.add(season)
            _add_dates(session, beginning(now))
            _add_code(session, beginning(now), now)
        season.run, season.touched_at = new_id("run"), now
    return season


def _check_shelves(session: Session, acts: Sequence[Act]) -> None:
    wanted = {wish.price for act in acts for wish in act.wishes}
    on_sale = plan_prices.priced(session, sorted(wanted))
    for price in sorted(wanted):
        if price not in on_sale or not on_sale[price].price.active or not on_sale[price].product.active:
            raise UnknownPrice(price=price)


def _add_dates(session: Session, begins: datetime) -> None:
    for date in plot.DATES:
        starts_at = begins + timedelta(days=date.day, hours=15)
        session.add(
            WorkshopDate(
                id=date.id, product_id=date.product, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2),
                timezone="Europe/Copenhagen", capacity=_PLACES,
            )
        )  # fmt: skip


def _add_code(session: Session, begins: datetime, until: datetime) -> None:
    """It is over when the season is: nobody can type it, and Stripe, which does not know it, is never asked about it."""
    session.add(
        PromotionCode(
            id=seasons.PROMOTION, stripe_id=seasons.PROMOTION, livemode=False, code=seasons.CODE, percent_off=seasons.PERCENT,
            made_here=True, active=False, created_at=begins, expires_at=until, seen_at=until,
        )
    )  # fmt: skip


def _asked(shop: Shop, acts: Sequence[Act]) -> tuple[Asked, ...]:
    """What its buyers are asked to agree to, and told."""
    with shop.reading() as session:
        wanted = sorted({wish.price for act in acts for wish in act.wishes})
        sold = [each.product for each in plan_prices.priced(session, wanted).values()]
        return clauses.asked(sold, products.texts(session))


def _make(shop: Shop, run: str, acts: Sequence[Act], begins: datetime, asked: Sequence[Asked]) -> None:
    with _part(shop, run, done=acts[-1].number) as made:
        for act in acts:
            clock = Clock(begins)
            stripe = StripeOfOrder(act.number, clock)
            own = replace(made, stripe=cast(Stripe, stripe), now=clock)
            fates.play(Stage(own, stripe, clock, begins, act, asked))


@contextmanager
def _part(shop: Shop, run: str, *, done: int) -> Iterator[SeasonShop]:
    """A shop to make a part of the season in, all in one transaction, after which so many orders are done. Raises NoSeason
    if it was removed, or somebody else has gone on with it."""
    with shop.transaction() as session:
        further = update(Season).where(col(Season.run) == run).values(done=done, touched_at=shop.now())
        if not session.exec(further).rowcount:
            raise NoSeason
        yield SeasonShop(
            shop.settings, shop.engine, shop.stripe, shop.storage, shop.now, connection=session.connection()
        )


def _let_go(shop: Shop, run: str) -> None:
    """It was interrupted: whoever wants to may go on with it, or remove it, at once."""
    with shop.transaction() as session:
        stalled = shop.now() - seasons.STALLED
        session.exec(update(Season).where(col(Season.run) == run).values(touched_at=stalled))
