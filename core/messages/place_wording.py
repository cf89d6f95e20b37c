"""The words of the letters about places in workshops, and to those who wait for one."""

from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from core.foundation.settings import Settings
from core.kinds.places.owed_letters import Topic
from core.kinds.places.waiting_list import News
from core.kinds.workshops import Times
from core.languages import formats
from core.languages.sentences import _, marked, ngettext
from core.messages import wording
from core.messages.place_letters import PlaceLetter, WaitingLetter
from core.messages.wording import Message


def about_place(settings: Settings, letter: PlaceLetter) -> Message:
    """What happened to a place, with what a calendar is to take in."""
    subject, headline, paragraphs = _of_topic(letter)
    there = letter.topic not in (Topic.GONE, Topic.CANCELED, Topic.CLOSED)
    if there and letter.room:
        paragraphs.append(_("Where: {room}").format(room=letter.room))
    closing = (
        _("This ticket is yours alone: on its page you can change the name on it, or give it to somebody else.")
        if there
        else _("The entry in your calendar goes away with the file of this letter.")
    )
    return wording.plain(
        settings, letter.email, subject, headline=headline, paragraphs=paragraphs,
        button=_("Your ticket") if there else "", url=letter.url, closing=closing,
        calendar=(letter.calendar,) if letter.calendar else (), method=letter.method or "",
    )  # fmt: skip


def _of_topic(letter: PlaceLetter) -> tuple[str, str, list[str]]:
    """The subject, the headline and the paragraphs."""
    told = {"product": letter.product, "when": when_of(letter.times), "name": letter.name}
    match letter.topic:
        case Topic.TICKET:
            subject, headline = _("Your ticket for {product}"), _("You have a place.")
            said = [_("{name}, a place in {product} is yours now: {when}."), _(_WAY_IN)]
        case Topic.GONE:
            subject, headline = _("Your place in {product} was handed over"), _("Handed over.")
            said = [_("Your place in {product}, {when}, is {name}'s now. Your ticket opens nothing any more.")]
        case Topic.MOVED:
            subject, headline = _("{product} is on another date"), _("Another date.")
            moved = _("{product} takes place for you on another date now: {when}. Your ticket stays the same.")
            said = [moved, _(_WAY_IN)]
        case Topic.CANCELED:
            return _canceled(letter)
        case Topic.CLOSED:
            subject, headline = _("Your place in {product} is closed"), _("Closed.")
            said = [
                _(
                    "Your place in {product}, {when}, is closed: what was paid for it went back, or the shop took it back."
                ),
                _("Your ticket opens nothing any more."),
            ]
        case Topic.OPENED:
            subject, headline = _("Your place in {product} is open again"), _("Open again.")
            said = [_("Your place in {product}, {when}, is yours again. Your ticket stays the same."), _(_WAY_IN)]
        case Topic.DAY:
            subject, headline = _("Tomorrow: {product}"), _("See you tomorrow.")
            begins = _("{product} begins tomorrow: {when}.")
            if letter.today:  # it was moved nearer, or no worker was there a day before
                subject, headline = _("Today: {product}"), _("See you today.")
                begins = _("{product} begins today: {when}.")
            said = [begins, _(_WAY_IN)]
        case Topic.HOUR:
            subject, headline = _("In an hour: {product}"), _("It begins in an hour.")
            told["url"] = letter.join_url
            way = [] if letter.room else [_("The way in opens half an hour before it begins: {url}")]
            said = ["{product}: {when}.", *way]
        case Topic.MESSAGE:
            about = _("About {product}, {when}.").format(**told)
            return letter.subject, letter.subject, [*filter(None, map(str.strip, letter.text.split("\n\n"))), about]
        case _:
            assert_never(letter.topic)
    return subject.format(**told), headline, [each.format(**told) for each in said]


_WAY_IN = marked("Your ticket has the way in, a code for the door, and an entry for your calendar.")


def _canceled(letter: PlaceLetter) -> tuple[str, str, list[str]]:
    said = (
        _("We are sorry: {product} on {when} does not take place.")
        if letter.by_shop
        else _("Your place in {product}, {when}, is canceled.")
    ).format(product=letter.product, when=when_of(letter.times))
    match letter.percent:
        case None | 0:
            money = _("No money goes back for it.")
        case 100:
            money = _("What was paid for it goes back the way it was paid. A letter of its own says when.")
        case part:
            money = _(
                "{percent} of what was paid for it goes back the way it was paid. A letter of its own says when."
            ).format(percent=formats.percent(part))
    return _("{product} is canceled").format(product=letter.product), _("Canceled."), [said, money]


def waiting(settings: Settings, letter: WaitingLetter) -> Message:
    """That somebody is on the list, that places are held for them, or that there is nothing to wait for any more."""
    told = {"product": letter.product, "when": when_of(letter.times), "number": letter.places}
    if letter.topic is News.OFFER and letter.until:
        told["until"] = moment_of(letter.until, letter.times.timezone)
        subject = ngettext("A place in {product} for you", "Places in {product} for you", letter.places)
        headline = _("It's your turn.")
        held = ngettext(
            "A place in {product}, {when}, is held for you until {until}.",
            "{number} places in {product}, {when}, are held for you until {until}.",
            letter.places,
        )
        paragraphs = [
            held,
            _("Go to payment before then to take what is held. After that it goes to the next on the list."),
        ]
        button = _("See your offer")
        closing = _("Don't want it any more? On the same page you leave the list with one click.")
    elif letter.topic is News.CLOSED:
        subject, headline = _("{product} does not take place"), _("Nothing to wait for.")
        paragraphs = [_("{product} on {when} is canceled, so you are on its waiting list no more.")]
        button, closing = "", _("There may be other dates in the shop.")
    else:
        subject, headline = _("You are on the waiting list for {product}"), _("You are on the list.")
        wait = ngettext(
            "You wait for a place in {product}, {when}. When that is free and it's your turn, we hold it for you and write.",
            "You wait for {number} places in {product}, {when}. When they are free and it's your turn, we hold them for you and"
            " write.",
            letter.places,
        )
        paragraphs = [wait, _("If this wasn't you, leave the list with one click, and we forget it.")]
        button = _("Your place on the list")
        closing = _("On that page you see whose turn it is, and leave the list.")
    return wording.plain(
        settings, letter.email, subject.format(**told), headline=headline,
        paragraphs=[each.format(**told) for each in paragraphs], button=button, url=letter.url, closing=closing,
    )  # fmt: skip


def when_of(times: Times) -> str:
    """When something takes place, by the clock of where it does, such as Thursday 10 December 2026, 17:00 to 19:00, Berlin time."""
    begins = times.starts_at.astimezone(ZoneInfo(times.timezone))
    return f"{formats.weekday(begins)}, {formats.hours(times.starts_at, times.ends_at, times.timezone)}"


def moment_of(moment: datetime, timezone: str) -> str:
    """A moment by the clock of this zone, such as Thursday 10 December, 17:00, Berlin time."""
    there = moment.astimezone(ZoneInfo(timezone))
    return _("{day}, {time}, {place} time").format(
        day=formats.weekday_near(there), time=formats.time(there), place=formats.place(timezone)
    )
