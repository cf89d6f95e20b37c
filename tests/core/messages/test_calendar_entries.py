"""Calendar entries: whatever people are called, any calendar reads all of the entry."""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from core.foundation.settings import Settings
from core.kinds.workshops import Times
from core.messages import calendar_entries
from core.messages.calendar_entries import Entry, Method
from tests import builders

BEGINS = datetime(2027, 3, 11, 16, tzinfo=UTC)


@builders.on_sqlite
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ('A, B; "C" \\ ^n', None), ("é" * 200, None), ("👩‍👩‍👧‍👦" * 30, None), ("a\u0301" * 90, None), ("\u202eabc", None),
        ("x" * 5000, None), ("a\x1b[31m\x00b\x7f", "a [31m b "),
        ("Ada\r\nEND:VEVENT\r\nBEGIN:VEVENT", "Ada\nEND:VEVENT\nBEGIN:VEVENT"),
    ],
)  # fmt: skip
def test_whatever_somebody_is_called_is_read_back_from_short_lines(
    settings: Settings, name: str, read: str | None
) -> None:
    times = Times("clinic/1", BEGINS, BEGINS + timedelta(hours=2), "UTC")
    entry = Entry("att_1", 0, name, times, "https://shop.example/ticket/t", name, name, "ada@king.example")
    text = calendar_entries.written(settings, entry, Method.REQUEST, now=BEGINS)
    lines = text.encode().split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert [line.decode() for line in lines]  # no character is split
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    assert not event.errors
    assert {str(event["summary"]), str(event["location"])} == {read or name}
    assert event["attendee"].params["CN"] == (read or name)
