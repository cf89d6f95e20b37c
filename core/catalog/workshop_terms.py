"""The terms of a workshop: until when buyers may give a place up by themselves, and how much of its price goes back then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_FULL = 100


class WorkshopEntry(BaseModel):
    """`workshop = { … }` of a product in the catalogue file.

    `cancel_until` is how many hours before it begins a place can be given up; left out, it can't. `refund` is `"full"`, `"none"`,
    or how many per cent of the price go back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    cancel_until: int | None = Field(None, ge=0, le=24 * 365, strict=True)
    refund: Literal["full", "none"] | int = "full"

    def written(self) -> dict[str, Any]:
        """What the file says, and nothing of what it leaves out. Raises ValueError for a percentage that is none."""
        if isinstance(self.refund, int) and not 1 <= self.refund < _FULL:
            raise ValueError('refund is "full", "none", or per cent from 1 to 99')
        said = self.model_dump(exclude_unset=True)
        return {NAMES[name]: value for name, value in said.items() if value is not None}


# What the terms are called among those of all products.
NAMES = {"cancel_until": "cancel_until", "refund": "cancel_refund"}


@dataclass(frozen=True)
class CancelTerms:
    """`hours` before it begins a place may be given up, None if it may not be; `percent` of the price goes back."""

    hours: int | None
    percent: int

    def until(self, starts_at: datetime) -> datetime | None:
        """The last moment for a date that begins then."""
        return None if self.hours is None else starts_at - timedelta(hours=self.hours)


def read(terms: Mapping[str, Any]) -> CancelTerms:
    """What a product's terms say."""
    refund = terms.get(NAMES["refund"], "full")
    percent = {"full": _FULL, "none": 0}.get(refund, refund)
    return CancelTerms(terms.get(NAMES["cancel_until"]), int(percent))
