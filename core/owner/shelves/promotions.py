"""Promotions: promotion codes as owners make and end them, at Stripe, and as Stripe was asked about them last."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select

from core.catalog import promotion_codes
from core.catalog.promotion_codes import PromotionCode, Taken
from core.foundation.currencies import check_amount
from core.foundation.errors import AmountTooSmall, BadInput, Problem, PromotionNotFound, PromotionUnfit, StripeRefused
from core.foundation.jobs import outbox
from core.foundation.jobs.kinds import Job
from core.foundation.money import Money
from core.foundation.records import new_id
from core.languages import decimals
from core.people import audit, deeds
from core.people.deeds import Deed
from core.people.staff import Action
from core.shop import Shop

_CODE = re.compile(r"[A-Za-z0-9-]{1,100}")
# How old what Stripe said of a code may be before the worker asks again, and about how many codes at once.
_FRESH = timedelta(hours=1)
_AT_ONCE = 50
# So many codes a page lists.
MOST = 200
# A limit beyond is none.
MOST_USES = 1_000_000


@dataclass(frozen=True)
class Promotion:
    """What an owner asks for: `percent` or `off`, never both. `limit` is how often it can be used, `until` the end of it.

    `forever` takes it off each payment of a plan, and not the first one alone.
    """

    code: str
    percent: float | None = None
    off: Money | None = None
    forever: bool = False
    first_time: bool = False
    limit: int | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class PromotionRow:
    """A code in the list. `told` is whether Stripe has said anything of it yet; with `months` it takes something off each payment
    of a plan's first ones."""

    id: str
    code: str
    percent: float | None
    off: Money | None
    forever: bool
    months: int | None
    first_time: bool
    limit: int | None
    until: datetime | None
    times_redeemed: int
    usable: bool
    ended_at: datetime | None
    made_here: bool
    told: bool
    refused: str
    taken: tuple[Taken, ...]


def listed(session: Session, *, livemode: bool, now: datetime) -> list[PromotionRow]:
    """The newest codes of this mode, at most MOST."""
    query = select(PromotionCode).where(PromotionCode.livemode == livemode)
    found = session.exec(query.order_by(col(PromotionCode.created_at).desc(), col(PromotionCode.id)).limit(MOST)).all()
    taken = promotion_codes.taken(session, [row.stripe_id for row in found if row.stripe_id])
    return [_row(row, taken.get(row.stripe_id or "", ()), now=now) for row in found]


def percentage(text: str) -> float:
    """A percentage as people write it, with or without its sign. Raises PromotionUnfit for what is none."""
    read = decimals.parse(text.strip().removesuffix("%"))
    if read is None:
        raise PromotionUnfit([Problem("percent", 0, "is a number such as 10 or 12.5")])
    return float(read)


def create(shop: Shop, asked: Promotion, *, deed: Deed) -> str:
    """Make a code at Stripe; its id here. After StripeUnreachable or StripeKeyRefused it is remembered, and the worker makes it.

    Raises PromotionUnfit, NotPermitted, DoneAlready or StripeTrouble. What Stripe refuses is not kept.
    """
    _check(asked, now=shop.now())
    row = PromotionCode(
        id=new_id("pm"), livemode=shop.settings.livemode, code=asked.code, percent_off=asked.percent,
        amount_off=asked.off.amount if asked.off else None, currency=asked.off.currency if asked.off else None,
        forever=asked.forever, first_time=asked.first_time, max_redemptions=asked.limit, expires_at=asked.until,
        made_here=True, created_at=shop.now(),
    )  # fmt: skip
    with shop.transaction() as session:
        _begin(session, shop, deed, row.id, f"promotion code {asked.code}")
        session.add(row)
        session.flush()
        outbox.owe(session, Job.PROMOTION_CODE, row.id, key=row.id)
    try:
        with outbox.remembered():
            tell(shop, row.id)
    except StripeRefused:
        with shop.transaction() as session:
            session.delete(session.get_one(PromotionCode, row.id))
        raise
    return row.id


