"""The words of the letters, in HTML and in plain text, from Jinja templates."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from babel.dates import format_date

from core.catalog.products import Kind
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.kinds.grants import Delivery
from core.kinds.workshops import Times
from core.messages.contents import CodeLetter, InvitationLetter, NoticeLetter, OrderLetter, PaymentLetter
from core.messages.mail import Message
from core.orders.disputes import Stage
from core.orders.status import GrantState
from core.people.staff import Role

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).parent / "templates"


def receipt(settings: Settings, letter: OrderLetter) -> Message:
    """Thank you, with everything that is there: links to the library, keys, the amounts; and a sentence for what is not."""
    there = [delivery for delivery in letter.deliveries if delivery.state is GrantState.ACTIVE]
    missing = [delivery for delivery in letter.deliveries if delivery.state is not GrantState.ACTIVE]
    context = {
        "number": letter.number,
        "total": letter.total,
        "date": format_date(letter.placed_at, "d MMMM y", locale="en"),
        "lines": letter.lines,
        "adjustment": _adjustment(letter),
        "headline": _thanks(there, missing),
        "deliveries": [_item(delivery) for delivery in there],
        "missing": [_absence(delivery) for delivery in missing],
        "library_url": letter.library_url,
    }
    return _message(settings, "receipt", letter.email, f"Your {settings.shop_name} order {letter.number}", context)


def _thanks(there: list[Delivery], missing: list[Delivery]) -> str:
    if not missing:
        return "Thank you. It's all yours."
    return "Thank you. Part of it is yours already." if there else "Thank you. We have your payment."


def _absence(delivery: Delivery) -> dict[str, str]:
    yet = " yet" if delivery.state is GrantState.BLOCKED else ""
    return {"title": f"{delivery.product}: not open{yet}", "text": _why_missing(delivery)}


def _why_missing(delivery: Delivery) -> str:
    match delivery.state:
        case GrantState.BLOCKED:
            why = (
                "The last place went while you were paying."
                if delivery.reason == "sold_out"
                else "This one needs a hand from us before it is yours."
            )
            return f"{why} We know, and we write again as soon as it is solved or your money is on its way back."
        case GrantState.REVOKED:
            return "This was closed again, since its payment went back."
        case GrantState.SUSPENDED | GrantState.ACTIVE:
            return "This can't be opened at the moment."


def delivered_late(settings: Settings, letter: OrderLetter) -> Message:
    """What could not be delivered with the receipt is there now."""
    context: dict[str, object] = {
        "number": letter.number,
        "headline": "It's ready now.",
        "intro": "What was missing from your order is yours now. Thank you for your patience.",
        "deliveries": [_item(delivery) for delivery in letter.deliveries],
        "library_url": letter.library_url,
    }
    return _message(
        settings, "late_delivery", letter.email, f"The rest of your order {letter.number} is ready", context
    )


def given_up(settings: Settings, letter: OrderLetter) -> Message:
    """What could not be delivered will not be: its money went back."""
    names = " and ".join(delivery.product for delivery in letter.deliveries)
    context: dict[str, object] = {
        "number": letter.number,
        "headline": "Your money is on its way back.",
        "intro": f"We are sorry: we couldn't give you {names}. {_format(letter.returned)} went back the way you paid."
        " Banks take five to ten days to show it.",
        "deliveries": [],
        "library_url": letter.library_url,
    }
    return _message(settings, "late_delivery", letter.email, f"Your money for order {letter.number} goes back", context)


def payment_failed(settings: Settings, letter: OrderLetter) -> Message:
    """The bank did not pay after all: nothing was charged, and what to do."""
    context = {"number": letter.number, "total": letter.total, "cart_url": f"{settings.public_url}/cart"}
    subject = f"The payment for order {letter.number} didn't go through"
    return _message(settings, "payment_failed", letter.email, subject, context)


def paid_after_end(settings: Settings, letter: PaymentLetter) -> Message:
    """Money came for a plan that had ended: it gives no access, and what happens with it."""
    context = {
        "number": letter.number, "amount": letter.amount, "date": format_date(letter.paid_at, "d MMMM y", locale="en"),
    }  # fmt: skip
    subject = f"Your payment for order {letter.number} came after the plan had ended"
    return _message(settings, "paid_after_end", letter.email, subject, context)


def sign_in_code(settings: Settings, letter: CodeLetter) -> Message:
    """Six digits that sign in, or that prove an address which is to become another."""
    if letter.about:
        context = {"digits": letter.digits, "minutes": letter.minutes, "address": letter.email, "about": letter.about}
        return _message(settings, "address_code", letter.email, f"{letter.digits} confirms your address", context)
    subject = f"{letter.digits} is your {settings.shop_name} code"
    return _message(
        settings, "sign_in_code", letter.email, subject, {"digits": letter.digits, "minutes": letter.minutes}
    )


def owner_notice(settings: Settings, letter: NoticeLetter) -> Message:
    """Something happened to an order that its shop's owners must hear of at once."""
    headline, advice = _notice(letter)
    context = {
        "headline": headline, "advice": advice, "number": letter.number, "total": letter.total,
        "detail": letter.detail.replace("_", " "),
        "amount": letter.amount if letter.amount != letter.total else None,
        "due_by": _deadline(letter),
    }  # fmt: skip
    return _message(settings, "owner_notice", ", ".join(letter.owners), f"{headline}: order {letter.number}", context)


