"""Setting up: what a shop needs before strangers buy in it, each ticked off by a fact and by nobody's word."""

from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from core.catalog.products import Product
from core.events import arrivals
from core.foundation.jobs.kinds import Job
from core.messages.letters import Letter, LetterState
from core.orders.checkouts import at_stripe
from core.orders.orders import MADE_UP, Order
from core.orders.status import Status
from core.owner import live_mode
from core.owner.doctor import readiness
from core.shop import Shop


@dataclass(frozen=True)
class Step:
    """One thing to do: `title` when it is still to be done, and `how`."""

    name: str
    title: str
    how: str
    done: bool


def steps(shop: Shop) -> tuple[Step, ...]:
    """All of them, in the order in which one does them."""
    settings = shop.settings
    worker = readiness.check(shop, "worker").ok
    with shop.reading() as session:
        own = _sells(session) and not live_mode.demo_goods(session)
        told, written, sold = (look(session, settings.livemode) for look in (_told, _written, _sold))
    return (
        Step("keys", "Use your own Stripe account", "Set STRIPE_SECRET_KEY to a key of yours. Until then the sandbox"
             " stands in for Stripe, and no money moves.", not settings.demo),
        Step("webhook", "Let Stripe tell the shop", "Point a webhook of your Stripe account at this shop. The first event that"
             " arrives with a good signature ticks this off.", told),
        Step("worker", "Have the worker run", "Start it beside the pages, with `python -m worker`.", worker),
        Step("mail", "Let letters go out", "Set SMTP_URL and MAIL_FROM. The first receipt that a mail server takes ticks"
             " this off.", written),
        Step("catalogue", "Sell your own things", "Write a catalogue and apply it with `pushcart catalog apply`.", own),
        Step("owners", "Say who owns the shop", "Set OWNER_EMAILS. The owners hear of what cannot wait.",
             bool(settings.owner_emails)),
        Step("sale", "Buy something yourself", "Go through your own checkout once, to the end.", sold),
    )  # fmt: skip


def _sells(session: Session) -> bool:
    return session.exec(select(Product.id).where(col(Product.active)).limit(1)).first() is not None


def _told(session: Session, livemode: bool) -> bool:
    # That there are events proves no webhook: the worker asks for them as well.
    return arrivals.last(session, livemode=livemode) is not None or arrivals.are_in_history(session, livemode=livemode)


def _written(session: Session, _livemode: bool) -> bool:
    newest = session.exec(select(Order.id).order_by(col(Order.created_at).desc()).limit(20)).all()
    receipts = [f"{Job.RECEIPT}:{order_id}" for order_id in newest]
    sent = select(Letter.id).where(col(Letter.id).in_(receipts), Letter.state == LetterState.SENT)
    return session.exec(sent).first() is not None


def _sold(session: Session, livemode: bool) -> bool:
    # What an owner gave, or brought along, proves no checkout. Asked for as null, SQLite would look through all that are not.
    bought_here = func.coalesce(Order.external_id, "") == ""
    newest = select(Order.stripe_checkout_session_id).where(
        Order.status == Status.FULFILLED, Order.livemode == livemode, ~MADE_UP, bought_here
    )
    return any(map(at_stripe, session.exec(newest.order_by(col(Order.created_at).desc()).limit(20))))
