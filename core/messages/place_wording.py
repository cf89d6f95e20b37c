"""The words of the letters about places in workshops, and to those who wait for one."""

from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

from core.foundation.settings import Settings
from core.kinds.workshops import Times
from core.messages import wording
from core.messages.place_letters import PlaceLetter, Topic, WaitingLetter
from core.messages.wording import Message

_FULL = 100


def about_place(settings: Settings, letter: PlaceLetter) -> Message:
    """What happened to a place, with what a calendar is to take in."""
    subject, headline, paragraphs = _of_topic(letter)
    there = letter.topic not in (Topic.GONE, Topic.CANCELED)
    if there and letter.room:
        paragraphs.append(f"Where: {letter.room}")
    closing = "This ticket is yours alone: on its page you can change the name on it, or give it to somebody else."
    return wording.plain(
        settings, letter.email, subject, headline=headline, paragraphs=paragraphs,
        button="Your ticket" if there else "", url=letter.url,
        closing=closing if there else "The entry in your calendar goes away with the file of this letter.",
        calendar=(letter.calendar,) if letter.calendar else (), method=letter.method or "",
    )  # fmt: skip


def _of_topic(letter: PlaceLetter) -> tuple[str, str, list[str]]:
    """The subject, the headline and the paragraphs."""
    product, when, name = letter.product, when_of(letter.times), letter.name
    match letter.topic:
        case Topic.TICKET:
            said = f"{name}, a place in {product} is yours now: {when}."
            return f"Your ticket for {product}", "You have a place.", [said, _WAY_IN]
        case Topic.GONE:
            said = f"Your place in {product}, {when}, is {name}'s now. Your ticket opens nothing any more."
            return f"Your place in {product} was handed over", "Handed over.", [said]
        case Topic.MOVED:
            said = f"{product} takes place for you on another date now: {when}. Your ticket stays the same."
            return f"{product} is on another date", "Another date.", [said, _WAY_IN]
        case Topic.CANCELED:
            return _canceled(letter)
        case Topic.DAY:
            return f"Tomorrow: {product}", "See you tomorrow.", [f"{product} begins in a day: {when}.", _WAY_IN]
        case Topic.HOUR:
            way = [] if letter.room else [f"The way in opens half an hour before it begins: {letter.join_url}"]
            return f"In an hour: {product}", "It begins in an hour.", [f"{product}: {when}.", *way]
        case Topic.MESSAGE:
            about = f"About {product}, {when}."
            return letter.subject, letter.subject, [*filter(None, map(str.strip, letter.text.split("\n\n"))), about]
        case _:
            assert_never(letter.topic)


_WAY_IN = "Your ticket has the way in, a code for the door, and an entry for your calendar."


def _canceled(letter: PlaceLetter) -> tuple[str, str, list[str]]:
    when = when_of(letter.times)
    said = (
        f"We are sorry: {letter.product} on {when} does not take place."
        if letter.by_shop
        else f"Your place in {letter.product}, {when}, is canceled."
    )
    match letter.percent:
        case None | 0:
            money = "No money goes back for it."
        case 100:
            money = "What was paid for it goes back the way it was paid. A letter of its own says when."
        case part:
            money = f"{part}% of what was paid for it goes back the way it was paid. A letter of its own says when."
    return f"{letter.product} is canceled", "Canceled.", [said, money]


def waiting(settings: Settings, letter: WaitingLetter) -> Message:
    """That somebody is on the list, that places are held for them, or that there is nothing to wait for any more."""
    when = when_of(letter.times)
    several = letter.places > 1
    what = f"{letter.places} places" if several else "a place"
    if letter.topic == "offer" and letter.until:
        subject, headline = f"{'Places' if several else 'A place'} in {letter.product} for you", "It's your turn."
        held = (
            f"{what[0].upper()}{what[1:]} in {letter.product}, {when}, {'are' if several else 'is'} held for you until"
        )
        paragraphs = [
            f"{held} {moment_of(letter.until, letter.times.timezone)}.",
            "Go to payment before then to take what is held. After that it goes to the next on the list.",
        ]
        button, closing = (
            "See your offer",
            "Don't want it any more? On the same page you leave the list with one click.",
        )
    elif letter.topic == "closed":
        subject, headline = f"{letter.product} does not take place", "Nothing to wait for."
        paragraphs = [f"{letter.product} on {when} is canceled, so you are on its waiting list no more."]
        button, closing = "", "There may be other dates in the shop."
    else:
        subject, headline = f"You are on the waiting list for {letter.product}", "You are on the list."
        paragraphs = [
            f"You wait for {what} in {letter.product}, {when}. When that is free and it's your turn, we hold it for you and write.",
            "If this wasn't you, leave the list with one click, and we forget it.",
        ]
        button, closing = "Your place on the list", "On that page you see whose turn it is, and leave the list."
    return wording.plain(
        settings, letter.email, subject, headline=headline, paragraphs=paragraphs, button=button, url=letter.url,
        closing=closing,
    )  # fmt: skip


def when_of(times: Times) -> str:
    """When something takes place, by the clock of where it does, such as Thursday 10 December 2026, 17:00 to 19:00, Berlin time."""
    zone = ZoneInfo(times.timezone)
    begins, ends = times.starts_at.astimezone(zone), times.ends_at.astimezone(zone)
    later = "" if ends.date() - begins.date() == timedelta(0) else f" on {ends.day} {ends:%B}"
    return (
        f"{begins:%A} {begins.day} {begins:%B %Y}, {begins:%H:%M} to {ends:%H:%M}{later}, {_place(times.timezone)} time"
    )


def moment_of(moment: datetime, timezone: str) -> str:
    """A moment by the clock of this zone, such as Thursday 10 December, 17:00, Berlin time."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{there:%A} {there.day} {there:%B}, {there:%H:%M}, {_place(timezone)} time"


def _place(timezone: str) -> str:
    return timezone.rpartition("/")[2].replace("_", " ")
