"""The veil over what only a letter's reader may have: codes, links that sign them in or show their invoice, and licence keys."""

from dataclasses import dataclass, replace
from typing import TypeVar

from core.kinds.grants import Delivery
from core.messages.after_purchase import AccessLetter, PlanLetter, RefundLetter, RenewedLetter
from core.messages.contents import CodeLetter, OrderLetter, SeatLetter
from core.messages.new_versions import VersionLetter
from core.messages.place_letters import PlaceLetter, WaitingLetter
from core.messages.plan_changes import ChangeLetter, PauseLetter
from core.messages.withdrawal_letters import WithdrawalLetter

T = TypeVar("T")

_SHOWN = 6
_DOT = "•"


@dataclass(frozen=True)
class Veil:
    """Covers a letter's secrets for somebody who only looks at it. `library_url` and `withdraw_url` are where its links lead
    instead."""

    library_url: str
    withdraw_url: str

    def over(self, letter: T) -> T:
        """The same letter without its secrets."""
        match letter:
            case OrderLetter():
                return replace(
                    letter, deliveries=tuple(map(_without_keys, letter.deliveries)), library_url=self.library_url, order_url="",
                    withdraw_url=self.withdraw_url, receipt_url=self.library_url if letter.receipt_url else "", invoices=(),
                    calendars=(),
                )  # fmt: skip
            case AccessLetter():
                return replace(letter, library_url=self.library_url, order_url="", calendars=())
            case VersionLetter():
                return replace(letter, library_url=self.library_url, order_url="")
            case RefundLetter():
                return replace(letter, library_url=self.library_url, calendars=())
            case PlanLetter():
                pay_url = self.library_url if letter.pay_url else ""
                return replace(letter, library_url=self.library_url, pay_url=pay_url)
            case PauseLetter() | ChangeLetter():
                return replace(letter, library_url=self.library_url)
            case RenewedLetter():
                return replace(letter, library_url=self.library_url, receipt_url=self.library_url)
            case PlaceLetter():
                return replace(letter, url=self.library_url, join_url=self.library_url, calendar="")
            case WaitingLetter():
                return replace(letter, url=self.library_url)
            case WithdrawalLetter():
                return replace(letter, which_url=self.withdraw_url if letter.which_url else "")
            case CodeLetter() | SeatLetter():
                return replace(letter, digits=_DOT * len(letter.digits))
            case _:
                return letter


def _without_keys(delivery: Delivery) -> Delivery:
    covered = tuple(replace(each, key=_covered(each.key)) for each in delivery.licenses)
    tickets = tuple(replace(each, token=_DOT) for each in delivery.tickets)
    return replace(delivery, licenses=covered, tickets=tickets)


def _covered(key: str) -> str:
    """A key with its last six letters in clear, by which staff find it."""
    hidden = "".join(_DOT if letter.isalnum() else letter for letter in key[:-_SHOWN])
    return hidden + key[-_SHOWN:]
