"""Things that can be made to happen at once, about an object or about the newest one: by the panel's buttons and by
`POST /sandbox/act/{name}`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.account import destinations, signing
from sandbox.customers import test_clocks
from sandbox.ground import periods
from sandbox.panel import catalogue_actions, payment_actions, payout_actions, scenarios, subscription_actions
from sandbox.panel.targets import CannotDo

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

MONTH = {"interval": "month", "interval_count": 1}


def resend(account: Account, id: str) -> None:
    """Send an event again."""
    account.deliveries.send_again(account.find("event", id))


def disable(account: Account, id: str) -> Object:
    """An endpoint gets no more events; what it had not accepted yet is given up."""
    endpoint = account.find("webhook_endpoint", id)
    account.store.change(endpoint, status="disabled")
    account.deliveries.give_up(id)
    return endpoint


def enable(account: Account, id: str) -> Object:
    """An endpoint gets events again."""
    endpoint = account.find("webhook_endpoint", id)
    account.store.change(endpoint, status="enabled")
    return endpoint


def advance_day(account: Account, id: str) -> Object:
    """A test clock is advanced by a day."""
    clock = account.find(test_clocks.KIND, id)
    test_clocks.begin(account, clock, clock["frozen_time"] + periods.DAY)
    return clock


def advance_month(account: Account, id: str) -> Object:
    """A test clock is advanced by a month."""
    clock = account.find(test_clocks.KIND, id)
    test_clocks.begin(account, clock, periods.period_end(clock["frozen_time"], MONTH))
    return clock


def roll_secret(account: Account, id: str, *, expires_in: int = signing.LONGEST_SECONDS) -> Object:
    """A webhook endpoint (we_default: that of the command line) gets a new signing secret. The former one stays good
    for so many seconds, a day unless told otherwise and at most."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        raise CannotDo("expires_in must be a number of seconds.")
    if not 0 <= expires_in <= signing.LONGEST_SECONDS:
        raise CannotDo("The former secret can stay good for a day at most (86400 seconds).")
    return destinations.roll(account, id, expires_in=expires_in)


def jump(account: Account, seconds: str) -> None:
    """Move the clock ahead by so many seconds."""
    account.move_clock(float(seconds))


def jump_month(account: Account, _: str) -> None:
    """Move the clock ahead by a month and an hour, and as long as a renewal is a draft: a month's plan has certainly
    renewed and been paid."""
    now = account.clock.moved()
    account.move_clock(periods.period_end(int(now), MONTH) - now + 3600 + account.settings.draft_seconds)


def reset(account: Account, _: str) -> dict[str, int]:
    """Forget everything. Returns how many there were of each kind."""
    counts = account.store.counts()
    account.reset()
    return counts


# By the names of their buttons. Those with an object get its id; the others look for the newest that fits.
ACTIONS: Mapping[str, Callable[..., Any]] = {
    "pay": payment_actions.pay,
    "expire": payment_actions.expire,
    "recover": payment_actions.recover,
    "refund": payment_actions.refund,
    "refund-fails": payment_actions.fail_refund,
    "refund-finish": payment_actions.finish_refund,
    "capture": payment_actions.capture,
    "let-go": payment_actions.let_go,
    "settle": payment_actions.settle,
    "bounce": payment_actions.bounce,
    "dispute": payment_actions.dispute,
    "inquire": payment_actions.inquire,
    "win": payment_actions.win,
    "lose": payment_actions.lose,
    "close-inquiry": payment_actions.close_inquiry,
    "escalate": payment_actions.escalate,
    "warn": payment_actions.warn,
    "renew": subscription_actions.renew,
    "fail-next": subscription_actions.fail_next,
    "retry": subscription_actions.retry,
    "cancel": subscription_actions.cancel,
    "cancel-later": subscription_actions.cancel_later,
    "resume": subscription_actions.resume,
    "pause": subscription_actions.pause,
    "quantity": subscription_actions.set_quantity,
    "make-code": catalogue_actions.make_code,
    "switch-code": catalogue_actions.switch_code,
    "delete-price": catalogue_actions.delete_price,
    "payout": payout_actions.pay_out,
    "payout-arrives": payout_actions.arrive,
    "payout-fails": payout_actions.fail,
    "resend": resend,
    "disable": disable,
    "enable": enable,
    "roll-secret": roll_secret,
    "clock-day": advance_day,
    "clock-month": advance_month,
    "jump": jump,
    "reset": reset,
    "pay-newest": scenarios.pay_unseen,
    "expire-all": scenarios.expire_all,
    "refund-some": scenarios.refund_some,
    "jump-month": jump_month,
    "story-refund-fails": scenarios.refund_that_fails,
    "story-dispute-lost": scenarios.lost_dispute,
    "story-renewal": scenarios.stumbling_renewal,
    "story-debit-bounces": scenarios.bouncing_debit,
}


def do(account: Account, name: str, id: str, more: Mapping[str, Any] | None = None) -> Any:
    """Do what is called so. Raises CannotDo when there is no such thing, or it takes no such parameter."""
    action = ACTIONS.get(name)
    if action is None:
        raise CannotDo(f"There is no such act: {name} (there are {', '.join(ACTIONS)}).")
    taken = {key for key, p in inspect.signature(action).parameters.items() if p.kind is p.KEYWORD_ONLY}
    if unknown := (more or {}).keys() - taken:
        raise CannotDo(f"{name} does not take {', '.join(sorted(unknown))}.")
    return action(account, id, **(more or {}))
