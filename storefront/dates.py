"""Dates and hours, as they are shown."""

from datetime import datetime
from zoneinfo import ZoneInfo


def day(moment: datetime) -> str:
    """A date such as 23 November 2026."""
    return f"{moment.day} {moment:%B %Y}"


def hours(starts_at: datetime, ends_at: datetime, timezone: str) -> tuple[str, str]:
    """The day and the hours of something that takes place, by the clock of where it does."""
    zone = ZoneInfo(timezone)
    start, end = starts_at.astimezone(zone), ends_at.astimezone(zone)
    place = timezone.rpartition("/")[2].replace("_", " ")
    return f"{start:%A} {day(start)}", f"{start:%H:%M} to {end:%H:%M}, {place} time"
