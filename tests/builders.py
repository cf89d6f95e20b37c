"""Small things that tests are made of: baskets, purchases, deliveries of events, and looks at what came of them."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr
from sqlalchemy import inspect, text, update
from sqlmodel import Session, SQLModel, select

from core.catalog.products import Interval, Kind, Price, Product
from core.catalog.promotion_codes import PromotionCode
from core.events import inbox, questions
from core.events.handlers import Outcome
from core.events.inbox import StripeEvent
from core.foundation.errors import StripeRefused
from core.foundation.signals import heartbeats
from core.foundation.signals.heartbeats import Heartbeat
from core.journeys import checkout, refund
from core.journeys.billing import plans
from core.journeys.checkout import Basket, Item, PaymentLink
from core.kinds import deliverables, downloads
from core.kinds.grants import Delivery
from core.kinds.workshops import WorkshopDate
from core.orders import orders
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.refunds import Refund
from core.owner import reports
from core.people import purchases
from core.shop import Shop
from tests.fakes import FakeStripe, session_in, signed

Row = TypeVar("Row", bound=SQLModel)

# The columns that say when a row was written, and which of several it is.
_MOMENTS, _COUNTED = ("created_at", "placed_at", "at"), ("number", "position", "attempt")
T = TypeVar("T")

# A catalogue of one product, with a file beside it.
GUIDE = """
[[products]]
id = "guide"
name = "Field Guide"
kind = "download"
prices = [{ id = "guide-eur", amount = 2900, currency = "eur" }]
files = [{ path = "guide.txt", name = "guide.txt", label = "Text", media_type = "text/plain" }]
"""

# Of a shop of somebody's own that is not live yet.
OWN_KEY = SecretStr("sk_test_of_a_shop")

# Who buys, unless a test says otherwise.
BUYER = "nora@lindqvist.example"

# For what has nothing to do with the database: once is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def a_basket(*items: str | tuple[str, int], cart: str = "cart_1", email: str = "", browser: str = "br_1") -> Basket:
    """A basket of prices, each once or as often as its number says; without any, one guide."""
    pairs = [(item, 1) if isinstance(item, str) else item for item in items or ("guide-eur",)]
    return Basket(cart, tuple(Item(price, quantity) for price, quantity in pairs), email=email, browser_id=browser)


def live(shop: Shop) -> Shop:
    """The same shop on the same database, opened with a live key."""
    return replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_live_1")}))


def without_limits(shop: Shop) -> Shop:
    """The same shop, in which nobody counts how often somebody comes."""
    return replace(shop, settings=shop.settings.model_copy(update={"rate_limits": "off"}))


def session_id(link: PaymentLink) -> str:
    """The Session behind a payment page."""
    return session_in(link.url)


def opened(shop: Shop, *items: str | tuple[str, int], cart: str = "cart_1", browser: str = "br_1") -> tuple[str, str]:
    """An order whose payment page is open: its id and its Session's."""
    link = checkout.start(shop, a_basket(*items, cart=cart, browser=browser))
    return link.order_id, session_id(link)


def bought(shop: Shop, stripe: FakeStripe, *items: str | tuple[str, int], cart: str = "cart_1") -> str:
    """An order that was paid by card, and of which the webhook told; its id."""
    order_id, paid = opened(shop, *items, cart=cart)
    stripe.pay(paid)
    deliver(shop, stripe.event("completed", paid))
    return order_id


def add_date(shop: Shop, date_id: str, *, in_days: int, capacity: int = 5) -> None:
    """Another date of a workshop: `clinic/2` is one of the clinic's, two hours long."""
    begins = shop.now() + timedelta(days=in_days)
    with shop.transaction() as session:
        session.add(
            WorkshopDate(
                id=date_id, product_id=date_id.partition("/")[0], starts_at=begins,
                ends_at=begins + timedelta(hours=2), timezone="Europe/Copenhagen", capacity=capacity,
            )
        )  # fmt: skip


