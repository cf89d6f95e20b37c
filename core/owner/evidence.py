"""Evidence: all that is known of an order, put together for answering a dispute."""

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from core.catalog.looks import brand
from core.catalog.products import Kind
from core.foundation.addresses import fold
from core.kinds.downloads import Download, DownloadFile
from core.kinds.grants import Grant
from core.kinds.licenses import LicenseActivation, LicenseKey
from core.kinds.places.attendees import Attendee
from core.kinds.seats import Seat, SeatState
from core.kinds.workshops import WorkshopDate
from core.messages import letters
from core.orders import disputes, history, payments
from core.orders.orders import Order, OrderLine
from core.orders.payments import Payment
from core.owner import reports
from core.people import deeds
from core.people.customers import CustomerAddress
from core.people.deeds import Deed
from core.people.sign_in import SignIn
from core.people.staff import Action
from core.rights import consents, withdrawals
from core.rights.consents import Consent
from core.rights.withdrawals import Withdrawal
from core.shop import Shop

_TEMPLATES = Path(__file__).parent / "templates"


def pack(shop: Shop, reference: str) -> dict[str, Any]:
    """The order by id or number, with its payments, timeline, letters, whatever was used of it, and disputes. Raises
    OrderNotFound."""
    with shop.reading() as session:
        order = reports.order_detail(session, reference)
        return {
            "shop": brand.named(session, shop.settings).shop_name,
            "made_at": shop.now().isoformat(),
            "order": order,
            "payments": [_payment(row) for row in payments.of_order(session, order["id"]) if not row.is_note],
            "disputes": [_dispute(row) for row in disputes.of_order(session, order["id"])],
            "timeline": [
                {"at": _iso(row.created_at), "event": row.event, "detail": row.detail, "actor": row.actor}
                for row in history.of_order(session, order["id"])
            ],
            "letters": [
                {"letter": row.id, "state": row.state.value, "sent_at": _iso(row.sent_at)}
                for row in letters.of_order(session, order["id"])
            ],
            "downloads": [
                {"at": _iso(row.created_at), "file": name, "ip": row.ip}
                for row, name in downloads_of(session, order["id"])
            ],
            "activations": _activations(session, order["id"]),
            "places": _places(session, order["id"]),
            "seats": _seats(session, order["id"]),
            "sign_ins": _sign_ins(session, order["id"]),
            "consents": [_consent(row) for row in consents.of_order(session, order["id"])],
            "withdrawals": [_withdrawal(row) for row in withdrawals.of_order(session, order["id"])],
        }


def hand_out(shop: Shop, order_id: str, *, deed: Deed) -> str:
    """The page about this order, once it is written down who took it. Raises NotPermitted, DoneAlready or OrderNotFound."""
    with shop.transaction() as session:
        deeds.begin(session, shop.settings, deed, Action.EXPORT, subject=order_id, detail="evidence", now=shop.now())
    return page(pack(shop, order_id))


def page(pack: dict[str, Any]) -> str:
    """The pack as an HTML page that prints well."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # here, since hardly any process needs it

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("evidence.html.j2").render(**pack)


def downloads_of(session: Session, order_id: str) -> list[tuple[Download, str]]:
    """What was downloaded of an order, oldest first, each with the file's name."""
    rows = session.exec(
        select(Download, DownloadFile.name)
        .join(Grant, col(Grant.id) == Download.grant_id)
        .join(DownloadFile, col(DownloadFile.id) == Download.file_id)
        .where(Grant.order_id == order_id)
        .order_by(col(Download.created_at))
    )
    return [(row, name) for row, name in rows]


def _dispute(row: disputes.Dispute) -> dict[str, Any]:
    return {
        "id": row.id, "payment": row.payment_id, "reason": row.reason, "status": row.status, "amount": row.amount,
        "currency": row.currency, "due_by": _iso(row.due_by),
    }  # fmt: skip


