"""The customer portal as the API has it: its sessions, and configurations saying what buyers may change there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account import lists
from sandbox.ground import ids, metadata
from sandbox.ground.errors import invalid
from sandbox.ground.periods import DAY
from sandbox.protocol.spec import blank

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

KIND, CONFIGURATION = "billing_portal.session", "billing_portal.configuration"
OPEN_SECONDS = DAY
REASONS = (
    "too_expensive", "missing_features", "switched_service", "unused", "customer_service", "too_complex",
    "low_quality", "other",
)  # fmt: skip
FEATURES: Object = {
    "customer_update": {"allowed_updates": [], "enabled": False},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True, "payment_method_configuration": None},
    "subscription_cancel": {
        "cancellation_reason": {"enabled": True, "feedback_options": None, "options": list(REASONS)},
        "enabled": True,
        "mode": "at_period_end",
        "proration_behavior": "none",
    },
    "subscription_pause": {"duration": {"interval_options": [], "type": "indefinite"}, "enabled": False},
    "subscription_update": {
        "billing_cycle_anchor": None,
        "default_allowed_updates": ["quantity"],
        "enabled": True,
        "proration_behavior": "create_prorations",
        "schedule_at_period_end": {"conditions": []},
        "trial_update_behavior": "end_trial",
    },
}


_OFF: Object = {
    **{name: {**value, "enabled": False} for name, value in FEATURES.items()},
    "subscription_cancel": {
        **FEATURES["subscription_cancel"],
        "enabled": False,
        "cancellation_reason": {**FEATURES["subscription_cancel"]["cancellation_reason"], "enabled": False},
    },
}


def create(account: Account, call: Call) -> Object:
    """POST /v1/billing_portal/sessions"""
    params = call.params
    if "customer" not in params:
        raise invalid("Missing required param: customer.", param="customer", code="parameter_missing")
    customer = account.find("customer", params["customer"], param="customer")
    configuration = default(account)
    if id := params.get("configuration"):
        configuration = account.find(CONFIGURATION, id, param="configuration")
    id = ids.new("bps")
    session = blank(
        KIND,
        id=id,
        configuration=configuration["id"],
        created=int(account.clock.real()),
        customer=customer["id"],
        flow=_flow(account, params.get("flow_data")),
        locale=params.get("locale"),
        return_url=params.get("return_url") or configuration["default_return_url"],
        url=f"{account.settings.base_url}/p/session/{id}",
    )
    account.store.notes(id)["open_until"] = account.clock.moved() + OPEN_SECONDS
    account.store.save(session)
    account.emit("billing_portal.session.created", session)
    return session


def _flow(account: Account, given: Object | None) -> Object | None:
    if given is None:
        return None
    kind = given["type"]
    if kind not in ("payment_method_update", "subscription_cancel", "subscription_update"):
        raise invalid(f"The sandbox does not imitate the flow {kind}.", param="flow_data[type]")
    values: dict[str, Any] = {"type": kind, "after_completion": _afterwards(given.get("after_completion", {}))}
    if kind != "payment_method_update":
        named = given.get(kind, {}).get("subscription")
        if named is None:
            param = f"flow_data[{kind}][subscription]"
            raise invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")
        account.find("subscription", named, param=f"flow_data[{kind}][subscription]")
        values[kind] = {"subscription": named}
    return values


def _afterwards(given: Object) -> Object:
    made: Object = {"type": given.get("type", "portal_homepage"), "hosted_confirmation": None, "redirect": None}
    if "redirect" in given:
        made["redirect"] = {"return_url": given["redirect"]["return_url"]}
    if "hosted_confirmation" in given:
        made["hosted_confirmation"] = {"custom_message": given["hosted_confirmation"].get("custom_message")}
    return made


def default(account: Account) -> Object:
    """The configuration for sessions that name none; made when it is first needed."""
    found = next((c for c in account.store.all(CONFIGURATION) if c["is_default"]), None)
    return found or _make(account, {"features": FEATURES}, is_default=True)


def _make(account: Account, given: Object, *, is_default: bool) -> Object:
    now = account.clock.now()
    configuration = blank(
        CONFIGURATION,
        id=ids.new("bpc"),
        active=True,
        business_profile=given.get("business_profile", {}),
        created=now,
        default_return_url=given.get("default_return_url") or None,
        features=_features(_OFF, given["features"]) if not is_default else FEATURES,
        is_default=is_default,
        login_page=_login_page(given.get("login_page", {})),
        metadata=metadata.fresh(given.get("metadata")),
        name=given.get("name"),
        updated=now,
    )
    return account.store.save(configuration)


def _login_page(given: Object) -> Object:
    if given.get("enabled"):
        raise invalid("The sandbox does not imitate the portal's login page.", param="login_page[enabled]")
    return {"enabled": False, "url": None}


def _features(known: Object, given: Object) -> Object:
    """The features with what was given put over them, level by level."""
    merged = dict(known)
    for name, value in given.items():
        here = merged.get(name)
        if name == "products":
            value = [{**product, "adjustable_quantity": _adjustable(product)} for product in value or []]
        if name == "interval_options":
            value = [{"interval_count": 1, **option} for option in value]
        merged[name] = _features(here, value) if isinstance(value, dict) and isinstance(here, dict) else value or here
        if value is False:
            merged[name] = False
    return merged


def _adjustable(product: Object) -> Object:
    return {"enabled": False, "maximum": None, "minimum": 1, **product.get("adjustable_quantity", {})}


def configure(account: Account, call: Call) -> Object:
    """POST /v1/billing_portal/configurations: what it does not name is switched off."""
    configuration = _make(account, call.params, is_default=False)
    account.emit("billing_portal.configuration.created", configuration)
    return configuration


def reconfigure(account: Account, call: Call) -> Object:
    """POST /v1/billing_portal/configurations/{id}"""
    configuration = account.find(CONFIGURATION, call.id)
    params = call.params
    changes: Object = {key: params[key] or None for key in ("default_return_url", "name") if key in params}
    if "active" in params:
        changes["active"] = params["active"]
    if "features" in params:
        changes["features"] = _features(configuration["features"], params["features"])
    if "business_profile" in params:
        changes["business_profile"] = {**configuration["business_profile"], **params["business_profile"]}
    if "login_page" in params:
        changes["login_page"] = _login_page(params["login_page"])
    changes["metadata"] = metadata.merge(configuration["metadata"] or {}, params.get("metadata"))
    if previous := account.store.change(configuration, **changes):
        account.store.change(configuration, updated=account.clock.now())
        account.emit("billing_portal.configuration.updated", configuration, previous)
    return configuration


def configurations(account: Account, call: Call) -> Object:
    """GET /v1/billing_portal/configurations"""
    default(account)
    return lists.page(account, call, CONFIGURATION)


def is_open(account: Account, session: Object) -> bool:
    """Whether its page can still be used."""
    until: float = account.store.notes(session["id"])["open_until"]
    return account.clock.moved() < until
