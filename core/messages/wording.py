"""The words of the letters, in HTML and in plain text, from Jinja templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from zoneinfo import ZoneInfo

from core.catalog import products
from core.catalog.looks.accent import DEFAULT
from core.catalog.looks.brand import Brand
from core.catalog.products import Kind
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.kinds.grants import Closing, Delivery
from core.kinds.workshops import Times
from core.languages import formats
from core.languages.sentences import _, marked, ngettext
from core.messages.after_purchase import Access, AccessLetter, RefundLetter
from core.messages.contents import CodeLetter, InvitationLetter, NoticeLetter, OrderLetter, PaymentLetter, SeatLetter
from core.messages.digests import DigestLetter, WeekSales
from core.messages.new_versions import VersionLetter
from core.messages.withdrawal_letters import WithdrawalLetter, WithdrawalNotice
from core.orders import disputes
from core.orders.status import GrantState
from core.people import codes
from core.people.staff import Role
from core.rights.withdrawals import Stage

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Message:
    """A letter in both forms, to one address or to several with commas between them. `calendar` are files for a calendar to take
    in, by this `method`. By the link `unsubscribe` its reader gets no more of them, where they need none."""

    to: str
    subject: str
    text: str
    html: str
    calendar: tuple[str, ...] = ()
    method: str = ""
    unsubscribe: str = ""

    @property
    def recipients(self) -> list[str]:
        """The addresses that it is to, one by one."""
        return self.to.split(", ") if self.to else []


def receipt(settings: Settings, letter: OrderLetter) -> Message:
    """Thank you, with everything that is there: links to the library, keys, the amounts; and a sentence for what is not."""
    there = [delivery for delivery in letter.deliveries if delivery.state is GrantState.ACTIVE]
    missing = [delivery for delivery in letter.deliveries if delivery.state is not GrantState.ACTIVE]
    context = {
        "number": letter.number,
        "total": letter.total,
        "date": _date(letter.placed_at),
        "lines": letter.lines,
        "adjustment": _adjustment(letter),
        "headline": _thanks(there, missing),
        "deliveries": [_item(delivery, letter, base_url=settings.public_url) for delivery in there],
        "missing": [_absence(delivery) for delivery in missing],
        "library_url": letter.library_url,
        "opens": letter.order_url,
        "agreed": letter.agreed,
        "receipt_url": letter.receipt_url,
        "invoices": letter.invoices,
    }
    if letter.withdraw_url:
        context["withdraw_url"] = letter.withdraw_url
    message = _message(
        settings,
        "receipt",
        letter.email,
        _("Your {shop} order {number}").format(shop=settings.shop_name, number=letter.number),
        context,
    )
    return replace(message, calendar=letter.calendars, method="REQUEST")


def _thanks(there: list[Delivery], missing: list[Delivery]) -> str:
    if not missing:
        return _("Thank you. It's all yours.")
    return _("Thank you. Part of it is yours already.") if there else _("Thank you. We have your payment.")


def _absence(delivery: Delivery) -> dict[str, str]:
    title = _("{product}: not open yet") if delivery.state is GrantState.BLOCKED else _("{product}: not open")
    return {"title": title.format(product=delivery.product), "text": _why_missing(delivery)}


def _why_missing(delivery: Delivery) -> str:
    match delivery.state:
        case GrantState.BLOCKED:
            return " ".join([
                _(_BLOCKED_BY.get(delivery.reason, _BLOCKED)),
                _("We know, and we write again as soon as it is solved or your money is on its way back."),
            ])  # fmt: skip
        case GrantState.REVOKED:
            return _(_CLOSED_BY.get(delivery.reason, _CLOSED))
        case GrantState.SUSPENDED | GrantState.ACTIVE:
            return _("This can't be opened at the moment.")


_CLOSED = marked("This was closed again, since its payment went back.")
_CLOSED_BY: Mapping[str, str] = {
    Closing.CHARGED_BACK: marked("Your bank took the payment back, so it doesn't open any more."),
    Closing.UNPAID: marked("The plan ended because its renewal was not paid."),
    Closing.ENDED: marked("The plan has ended. Nothing more is charged."),
    Closing.TAKEN_BACK: marked("We closed this. Write to us if you think that is wrong."),
}
_BLOCKED = marked("This one needs a hand from us before it is yours.")
_BLOCKED_BY = {
    "sold_out": marked("The last place went while you were paying."),
    "date_canceled": marked("It was canceled while you were paying."),
}


def delivered_late(settings: Settings, letter: OrderLetter) -> Message:
    """What could not be delivered with the receipt is there now."""
    context: dict[str, object] = {
        "number": letter.number,
        "headline": _("It's ready now."),
        "intro": _("What was missing from your order is yours now. Thank you for your patience."),
        "deliveries": [_item(delivery, letter, base_url=settings.public_url) for delivery in letter.deliveries],
        "library_url": letter.library_url,
    }
    return _message(
        settings,
        "late_delivery",
        letter.email,
        _("The rest of your order {number} is ready").format(number=letter.number),
        context,
    )


def given_up(settings: Settings, letter: OrderLetter) -> Message:
    """What could not be delivered will not be: its money went back."""
    sorry = _(
        "We are sorry: we couldn't give you {names}. {amount} went back the way you paid. Banks take five to ten days to show it."
    ).format(
        names=formats.listed([delivery.product for delivery in letter.deliveries]), amount=_format(letter.returned)
    )
    context: dict[str, object] = {
        "number": letter.number, "headline": _("Your money is on its way back."), "intro": sorry, "deliveries": [],
        "library_url": letter.library_url,
    }  # fmt: skip
    subject = _("Your money for order {number} goes back").format(number=letter.number)
    return _message(settings, "late_delivery", letter.email, subject, context)


def payment_failed(settings: Settings, letter: OrderLetter) -> Message:
    """The bank did not pay after all: nothing was charged, and what to do."""
    context = {"number": letter.number, "total": letter.total, "cart_url": f"{settings.public_url}/cart"}
    subject = _("The payment for order {number} didn't go through").format(number=letter.number)
    return _message(settings, "payment_failed", letter.email, subject, context)


def paid_after_end(settings: Settings, letter: PaymentLetter) -> Message:
    """Money came for a plan that had ended: it gives no access, and what happens with it."""
    context = {
        "number": letter.number, "amount": letter.amount, "date": _date(letter.paid_at),
    }  # fmt: skip
    subject = _("Your payment for order {number} came after the plan had ended").format(number=letter.number)
    return _message(settings, "paid_after_end", letter.email, subject, context)


def refunded(settings: Settings, letter: RefundLetter) -> Message:
    """Money went back: how much of how much, by when the bank shows it, and what becomes of what was bought."""
    part = letter.returned.amount < letter.paid.amount
    subject, headline = (
        (_("Part of your money for order {number} goes back"), _("Part of your money is on its way back."))
        if part
        else (_("Your money for order {number} goes back"), _("Your money is on its way back."))
    )
    when = (
        _("To receive it you tell Stripe, which handles our payments, where it is to go: Stripe asks you by email.")
        if letter.asks_for_account
        else _("Banks take five to ten working days to show it: look for it by {day}.").format(
            day=_date(letter.expected_on)
        )
    )
    message = about_order(
        settings, letter.email, subject.format(number=letter.number), headline=headline,
        paragraphs=[_sent_back(letter), when], items=[_access(each) for each in letter.access],
        library_url=letter.library_url,
    )  # fmt: skip
    return replace(message, calendar=letter.calendars, method="CANCEL")


def _sent_back(letter: RefundLetter) -> str:
    amount, paid = _format(letter.amount), _format(letter.paid)
    said = (
        _("We sent back {amount} of the {paid} that you paid for order {number}, the way you paid.")
        if letter.amount != letter.paid
        else _("We sent back the {amount} that you paid for order {number}, the way you paid.")
    ).format(amount=amount, paid=paid, number=letter.number)
    if letter.returned == letter.amount:
        return said
    so_far = _("With what went back before, that makes {amount}.").format(amount=_format(letter.returned))
    return f"{said} {so_far}"


def access_changed(settings: Settings, letter: AccessLetter) -> Message:
    """The shop closed what an order gave, or opened it again."""
    names, number = formats.listed(letter.names), letter.number
    if letter.opened:
        message = about_order(
            settings, letter.email, _("Order {number} is open again").format(number=number),
            headline=_("It's open again."),
            paragraphs=[_("You can use {names} of order {number} again.").format(names=names, number=number)],
            button=_("Open your order"), url=letter.order_url or letter.library_url, library_url=letter.library_url,
        )  # fmt: skip
        return replace(message, calendar=letter.calendars, method="REQUEST")
    closed = _("We closed {names} of order {number}.").format(names=names, number=number)
    message = about_order(
        settings, letter.email, _("We closed something of your order {number}").format(number=number),
        headline=_("Your access was closed."), paragraphs=[f"{closed} {_(_MISTAKE)}"], library_url=letter.library_url,
    )  # fmt: skip
    return replace(message, calendar=letter.calendars, method="CANCEL")


_MISTAKE = marked("If you think that this is a mistake, reply to this email: a person reads it.")


def new_version(settings: Settings, letter: VersionLetter) -> Message:
    """A file that was bought has become newer."""
    said = (
        _("There is version {version} of {file} of {product}, which you bought. It is yours, and waits for you.")
        if letter.version
        else _("There is a new version of {file} of {product}, which you bought. It is yours, and waits for you.")
    ).format(version=letter.version, file=letter.file, product=letter.product)
    return about_order(
        settings, letter.email, _("New: {product}, {file}").format(product=letter.product, file=letter.file),
        headline=_("There is a newer one."), paragraphs=[said, *([letter.notes] if letter.notes else [])],
        button=_("Download it"), url=letter.order_url or letter.library_url, library_url=letter.library_url,
    )  # fmt: skip


def _access(access: Access) -> dict[str, str]:
    match access.state:
        case GrantState.ACTIVE:
            text = _("Stays open for you.")
        case GrantState.SUSPENDED:
            text = _("Can't be opened at the moment.")
        case GrantState.BLOCKED:
            text = _("Isn't open yet. We write again when it is.")
        case GrantState.REVOKED:
            text = _("Is closed.") if access.ever else _("We couldn't give it to you, and are sorry.")
    return {"title": access.name, "text": text}


def about_order(
    settings: Settings, to: str, subject: str, *, headline: str, paragraphs: Sequence[str],
    items: Sequence[Mapping[str, str]] = (), button: str = "", url: str = "", more: str = "", library_url: str,
) -> Message:  # fmt: skip
    """A letter of a few sentences, perhaps with a line for each thing that was bought and with a button; `more` is what there is
    to be done in the library."""
    context: dict[str, object] = {
        "headline": headline, "paragraphs": paragraphs, "items": items, "button": button, "url": url,
        "more": more, "library_url": library_url,
    }  # fmt: skip
    return _message(settings, "about_order", to, subject, context)


def digest(settings: Settings, letter: DigestLetter) -> Message:
    """Last week in figures beside the week before, what needs a person, and what is coming."""
    sold = [each for each in letter.sold if each.orders or each.gross.amount or each.refunds.amount]
    week = f"{letter.first.day} {letter.first:%B} to {_date(letter.last)}"
    context: dict[str, object] = {
        "headline": "Your week.", "sentences": _week_in_words(letter, week, sold=bool(sold)),
        "tables": [_week_table(each) for each in letter.sold], "url": letter.url,
        "parts": [part for part in (_needs(letter), _coming(letter)) if part["lines"]],
    }  # fmt: skip
    sums = " and ".join(_format(each.net) for each in sold)
    subject = f"Your week: {sums} net" if sold else "Your week: nothing was sold"
    return _message(settings, "digest", ", ".join(letter.owners), subject, context)


def _week_in_words(letter: DigestLetter, week: str, *, sold: bool) -> list[str]:
    orders = sum(each.orders for each in letter.sold)
    first = (
        f"{orders} {'order was' if orders == 1 else 'orders were'} paid in the week of {week}."
        if orders
        else f"In the week of {week} nothing was sold{', and money went back' if sold else ''}."
    )
    test = ["These are test orders: no real money moved."] if letter.test and letter.sold else []
    calm = [] if letter.needs or letter.due else ["Nothing needs you."]
    return [first, *test, *calm]


def _week_table(sold: WeekSales) -> dict[str, object]:
    rows = [
        ("Net sales, without tax", _format(sold.net), _format(sold.net_before)),
        ("Orders", str(sold.orders), str(sold.orders_before)),
        ("Gross sales", _format(sold.gross), ""),
        ("Discounts", _format(sold.discounts), ""),
        ("Refunds", _format(sold.refunds), ""),
        ("Monthly recurring revenue at its end", _format(sold.mrr), ""),
    ]
    return {"currency": sold.net.currency.upper(), "rows": rows}


def _needs(letter: DigestLetter) -> dict[str, object]:
    lines = [f"{each.what}. {each.detail}".rstrip(" .") + "." for each in letter.needs]
    more = [f"And {letter.more_needs} more, on the overview."] if letter.more_needs else []
    return {"title": "What needs you", "lines": [*lines, *more]}


def _coming(letter: DigestLetter) -> dict[str, object]:
    due = [
        f"{each.what}, to be answered by {_moment(each.due_by)}. {each.detail}".rstrip(" .") + "."
        for each in letter.due
    ]
    renewals = [
        f"{each.count} {'plan renews' if each.count == 1 else 'plans renew'} within seven days:"
        f" {_format(each.amount)} at list prices."
        for each in letter.renewals
    ]
    return {"title": "What is coming", "lines": [*due, *renewals]}


def sign_in_code(settings: Settings, letter: CodeLetter) -> Message:
    """Six digits that sign in, that prove an address which is to become another, or that erase."""
    told: dict[str, object] = {"digits": letter.digits, "minutes": letter.minutes, "address": letter.email}
    if letter.about == codes.ERASURE:
        template, subject = "erasure_code", _("{digits} erases what {shop} knows of you")
    elif letter.about:
        template, subject = "address_code", _("{digits} confirms your address")
        told["about"] = letter.about
    else:
        template, subject = "sign_in_code", _("{digits} is your {shop} code")
    return _message(
        settings, template, letter.email, subject.format(digits=letter.digits, shop=settings.shop_name), told
    )


def owner_notice(settings: Settings, letter: NoticeLetter) -> Message:
    """Something happened to an order that its shop's owners must hear of at once."""
    headline, advice = _notice(letter)
    context = {
        "headline": headline, "advice": advice, "number": letter.number, "total": letter.total,
        "detail": letter.detail.replace("_", " "),
        "amount": letter.amount if letter.amount != letter.total else None,
        "due_by": _deadline(letter), "url": f"{settings.public_url}/owner-order?id={quote(letter.number)}",
    }  # fmt: skip
    return _message(settings, "owner_notice", ", ".join(letter.owners), f"{headline}: order {letter.number}", context)


