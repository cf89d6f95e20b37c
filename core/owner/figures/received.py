"""Received: what reached the shop's balance at Stripe, after fees, in the currency in which it is settled."""

from dataclasses import dataclass

from sqlmodel import Session

from core.orders.balance.entries import Origin
from core.owner.figures import counting, sums
from core.owner.figures.days import Days
from core.owner.figures.sums import Asked

# What left the balance for the bank, or came back from it: no income, and no cost.
PAYOUTS = frozenset(("payout", "payout_reversal", "payout_minimum_balance_hold", "payout_minimum_balance_release"))
DISPUTES = ("dispute", "dispute_reversal")


@dataclass(frozen=True)
class Received:
    """The movements of some days in one currency of settlement, in minor units.

    `gross`, `fees` and `net` are of the shop's own orders, of which disputes took `disputed`, and `dispute_fees` beside it.
    `account` is what moved for no payment, such as Stripe's own fees; `foreign` was another shop's on the same account;
    `untold` is what nobody has told the owner of yet. `paid_out` went to the bank. All nets add up to the change of the balance.
    """

    currency: str
    gross: int = 0
    fees: int = 0
    net: int = 0
    disputed: int = 0
    dispute_fees: int = 0
    account: int = 0
    foreign: int = 0
    untold: int = 0
    paid_out: int = 0

    @property
    def change(self) -> int:
        """By how much the balance has changed."""
        return self.net + self.account + self.foreign + self.untold - self.paid_out


def of_days(session: Session, days: Days, asked: Asked) -> dict[str, Received]:
    """What was received on these days, by currency of settlement."""
    found: dict[str, dict[str, int]] = {}
    for (currency, origin, category), measures in sorted(sums.of_all(session, counting.BALANCE, days, asked).items()):
        into = found.setdefault(currency, {})
        for name, amount in _parts(Origin(origin), category, measures["gross"], measures["fee"], measures["net"]):
            into[name] = into.get(name, 0) + amount
    return {currency: Received(currency, **parts) for currency, parts in found.items()}


def _parts(origin: Origin, category: str, gross: int, fee: int, net: int) -> list[tuple[str, int]]:
    if category in PAYOUTS:
        return [("paid_out", -net)]
    match origin:
        case Origin.ORDER:
            lost = [("disputed", -gross), ("dispute_fees", fee)] if category in DISPUTES else []
            return [("gross", gross), ("fees", fee), ("net", net), *lost]
        case Origin.ACCOUNT:
            return [("account", net)]
        case Origin.FOREIGN:
            return [("foreign", net)]
        case Origin.UNKNOWN:
            return [("untold", net)]
