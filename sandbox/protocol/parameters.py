"""Checks a request's parameters against Stripe's own description of them, and gives them their types.

Raises StripeError with Stripe's code, sentence and parameter name; a refusal here means that nothing was executed.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.ground.errors import StripeError, invalid, not_imitated
from sandbox.protocol import bounds, spec, versions
from sandbox.protocol.spec import Operation, Schema

# Beyond this many digits Python would not even read it.
INTEGER = re.compile(r"^-?[0-9]{1,19}$")
LARGEST = 2**63 - 1
DECIMAL = re.compile(r"^-?[0-9]{1,15}(\.[0-9]{1,12})?$")
# The description knows only "number"; these are the ones that may have a fraction.
DECIMALS = {
    "percent_off", "amount_percent", "application_fee_percent", "height", "length", "percentage", "weight", "width",
}  # fmt: skip


def check(operation: Operation, form: dict[str, Any], version: str | None) -> dict[str, Any]:
    """The parameters with their types, in the words of the newest version.

    `version` is the one they were written for. None stands for whoever did not say: everything old is understood.
    """
    checked: dict[str, Any] = _object(versions.parameters(operation, form, version), form, "")
    bounds.check(operation, checked)
    return versions.translate(operation, checked, version)


def _value(schema: Schema, value: Any, where: str) -> Any:
    if "anyOf" in schema:
        return _any(schema["anyOf"], value, where)
    match schema.get("type"):
        case "object":
            return _object(schema, value, where)
        case "array":
            return _array(schema, value, where)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        # Said more than once: the last time counts.
        value = value[-1]
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {_shown(value)}", param=where)
    match schema.get("type"):
        case "number":
            return _number(schema, value, where)
        case "boolean":
            return _boolean(value, where)
        case _:
            return _string(schema, value, where)


def _any(choices: list[Schema], value: Any, where: str) -> Any:
    if value == "" and any("" in choice.get("enum", ()) for choice in choices):
        return ""
    if isinstance(value, list) and not any(c.get("type") == "array" for c in choices):
        value = value[-1]
    # What only takes an empty value, to unset something, is not the choice for any other.
    choices = [c for c in choices if c.get("enum") != [""]]
    shaped = [c for c in choices if (c.get("type") in ("object", "array")) != isinstance(value, str)]
    error: StripeError | None = None
    for choice in shaped or choices:
        try:
            return _value(choice, value, where)
        except StripeError as refused:
            error = error or refused
    raise error or invalid(f"Invalid value for {where}", param=where)


def _object(schema: Schema, value: Any, where: str) -> Any:
    if value == "" and where:
        if schema.get("nullable"):
            return ""
        raise _empty(where)
    if not isinstance(value, dict) or "" in value:
        raise invalid("Invalid object", param=where)
    properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
    if isinstance(extra, dict):
        return {k: _value(properties.get(k, extra), v, _path(where, k)) for k, v in value.items()}
    _refuse_unknown(schema, value, where)
    for name in schema.get("required", ()):
        if name not in value:
            path = _path(where, name)
            raise invalid(f"Missing required param: {path}.", param=path, code="parameter_missing")
    return {k: _value(properties[k], v, _path(where, k)) for k, v in value.items()}


def _refuse_unknown(schema: Schema, value: dict[str, Any], where: str) -> None:
    left_out = schema.get(spec.LEFT_OUT, ())
    others = [name for name in value if name not in schema.get("properties", {})]
    if unknown := [_path(where, name) for name in others if name not in left_out]:
        plural = "s" if len(unknown) > 1 else ""
        text = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise invalid(text, param=unknown[0], code="parameter_unknown")
    if others:
        raise not_imitated(_path(where, others[0]))


def _array(schema: Schema, value: Any, where: str) -> Any:
    if value == "":
        if schema.get("nullable"):
            return ""
        raise _empty(where)
    if isinstance(value, dict):
        if "" in value:
            value = value[""]
        elif all(key.isdigit() for key in value):
            value = [value[key] for key in sorted(value, key=int)]
    if not isinstance(value, list):
        raise invalid("Invalid array", param=where)
    return [_value(schema.get("items", {}), item, f"{where}[{i}]") for i, item in enumerate(value)]


def _number(schema: Schema, value: str, where: str) -> int | float | str:
    if value == "" and schema.get("nullable"):
        return ""
    if where.rpartition("[")[2].rstrip("]") in DECIMALS:
        if not DECIMAL.match(value):
            raise invalid(f"Invalid decimal: {value}", param=where)
        return float(value)
    if not INTEGER.match(value) or abs(int(value)) > LARGEST:
        raise invalid(f"Invalid integer: {value}", param=where, code="parameter_invalid_integer")
    return int(value)


def _boolean(value: str, where: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=where)
    return value == "true"


def _string(schema: Schema, value: str, where: str) -> str:
    allowed = [choice for choice in schema.get("enum", ()) if choice]
    if value == "":
        # An empty value unsets what can be unset: nullable parameters, and single keys of metadata.
        if schema.get("nullable") or "" in schema.get("enum", ()) or "metadata[" in where:
            return value
        raise _empty(where)
    if allowed and value not in allowed:
        raise invalid(f"Invalid {where}: must be {_listed(allowed)}", param=where)
    return value


def _listed(allowed: list[str]) -> str:
    match allowed:
        case [only]:
            return only
        case [one, other]:
            return f"one of {one} or {other}"
        case _:
            return f"one of {', '.join(allowed[:-1])}, or {allowed[-1]}"


def _empty(where: str) -> StripeError:
    text = (
        f"You passed an empty string for '{where}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{where}' cannot be unset. You should remove '{where}' from your request or supply a "
        "non-empty value."
    )
    return invalid(text, param=where, code="parameter_invalid_empty")


def _path(where: str, name: str) -> str:
    return f"{where}[{name}]" if where else name


def _shown(value: Any) -> str:
    """A hash or an array as Ruby would print it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}"=>{_shown(inner)}' for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return f'"{value}"'