def withdrawal(settings: Settings, letter: WithdrawalLetter) -> Message:
    """A withdrawal has arrived, with all that was declared and when; or was accepted, or declined and why."""
    said: tuple[str, ...]
    known, which = bool(letter.reference), bool(letter.which_url)
    match letter.stage:
        case Stage.RECEIVED:
            subject = (
                _("We have received your withdrawal from order {number}")
                if known
                else _("We have received your withdrawal")
            )
            headline = _("We have received your withdrawal.")
            what = _("You declared to {shop} that you withdraw from a contract. This is what reached us, and when.")
            said = (
                what.format(shop=settings.shop_name),
                _("A person looks at it and answers you at this address. Keep this letter."),
                *(
                    [_("It does not say which of your orders you mean. Choose it, and we can settle it sooner.")]
                    * which
                ),
            )
        case Stage.ACCEPTED:
            subject = (
                _("Your withdrawal from order {number} is accepted") if known else _("Your withdrawal is accepted")
            )
            headline, said = _("Your withdrawal is accepted."), (_going_back(letter),)
        case Stage.DECLINED:
            subject = _("About your withdrawal from order {number}") if known else _("About your withdrawal")
            headline, said = _("We can't accept your withdrawal."), (letter.reason, _(_MISTAKE))
    return about_order(
        settings, letter.email, subject.format(number=letter.reference), headline=headline, paragraphs=said,
        items=_declared(letter), library_url=f"{settings.public_url}/purchases",
        button=_("Choose the order") if which else "", url=letter.which_url,
    )  # fmt: skip


