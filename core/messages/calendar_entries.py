"""Calendar entries: a place in a workshop as any calendar keeps it (RFC 5545), and as mail tells of its changes (RFC 5546).

Calendars are shared with teams: an entry names the shop's own address to join, and never that of the meeting.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.foundation.settings import Settings
from core.kinds.workshops import Times
from core.languages.sentences import _


class Method(StrEnum):
    """What is done with an entry: kept by whoever downloads it, put into a calendar by mail, or taken out of it."""

    PUBLISH = "PUBLISH"
    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True)
class Entry:
    """A place as a calendar knows it: by its id, of which `sequence` counts the changes. `email` is the one attendee's."""

    attendee_id: str
    sequence: int
    product: str
    times: Times
    url: str
    where: str
    name: str
    email: str


def written(settings: Settings, entry: Entry, method: Method, *, now: datetime) -> str:
    """The entry as a file, with all times in UTC, so that no calendar needs a table of zones."""
    from icalendar import Calendar, Event, vCalAddress, vUri  # here, since few processes write any

    calendar, event = Calendar(), Event()
    calendar.add("prodid", "-//Pushcart//Workshops//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method.value)
    event.add("uid", f"{entry.attendee_id}@{_host(settings)}")
    event.add("sequence", entry.sequence)
    event.add("dtstamp", now)
    event.add("dtstart", entry.times.starts_at)
    event.add("dtend", entry.times.ends_at)
    event.add("summary", _writable(entry.product))
    event.add("location", _writable(entry.where or entry.url))
    event.add("description", _("Your ticket, with the way in: {address}").format(address=entry.url))
    event["url"] = vUri(entry.url)
    event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    organizer = vCalAddress(f"mailto:{settings.support_email}")
    organizer.params["CN"] = _writable(settings.shop_name)
    event["organizer"] = organizer
    if method is not Method.PUBLISH:
        attendee = vCalAddress(f"mailto:{entry.email}")
        attendee.params.update(
            {"CN": _writable(entry.name), "ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
        )
        event.add("attendee", attendee)
    calendar.add_component(event)
    return str(calendar.to_ical(), "utf-8")


# What RFC 5545 lets stand nowhere. A calendar that meets one drops the line, the attendee's as a whole.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _writable(text: str) -> str:
    return _CONTROL.sub(" ", text)


def _host(settings: Settings) -> str:
    return settings.public_url.partition("://")[2].partition("/")[0].partition(":")[0] or "pushcart"
