"""Early fraud warnings: the card's bank suspects fraud. Who refunds in time is spared a dispute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.ground import ids
from sandbox.payments import charges
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

KIND = "radar.early_fraud_warning"


def warn(account: Account, charge: Object, *, fraud_type: str = "unauthorized_use_of_card") -> Object:
    """A warning about a charge. Something can be done about it until it is refunded or disputed."""
    disputed = any(True for _ in account.store.having("dispute", "charge", charge["id"]))
    warning = blank(
        KIND,
        id=ids.new("issfr"),
        actionable=not charge["refunded"] and not disputed,
        charge=charge["id"],
        created=account.clock.now(),
        fraud_type=fraud_type,
        payment_intent=charge["payment_intent"],
    )
    account.store.save(warning)
    account.emit(f"{KIND}.created", warning)
    return warning


def warn_by_card(account: Account, charge_id: str) -> None:
    """The timer of a payment with a card that is known for its warnings."""
    charge = account.find("charge", charge_id)
    if charges.instrument(account, charge).warning:
        warn(account, charge)


def settle(account: Account, charge_id: str) -> None:
    """The charge has been refunded in full, or disputed: nothing more to be done."""
    for warning in account.store.having(KIND, "charge", charge_id):
        if previous := account.store.change(warning, actionable=False):
            account.emit(f"{KIND}.updated", warning, previous)