def _going_back(letter: WithdrawalLetter) -> str:
    if letter.amount:
        going = _("{amount} goes back the way you paid. We write again when it is on its way.")
        return going.format(amount=_format(letter.amount))
    if letter.refused:
        return _("Your money could not go back the way you paid. We find another way, and write to you about it.")
    return _("Nothing is left to be sent back for it.")


def _declared(letter: WithdrawalLetter) -> list[dict[str, str]]:
    said = [
        (_("Received"), f"{_date(letter.at)}, {formats.time(letter.at)} ({letter.at.tzname()})"),
        (_("Order"), letter.reference or _("None was named.")),
        (
            _("Withdrawn from"),
            formats.listed(letter.lines) if letter.lines else "" if letter.words else _("All of it."),
        ),
        (_("In your words"), letter.words),
        (_("Name"), letter.name),
    ]
    return [{"title": title, "text": text} for title, text in said if text]


def withdrawal_notice(settings: Settings, letter: WithdrawalNotice) -> Message:
    """Somebody has withdrawn from a contract: the owners are to decide."""
    one = letter.count == 1
    headline = "A buyer withdraws from a contract." if one else f"{letter.count} withdrawals are open."
    advice = (
        f"Accept {'it' if one else 'them'} or say why not. What is accepted has to be paid back within 14 days of the"
        f" declaration, the first by {_date(letter.answer_by)}."
    )
    due = f"To be settled by {_date(letter.answer_by)}."
    return shop_notice(settings, letter.owners, headline, advice, letter.url, preheader=due)


