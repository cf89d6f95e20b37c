"""Webhook endpoints made through the API, each with its own secret, events and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account import signing
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

MOST = 16


def create(account: Account, call: Call) -> Object:
    """POST /v1/webhook_endpoints. Only this answer holds the signing secret."""
    if account.store.count("webhook_endpoint") >= MOST:
        raise invalid(f"You have reached the maximum of {MOST} test webhook endpoints.")
    _check(call)
    if call.params.get("connect"):
        raise invalid("The sandbox has no connected accounts, so nothing would ever come.", param="connect")
    endpoint = blank(
        "webhook_endpoint",
        id=ids.new("we"),
        api_version=call.params.get("api_version"),
        created=account.clock.now(),
        description=call.params.get("description") or None,
        enabled_events=call.params["enabled_events"],
        metadata=metadata.fresh(call.params.get("metadata")),
        status="enabled",
        url=call.params["url"],
    )
    secret = account.store.notes(endpoint["id"])["secret"] = ids.webhook_secret()
    account.store.save(endpoint)
    return {**endpoint, "secret": secret}


def update(account: Account, call: Call) -> Object:
    """POST /v1/webhook_endpoints/{id}"""
    endpoint = account.find("webhook_endpoint", call.id)
    _check(call)
    changes: Object = {k: call.params[k] for k in ("url", "enabled_events") if k in call.params}
    if "description" in call.params:
        changes["description"] = call.params["description"] or None
    if "disabled" in call.params:
        changes["status"] = "disabled" if call.params["disabled"] else "enabled"
    changes["metadata"] = metadata.merge(endpoint["metadata"], call.params.get("metadata"))
    account.store.change(endpoint, **changes)
    if endpoint["status"] == "disabled":
        account.deliveries.give_up(endpoint["id"])
    return endpoint


def delete(account: Account, call: Call) -> Object:
    """DELETE /v1/webhook_endpoints/{id}. What it had not accepted yet is given up."""
    endpoint = account.find("webhook_endpoint", call.id)
    account.store.delete("webhook_endpoint", endpoint["id"])
    signing.forget(account, endpoint["id"])
    account.deliveries.give_up(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _check(call: Call) -> None:
    url = call.params.get("url", "http://")
    if not url.startswith(("http://", "https://")):
        text = "Invalid URL: An explicit scheme (such as https) must be provided."
        raise invalid(text, param="url", code="url_invalid")