def invitation(settings: Settings, letter: InvitationLetter) -> Message:
    """Somebody is to work at the owner's side."""
    context: dict[str, object] = {
        "role": _ROLES[letter.role],
        "by": letter.invited_by,
        "url": letter.url,
        "address": letter.email,
    }
    return _message(settings, "invitation", letter.email, f"You can help to run {settings.shop_name}", context)


_ROLES = {
    Role.OWNER: "an owner: you may do everything",
    Role.SUPPORT: "support: you may help buyers, and send money back up to a limit",
    Role.VIEWER: "a viewer: you may look at everything, and change nothing",
}


def _deadline(letter: NoticeLetter) -> str:
    """Until when the bank waits for an answer, where it waits for one; by UTC, as Stripe counts."""
    awaited = letter.topic in (Stage.INQUIRY, Stage.DISPUTED, Stage.FUNDS_WITHDRAWN)
    return (
        f"{letter.due_by:%A} {letter.due_by.day} {letter.due_by:%B %Y, %H:%M} UTC" if awaited and letter.due_by else ""
    )


def _notice(letter: NoticeLetter) -> tuple[str, str]:
    match letter.topic:
        case Stage.INQUIRY:
            return "A bank asks about a payment", (
                "No money was taken, and the buyer keeps what they have. Answer in Stripe's dashboard, or refund the"
                " payment: unanswered questions become disputes."
            )
        case Stage.INQUIRY_CLOSED:
            return "A bank's question is closed", "No dispute came of it: the money and the buyer's access stay."
        case Stage.DISPUTED:
            headline = "A bank's question became a dispute" if letter.escalated else "A payment was disputed"
            taken = "Stripe took the amount and its fee from your balance meanwhile. " if letter.withdrawn else ""
            return headline, (
                f"{taken}What the payment was for is suspended until the bank has decided. Answer in Stripe's dashboard"
                f" before the deadline: pushcart evidence {letter.number} puts the proof together."
            )
        case Stage.FUNDS_WITHDRAWN:
            return "Disputed money was taken", (
                "Stripe took the amount, and its fee, from your balance until the bank has decided. It comes back if the"
                f" dispute is won: pushcart evidence {letter.number} puts the proof together."
            )
        case Stage.PREVENTED:
            return "A dispute was prevented", (
                "Stripe gave the money back before the bank could dispute it, and the buyer's access has ended."
            )
        case Stage.LOST:
            return "A dispute was lost", "The money stays with the buyer, and what it was paid for is closed."
        case Stage.WON:
            return "A dispute was won", "The money is yours again, and what it was paid for is open again."
        case "refund_refused":
            return "A refund was refused", (
                "No money has moved, and the buyer's access is as it was. Mend the reason and refund again, or pay it back"
                " another way."
            )
        case "refund_failed":
            return "A refund failed", (
                "The bank could not take it, so the money is back on your balance, and what the refund had closed is open"
                " again. Agree with the buyer on another way to pay it back."
            )
        case "plan_bills_on":
            return "A plan bills on", (
                "Its buyer may not use it any more, and Stripe goes on billing them. Cancel the subscription in Stripe's"
                " dashboard, or agree with them on how it goes on."
            )
        case "paid_twice":
            return "An order was paid twice", "pushcart attention names the payment to send back, and how."
        case "paid_after_end":
            return "A payment came after its plan had ended", (
                "It gives no access, and the buyer was told so. pushcart attention says how to send it back."
            )
        case _:
            return "A paid order could not be delivered", (
                "The buyer has paid and is waiting. Mend the cause and replay the order's event, or refund it."
            )