def end(shop: Shop, promotion_id: str, *, deed: Deed) -> None:
    """Have a code work no more. After StripeUnreachable or StripeKeyRefused it is remembered, and the worker tells Stripe.

    Raises PromotionNotFound, NotPermitted, DoneAlready or StripeTrouble.
    """
    with shop.transaction() as session:
        row = session.get(PromotionCode, promotion_id)
        _begin(session, shop, deed, promotion_id, f"ended promotion code {row.code if row else ''}")
        if row is None or row.livemode is not shop.settings.livemode:
            raise PromotionNotFound(promotion=promotion_id)
        row.ended_at = row.ended_at or shop.now()
        session.add(row)
        outbox.owe(session, Job.PROMOTION_CODE, row.id, key=f"{row.id}:{deed.token}")
    with deeds.refusals_noted(shop, deed), outbox.remembered():
        tell(shop, promotion_id)


def tell(shop: Shop, promotion_id: str) -> None:
    """Bring Stripe to what stands here of a code: make it there, and end it there if it was ended. Safe to do again.

    Raises StripeTrouble. Nothing is told of a code that is not here any more, or of the other mode.
    """
    with shop.reading() as session:
        row = session.get(PromotionCode, promotion_id)
    if row is None or row.livemode is not shop.settings.livemode or row.refused:
        return
    try:
        stripe_id = row.stripe_id or _make(shop, row)
    except StripeRefused as refusal:
        with shop.transaction() as session:
            if known := session.get(PromotionCode, promotion_id):
                known.refused, known.active = refusal.message or refusal.code, False
                session.add(known)
            for begun in audit.about(session, promotion_id)[:1]:
                deeds.note_refused(session, begun, refusal, now=shop.now())
        raise
    if row.ended_at is not None:
        shop.stripe.end_promotion_code(stripe_id)
    _learn(shop, promotion_id, stripe_id)


def look(shop: Shop) -> int:
    """Ask Stripe about the codes that it was not asked about for an hour, and that may still be used; how many those were.

    Raises StripeTrouble.
    """
    old = col(PromotionCode.seen_at) < shop.now() - _FRESH
    due = (
        PromotionCode.livemode == shop.settings.livemode, col(PromotionCode.stripe_id).is_not(None),
        or_(col(PromotionCode.seen_at).is_(None), old & col(PromotionCode.active)),
    )  # fmt: skip
    with shop.reading() as session:
        query = select(PromotionCode.id, PromotionCode.stripe_id).where(*due).order_by(col(PromotionCode.seen_at))
        found = session.exec(query.limit(_AT_ONCE)).all()
    for promotion_id, stripe_id in found:
        _learn(shop, promotion_id, str(stripe_id))
    return len(found)


def _make(shop: Shop, row: PromotionCode) -> str:
    """Make a code at Stripe, with a coupon of its own; its id there, which is kept."""
    named = {"shop_id": shop.id, "promotion": row.id}
    less: dict[str, Any] = {"percent_off": row.percent_off}
    if row.amount_off is not None:
        less = {"amount_off": row.amount_off, "currency": row.currency}
    lasting = "forever" if row.forever else "once"
    coupon = shop.stripe.create_coupon(
        {**less, "duration": lasting, "name": row.code[:40], "metadata": named}, key=f"coupon:{shop.id}:{row.id}"
    )
    limits = {
        **({"max_redemptions": row.max_redemptions} if row.max_redemptions else {}),
        **({"expires_at": int(row.expires_at.timestamp())} if row.expires_at else {}),
        **({"restrictions": {"first_time_transaction": True}} if row.first_time else {}),
    }
    made = shop.stripe.create_promotion_code(
        {
            "promotion": {"type": "coupon", "coupon": coupon["id"]}, "code": row.code, "metadata": named, **limits,
        },
        key=f"promotion:{shop.id}:{row.id}",
    )  # fmt: skip
    stripe_id = str(made["id"])
    with shop.transaction() as session:
        known = session.get(PromotionCode, row.id)
        if known is not None:
            known.stripe_id = stripe_id
            session.add(known)
    return stripe_id


