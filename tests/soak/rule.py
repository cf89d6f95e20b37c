"""The rule: what an order must have come to, from Stripe's word and its owners' deeds. It asks nothing of the shop's own
reckoning, so that neither can be wrong alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.soak.aftermath import Deed
from tests.soak.stripe_side import Money

Row = dict[str, Any]

_OVER = ("canceled", "incomplete_expired")


@dataclass(frozen=True)
class Case:
    """One paid order: its lines as it was placed, what came in for it, and its plans at Stripe."""

    lines: Sequence[Row]
    money: Sequence[Money]
    plans: Sequence[Row]
    deed: Deed

    def access(self, position: int) -> str:
        """What a line's buyer may do; lines are counted from 1."""
        if self._taken_back(position):
            return "revoked"
        standing = [purchase for purchase in self._purchases(position) if self._stands(purchase, position)]
        if not standing:
            return "revoked"
        if self._is_plan(position) and all(plan["status"] in _OVER for plan in self.plans):
            return "revoked"
        in_doubt = all(any(money.disputed for money in purchase) for purchase in standing)
        return "suspended" if in_doubt else "active"

    def quantity(self, position: int) -> int:
        """How many of a line: of a plan, as many seats as are billed."""
        ordered = int(self.lines[position - 1]["quantity"])
        alive = [plan for plan in self.plans if plan["status"] not in _OVER]
        if not self._is_plan(position) or not (alive or self.plans):
            return ordered
        [item] = (alive or list(self.plans))[0]["items"]["data"]
        return int(item["quantity"])

    def status(self, states: Sequence[str]) -> str:
        """Where the order stands, when its lines may be used like this."""
        total, back = self.total, self.back
        lost = sum(money.amount - min(money.back, money.amount) for money in self.money if money.lost)
        if lost and back + lost >= total:
            return "charged_back"
        if any(money.disputed for money in self.money):
            return "disputed"
        if back and back + lost >= total:
            return "refunded"
        if self._ended():
            return "canceled"
        if back or lost:
            return "partially_refunded"
        return "paid" if "blocked" in states else "fulfilled"

    @property
    def total(self) -> int:
        """All that came in, in minor units."""
        return sum(money.amount for money in self.money)

    @property
    def back(self) -> int:
        """All that went back."""
        return sum(min(money.back, money.amount) for money in self.money)

    def unwanted_plans(self) -> list[str]:
        """The subscriptions that go on at Stripe, though all that their money was for has ended by money or by an owner."""
        positions = [place for place in range(1, len(self.lines) + 1) if self._is_plan(place)]
        return [
            plan["id"]
            for plan in self.plans
            if plan["status"] not in _OVER and not any(self._lives(plan["id"], place) for place in positions)
        ]

    def billing_on(self) -> bool:
        """Whether a buyer is billed for what they may not use, because an owner decided so."""
        return bool(self.unwanted_plans()) and self.tolerates_billing

    @property
    def tolerates_billing(self) -> bool:
        """Whether an owner left a plan going of which access has ended."""
        return self.deed.plan_kept or self.deed.revoked

    def paid_beside(self) -> int:
        """How many payments of Sessions are one too many, and have not gone back."""
        return max(sum(money.first and not money.over for money in self.money) - 1, 0)

    def paid_after_end(self) -> list[Money]:
        """What came in for a plan that had ended."""
        ends = {plan["id"]: plan["ended_at"] for plan in self.plans if plan["ended_at"]}
        return [money for money in self.money if money.plan in ends and money.at > ends[money.plan] and money.amount]

    def renewals(self) -> list[Money]:
        """What came in for further periods of its plans, while they ran."""
        late, plans = self.paid_after_end(), {plan["id"] for plan in self.plans}
        return [
            money
            for money in self.money
            if money.renewal and money.amount and money.plan in plans and money not in late
        ]

    def _ended(self) -> bool:
        plan_alone = all(line["kind"] == "plan" for line in self.lines)
        over = bool(self.plans) and all(plan["status"] in _OVER for plan in self.plans)
        return self.deed.revoked or (plan_alone and over)

    def _is_plan(self, position: int) -> bool:
        return bool(self.lines[position - 1]["kind"] == "plan")

    def _taken_back(self, position: int) -> bool:
        return self.deed.revoked or self.deed.line_taken == position

    def _lives(self, plan: str, position: int) -> bool:
        own = [purchase for purchase in self._purchases(position) if purchase[0].plan == plan]
        return not self._taken_back(position) and any(self._stands(purchase, position) for purchase in own)

    def _purchases(self, position: int) -> list[list[Money]]:
        """What came in for a line, each purchase apart: a plan's periods belong together, and what was bought beside a
        plan was paid for once."""
        found: dict[str, list[Money]] = {}
        for money in self.money:
            if money.first or self._is_plan(position):
                found.setdefault(money.plan or money.name, []).append(money)
        return list(found.values())

    def _stands(self, purchase: Sequence[Money], position: int) -> bool:
        """Whether none of it was lost to a bank, and the newest of it has not gone back: former periods are over."""
        newest = purchase[-1]
        return not any(money.lost for money in purchase) and not (newest.whole_back or self.deed.line_back == position)
