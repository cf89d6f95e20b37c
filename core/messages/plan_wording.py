"""The words of the letters about plans: what they were renewed for, and that they renew, were not paid, end or have ended."""

from collections.abc import Sequence
from datetime import date

from core.foundation.settings import Settings
from core.languages import formats
from core.languages.sentences import _, ngettext
from core.messages import wording
from core.messages.after_purchase import PlanLetter, RenewedLetter
from core.messages.plan_changes import ChangeLetter, PauseLetter, PlanNow
from core.messages.wording import Message
from core.rights.reminders import About


def renewed(settings: Settings, letter: RenewedLetter) -> Message:
    """A plan's renewal was paid: how much, with which tax, until when that is, and where the receipt is."""
    count, told = _count(letter.plans), {"plan": formats.listed(letter.plans), "number": letter.number}
    said = _("{amount} was charged on {day} for the renewal of {plan}, order {number}.").format(
        amount=letter.amount.format(), day=formats.day(letter.paid_on), **told
    )
    taxed = [_("That includes {tax} of tax.").format(tax=letter.tax.format())] if letter.tax else []
    subject = ngettext("{plan} was renewed: order {number}", "{plan} were renewed: order {number}", count)
    change = ngettext("Change or cancel your plan", "Change or cancel your plans", count)
    return wording.about_order(
        settings, letter.email, subject.format(**told),
        headline=ngettext("Your plan was renewed.", "Your plans were renewed.", count),
        paragraphs=[" ".join([said, *taxed]), *_paid_until(letter, count)],
        button=_("See the receipt"), url=letter.receipt_url, more=change if letter.renews else "",
        library_url=letter.library_url,
    )  # fmt: skip


def _paid_until(letter: RenewedLetter, count: int) -> list[str]:
    if letter.until is None:
        return []
    if letter.ends:
        said = ngettext(
            "It is paid for until {day}. It ends then, and doesn't renew any more.",
            "They are paid for until {day}. They end then, and don't renew any more.",
            count,
        )
    elif letter.renews:
        said = ngettext(
            "It is paid for until {day}, and renews then.", "They are paid for until {day}, and renew then.", count
        )
    else:
        said = ngettext("It is paid for until {day}.", "They are paid for until {day}.", count)
    return [said.format(day=formats.day(letter.until))]


def renewal_failed(settings: Settings, letter: PlanLetter) -> Message:
    """A plan's renewal was not paid: until when it stays open, and where to pay."""
    plan, count = formats.listed(letter.plans), _count(letter.plans)
    said = (
        _("The payment of {amount} for the renewal of {plan}, order {number}, didn't go through.").format(
            amount=letter.owed.format(), plan=plan, number=letter.number
        )
        if letter.owed
        else _("The payment for the renewal of {plan}, order {number}, didn't go through.").format(
            plan=plan, number=letter.number
        )
    )
    stays = (
        _goes_on(count)
        if letter.goes_on
        else _("Everything stays open until {day}. If it isn't paid by then, it closes until it is.").format(
            day=formats.day(letter.day)
        )
        if letter.day
        else ngettext("It is closed until the renewal is paid.", "They are closed until the renewal is paid.", count)
    )
    how = (
        _("Another card usually works.")
        if letter.pay_url
        else _("Another card usually works: choose “Manage billing” there.")
    )
    return wording.about_order(
        settings, letter.email, _("The renewal of {plan} didn't go through").format(plan=plan),
        headline=_("That renewal didn't go through."), paragraphs=[said, f"{stays} {how}"],
        button=_("Pay now") if letter.pay_url else _to_plans(count), url=letter.pay_url or letter.library_url,
        library_url=letter.library_url,
    )  # fmt: skip