def add_code(shop: Shop, code: str, *, percent: float = 25) -> None:
    """A promotion code that Stripe knows as `promo_` and its name."""
    with shop.transaction() as session:
        session.add(
            PromotionCode(
                id=f"promo_{code}", stripe_id=f"promo_{code}", livemode=shop.settings.livemode, code=code,
                percent_off=percent, created_at=shop.now(),
            )
        )  # fmt: skip


def change_date(shop: Shop, date_id: str, **changes: Any) -> None:
    """Change a date behind everybody's back."""
    with shop.transaction() as session:
        session.get_one(WorkshopDate, date_id).sqlmodel_update(changes)


def taken(shop: Shop) -> dict[str, int]:
    """How many places of each date are held or sold."""
    return {date.id: date.taken for date in rows(shop, WorkshopDate)}


def dates_of(shop: Shop, order_id: str) -> list[str | None]:
    """The date that each line of the order names."""
    with shop.reading() as session:
        return [line.workshop_date_id for line in orders.lines(session, order_id)]


def payment_of(shop: Shop, order_id: str) -> str:
    """The PaymentIntent that paid the order, or the newest of its plan."""
    found = detail(shop, order_id)["stripe"]
    assert isinstance(shop.stripe, FakeStripe)
    return str(found["payment_intent"] or shop.stripe.payment_of(found["subscription"]))


def license_terms(shop: Shop, **terms: Any) -> None:
    """From now on the kit's keys are sold on these terms, and as many at once as one likes."""
    with shop.transaction() as session:
        product = session.get_one(Product, "kit")
        product.terms, product.max_quantity = {"machines": 3, **terms}, 99


def let_try(shop: Shop, days: int) -> None:
    """From now on the plan may be tried for so many days."""
    with shop.transaction() as session:
        session.get_one(Product, "plan").terms = {"trial_days": days}


def sell_bundle(shop: Shop) -> str:
    """From now on guide (29) and kit (79) are sold together for 80; the id of the price."""
    now = shop.now()
    with shop.transaction() as session:
        session.add(
            Product(
                id="both", name="Both", kind=Kind.DOWNLOAD, terms={"parts": ["guide", "kit"]}, max_quantity=2, position=50,
                created_at=now, updated_at=now,
            )
        )  # fmt: skip
        session.flush()
        session.add(Price(id="both-eur", product_id="both", amount=8000, currency="eur", lookup_key="both-eur"))
    return "both-eur"


def sell_bigger_plan(shop: Shop, *, stripe_price_id: str | None = None) -> None:
    """From now on there is another plan on the shelves, to switch to."""
    now = shop.now()
    with shop.transaction() as session:
        if session.get(Product, "bigger"):
            return
        session.add(Product(id="bigger", name="Bigger Plan", kind=Kind.PLAN, created_at=now, updated_at=now))
        session.flush()
        session.add(
            Price(
                id="bigger-month", product_id="bigger", amount=2000, currency="eur", interval=Interval.MONTH,
                lookup_key="bigger-month", stripe_price_id=stripe_price_id,
            )
        )  # fmt: skip


def subscribed(
    shop: Shop, stripe: FakeStripe, *items: str | tuple[str, int], cart: str = "cart_1", browser: str = "br_1"
) -> tuple[str, str]:
    """An order with a plan whose first events came in and were asked about: its id and its subscription's."""
    order_id, paid = opened(shop, *items or ("plan-month",), cart=cart, browser=browser)
    subscription = stripe.pay(paid)["subscription"]
    deliver(shop, stripe.event("completed", paid))
    deliver(shop, stripe.tell("customer.subscription.created", stripe.subscriptions[subscription]))
    questions.ask(shop, subscription)
    return order_id, subscription