def shop_notice(
    settings: Settings, owners: Sequence[str], headline: str, advice: str, url: str, *, preheader: str
) -> Message:  # fmt: skip
    """Something that the owners must hear of at once; `preheader` is what a mailbox shows beside the subject."""
    context: dict[str, object] = {"headline": headline, "advice": advice, "url": url, "preheader": preheader}
    return _message(settings, "shop_notice", ", ".join(owners), headline.rstrip("."), context)


def invitation(settings: Settings, letter: InvitationLetter) -> Message:
    """Somebody is to work at the owner's side."""
    context: dict[str, object] = {
        "role": _ROLES[letter.role],
        "by": letter.invited_by,
        "url": letter.url,
        "address": letter.email,
    }
    return _message(settings, "invitation", letter.email, f"You can help to run {settings.shop_name}", context)


def seat_invitation(settings: Settings, letter: SeatLetter) -> Message:
    """Somebody is asked to take a seat of a plan."""
    context: dict[str, object] = {
        "product": letter.product, "by": letter.by, "digits": letter.digits, "url": letter.url,
        "until": _("{day}, {time} UTC").format(day=formats.weekday(letter.until), time=formats.time(letter.until)),
    }  # fmt: skip
    subject = _("A seat of {product} is yours").format(product=letter.product)
    return _message(settings, "seat_invitation", letter.email, subject, context)