def plan_reminder(settings: Settings, letter: PlanLetter, *, about: About) -> Message:
    """A yearly plan is about to renew, or a trial to end: what will be billed and when, and how to cancel."""
    count = _count(letter.plans)
    told = {
        "plan": formats.listed(letter.plans), "day": formats.day(letter.day) if letter.day else "",
        "amount": letter.owed.format() if letter.owed else "", "number": letter.number,
    }  # fmt: skip
    if about is About.RENEWAL:
        subject = ngettext("{plan} renews on {day}", "{plan} renew on {day}", count)
        headline = ngettext("Your plan renews soon.", "Your plans renew soon.", count)
        said = (
            ngettext(
                "{plan}, order {number}, renews on {day} for another year. {amount} will be charged the way you paid.",
                "{plan}, order {number}, renew on {day} for another year. {amount} will be charged the way you paid.",
                count,
            )
            if letter.owed
            else ngettext(
                "{plan}, order {number}, renews on {day}, and changes then. What it costs from then on will be charged the way you"
                " paid.",
                "{plan}, order {number}, renew on {day}, and change then. What they cost from then on will be charged the way you"
                " paid.",
                count,
            )
        )
    else:
        subject, headline = _("Your trial of {plan} ends on {day}"), _("Your trial ends soon.")
        said = (
            ngettext(
                "Your trial of {plan}, order {number}, ends on {day}. It goes on as a plan then, and {amount} will be charged.",
                "Your trial of {plan}, order {number}, ends on {day}. They go on as plans then, and {amount} will be charged.",
                count,
            )
            if letter.owed
            else ngettext(
                "Your trial of {plan}, order {number}, ends on {day}. It goes on as a plan then, and what it costs from then on"
                " will be charged.",
                "Your trial of {plan}, order {number}, ends on {day}. They go on as plans then, and what they cost from then on"
                " will be charged.",
                count,
            )
        )
    # What Stripe takes off and adds, it alone knows.
    listed = [_("That is before discounts and taxes, if there are any.")] if letter.owed and letter.listed else []
    keep = ngettext(
        "To keep it you need to do nothing. To cancel it, open Your purchases, choose “Cancel plan” and confirm: then nothing is"
        " charged on {day}.",
        "To keep them you need to do nothing. To cancel them, open Your purchases, choose “Cancel plan” and confirm: then nothing"
        " is charged on {day}.",
        count,
    )
    return wording.about_order(
        settings, letter.email, subject.format(**told), headline=headline,
        paragraphs=[" ".join([said.format(**told), *listed]), keep.format(**told)],
        button=_to_plans(count), url=letter.library_url, library_url=letter.library_url,
    )  # fmt: skip


def plan_ending(settings: Settings, letter: PlanLetter) -> Message:
    """A plan was cancelled, and ends on a day to come."""
    count, plan, day = _count(letter.plans), formats.listed(letter.plans), formats.day(letter.day) if letter.day else ""
    ends = ngettext(
        "{plan}, order {number}, ends on {day}. What you have paid for stays open until then, and it doesn't renew after that.",
        "{plan}, order {number}, end on {day}. What you have paid for stays open until then, and they don't renew after that.",
        count,
    )
    keep = ngettext(
        "Changed your mind? Until then you can keep it: choose “Manage billing” in Your purchases.",
        "Changed your mind? Until then you can keep them: choose “Manage billing” in Your purchases.",
        count,
    )
    goes_on = [_goes_on(count)] if letter.goes_on else []
    subject = ngettext("{plan} ends on {day}", "{plan} end on {day}", count)
    return wording.about_order(
        settings, letter.email, subject.format(plan=plan, day=day),
        headline=ngettext("Your plan is cancelled.", "Your plans are cancelled.", count),
        paragraphs=[" ".join([ends.format(plan=plan, number=letter.number, day=day), *goes_on]), keep],
        library_url=letter.library_url,
    )  # fmt: skip


def plan_ended(settings: Settings, letter: PlanLetter) -> Message:
    """A plan has ended: why, if it was not the buyer who ended it, and that nothing more is billed."""
    count, plan = _count(letter.plans), formats.listed(letter.plans)
    closed = ngettext("What it opened is closed.", "What they opened is closed.", count)
    said = [
        _ended(letter, count).format(
            plan=plan, number=letter.number, day=formats.day(letter.day) if letter.day else ""
        ),
        ngettext("It won't be billed any more.", "They won't be billed any more.", count),
        *([closed] if letter.closed else [_goes_on(count)] if letter.goes_on else []),
    ]  # fmt: skip
    return wording.about_order(
        settings, letter.email, ngettext("{plan} has ended", "{plan} have ended", count).format(plan=plan),
        headline=ngettext("Your plan has ended.", "Your plans have ended.", count),
        paragraphs=[" ".join(said)], library_url=letter.library_url,
    )  # fmt: skip


