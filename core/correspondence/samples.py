"""Samples: each kind of letter with made-up data, for whoever wants to see how the shop writes before it has to."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from core.catalog import products
from core.catalog.looks import brand
from core.catalog.products import Kind
from core.correspondence import shop_notices
from core.correspondence.shop_notices import ShopNotice
from core.foundation.jobs.kinds import Job, Notice
from core.foundation.money import Money
from core.kinds.grants import Delivery, File, License
from core.kinds.places.owed_letters import Topic
from core.kinds.places.waiting_list import News
from core.kinds.workshops import Times
from core.messages import after_purchase, place_wording, plan_wording, wording
from core.messages.after_purchase import Access, AccessLetter, PlanLetter, RefundLetter, RenewedLetter
from core.messages.contents import (
    CodeLetter,
    InvitationLetter,
    NoticeLetter,
    OrderLetter,
    PaymentLetter,
    ReceiptLine,
    SeatLetter,
)
from core.messages.digests import DigestLetter, Need, Renewals, WeekSales
from core.messages.new_versions import VersionLetter
from core.messages.place_letters import PlaceLetter, WaitingLetter
from core.messages.plan_changes import ChangeLetter, PauseLetter, PlanNow
from core.messages.withdrawal_letters import WithdrawalLetter, WithdrawalNotice
from core.messages.wording import Message
from core.orders import disputes
from core.orders.status import GrantState
from core.people.staff import Role
from core.rights import declarations
from core.rights.reminders import About
from core.rights.withdrawals import Stage
from core.shop import Shop

# Nobody's: no mail server delivers to such an address.
BUYER = "nora@buyer.example"
_NUMBER = "XX-1001"
_LICENSE = License("lic_1", "ABCDE-FGHJK-MNPQR-STUVW", "RSTUVW", 3)


def of(shop: Shop, kind: Job) -> Message:
    """A letter of this kind about an order that nobody has placed. Raises KeyError for a job that sends none."""
    with shop.reading() as session:
        texts = products.texts(session)
    named = replace(shop, settings=brand.over(texts, shop.settings))
    return wording.branded(SAMPLES[kind](named), brand.of(texts, shop.settings), named.settings)


def _library(shop: Shop) -> str:
    return f"{shop.settings.public_url}/purchases"


def _deliveries(now: datetime) -> tuple[Delivery, ...]:
    guide = (File("file_1", "PDF", "guide.pdf", 1, "application/pdf"),)
    return (
        _delivery("A field guide", Kind.DOWNLOAD, files=guide),
        _delivery("A template kit", Kind.LICENSE, licenses=(_LICENSE,)),
        _delivery("A plan for teams", Kind.PLAN, quantity=3),
        _delivery("A workshop", Kind.WORKSHOP, starts_at=now + timedelta(days=14), timezone="UTC"),
    )


def _delivery(
    name: str, kind: Kind, *, quantity: int = 1, files: tuple[File, ...] = (), licenses: tuple[License, ...] = (),
    starts_at: datetime | None = None, timezone: str = "",
) -> Delivery:  # fmt: skip
    return Delivery(
        grant_id="", product_id="", product=name, kind=kind, state=GrantState.ACTIVE, reason="", quantity=quantity,
        image="", files=files, licenses=licenses, starts_at=starts_at, timezone=timezone,
    )  # fmt: skip


def _order(shop: Shop) -> OrderLetter:
    deliveries = _deliveries(shop.now())
    lines = tuple(
        ReceiptLine(each.product, each.quantity, Money(1900 * each.quantity, "eur"), _interval(each.kind))
        for each in deliveries
    )
    total = sum((line.total for line in lines), start=Money(0, "eur"))
    return OrderLetter(
        BUYER, _NUMBER, total, shop.now(), lines, deliveries, _library(shop), Money(1900, "eur"), declarations.page(shop),
        order_url=_library(shop),
    )  # fmt: skip


def _interval(kind: Kind) -> str | None:
    return "month" if kind is Kind.PLAN else None


def _late(shop: Shop) -> Message:
    letter = _order(shop)
    workshop = OrderLetter(
        letter.email, letter.number, letter.total, letter.placed_at, letter.lines, letter.deliveries[-1:],
        letter.library_url, letter.returned, letter.withdraw_url,
    )  # fmt: skip
    return wording.delivered_late(shop.settings, workshop)


def _refunded(shop: Shop) -> Message:
    access = (Access("A field guide", GrantState.REVOKED), Access("A workshop", GrantState.ACTIVE))
    money = Money(1900, "eur")
    expected = after_purchase.expected_on(shop.settings, shop.now())
    letter = RefundLetter(
        BUYER, _NUMBER, money, money, Money(3800, "eur"), expected, asks_for_account=False, access=access,
        library_url=_library(shop),
    )  # fmt: skip
    return wording.refunded(shop.settings, letter)


def _plan(shop: Shop, *, in_days: int, owed: Money | None = None, closed: bool = False) -> PlanLetter:
    day = (shop.now() + timedelta(days=in_days)).astimezone(shop.settings.zone).date()
    names = ("A plan for teams",)
    return PlanLetter(BUYER, _NUMBER, names, day, owed, "", "", closed, _library(shop))


def _renewed(shop: Shop) -> Message:
    today = shop.now().astimezone(shop.settings.zone).date()
    letter = RenewedLetter(
        BUYER, _NUMBER, ("A plan for teams",), Money(5700, "eur"), Money(910, "eur"), today, today + timedelta(days=30),
        renews=True, ends=False, receipt_url=_library(shop), library_url=_library(shop),
    )  # fmt: skip
    return plan_wording.renewed(shop.settings, letter)


def _paused(shop: Shop) -> Message:
    today = shop.now().astimezone(shop.settings.zone).date()
    letter = PauseLetter(
        BUYER, _NUMBER, ("A plan for teams",), paused=True, until=today + timedelta(days=60),
        open_until=today + timedelta(days=20), next_payment=None, library_url=_library(shop),
    )  # fmt: skip
    return plan_wording.plan_paused(shop.settings, letter)


def _changed(shop: Shop) -> Message:
    today = shop.now().astimezone(shop.settings.zone).date()
    plan = PlanNow("A plan for teams", 3, Money(5700, "eur"), "month")
    letter = ChangeLetter(BUYER, _NUMBER, (plan,), today + timedelta(days=30), _library(shop))
    return plan_wording.plan_changed(shop.settings, letter)


def _access(shop: Shop) -> AccessLetter:
    return AccessLetter(BUYER, _NUMBER, ("A field guide",), opened=False, library_url=_library(shop))


def _version(shop: Shop) -> VersionLetter:
    return VersionLetter(BUYER, "A field guide", "PDF", "1.2", "A chapter more.", _library(shop))


def _payment(shop: Shop) -> PaymentLetter:
    return PaymentLetter(BUYER, _NUMBER, Money(1900, "eur"), shop.now())


def _notice(shop: Shop) -> NoticeLetter:
    owners = shop.settings.owners or (BUYER,)
    money = Money(1900, "eur")
    due = shop.now() + timedelta(days=9)
    return NoticeLetter(
        owners, _NUMBER, disputes.Stage.DISPUTED, Money(3800, "eur"), money, "product_not_received", due
    )


def _withdrawal(shop: Shop) -> WithdrawalLetter:
    at = shop.now().astimezone(shop.settings.zone)
    return WithdrawalLetter(BUYER, Stage.RECEIVED, _NUMBER, "Nora Lindqvist", "", ("A field guide",), at)


def _withdrawal_notice(shop: Shop) -> WithdrawalNotice:
    due = shop.now().astimezone(shop.settings.zone) + timedelta(days=14)
    return WithdrawalNotice(shop.settings.owners or (BUYER,), 1, due, f"{shop.settings.public_url}/owner-withdrawals")


def _place(shop: Shop) -> PlaceLetter:
    page = shop.settings.public_url
    return PlaceLetter(
        BUYER, Topic.TICKET, "A workshop", "Nora Lindqvist", _times(shop), "", f"{page}/ticket/…", f"{page}/join/…"
    )


def _waiting(shop: Shop) -> WaitingLetter:
    until = shop.now() + timedelta(hours=24)
    return WaitingLetter(
        BUYER, News.OFFER, "A workshop", 2, _times(shop), f"{shop.settings.public_url}/waiting/…", until
    )


def _times(shop: Shop) -> Times:
    begins = shop.now() + timedelta(days=14)
    return Times("", begins, begins + timedelta(hours=2), "Europe/Copenhagen")


def _invitation(shop: Shop) -> InvitationLetter:
    by = shop.settings.owners[0] if shop.settings.owners else BUYER
    return InvitationLetter(BUYER, Role.SUPPORT, by, f"{shop.settings.public_url}/owner")


def _seat(shop: Shop) -> SeatLetter:
    until = shop.now() + timedelta(days=14)
    return SeatLetter(BUYER, "A plan", BUYER, "00000000", until, f"{shop.settings.public_url}/seat")


def _digest(shop: Shop) -> DigestLetter:
    def money(amount: int) -> Money:
        return Money(amount, "eur")

    last = shop.now().astimezone(shop.settings.zone).date() - timedelta(days=1)
    week = WeekSales(
        net=money(41200), net_before=money(38700), gross=money(45000), discounts=money(1900), refunds=money(1900),
        orders=12, orders_before=11, mrr=money(22800),
    )  # fmt: skip
    due = Need("Dispute", "product_not_received", shop.now() + timedelta(days=5))
    return DigestLetter(
        shop.settings.owners or (BUYER,), last - timedelta(days=6), last, (week,),
        (Need("Refund failed", "the bank could not take it"),), 0, (due,), (Renewals(4, money(7600)),),
        f"{shop.settings.public_url}/owner", test=False,
    )  # fmt: skip


def _shop_notice(shop: Shop) -> ShopNotice:
    return ShopNotice(
        shop.settings.owners or (BUYER,),
        Notice.KEY_REFUSED,
        "Invalid API Key provided",
        f"{shop.settings.public_url}/owner",
    )


SAMPLES: Mapping[Job, Callable[[Shop], Message]] = {
    Job.RECEIPT: lambda shop: wording.receipt(shop.settings, _order(shop)),
    Job.LATE_DELIVERY: _late,
    Job.PAYMENT_FAILED: lambda shop: wording.payment_failed(shop.settings, _order(shop)),
    Job.REFUNDED: _refunded,
    Job.RENEWED: _renewed,
    Job.RENEWAL_FAILED: lambda shop: plan_wording.renewal_failed(
        shop.settings, _plan(shop, in_days=7, owed=Money(5700, "eur"))
    ),
    Job.PLAN_REMINDER: lambda shop: plan_wording.plan_reminder(
        shop.settings, _plan(shop, in_days=7, owed=Money(9000, "eur")), about=About.RENEWAL
    ),
    Job.PLAN_ENDING: lambda shop: plan_wording.plan_ending(shop.settings, _plan(shop, in_days=20)),
    Job.PLAN_ENDED: lambda shop: plan_wording.plan_ended(shop.settings, _plan(shop, in_days=0, closed=True)),
    Job.PLAN_PAUSED: _paused,
    Job.PLAN_CHANGED: _changed,
    Job.PAID_AFTER_END: lambda shop: wording.paid_after_end(shop.settings, _payment(shop)),
    Job.ACCESS_CHANGED: lambda shop: wording.access_changed(shop.settings, _access(shop)),
    Job.NEW_VERSION: lambda shop: wording.new_version(shop.settings, _version(shop)),
    Job.SIGN_IN_CODE: lambda shop: wording.sign_in_code(shop.settings, CodeLetter(BUYER, "000000", 10, "")),
    Job.WITHDRAWAL: lambda shop: wording.withdrawal(shop.settings, _withdrawal(shop)),
    Job.WITHDRAWAL_NOTICE: lambda shop: wording.withdrawal_notice(shop.settings, _withdrawal_notice(shop)),
    Job.PLACE_LETTER: lambda shop: place_wording.about_place(shop.settings, _place(shop)),
    Job.WAITING_LETTER: lambda shop: place_wording.waiting(shop.settings, _waiting(shop)),
    Job.OWNER_NOTICE: lambda shop: wording.owner_notice(shop.settings, _notice(shop)),
    Job.SHOP_NOTICE: lambda shop: shop_notices.worded(shop.settings, _shop_notice(shop)),
    Job.INVITATION: lambda shop: wording.invitation(shop.settings, _invitation(shop)),
    Job.SEAT_INVITATION: lambda shop: wording.seat_invitation(shop.settings, _seat(shop)),
    Job.DIGEST: lambda shop: wording.digest(shop.settings, _digest(shop)),
}