_ROLES = {
    Role.OWNER: "an owner: you may do everything",
    Role.SUPPORT: "support: you may help buyers, and send money back up to a limit",
    Role.VIEWER: "a viewer: you may look at everything, and change nothing",
}


def _deadline(letter: NoticeLetter) -> str:
    """Until when the bank waits for an answer, where it waits for one; by UTC, as Stripe counts."""
    awaited = letter.topic in (disputes.Stage.INQUIRY, disputes.Stage.DISPUTED, disputes.Stage.FUNDS_WITHDRAWN)
    return _moment(letter.due_by) if awaited else ""


def _moment(moment: datetime | None) -> str:
    return f"{moment:%A} {moment.day} {moment:%B %Y, %H:%M} UTC" if moment else ""


_PARTLY_LOST = (
    "The rest is yours, and what it was paid for is open, as after a refund of a part: the order's page says how to end"
    " access, if it should."
)


def _notice(letter: NoticeLetter) -> tuple[str, str]:
    match letter.topic:
        case disputes.Stage.INQUIRY:
            return "A bank asks about a payment", (
                "No money was taken, and the buyer keeps what they have. Answer in Stripe's dashboard, or refund the"
                " payment: unanswered questions become disputes."
            )
        case disputes.Stage.INQUIRY_CLOSED:
            return "A bank's question is closed", "No dispute came of it: the money and the buyer's access stay."
        case disputes.Stage.DISPUTED:
            headline = "A bank's question became a dispute" if letter.escalated else "A payment was disputed"
            taken = "Stripe took the amount and its fee from your balance meanwhile. " if letter.withdrawn else ""
            return headline, (
                f"{taken}What the payment was for is suspended until the bank has decided. Answer in Stripe's dashboard"
                " before the deadline: the evidence pack on the order's page puts the proof together."
            )
        case disputes.Stage.FUNDS_WITHDRAWN:
            return "Disputed money was taken", (
                "Stripe took the amount, and its fee, from your balance until the bank has decided. It comes back if the"
                " dispute is won: the evidence pack on the order's page puts the proof together."
            )
        case disputes.Stage.PREVENTED:
            access = _PARTLY_LOST if letter.in_part else "The buyer's access has ended."
            return (
                "A dispute was prevented",
                f"Stripe gave the money back before the bank could dispute it. {access}",
            )
        case disputes.Stage.BLOCKED:
            return "A dispute was stopped", (
                "It ended before the bank took any money by it: access stays as it was. What was refunded meanwhile stays with"
                " the buyer."
            )
        case disputes.Stage.LOST if letter.in_part:
            return "A part of a payment was lost", f"That part stays with the buyer. {_PARTLY_LOST}"
        case disputes.Stage.LOST:
            return "A dispute was lost", "The money stays with the buyer, and what it was paid for is closed."
        case disputes.Stage.WON:
            return "A dispute was won", "The money is yours again, and what it was paid for is open again."
        case "fraud_warning":
            return "A bank warns of fraud", (
                "The card's owner may not know of this payment. Refund it now, and there is no dispute and no fee for one: most"
                " such payments are disputed within days. If you know the buyer, nothing is to be done: their access stays."
            )
        case "refund_refused":
            return "A refund was refused", (
                "No money has moved, and the buyer's access is as it was. Mend the reason and refund again, or pay it back"
                " another way."
            )
        case "refund_failed":
            return "A refund failed", (
                "The bank could not take it, so the money is back on your balance, and what the refund had closed is open again; a"
                " plan whose subscription it cancelled, until the period that was paid for ends. Agree with the buyer on another"
                " way to pay it back, and end their access then."
            )
        case "plan_bills_on":
            return "A plan bills on", (
                "Its buyer may not use it any more, and Stripe goes on billing them. Cancel the subscription in Stripe's"
                " dashboard, or agree with them on how it goes on."
            )
        case "not_billed":
            return "A plan could not be billed", (
                "Stripe could not make out the invoice for its new period: its buyer is not charged, and the plan goes on. Mend the"
                " reason at Stripe, as by correcting the customer's address, and finalize the draft there. The order's"
                " page names it until it is paid or given up."
            )
        case "paid_twice":
            return "An order was paid twice", "The order's page names the payment to send back, and how."
        case "paid_after_end":
            return "A payment came after its plan had ended", (
                "It gives no access, and the buyer was told so. The order's page says how to send it back."
            )
        case _:
            return "A paid order could not be delivered", (
                "The buyer has paid and is waiting. Mend the cause and replay the order's event, or refund it."
            )