def begun_twice(
    shop: Shop, stripe: FakeStripe, *items: str | tuple[str, int], emails: tuple[str, str] = (BUYER, BUYER),
    apart: bool = False,
) -> tuple[str, list[str]]:  # fmt: skip
    """An order with a plan whose payment page was paid twice, once by each of these: its id, and the subscriptions. Of two plans
    that are `apart` each bills for one."""
    order_id, first = opened(shop, *items or ("plan-month",))
    names = []
    for paid, email in zip((first, stripe.recover(first)["id"]), emails, strict=True):
        names.append(stripe.pay(paid, email=email)["subscription"])
        if apart:
            del stripe.subscriptions[names[-1]]["items"]["data"][2 - len(names)]
        deliver(shop, stripe.event("completed", paid))
        stripe.subscriptions[names[-1]]["start_date"] += len(names)
        deliver(shop, stripe.tell("customer.subscription.created", stripe.subscriptions[names[-1]]))
        questions.ask(shop, names[-1])
    return order_id, names


def two_plans_apart(shop: Shop, stripe: FakeStripe) -> tuple[str, list[str]]:
    """An order of two plans each of which is billed by a subscription of its own: its id, and the subscriptions."""
    sell_bigger_plan(shop)
    return begun_twice(shop, stripe, "plan-month", "bigger-month", apart=True)


def ask_stripe(shop: Shop) -> None:
    """Do what the worker does for all the questions that were ever owed: asking twice is no harm."""
    owed = [job.split(":")[1] for job in jobs(shop) if job.startswith("ask_stripe:")]
    for subject in dict.fromkeys(owed):
        questions.ask(shop, subject)


def end_plans(shop: Shop) -> None:
    """Do what the worker does for all the subscriptions whose end was ever owed."""
    for job in jobs(shop):
        if job.startswith("cancel_subscription:"):
            plans.end(shop, *job.split(":")[1:])


def deliver(shop: Shop, event: dict[str, Any]) -> Outcome:
    """The event as the webhook receives it, signed by Stripe."""
    return inbox.receive(shop, *signed(event))


def deliver_at_once(shop: Shop, events: Iterable[dict[str, Any]]) -> list[Outcome]:
    """Several events that waited together."""
    found = inbox.take_all(shop, [inbox.opened(shop, *signed(event)) for event in events])
    for each in found:
        if isinstance(each, Exception):
            raise each
    return [each for each in found if isinstance(each, Outcome)]


# Stands between two events that come at once, where steps are drawn by chance.
AND = "and"


def joined_up(steps: Iterable[int | str]) -> Iterator[list[int] | str]:
    """Steps with those events together that come at once."""
    together: list[int] = []
    joined = False
    for step in steps:
        if isinstance(step, int) and (joined or not together):
            together.append(step)
        elif together and step != AND:
            yield together
            together = [step] if isinstance(step, int) else []
        joined = step == AND
        if isinstance(step, str) and step != AND:
            yield step
    if together:
        yield together


def detail(shop: Shop, order_id: str) -> dict[str, Any]:
    """The order as `pushcart order --json` prints it."""
    with shop.reading() as session:
        return reports.order_detail(session, order_id)


def status(shop: Shop, order_id: str) -> str:
    return str(detail(shop, order_id)["status"])


def grants(shop: Shop, order_id: str) -> list[tuple[str, str]]:
    """Product and state of each grant of the order."""
    return [(grant["product"], grant["state"]) for grant in detail(shop, order_id)["grants"]]


def log(shop: Shop, order_id: str) -> list[str]:
    """What happened to the order, in its order."""
    return [entry["event"] for entry in detail(shop, order_id)["log"]]


def order(shop: Shop, order_id: str) -> Order:
    with shop.reading() as session:
        return session.get_one(Order, order_id)


def rows(shop: Shop, table: type[Row]) -> list[Row]:
    """Everything in a table, oldest first, and as it is counted. What these do not tell apart comes in any order, as from a
    database: PostgreSQL moves rows that are changed."""
    columns = inspect(table).columns
    ordered = [columns[name] for name in (*_MOMENTS, *_COUNTED) if name in columns]
    with shop.reading() as session:
        return list(session.exec(select(table).order_by(*ordered, *inspect(table).primary_key)))


