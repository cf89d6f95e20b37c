"""The terms of a licence: on how many machines, for how long, and what of it ends. Read from the catalogue, and copied on each
key when it is made, so that editing a product changes no key that was sold."""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_SPAN = r"^([1-9][0-9]{0,4}) (day|month|year)s?$"
# In the units of spans: a key is made of them when it was paid for, and must not fail then because no calendar goes so far.
_MOST = {"day": 99_999, "month": 12_000, "year": 1000}
# A key is used on so many machines, at most.
MOST_MACHINES = 100_000
# How much of a feature's value may be kept; features are read by the seller's own software.
_MOST_FEATURES = 50


class OnExpiry(StrEnum):
    """What the end of `valid_for` does: `stop` ends all use, `keep` leaves the machines that use the key as they are."""

    STOP = "stop"
    KEEP = "keep"


def _is_reckoned(span: str) -> str:
    count, unit = _read(span)
    if count > _MOST[unit]:
        raise ValueError(f"{span} are too many: the most are {_MOST[unit]} {unit}s")
    return span


# What every program reads as the same number, JavaScript's as well.
Exact = Annotated[int, Field(ge=-(2**53) + 1, le=2**53 - 1)]
_Span = Annotated[str, Field(pattern=_SPAN), AfterValidator(_is_reckoned)]


class LicenseEntry(BaseModel):
    """`license = { … }` of a product in the catalogue file. Spans are such as "14 days", "6 months" or "1 year"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machines: int = Field(1, ge=1, le=MOST_MACHINES)
    valid_for: _Span | None = None
    updates_for: _Span | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    floating: bool = False
    prefix: str = Field("", pattern=r"^([A-Z0-9]{1,12})?$")
    features: dict[str, bool | Exact | str] = Field({}, max_length=_MOST_FEATURES)

    def written(self) -> dict[str, Any]:
        """What the file says, and nothing of what it leaves out."""
        return self.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True)
class LicenseTerms:
    """The terms of one key that is made now."""

    machines: int = 1
    expires_at: datetime | None = None
    updates_until: datetime | None = None
    on_expiry: OnExpiry = OnExpiry.STOP
    floating: bool = False
    prefix: str = ""
    features: Mapping[str, Any] = field(default_factory=dict)


def as_of(terms: Mapping[str, Any], now: datetime) -> LicenseTerms:
    """What a product's terms mean for a key that is made now."""
    named = {name: terms[name] for name in LicenseEntry.model_fields if name in terms}
    entry = LicenseEntry.model_validate(named)
    return LicenseTerms(
        entry.machines, later(now, entry.valid_for), later(now, entry.updates_for), entry.on_expiry, entry.floating,
        entry.prefix, entry.features,
    )  # fmt: skip


def later(moment: datetime, span: str | None) -> datetime | None:
    """The moment that is so long after this one, by the calendar; None without a span. Raises ValueError for nonsense."""
    if not span:
        return None
    count, unit = _read(span)
    if unit == "day":
        return moment + timedelta(days=count)
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "year" else 1)
    year, month = divmod(months, 12)
    # The last day of January and a month is the last of February.
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _read(span: str) -> tuple[int, str]:
    found = re.match(_SPAN, span)
    if not found:
        raise ValueError(f"{span!r} is no span such as 14 days, 6 months or 1 year")
    return int(found[1]), found[2]