def _item(delivery: Delivery, letter: OrderLetter, *, base_url: str) -> dict[str, object]:
    """One thing that was bought, in a sentence, and a button that leads to what it names."""
    opens = f"{letter.order_url}?to={delivery.grant_id}" if letter.order_url else letter.library_url
    tickets = [each for each in delivery.tickets if not each.canceled]
    match delivery.kind:
        case Kind.DOWNLOAD:
            text = _("{files}. Yours to keep.").format(files=_files(delivery))
            button = _("Download {name}")
        case Kind.LICENSE:
            text, button = _licence(delivery), _("Download {name}") if delivery.files else _("See {name}")
        case Kind.PLAN:
            text = ngettext(
                "One seat, for whoever you choose.",
                "{number} seats. Give them out whenever you like.",
                delivery.quantity,
            ).format(number=delivery.quantity)
            button, opens = _("Give seats of {name}"), letter.library_url
        case Kind.WORKSHOP:
            text, button = (
                _when(delivery),
                _("See your places in {name}") if tickets[1:] else _("See your place in {name}"),
            )
            opens = f"{base_url}/ticket/{tickets[0].token}" if len(tickets) == 1 else opens
    return {
        "title": delivery.product,
        "text": text,
        "key": "\n".join(each.key for each in delivery.licenses),
        "button": button.format(name=delivery.product),
        "url": opens,
        # Of a single one the button is the way to it.
        "tickets": [{"name": each.name, "url": f"{base_url}/ticket/{each.token}"} for each in tickets if tickets[1:]],
    }