def attempts(shop: Shop) -> list[Checkout]:
    """All attempts to pay, oldest first, as the shop itself has them."""
    return sorted(rows(shop, Checkout), key=lambda row: (row.order_id, row.attempt, row.id))


def event_row(shop: Shop, event_id: str) -> StripeEvent:
    with shop.reading() as session:
        return session.get_one(StripeEvent, event_id)


def deliveries(shop: Shop, order_id: str) -> tuple[Delivery, ...]:
    with shop.reading() as session:
        return deliverables.deliveries(session, order_id, signing_key=shop.signing_key)


def license_key(shop: Shop, order_id: str) -> str:
    """The one licence key that the order gave, as its buyer sees it."""
    (found,) = [license for delivery in deliveries(shop, order_id) for license in delivery.licenses]
    return found.key


def seen(shop: Shop, email: str) -> list[str]:
    """The orders that whoever is signed in with this address sees, newest first."""
    with shop.reading() as session:
        found = purchases.library(session, email, livemode=shop.settings.livemode, signing_key=shop.signing_key)
    return [purchase.order_id for purchase in found]


def jobs(shop: Shop) -> list[str]:
    """The jobs that are owed, by their ids."""
    with shop.reading() as session:
        return sorted(session.execute(text(f"select workflow_uuid from {jobs_table(session)}")).scalars())


def jobs_table(session: Session) -> str:
    """Where DBOS keeps the jobs: in a schema of its own, if the database has such a thing."""
    return "workflow_status" if session.get_bind().dialect.name == "sqlite" else "dbos.workflow_status"


def forget_jobs(shop: Shop) -> None:
    """All jobs that are owed are gone, as after a restore from a backup."""
    with shop.transaction() as session:
        session.execute(text(f"delete from {jobs_table(session)}"))


def begun(shop: Shop, **ago: float) -> None:
    """The worker has been at work for so long."""
    with shop.transaction() as session:
        session.exec(update(Heartbeat).values(started_at=heartbeats.database_time(session) - timedelta(**ago)))


def refused_refund(shop: Shop, stripe: FakeStripe, order_id: str) -> str:
    """A refund that Stripe would not make; its id."""
    stripe.trouble.append(StripeRefused("charge_disputed", "Charge has been charged back"))
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, actor="owner", key="refused")
    return next(row.id for row in rows(shop, Refund) if row.status == "canceled")


def failed_refund(shop: Shop, stripe: FakeStripe, order_id: str) -> str:
    """A refund that Stripe made, and that the bank sent back; its id."""
    done = refund.request(shop, order_id, actor="owner", key="failed")
    deliver(shop, stripe.tell("refund.failed", stripe.fail_refund(next(reversed(stripe.refunds)))))
    return done.id


def pause_worker(shop: Shop, **ago: float) -> None:
    """Nothing was heard of any worker for so long."""
    with shop.transaction() as session:
        moment = heartbeats.database_time(session) - timedelta(**ago)
        session.exec(update(Heartbeat).values(beat_at=moment, started_at=moment))


def at_once(*actions: Callable[[], T]) -> list[T | Exception]:
    """Let all actions begin at the same instant, each in a thread of its own; return what each returned or raised."""
    barrier = Barrier(len(actions))

    def run(action: Callable[[], T]) -> T | Exception:
        barrier.wait()
        try:
            return action()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


class Broken:
    """A kind of product whose delivery does not work today; to stand in KINDS for a while."""

    hold, release, describe = downloads.hold, downloads.release, downloads.describe
    suspend, revoke = downloads.suspend, downloads.revoke

    @staticmethod
    def grant(*_: object, **__: object) -> str:
        raise OSError("no more keys")


def waiting_for_locks(shop: Shop) -> int:
    """How many of the shop's connections to PostgreSQL wait for a lock."""
    with shop.engine.connect() as connection:
        query = text(
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        return int(connection.execute(query).scalar_one())