def _learn(shop: Shop, promotion_id: str, stripe_id: str) -> None:
    """Keep what Stripe says of a code now. One that Stripe does not have can't be used."""
    found = shop.stripe.find_promotion_code(stripe_id)
    with shop.transaction() as session:
        row = session.get(PromotionCode, promotion_id)
        if row is None:
            return
        row.sqlmodel_update(
            {**_said(found), "seen_at": shop.now()} if found else {"active": False, "seen_at": shop.now()}
        )
        session.add(row)


def _said(found: dict[str, Any]) -> dict[str, Any]:
    said = (found.get("promotion") or {}).get("coupon")
    coupon = said if isinstance(said, dict) and not said.get("deleted") else {}
    until = found.get("expires_at") or coupon.get("redeem_by")
    # Without its coupon a code takes nothing off any more.
    works = coupon.get("valid", True) if coupon else isinstance(said, str)
    return {
        "code": found["code"], "active": bool(found["active"] and works),
        "times_redeemed": int(found.get("times_redeemed") or 0), "max_redemptions": found.get("max_redemptions"),
        "expires_at": datetime.fromtimestamp(until, UTC) if until else None,
        "first_time": bool((found.get("restrictions") or {}).get("first_time_transaction")),
        "created_at": datetime.fromtimestamp(found["created"], UTC), **(_terms(coupon) if coupon else {}),
    }  # fmt: skip


def _terms(coupon: dict[str, Any]) -> dict[str, Any]:
    """What a coupon takes off. Of one that was deleted it stays what it was."""
    return {
        "percent_off": coupon.get("percent_off"), "amount_off": coupon.get("amount_off"),
        "currency": coupon.get("currency"), "forever": coupon.get("duration") == "forever",
        "months": coupon.get("duration_in_months") if coupon.get("duration") == "repeating" else None,
    }  # fmt: skip


def _row(row: PromotionCode, taken: tuple[Taken, ...], *, now: datetime) -> PromotionRow:
    over = row.ended_at is not None or (row.expires_at is not None and row.expires_at <= now)
    off = Money(row.amount_off, row.currency) if row.amount_off is not None and row.currency else None
    return PromotionRow(
        row.id, row.code, row.percent_off, off, row.forever, row.months, row.first_time, row.max_redemptions, row.expires_at,
        row.times_redeemed, row.active and not over, row.ended_at, row.made_here, row.seen_at is not None, row.refused, taken,
    )  # fmt: skip


def _check(asked: Promotion, *, now: datetime) -> None:
    found = []
    if not _CODE.fullmatch(asked.code):
        found.append(Problem("code", 0, "has letters, digits and hyphens only"))
    if (asked.percent is None) == (asked.off is None):
        found.append(Problem("takes", 0, "is a percentage or an amount"))
    if asked.percent is not None and not 0 < asked.percent <= 100:
        found.append(Problem("percent", 0, "is more than 0 and at most 100"))
    if asked.off is not None and (sentence := _refusal(asked.off)):
        found.append(Problem("amount", 0, sentence))
    if asked.limit is not None and not 1 <= asked.limit <= MOST_USES:
        found.append(Problem("limit", 0, f"is from 1 to {MOST_USES:,}"))
    if asked.until is not None and asked.until <= now:
        found.append(Problem("until", 0, "has passed already"))
    if found:
        raise PromotionUnfit(found)


def _refusal(off: Money) -> str:
    """Why Stripe would not take this off; it may be less than the least that is charged."""
    if off.amount < 1:
        return "must be more than nothing"
    try:
        check_amount(off.amount, off.currency)
    except AmountTooSmall:
        return ""
    except BadInput:
        return "is none that Stripe charges in this currency"
    return ""


def _begin(session: Session, shop: Shop, deed: Deed, subject: str, detail: str) -> None:
    deeds.begin(session, shop.settings, deed, Action.PROMOTE, subject=subject, detail=detail, now=shop.now())