def _licence(delivery: Delivery) -> str:
    """What comes before the keys."""
    most = max((each.most for each in delivery.licenses), default=1)
    if len(delivery.licenses) > 1:
        several = ngettext(
            "Your {keys} licence keys, each for one computer:", "Your {keys} licence keys, each for up to {number} computers:",
            most,
        )  # fmt: skip
        return several.format(keys=len(delivery.licenses), number=most)
    one = ngettext("Your licence key, for one computer:", "Your licence key, for up to {number} computers:", most)
    return one.format(number=most)


def _adjustment(letter: OrderLetter) -> Money:
    """What discounts and taxes, which Stripe works out, made of the lines' sum."""
    return letter.total - sum((line.total for line in letter.lines), start=Money(0, letter.total.currency))


def _files(delivery: Delivery) -> str:
    return ", ".join(file.label for file in delivery.files)


def _when(delivery: Delivery) -> str:
    if not delivery.starts_at:
        return _("Your place is booked.")
    begins = delivery.starts_at.astimezone(ZoneInfo(delivery.timezone))
    said = ngettext(
        "Your place: {day}, {time}, {place} time.", "{number} places: {day}, {time}, {place} time.", delivery.quantity
    )
    return said.format(
        number=delivery.quantity, day=formats.weekday(begins), time=formats.time(begins),
        place=formats.place(delivery.timezone),
    )  # fmt: skip


def plain(
    settings: Settings, to: str, subject: str, *, headline: str, paragraphs: Sequence[str], button: str = "",
    url: str = "", closing: str = "", calendar: tuple[str, ...] = (), method: str = "",
) -> Message:  # fmt: skip
    """A letter that is about no order, to somebody who may have none: a headline, some paragraphs and a button."""
    context: dict[str, object] = {
        "headline": headline, "paragraphs": paragraphs, "button": button, "url": url, "more": "", "items": [],
        "library_url": "",
        "closing": closing,
    }  # fmt: skip
    return replace(_message(settings, "place", to, subject, context), calendar=calendar, method=method)


def _message(settings: Settings, name: str, to: str, subject: str, context: dict[str, object]) -> Message:
    common: dict[str, object] = {
        "shop": settings.shop_name, "support": settings.support_email, "base_url": settings.public_url,
        "withdraw_url": "" if name in _TO_STAFF else f"{settings.public_url}/withdraw",
    }  # fmt: skip
    told = {**common, **context, "subject": subject}
    text, html = (_environment().get_template(f"{name}.{form}.j2").render(**told) for form in ("txt", "html"))
    if told["withdraw_url"]:
        text = f"{text.rstrip()}\n{_('Withdraw from contract here')}: {told['withdraw_url']}"
    return Message(to, subject, text, html)


