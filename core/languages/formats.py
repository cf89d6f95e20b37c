"""Dates, hours and numbers, as the language that is spoken writes them."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_time, get_timezone_location
from babel.numbers import format_decimal, format_percent

from core.languages import catalogs, sentences
from core.languages.sentences import _, marked, ngettext

# Our English is written as in Britain, and so are its dates.
_DATES = {catalogs.ENGLISH: "en_GB"}


def day(moment: date) -> str:
    """A day such as 10 December 2026, by the clock that the moment is given in."""
    return format_date(moment, "long", locale=_locale())


def weekday(moment: date) -> str:
    """A day with its name, such as Thursday 10 December 2026."""
    return _("{weekday} {date}").format(weekday=format_date(moment, "EEEE", locale=_locale()), date=day(moment))


def weekday_near(moment: date) -> str:
    """The same of a day whose year is plain, such as Thursday 10 December."""
    return _("{weekday} {date}").format(weekday=format_date(moment, "EEEE", locale=_locale()), date=day_near(moment))


def day_near(moment: date) -> str:
    """A day whose year is plain, such as 10 December."""
    return format_skeleton("MMMMd", moment, locale=_locale())


def time(moment: datetime) -> str:
    """The time of day, such as 17:00, by the clock that the moment is given in."""
    # Babel would turn the clock to UTC.
    return format_time(moment.timetz().replace(tzinfo=None), "short", locale=_locale())


def hours(begins: datetime, ends: datetime, timezone: str) -> str:
    """From when to when something lasts by the clock of this zone, such as 17:00 to 19:00, Berlin time."""
    zone = ZoneInfo(timezone)
    start, end = begins.astimezone(zone), ends.astimezone(zone)
    if start.date() == end.date():
        return _("{start} to {end}, {place} time").format(start=time(start), end=time(end), place=place(timezone))
    return _("{start} to {end} on {day}, {place} time").format(
        start=time(start), end=time(end), day=day_near(end), place=place(timezone)
    )


_EACH = {"month": marked("per month"), "year": marked("per year")}


def each(interval: str) -> str:
    """How often something is billed: per month."""
    return _(_EACH[interval])


def place(timezone: str) -> str:
    """Whose clock a zone is, such as Berlin."""
    if timezone.partition("/")[0] in (timezone, "Etc"):
        return timezone.rpartition("/")[2]
    return get_timezone_location(timezone, locale=_locale(), return_city=True).rpartition("/")[2]


def number(value: int | float | Decimal, *, digits: int | None = None) -> str:
    """A number; with so many digits behind the mark, if that is said."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return format_decimal(value, pattern, locale=sentences.language())


def percent(hundredths: int | float | Decimal) -> str:
    """A share in per cent: `percent(25)` is 25%."""
    pattern = str(Locale.parse(sentences.language()).percent_formats[None].pattern)
    share = Decimal(str(hundredths)) / 100
    return format_percent(share, pattern.replace("##0", "##0.###", 1), locale=sentences.language())


def size(octets: int) -> str:
    """A file's size as people say it: 8.4 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= factor:
            amount = octets / factor
            return f"{number(amount, digits=1 if amount < 10 else 0)} {unit}"
    return ngettext("{number} byte", "{number} bytes", octets).format(number=octets)


def listed(names: Sequence[str]) -> str:
    """Things one after another: a guide, a kit and a plan."""
    if len(names) < 2:
        return "".join(names)
    return _("{some} and {last}").format(some=", ".join(names[:-1]), last=names[-1])


def _locale() -> str:
    spoken = sentences.language()
    return _DATES.get(spoken, spoken)