def plan_paused(settings: Settings, letter: PauseLetter) -> Message:
    """The billing of a plan is paused: until when, and what that means for it; or it goes on, and when the next payment is due."""
    told = {"plan": formats.listed(letter.plans), "number": letter.number}
    day = formats.day(letter.until) if letter.until else ""
    if not letter.paused:
        subject = _("The billing of {plan} goes on")
        headline = ngettext("Your plan goes on.", "Your plans go on.", _count(letter.plans))
        said = [_("The billing of {plan}, order {number}, goes on.").format(**told), *_due(letter.next_payment)]
    else:
        subject = _("The billing of {plan} is paused")
        headline = ngettext("Your plan is paused.", "Your plans are paused.", _count(letter.plans))
        paused = (
            _("The billing of {plan}, order {number}, is paused until {day}: nothing is charged before that.")
            if day
            else _("The billing of {plan}, order {number}, is paused: nothing is charged until it goes on.")
        )
        said = [paused.format(**told, day=day), _meanwhile(letter)]
    return wording.about_order(
        settings, letter.email, subject.format(**told), headline=headline, paragraphs=[" ".join(said)],
        button=_to_plans(_count(letter.plans)), url=letter.library_url, library_url=letter.library_url,
    )  # fmt: skip


def _meanwhile(letter: PauseLetter) -> str:
    """What becomes of what was bought while nothing is charged for it."""
    count = _count(letter.plans)
    if letter.goes_on:
        return _goes_on(count)
    if letter.open_until is None:
        return ngettext(
            "It is on hold, and opens again when its billing goes on.",
            "They are on hold, and open again when their billing goes on.",
            count,
        )
    if letter.until and letter.until <= letter.open_until:
        return ngettext("It stays open meanwhile.", "They stay open meanwhile.", count)
    return ngettext(
        "It is paid for until {day}, and stays open until then. After that it is on hold until its billing goes on.",
        "They are paid for until {day}, and stay open until then. After that they are on hold until their billing goes on.",
        count,
    ).format(day=formats.day(letter.open_until))


def plan_changed(settings: Settings, letter: ChangeLetter) -> Message:
    """A plan has become another, is billed at other times, or has more or fewer seats: what there is now, and what it costs."""
    count, names = len(letter.plans), formats.listed([each.name for each in letter.plans])
    changed = _("This is what order {number} comes to from now on.").format(number=letter.number)
    items = [{"title": each.name, "text": _now(each)} for each in letter.plans]
    return wording.about_order(
        settings, letter.email, _("A change of {plan}: order {number}").format(plan=names, number=letter.number),
        headline=ngettext("Your plan has changed.", "Your plans have changed.", count),
        paragraphs=[" ".join([changed, *_due(letter.next_payment)])], items=items,
        button=_to_plans(count), url=letter.library_url, library_url=letter.library_url,
    )  # fmt: skip


def _now(plan: PlanNow) -> str:
    """How many seats there are, and what they cost, before what is taken off or added at each bill."""
    seats = ngettext("{number} seat", "{number} seats", plan.seats).format(number=plan.seats)
    if not plan.interval:
        return seats
    return _("{seats}, {price} {each}.").format(
        seats=seats, price=plan.price.format(), each=formats.each(plan.interval)
    )


def _due(day: date | None) -> list[str]:
    return [_("The next payment is due on {day}.").format(day=formats.day(day))] if day else []


def _ended(letter: PlanLetter, count: int) -> str:
    """That it ended, and by Stripe's word for the reason why; that its buyer asked for it they know. Where English has one form for
    several plans as for one, other languages have another."""
    if not letter.day:
        return ngettext("{plan}, order {number}, ended.", "{plan}, order {number}, ended.", count)
    if letter.why == "payment_failed":
        return ngettext(
            "{plan}, order {number}, ended on {day}, because its renewal wasn't paid.",
            "{plan}, order {number}, ended on {day}, because their renewal wasn't paid.",
            count,
        )
    if letter.why == "payment_disputed":
        return ngettext(
            "{plan}, order {number}, ended on {day}, because its payment was disputed.",
            "{plan}, order {number}, ended on {day}, because their payment was disputed.",
            count,
        )
    return ngettext("{plan}, order {number}, ended on {day}.", "{plan}, order {number}, ended on {day}.", count)


def _goes_on(count: int) -> str:
    return ngettext(
        "You pay for it by another subscription too: that one goes on, and keeps it open.",
        "You pay for each of them by another subscription too, which goes on and keeps it open.",
        count,
    )


def _to_plans(count: int) -> str:
    return ngettext("Go to your plan", "Go to your plans", count)


def _count(plans: Sequence[str]) -> int:
    """Of how many plans one speaks; of one where their names are not known."""
    return max(1, len(plans))
