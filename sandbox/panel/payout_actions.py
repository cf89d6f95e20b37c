"""What Stripe and the shop's bank can do to its money: pay it out, let a payout arrive, send it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.balance import balance_transactions, payouts
from sandbox.panel.targets import CannotDo, newest

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

NOTHING = "There is no money to pay out. Pay for something first."


def pay_out(account: Account, _: str) -> list[Object]:
    """All the money is paid out now, also what is still on its way."""
    for transaction in list(account.store.all(balance_transactions.KIND)):
        if transaction["status"] == "pending":
            balance_transactions.clear(account, transaction)
    account.timers.cancel("pay_out", balance_transactions.KIND)
    made = payouts.pay_out(account)
    if not made:
        raise CannotDo(NOTHING)
    return made


def arrive(account: Account, id: str) -> Object:
    """A payout reaches the bank without waiting: the one named, or the newest that is under way."""
    found = _named(account, id, payouts.UNDERWAY, "No payout is under way.")
    if not account.timers.bring_forward("arrive_payout", found["id"]):
        raise CannotDo(f"The payout {found['id']} is {found['status']} already.")
    return found


def fail(account: Account, id: str) -> Object:
    """The bank sends a payout back: the one named, or the newest, even when it has arrived."""
    found = _named(account, id, (*payouts.UNDERWAY, "paid"), "There is no payout that could fail.")
    payouts.fail(account, found)
    return found


def _named(account: Account, id: str, states: tuple[str, ...], otherwise: str) -> Object:
    if id:
        return account.find(payouts.KIND, id)
    return newest(account, payouts.KIND, lambda payout: payout["status"] in states, otherwise)