def _item(delivery: Delivery) -> dict[str, str]:
    """One thing that was bought, in a sentence and a button's words."""
    match delivery.kind:
        case Kind.DOWNLOAD:
            text, button = f"{_files(delivery)}. Yours to keep: download it again whenever you like.", "Download"
        case Kind.LICENSE:
            text, button = _licence(delivery), "Download"
        case Kind.PLAN:
            several = f"{delivery.quantity} seats. Give them out whenever you like."
            text, button = several if delivery.quantity > 1 else "One seat, for whoever you choose.", "Invite teammates"
        case Kind.WORKSHOP:
            text, button = _when(delivery), "See your place"
    return {
        "title": delivery.product,
        "text": text,
        "key": "\n".join(each.key for each in delivery.licenses),
        "button": button,
    }


def _licence(delivery: Delivery) -> str:
    """What comes before the keys."""
    most = max((each.most for each in delivery.licenses), default=1)
    many = f"up to {most} computers" if most > 1 else "one computer"
    several = len(delivery.licenses) > 1
    return (
        f"Your {len(delivery.licenses)} licence keys, each for {many}:" if several else f"Your licence key, for {many}:"
    )


def _adjustment(letter: OrderLetter) -> Money:
    """What discounts and taxes, which Stripe works out, made of the lines' sum."""
    return letter.total - sum((line.total for line in letter.lines), start=Money(0, letter.total.currency))


def _files(delivery: Delivery) -> str:
    return ", ".join(file.label for file in delivery.files)


def _when(delivery: Delivery) -> str:
    if not delivery.starts_at:
        return "Your place is booked."
    begins = delivery.starts_at.astimezone(ZoneInfo(delivery.timezone))
    places = f"{delivery.quantity} places" if delivery.quantity > 1 else "Your place"
    zone = delivery.timezone.rpartition("/")[2].replace("_", " ")
    return f"{places}: {begins:%A} {begins.day} {begins:%B %Y}, {begins:%H:%M}, {zone} time."


def _message(settings: Settings, name: str, to: str, subject: str, context: dict[str, object]) -> Message:
    common = {"shop": settings.shop_name, "support": settings.support_email, "base_url": settings.public_url}
    text, html = (
        _environment().get_template(f"{name}.{form}.j2").render(**common, **context, subject=subject)
        for form in ("txt", "html")
    )
    return Message(to, subject, text, html)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # not before there is a letter to write

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=lambda name: not (name or "").endswith(".txt.j2"),
    )
    environment.filters["money"] = _format
    environment.filters["day"] = _day
    return environment


def _format(money: Money) -> str:
    return money.format("en")


def _day(times: Times) -> str:
    return format_date(times.starts_at.astimezone(ZoneInfo(times.timezone)), "d MMMM y", locale="en")
