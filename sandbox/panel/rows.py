"""The rows of the panel's tables: what an object is called, what state it is in, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sandbox.account import destinations
from sandbox.balance import payouts
from sandbox.billing import subscription_items, subscriptions
from sandbox.customers import test_clocks
from sandbox.ground.periods import every
from sandbox.panel import promotion_code_table
from sandbox.payments import charges

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.protocol.spec import Object

Row = dict[str, Any]
# An event that was sent again and again still has to fit into its row.
MOST_ANSWERS = 3
ROLL = ("roll-secret", "Roll secret")
SESSION_STATES = {
    ("open", "unpaid"): ("Open", "warn"),
    ("complete", "paid"): ("Paid", "ok"),
    ("complete", "unpaid"): ("Not settled", "warn"),
    ("complete", "no_payment_required"): ("Free", "ok"),
    ("expired", "unpaid"): ("Expired", ""),
}
INTENT_STATES = {
    "succeeded": ("Paid", "ok"),
    "processing": ("Settling", "warn"),
    "requires_action": ("At the bank", "warn"),
    "requires_capture": ("Held", "warn"),
    "requires_payment_method": ("Declined", "bad"),
    "canceled": ("Canceled", ""),
}
SUBSCRIPTION_STATES = {
    "active": ("Active", "ok"),
    "trialing": ("Trial", "ok"),
    "past_due": ("Past due", "bad"),
    "unpaid": ("Unpaid", "bad"),
    "incomplete": ("Incomplete", "warn"),
    "paused": ("Paused", "warn"),
    "canceled": ("Canceled", ""),
    "incomplete_expired": ("Never paid", ""),
}
DISPUTE_STATES = {
    "needs_response": ("Needs an answer", "bad"),
    "under_review": ("Under review", "warn"),
    "warning_needs_response": ("Inquiry", "warn"),
    "warning_under_review": ("Inquiry, answered", "warn"),
    "won": ("Won", "ok"),
    "lost": ("Lost", ""),
    "warning_closed": ("Inquiry closed", ""),
}
PAYOUT_STATES = {
    "pending": ("Pending", "warn"),
    "in_transit": ("On its way", "warn"),
    "paid": ("Paid", "ok"),
    "failed": ("Failed", "bad"),
    "canceled": ("Canceled", ""),
}


def session(session: Object) -> Row:
    """A Checkout Session."""
    state, tone = SESSION_STATES.get((session["status"], session["payment_status"]), (session["status"], ""))
    return {
        "id": session["id"],
        "url": session["url"],
        "who": (session["customer_details"] or {}).get("email") or session["customer_email"] or "",
        "amount": session["amount_total"],
        "currency": session["currency"],
        "mode": "Plan" if session["mode"] == "subscription" else "Items",
        "state": state,
        "tone": tone,
        "at": session["created"],
        "actions": [("pay", "Pay"), ("expire", "Expire")] if session["status"] == "open" else [],
    }


def payment(account: Account, intent: Object) -> Row:
    """A PaymentIntent."""
    charge = account.store.get("charge", intent["latest_charge"] or "")
    state, tone = INTENT_STATES.get(intent["status"], (intent["status"], ""))
    actions: list[tuple[str, str]] = []
    if charge and intent["status"] == "succeeded":
        state, tone = _money(account, charge, state, tone)
        actions = _about(account, charge)
    if intent["status"] == "processing":
        actions = [("settle", "Settle now"), ("bounce", "Bounce now")]
    if intent["status"] == "requires_capture":
        actions = [("capture", "Capture"), ("let-go", "Let go")]
    return {
        "id": intent["id"],
        "amount": intent["amount"],
        "currency": intent["currency"],
        "card": charges.instrument_name(account, charge) if charge else "",
        "state": state,
        "tone": tone,
        "at": intent["created"],
        "actions": actions,
    }


def _money(account: Account, charge: Object, state: str, tone: str) -> tuple[str, str]:
    if charge["refunded"]:
        return "Refunded", ""
    disputes = account.store.having("dispute", "charge", charge["id"])
    if disputes and disputes[0]["status"] == "lost":
        return "Charged back", ""
    if disputes and disputes[0]["status"] not in ("won", "warning_closed"):
        return "Disputed", "bad"
    return ("Partly refunded", tone) if charge["amount_refunded"] else (state, tone)


def _about(account: Account, charge: Object) -> list[tuple[str, str]]:
    actions = []
    if not charge["refunded"] and not charge["disputed"]:
        actions = [("refund", "Refund"), ("dispute", "Dispute"), ("inquire", "Inquiry"), ("warn", "Fraud warning")]
    alive = ("pending", "succeeded", "requires_action")
    if any(r["status"] in alive for r in account.store.having("refund", "charge", charge["id"])):
        actions.append(("refund-fails", "Refund fails"))
    return actions


def subscription(account: Account, subscription: Object) -> Row:
    """A subscription."""
    items = subscription_items.of(account, subscription["id"])
    state, tone = SUBSCRIPTION_STATES[subscription["status"]]
    over, ending = subscription["status"] in subscriptions.OVER, subscription["cancel_at"] is not None
    left = int(account.store.notes(subscription["id"]).get("fail_next", 0))
    actions: list[tuple[str, str]] = []
    if subscription["status"] == "paused":
        actions = [("resume", "Resume"), ("cancel", "Cancel")]
    elif not over:
        actions = [("renew", "End now" if ending else "Renew")]
        if account.timers.due("retry_invoice", subscription["latest_invoice"] or "") is not None:
            actions.append(("retry", "Try again"))
        if not left:
            actions.append(("fail-next", "Fail next renewal"))
        actions += [("resume", "Keep") if ending else ("cancel-later", "Cancel at the end"), ("cancel", "Cancel")]
    # A customer may be deleted; what they had stays.
    customer = account.store.get("customer", subscription["customer"]) or {"email": None}
    return {
        "id": subscription["id"],
        "who": customer["email"] or "",
        "plan": subscription_items.title(account, items[0]) if items else "",
        "amount": sum(subscription_items.amount(account, item) for item in items),
        "currency": subscription["currency"],
        "every": every(items[0]["price"]["recurring"]) if items else "",
        "state": "Ends soon" if ending and not over else state,
        "tone": "warn" if ending and not over else tone,
        "armed": bool(left),
        "until": subscription["ended_at"] or subscription["cancel_at"] or subscriptions.ends(subscription),
        "actions": actions,
    }


def dispute(dispute: Object) -> Row:
    """A dispute."""
    state, tone = DISPUTE_STATES.get(dispute["status"], (dispute["status"], ""))
    actions: list[tuple[str, str]] = []
    if dispute["status"] in ("needs_response", "under_review"):
        actions = [("win", "Win"), ("lose", "Lose")]
    elif dispute["status"].startswith("warning_") and dispute["status"] != "warning_closed":
        actions = [("close-inquiry", "Close"), ("escalate", "Escalate")]
    return {
        "id": dispute["id"],
        "payment": dispute["payment_intent"] or dispute["charge"],
        "amount": dispute["amount"],
        "currency": dispute["currency"],
        "reason": dispute["reason"].replace("_", " "),
        "state": state,
        "tone": tone,
        "due": dispute["evidence_details"]["due_by"] if actions else None,
        "actions": actions,
    }


def warning(warning: Object) -> Row:
    """An early fraud warning."""
    return {
        "id": warning["id"],
        "payment": warning["payment_intent"],
        "kind": warning["fraud_type"].replace("_", " "),
        "state": "Refund in time" if warning["actionable"] else "Settled",
        "tone": "bad" if warning["actionable"] else "",
        "at": warning["created"],
    }


def delivery(delivery: Object) -> Row:
    """A delivery of an event to one endpoint."""
    last = delivery["attempts"][-1] if delivery["attempts"] else None
    answer, tone = "Waiting", "warn"
    if last:
        answer = str(last["status"] or ("Taken" if last["ok"] else "No answer"))
        tone = "ok" if last["ok"] else "bad"
    return {
        "event": delivery["event"],
        "type": delivery["type"],
        "answer": answer,
        "tone": tone,
        "took": f"{last['duration_ms']} ms" if last and last["duration_ms"] is not None else "",
        "tries": len(delivery["attempts"]),
        "at": last["at"] if last else delivery["created"],
        "next_at": delivery["next_at"] if delivery["state"] == "pending" else None,
    }


def event(account: Account, event: Object) -> Row:
    """An event, with what became of all its deliveries."""
    sent = [delivery(d) for d in account.deliveries.of_event(event["id"])]
    about = event["data"]["object"]
    tones = {d["tone"] for d in sent}
    waiting = [d["next_at"] for d in sent if d["next_at"] and d["tries"]]
    return {
        "id": event["id"],
        "type": event["type"],
        "about": about.get("id") or "",
        "answers": [(d["answer"], d["tone"]) for d in sent[-MOST_ANSWERS:]] or [("Not wanted", "")],
        "hidden": max(len(sent) - MOST_ANSWERS, 0),
        "tone": "bad" if "bad" in tones else "warn" if "warn" in tones else "",
        "took": sent[-1]["took"] if sent else "",
        "tries": sum(d["tries"] for d in sent),
        "at": event["created"],
        "next_at": min(waiting, default=None),
        "actions": [("resend", "Send again")],
    }


def default_endpoint(account: Account) -> Row | None:
    """The endpoint given on the command line; None when there is none."""
    settings = account.settings
    if not settings.webhook_url:
        return None
    return {
        "id": destinations.DEFAULT,
        "known": False,
        "url": settings.webhook_url,
        "what": "Set when the sandbox was started",
        "events": ["*"],
        "version": "",
        "secrets": destinations.secrets_of(account, destinations.DEFAULT),
        "state": "On",
        "tone": "ok",
        "actions": [ROLL],
    }


def endpoint(account: Account, endpoint: Object) -> Row:
    """A webhook endpoint made through the API."""
    on = endpoint["status"] == "enabled"
    return {
        "id": endpoint["id"],
        "known": True,
        "url": endpoint["url"],
        "what": endpoint["description"] or "",
        "events": endpoint["enabled_events"],
        "version": endpoint["api_version"] or "",
        "secrets": destinations.secrets_of(account, endpoint["id"]),
        "state": "On" if on else "Disabled",
        "tone": "ok" if on else "",
        "actions": [("disable", "Disable") if on else ("enable", "Enable"), ROLL],
    }


def listener(account: Account, id: str) -> Row:
    """A `stripe listen`. Which events it takes, only its command line knows."""
    found = destinations.of(account, id)
    assert found is not None
    return {
        "id": id,
        "known": False,
        "url": found.address,
        "what": "",
        "events": ["*"],
        "version": "",
        "secrets": found.secrets,
        "state": "Listening",
        "tone": "ok",
        "actions": [],
    }


def payout(payout: Object) -> Row:
    """A payout."""
    state, tone = PAYOUT_STATES[payout["status"]]
    actions = []
    if payout["status"] in payouts.UNDERWAY:
        actions.append(("payout-arrives", "Arrive now"))
    if payout["status"] in (*payouts.UNDERWAY, "paid"):
        actions.append(("payout-fails", "Fail"))
    return {
        "id": payout["id"],
        "amount": payout["amount"],
        "currency": payout["currency"],
        "state": state,
        "tone": tone,
        "arrives": payout["arrival_date"],
        "actions": actions,
    }


def clock(clock: Object) -> Row:
    """A test clock."""
    ready = clock["status"] == "ready"
    return {
        "id": clock["id"],
        "name": clock["name"] or "",
        "at": clock["frozen_time"],
        "state": "Ready" if ready else "Advancing",
        "tone": "ok" if ready else "warn",
        "actions": [("clock-day", "Advance a day"), ("clock-month", "Advance a month")] if ready else [],
    }


def actions(account: Account, obj: Object) -> list[tuple[str, str]]:
    """What can be done about an object of any kind, as in its row."""
    made: dict[str, Callable[[], Row]] = {
        "checkout.session": lambda: session(obj),
        "payment_intent": lambda: payment(account, obj),
        "subscription": lambda: subscription(account, obj),
        "dispute": lambda: dispute(obj),
        "price": lambda: {"actions": [("delete-price", "Delete")]},
        "promotion_code": lambda: promotion_code_table.row(account, obj),
        "payout": lambda: payout(obj),
        test_clocks.KIND: lambda: clock(obj),
    }
    row = made.get(obj["object"])
    found: list[tuple[str, str]] = row()["actions"] if row else []
    return found


def ahead(seconds: float) -> str:
    """How far the clock has been moved, for people; empty when it has not."""
    if not seconds:
        return ""
    days, hours = divmod(round(seconds / 3600), 24)
    parts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((days, "day"), (hours, "hour")) if n]
    return " and ".join(parts) or "less than an hour"
