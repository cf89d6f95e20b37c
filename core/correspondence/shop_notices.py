"""Notices about the shop as a whole: what its owners must hear of at once, and that is about none of the orders it has."""

from dataclasses import dataclass
from typing import assert_never

from sqlmodel import Session

from core.catalog.products import Price, Product
from core.foundation.errors import NoOwners
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Notice
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.foundation.signals import milestones
from core.foundation.signals.milestones import Name
from core.journeys.checkout_sessions.lost_orders import LostOrder
from core.kinds.downloads import DownloadFile
from core.languages import formats
from core.messages import wording
from core.messages.wording import Message
from core.outgoing import endpoints
from core.outgoing.endpoints import Off, WebhookEndpoint
from core.shop import Shop


@dataclass(frozen=True)
class ShopNotice:
    """What the letter needs; `detail` is what Stripe said, or what was paid and why it is nobody's, or what is sold no more."""

    owners: tuple[str, ...]
    topic: Notice
    detail: str
    url: str


def about(shop: Shop, topic: Notice, subject: str) -> ShopNotice | None:
    """What to write to the owners, or None if it is not so any more. Raises NoOwners."""
    if not shop.settings.owners:
        raise NoOwners
    with shop.reading() as session:
        detail = _detail(session, topic, subject)
    if detail is None:
        return None
    return ShopNotice(shop.settings.owners, topic, detail, f"{shop.settings.public_url}/owner")


def _detail(session: Session, topic: Notice, subject: str) -> str | None:
    match topic:
        case Notice.ORDER_LOST:
            return _lost(session, subject)
        case Notice.SOLD_NO_MORE:
            return _sold_no_more(session, subject)
        case Notice.WEBHOOK_OFF:
            return _switched_off(session, subject)
        case Notice.FILE_MISSING:
            return _not_there(session, subject.partition(":")[0])
        case _:
            return _refused(session, topic)


def worded(settings: Settings, letter: ShopNotice) -> Message:
    """The letter."""
    headline, advice = _said(letter)
    return wording.shop_notice(settings, letter.owners, headline, advice, letter.url, preheader=letter.detail)


def _said(letter: ShopNotice) -> tuple[str, str]:
    match letter.topic:
        case Notice.KEY_REFUSED:
            return "Stripe turns the shop's key away.", (
                f"It said: {letter.detail}. Until there is another one nobody can pay, and what was asked for waits, refunds too."
                " Make a new key in Stripe's dashboard, set STRIPE_SECRET_KEY and restart every process: then all of it goes on."
            )
        case Notice.PERMISSION_MISSING:
            return "Stripe does not let the shop's key do what it needs to.", (
                f"It said: {letter.detail}. Give the restricted key that permission in Stripe's dashboard: what was asked for"
                " waits until then. `pushcart doctor` says what else is missing."
            )
        case Notice.ORDER_LOST:
            return "Somebody has paid for an order that the shop does not have.", (
                f"{letter.detail}. Where something is missing, apply the catalogue that has it, and the order is written again by"
                " itself. Else give its buyer what they bought by hand, or refund it in Stripe's dashboard."
            )
        case Notice.SOLD_NO_MORE:
            return "Stripe no longer sells something of yours, so the shop does not either.", (
                f"{letter.detail} was archived or deleted at Stripe: nobody can buy it here any more. Whoever has it keeps it. If"
                " that was not meant, put it on the shelves again, or apply the catalogue once more: what Stripe lacks is made"
                " anew."
            )
        case Notice.WEBHOOK_OFF:
            return "A program of yours is told nothing any more.", (
                f"{letter.detail} What it missed is kept for a month, unless it said that it is gone. Mend the program behind it"
                " and switch it on: on the page Webhooks, or by `pushcart hooks on`."
            )
        case Notice.FILE_MISSING:
            return "A file that you sell is not where it is kept.", (
                f"{letter.detail} Buyers get a page that says so instead of it, and nothing counts. Apply the catalogue again"
                " from where the file lies, or see that the shop may read it where it is kept: the next download has it then."
            )
        case other:
            assert_never(other)


def _refused(session: Session, topic: Notice) -> str | None:
    name = Name.KEY_REFUSED if topic is Notice.KEY_REFUSED else Name.PERMISSION_MISSING
    refused, answered = milestones.last_of(session, (name, Name.STRIPE_ANSWERED))
    mended = topic is Notice.KEY_REFUSED and refused and answered and answered.at > refused.at
    return None if refused is None or mended else refused.detail.rstrip(".")


def _sold_no_more(session: Session, subject: str) -> str | None:
    """What is off the shelves by this, unless it is on them again."""
    kind, name, _ = subject.split(":", 2)
    price = session.get(Price, name) if kind == "price" else None
    product = session.get(Product, price.product_id if price else name)
    if product is None or (price or product).active:
        return None
    if price is None:
        return product.name
    often = f" {formats.each(price.interval)}" if price.interval else ""
    return f"{product.name}, {Money(price.amount, price.currency).format()}{often},"


def _switched_off(session: Session, subject: str) -> str | None:
    """Which endpoint it is and why, unless it is on again, or removed, or was switched off anew since."""
    name, _, time = subject.partition(":")
    row = session.get(WebhookEndpoint, name)
    if row is None or row.removed_at or row.off_at is None or outbox.stamp(row.off_at) != time:
        return None
    match row.off:
        case Off.FAILED if row.failure == endpoints.UNREADABLE:
            why = "SECRET_KEY was changed, and nobody could check what is signed with another."
        case Off.FAILED:
            why = f"{row.failure}. It took no message for three days, and was switched off."
        case Off.GONE:
            why = f"{row.failure}. It says that nobody is there any more, and was switched off."
        case _:
            return None
    return f"{row.name}: {why}"


def _not_there(session: Session, file_id: str) -> str | None:
    """Which file it is, unless it is there again, or no longer sold."""
    row = session.get(DownloadFile, file_id)
    return f"{row.name}, of {row.product_id}." if row and row.active and row.missing_since else None


def _lost(session: Session, session_id: str) -> str | None:
    row = session.get(LostOrder, session_id)
    if row is None:
        return None
    return f"{Money(row.amount, row.currency).format()} for {row.number or row.order_id} by {row.id}: {row.reason}"