def _payment(row: Payment) -> dict[str, Any]:
    return {
        "at": _iso(row.paid_at), "payment": row.id, "for": row.billing_reason, "amount": row.amount,
        "refunded": row.amount_refunded, "currency": row.currency,
    }  # fmt: skip


def _activations(session: Session, order_id: str) -> list[dict[str, Any]]:
    rows = session.exec(
        select(LicenseActivation)
        .join(LicenseKey, col(LicenseKey.id) == LicenseActivation.license_key_id)
        .join(Grant, col(Grant.id) == LicenseKey.grant_id)
        .where(Grant.order_id == order_id)
        .order_by(col(LicenseActivation.created_at))
    )
    return [
        {
            "at": _iso(row.created_at), "machine": row.label or row.fingerprint, "last_seen_at": _iso(row.last_seen_at),
            "ended_at": _iso(row.ended_at),
        }
        for row in rows
    ]  # fmt: skip


def _places(session: Session, order_id: str) -> list[dict[str, Any]]:
    """The places in workshops: when each takes place, and when its attendee came."""
    rows = session.exec(
        select(Attendee, OrderLine.name, WorkshopDate.starts_at)
        .join(OrderLine, col(OrderLine.id) == Attendee.order_line_id)
        .join(WorkshopDate, col(WorkshopDate.id) == Attendee.date_id)
        .where(Attendee.order_id == order_id)
        .order_by(col(OrderLine.position), col(Attendee.place))
    )
    return [
        {
            "workshop": name, "starts_at": _iso(starts_at), "attendee": row.name, "came_at": _iso(row.checked_in_at),
            "canceled_at": _iso(row.canceled_at),
        }
        for row, name, starts_at in rows
    ]  # fmt: skip


def _seats(session: Session, order_id: str) -> list[dict[str, Any]]:
    """The seats of plans, without the addresses of those who were given one: they are no part of a dispute."""
    plans = select(Grant).where(Grant.order_id == order_id, Grant.kind == Kind.PLAN).order_by(col(Grant.id))
    grants = session.exec(plans).all()
    given = select(Seat).where(col(Seat.grant_id).in_([grant.id for grant in grants]))
    seats = session.exec(given.order_by(col(Seat.since), col(Seat.id))).all()
    found = []
    for grant in grants:
        if grant.buyer_sits:
            found.append(_seat(grant, "the buyer", SeatState.ACCEPTED, grant.granted_at))
        own = (row for row in seats if row.grant_id == grant.id)
        found += [_seat(grant, "somebody they gave it to", row.state, row.accepted_at) for row in own]
    return found


def _seat(grant: Grant, who: str, state: SeatState, since: datetime | None) -> dict[str, Any]:
    return {"plan": grant.product_id, "who": who, "state": str(state), "since": _iso(since)}


def _sign_ins(session: Session, order_id: str) -> list[dict[str, Any]]:
    order = session.get_one(Order, order_id)
    theirs = select(CustomerAddress.folded).where(CustomerAddress.customer_id == order.customer_id)
    addresses = {fold(order.email), *session.exec(theirs)}
    rows = session.exec(select(SignIn).where(col(SignIn.email).in_(addresses)).order_by(col(SignIn.created_at)))
    return [{"at": _iso(row.created_at), "ip": row.ip} for row in rows]


def _consent(row: Consent) -> dict[str, Any]:
    return {
        "at": _iso(row.created_at), "clause": row.clause.value, "wording": row.wording, "version": row.version,
        "products": row.products, "asked": "by a box" if row.box else "told", "given": row.given,
    }  # fmt: skip


def _withdrawal(row: Withdrawal) -> dict[str, Any]:
    return {
        "at": _iso(row.created_at), "lines": ", ".join(map(str, row.lines)), "words": row.words, "proof": row.proof.value,
        "state": row.state.value, "decided_at": _iso(row.decided_at), "reason": row.reason,
    }  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
