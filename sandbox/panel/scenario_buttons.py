"""The panel's big buttons: faults that are armed and disarmed, and things that happen at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.ground.faults import default
from sandbox.panel import action_messages, actions

if TYPE_CHECKING:
    from sandbox.account.account import Account


@dataclass(frozen=True)
class Switch:
    """A button that arms faults, and disarms them when pressed again."""

    name: str
    hint: str
    on: Mapping[str, Any]

    def armed(self, account: Account) -> bool:
        """Whether it is on. A count that is running down is still on."""
        faults = account.faults.as_dict()
        return all(faults[k] == v or (k.endswith("_next") and faults[k] != 0) for k, v in self.on.items())

    def press(self, account: Account) -> None:
        """Arm it, or disarm it."""
        off = {key: default(key) for key in self.on}
        account.faults.set(off if self.armed(account) else dict(self.on))


@dataclass(frozen=True)
class Action:
    """A button that makes something happen; what, `actions` has under the button's name."""

    name: str
    hint: str
    id: str = ""


def _api(fault: str, times: int) -> Mapping[str, Any]:
    return {"api": fault, "api_next": times}


SCENARIOS: Mapping[str, Mapping[str, Switch | Action]] = {
    "Stories": {
        "pay-newest": Action("Pay and close the tab", "The newest session; nobody comes back"),
        "story-refund-fails": Action("Refund fails", "The newest payment, refunded in vain"),
        "story-dispute-lost": Action("Dispute, lost", "About the newest payment"),
        "story-renewal": Action("Renewal fails, then recovers", "The newest plan; paid 5 seconds later"),
        "story-debit-bounces": Action("Bank debit bounces", "The newest session, paid and then not"),
        "payout": Action("Pay out", "All the money there is, to the shop's bank"),
        "refund-some": Action("Refund a tenth", "Of the newest payment, as if at Stripe"),
        "expire-all": Action("Expire open sessions", "Frees what was held for them"),
    },
    "Time": {
        "jump-hour": Action("Jump ahead an hour", "Open sessions get older", "3600"),
        "jump-day": Action("Jump ahead a day", "Sessions expire", "86400"),
        "jump-week": Action("Jump ahead a week", "Retries of unpaid renewals", "604800"),
        "jump-month": Action("Jump ahead a month", "Plans renew, trials end"),
    },
    "Payments that go wrong": {
        "decline-next": Switch("Decline the next payment", "Any card, once", {"decline_next": 1}),
        "refund-action": Switch("Next refund needs the buyer", "It can be canceled", {"refund_action_next": 1}),
        "dunning-unpaid": Switch("Unpaid plans stay unpaid", "After the last retry", {"after_dunning": "unpaid"}),
        "dunning-past-due": Switch("Unpaid plans stay past due", "After the last retry", {"after_dunning": "past_due"}),
    },
    "Events that go wrong": {
        "hold": Switch("Hold events for 30 seconds", "The buyer comes back first", {"hold_seconds": 30}),
        "twice": Switch("Send every event twice", "Nothing may be delivered twice", {"twice": True}),
        "two-events": Switch("Two events for one change", "The next change, different ids", {"double_events_next": 1}),
        "shuffle": Switch("Send events out of order", "Gathered for a second, then mixed", {"shuffle": True}),
        "drop": Switch("Lose the next event", "Sent again after a minute", {"drop_next": 1, "drop_retry_seconds": 60}),
        "drop-for-good": Switch(
            "Lose the next event for good", "Only a sweep finds it", {"drop_next": 1, "drop_retry_seconds": -1}
        ),
        "forge": Switch("Forge the next signature", "Must be refused, then sent properly", {"bad_signature_next": 1}),
        "stale": Switch("Sign the next one ten minutes ago", "Must be refused as too old", {"old_signature_next": 1}),
        "storm": Switch(
            "Bad weather", "A fifth twice, a fifth late, a tenth never",
            {"duplicate_rate": 0.2, "shuffle_rate": 0.2, "drop_rate": 0.1},
        ),
    },
    "API and mail that go wrong": {
        "api-limit": Switch("Answer 429", "The next three requests", _api("429", 3)),
        "api-before": Switch("Answer 500, do nothing", "The next three requests", _api("500_before", 3)),
        "api-after": Switch("Do it, but answer 500", "The next request", _api("500_after", 1)),
        "api-silent": Switch("Do it, but never answer", "The next request", _api("silence_after", 1)),
        "api-shaky": Switch("Fail one request in twenty", "429 or 500, nothing done", {"api_error_rate": 0.05}),
        "mail-refuse": Switch("Refuse letters", "Until switched off", {"smtp_refuse_next": -1}),
    },
}  # fmt: skip


def press(account: Account, name: str, id: str) -> str | None:
    """Press a button by its name. Returns what to say afterwards; None when there is no button of that name."""
    for group in SCENARIOS.values():
        match group.get(name):
            case Switch() as switch:
                switch.press(account)
                return f"{switch.name}: {'on' if switch.armed(account) else 'off'}."
            case Action(id=fixed) if fixed:
                actions.jump(account, fixed)
                return action_messages.told(account, "jump", "", None)
    if name not in actions.ACTIONS:
        return None
    result = actions.do(account, name, id)
    return action_messages.forgotten(result) if name == "reset" else action_messages.told(account, name, id, result)
