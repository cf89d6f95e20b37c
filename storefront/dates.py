"""Dates and hours, as they are shown."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from core.foundation import settings
from core.kinds.workshops import DateView, Times


def day(moment: datetime) -> str:
    """A date such as 23 November 2026."""
    return f"{moment.day} {moment:%B %Y}"


def hours(starts_at: datetime, ends_at: datetime, timezone: str) -> tuple[str, str]:
    """The day and the hours of something that takes place, by the clock of where it does."""
    zone = ZoneInfo(timezone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    place = timezone.rpartition("/")[2].replace("_", " ")
    return weekday(starts_at, timezone), f"{start:%H:%M} to {end:%H:%M}, {place} time"


def yours(starts_at: datetime, ends_at: datetime, timezone: str) -> str:
    """The same by the clock of whoever reads it, if theirs shows another time; else an empty string."""
    known = st.context.timezone
    if not known or known not in settings.zones():
        return ""
    begins = starts_at.astimezone(ZoneInfo(known))
    if begins.utcoffset() == starts_at.astimezone(ZoneInfo(timezone)).utcoffset():
        return ""
    there, span = hours(starts_at, ends_at, known)
    return f"Where you are: {there}, {span}"


def weekday(moment: datetime, timezone: str) -> str:
    """The day in this zone, such as Thursday 10 December 2026."""
    there = moment.astimezone(ZoneInfo(timezone))
    return f"{there:%A} {day(there)}"


def day_of(date: DateView | Times) -> str:
    """The day of a workshop's date, where it takes place, such as 10 December 2026."""
    return day(date.starts_at.astimezone(ZoneInfo(date.timezone)))


def of(date: DateView | Times) -> tuple[str, str]:
    """The day and the hours of a workshop's date."""
    return hours(date.starts_at, date.ends_at, date.timezone)


def age(span: timedelta) -> str:
    """How long something took or is ago: 40 seconds, 3 hours."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if number := seconds // length:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
