"""What a shop asks its buyers beside the usual: up to three fields of its own on the payment page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.ground.errors import StripeError, card_error, invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.protocol.spec import Object

MOST = 3
MOST_OPTIONS = 200
# Of a field that does not say how long its text may be.
MOST_CHARACTERS = 255
# Stripe calls it alphanumeric, and takes underscores and hyphens too.
NAME = re.compile(r"[A-Za-z0-9_-]+")
KINDS = ("dropdown", "numeric", "text")
LENGTHS = ("minimum_length", "maximum_length")


def check(given: list[Object]) -> None:
    """Raises StripeError for fields that no buyer could be asked to fill in."""
    if len(given) > MOST:
        raise invalid(f"You may only specify up to {MOST} custom fields.", param="custom_fields")
    keys = [field["key"] for field in given]
    for position, field in enumerate(given):
        where = f"custom_fields[{position}]"
        if not NAME.fullmatch(field["key"]):
            raise invalid("The key of a custom field must be alphanumeric.", param=f"{where}[key]")
        if keys.count(field["key"]) > 1:
            raise invalid("The key of each custom field must be unique.", param=f"{where}[key]")
        if not field["label"]["custom"].strip():
            raise invalid("The label of a custom field cannot be empty.", param=f"{where}[label][custom]")
        for kind in KINDS:
            if kind in field and kind != field["type"]:
                text = f"You can only specify `{kind}` for custom fields of type `{kind}`."
                raise invalid(text, param=f"{where}[{kind}]")
        _check_kind(field, where)


def _check_kind(field: Object, where: str) -> None:
    kind = field["type"]
    if kind == "dropdown":
        if kind not in field:
            missing = f"{where}[dropdown]"
            raise invalid(f"Missing required param: {missing}.", param=missing, code="parameter_missing")
        _check_options(field[kind], f"{where}[dropdown]")
    else:
        _check_lengths(field.get(kind, {}), f"{where}[{kind}]")
    default = field.get(kind, {}).get("default_value")
    if default and (complaint := _complaint(_field(field), default)):
        raise invalid(f"The default value cannot be used. {complaint}", param=f"{where}[{kind}][default_value]")


def _check_options(dropdown: Object, where: str) -> None:
    options = dropdown["options"]
    if not 0 < len(options) <= MOST_OPTIONS:
        text = f"A dropdown must have between 1 and {MOST_OPTIONS} options."
        raise invalid(text, param=f"{where}[options]")
    values = [option["value"] for option in options]
    for position, value in enumerate(values):
        param = f"{where}[options][{position}][value]"
        if not NAME.fullmatch(value):
            raise invalid("The value of an option must be alphanumeric.", param=param)
        if values.count(value) > 1:
            raise invalid("The value of each option must be unique.", param=param)


def _check_lengths(bounds: Object, where: str) -> None:
    least, most = (bounds.get(name) for name in LENGTHS)
    if least is not None and most is not None and least > most:
        text = "The minimum length must not be greater than the maximum length."
        raise invalid(text, param=f"{where}[minimum_length]")


def asked(given: list[Object]) -> list[Object]:
    """The fields as a session has them, not filled in yet."""
    return [_field(field) for field in given]


def _field(given: Object) -> Object:
    kind = given["type"]
    asked = given.get(kind, {})
    inside: Object = {"default_value": asked.get("default_value"), "value": None}
    if kind == "dropdown":
        inside["options"] = [{"label": each["label"], "value": each["value"]} for each in asked["options"]]
    else:
        inside |= {name: asked.get(name) for name in LENGTHS}
    label = {"custom": given["label"]["custom"], "type": given["label"]["type"]}
    return {"key": given["key"], "label": label, "optional": given.get("optional", False), "type": kind, kind: inside}


def name(field: Object) -> str:
    """What the field is called on the page."""
    return f"customField-{field['key']}"


def untouched(session: Object) -> dict[str, str]:
    """What stands in the fields before the buyer types."""
    return {name(field): field[field["type"]]["default_value"] or "" for field in session["custom_fields"]}


def shown(session: Object) -> list[dict[str, Any]]:
    """The fields as the page draws them."""
    return [
        {
            "name": name(field),
            "label": field["label"]["custom"],
            "optional": field["optional"],
            "kind": field["type"],
            "options": field.get("dropdown", {}).get("options", []),
            "hint": _hint(field),
        }
        for field in session["custom_fields"]
    ]


def _hint(field: Object) -> str:
    least, most = (field[field["type"]].get(name) for name in LENGTHS)
    unit = "digits" if field["type"] == "numeric" else "characters"
    if least and most:
        return f"{least} {unit}" if least == most else f"{least} to {most} {unit}"
    if least:
        return f"At least {least} {unit}"
    return f"At most {most} {unit}" if most else ""


def typed(session: Object, form: Mapping[str, str]) -> dict[str, str]:
    """What the buyer has given, by key. Raises StripeError (402) for the first field that cannot be taken."""
    given = {}
    for field in session["custom_fields"]:
        text = given[field["key"]] = form[name(field)].strip()
        if refused := _refused(field, text):
            raise refused
    return given


def _refused(field: Object, text: str) -> StripeError | None:
    label = field["label"]["custom"]
    if not text:
        return None if field["optional"] else card_error("field_missing", f"{label} is required.", param=name(field))
    if complaint := _complaint(field, text):
        return card_error("field_invalid", complaint, param=name(field))
    return None


def _complaint(field: Object, text: str) -> str:
    """What is wrong with a text that is not empty."""
    kind = field["type"]
    if kind == "dropdown":
        return "" if _option(field, text) else "Choose one of the options."
    if kind == "numeric" and not (text.isascii() and text.isdigit()):
        return "Only digits can be used here."
    least, most = (field[kind][name] for name in LENGTHS)
    if len(text) < (least or 0) or len(text) > (most or MOST_CHARACTERS):
        return f"{_hint(field) or f'At most {MOST_CHARACTERS} characters'}, please; this has {len(text)}."
    return ""


def _option(field: Object, value: str) -> bool:
    return any(option["value"] == value for option in field["dropdown"]["options"])


def likely(session: Object) -> dict[str, str]:
    """What a buyer gives who pays without the page: as little as is asked for."""
    return {field["key"]: _likely(field) for field in session["custom_fields"]}


def _likely(field: Object) -> str:
    inside = field[field["type"]]
    if inside["default_value"] or field["optional"]:
        return inside["default_value"] or ""
    if field["type"] == "dropdown":
        return str(inside["options"][0]["value"])
    return ("1" if field["type"] == "numeric" else "x") * (inside["minimum_length"] or 1)


def filled(session: Object, given: Mapping[str, str]) -> list[Object]:
    """The fields of a session with what the buyer has given."""
    return [
        {**field, field["type"]: {**field[field["type"]], "value": given.get(field["key"]) or None}}
        for field in session["custom_fields"]
    ]
