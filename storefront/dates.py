"""Dates and hours, as they are shown."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core.foundation import settings
from core.kinds.workshops import DateView, Times
from core.languages import formats
from core.languages.sentences import _, ngettext
from storefront import words


def day(moment: datetime) -> str:
    """A date such as 23 November 2026."""
    return formats.day(moment)


def hours(starts_at: datetime, ends_at: datetime, timezone: str) -> tuple[str, str]:
    """The day and the hours of something that takes place, by the clock of where it does."""
    return weekday(starts_at, timezone), formats.hours(starts_at, ends_at, timezone)


def yours(starts_at: datetime, ends_at: datetime, timezone: str) -> str:
    """The same by the clock of whoever reads it, if theirs shows another time; else an empty string."""
    known = st.context.timezone
    if not known or known not in settings.zones():
        return ""
    begins = starts_at.astimezone(ZoneInfo(known))
    if begins.utcoffset() == starts_at.astimezone(ZoneInfo(timezone)).utcoffset():
        return ""
    there, span = hours(starts_at, ends_at, known)
    return _("Where you are: {day}, {hours}").format(day=there, hours=span)


def weekday(moment: datetime, timezone: str) -> str:
    """The day in this zone, such as Thursday 10 December 2026."""
    return formats.weekday(moment.astimezone(ZoneInfo(timezone)))


def day_of(date: DateView | Times) -> str:
    """The day of a workshop's date, where it takes place, such as 10 December 2026."""
    return day(date.starts_at.astimezone(ZoneInfo(date.timezone)))


def of(date: DateView | Times) -> tuple[str, str]:
    """The day and the hours of a workshop's date."""
    return hours(date.starts_at, date.ends_at, date.timezone)


def apart(found: Iterable[DateView], called: Callable[[DateView], str]) -> dict[str, str]:
    """What the dates of a workshop are called, by their ids: by their days, and where several are on one day by their hours too."""
    dates = {date.id: date for date in found}
    return words.apart({name: called(date) for name, date in dates.items()}, lambda name: of(dates[name])[1])


def on_weekday(date: DateView | Times) -> str:
    """The day on which a workshop takes place, there, such as Thursday 10 December 2026."""
    return of(date)[0]


def age(span: timedelta) -> str:
    """How long something took or is ago: 40 seconds, 3 hours."""
    seconds = max(0, int(span.total_seconds()))
    if days := seconds // 86400:
        return ngettext("{number} day", "{number} days", days).format(number=days)
    if hours := seconds // 3600:
        return ngettext("{number} hour", "{number} hours", hours).format(number=hours)
    if minutes := seconds // 60:
        return ngettext("{number} minute", "{number} minutes", minutes).format(number=minutes)
    return ngettext("{number} second", "{number} seconds", seconds).format(number=seconds)