# Those who run the shop have no contract to withdraw from.
_TO_STAFF = ("owner_notice", "shop_notice", "invitation", "digest")
_PLACE, _LOGO = "<!-- seller -->", "<!-- logo -->"


def signed(letter: Message, lines: Sequence[str]) -> Message:
    """The letter with these lines, which say who sells here, under it."""
    if not lines:
        return letter
    said = "<br>".join(escape(line) for line in lines)
    under = f'<p class="q" style="margin:12px 0 0;font-size:13px;line-height:19px;color:#4e556b;">{said}</p>'
    text = f"{letter.text.rstrip()}\n\n{chr(10).join(lines)}\n"
    return replace(letter, text=text, html=letter.html.replace(_PLACE, under, 1))


def branded(letter: Message, brand: Brand, settings: Settings) -> Message:
    """The letter in the colours of the shop, with its logo on top if it has one."""
    html = letter.html.replace(DEFAULT.ink, brand.accent.ink).replace(DEFAULT.ink_on_dark, brand.accent.ink_on_dark)
    html = html.replace(DEFAULT.ground_on_dark, brand.accent.ground_on_dark)
    return replace(letter, html=html.replace(_LOGO, _logo(brand, settings.public_url), 1))


def _logo(brand: Brand, base: str) -> str:
    """Both logos, of which a mail program shows the one for its ground; one that knows no dark ground shows the first. The name of
    the shop where there is none."""
    row = (
        '<tr><td class="pad" style="padding:28px 40px 0;font-family:-apple-system,\'Segoe UI\',Roboto,Helvetica,Arial,sans-serif;">'
        "{}</td></tr>"
    )
    name = escape(brand.name)
    if not brand.logo_on_dark:
        return row.format(f'<b class="t" style="font-size:17px;line-height:24px;color:#161b2e;">{name}</b>')
    light, dark = (base + products.picture_path(key) for key in (brand.logo or brand.logo_dark, brand.logo_on_dark))
    style = "border:0;height:32px;max-width:100%;font-size:20px;font-weight:700;"
    shown = f'<img class="t day" src="{escape(light)}" alt="{name}" height="32" style="display:block;{style}color:#161b2e;">'
    at_night = (
        f'<img class="t night" src="{escape(dark)}" alt="" height="32" style="display:none;{style}color:#161b2e;">'
    )
    return row.format(f"{shown}{at_night}")


def with_way_out(letter: Message, url: str) -> Message:
    """The letter with a link by which its reader gets no more of them."""
    said = _("No more letters like this one")
    under = (
        '<p class="q" style="margin:12px 0 0;font-size:13px;line-height:19px;color:#4e556b;">'
        f'<a class="lnk" href="{escape(url)}" style="color:#2443c8;">{escape(said)}</a></p>'
    )
    text = f"{letter.text.rstrip()}\n\n{said}: {url}\n"
    return replace(letter, text=text, html=letter.html.replace(_PLACE, under + _PLACE, 1), unsubscribe=url)


@cache
def _environment() -> "Environment":
    # Not before there is a letter to write.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    from core.languages import templates

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=lambda name: not (name or "").endswith(".txt.j2"),
    )
    templates.equip(environment)
    environment.globals["strong"] = Markup('<b style="white-space:nowrap;">{}</b>').format
    environment.globals["link"] = Markup('<a class="lnk" href="{url}" style="color:#2443c8;">{text}</a>').format
    environment.filters["money"] = _format
    environment.filters["day"] = _day
    return environment


def _format(money: Money) -> str:
    return money.format()


def _day(times: Times) -> str:
    return _date(times.starts_at.astimezone(ZoneInfo(times.timezone)))


def _date(moment: date) -> str:
    return formats.day(moment)
