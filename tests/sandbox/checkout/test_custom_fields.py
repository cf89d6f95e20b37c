"""Fields of the shop's own on the payment page: described, drawn, filled in, and read again."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.running import World


def _field(key: str, kind: str, *, optional: bool = False, **more: Any) -> dict[str, Any]:
    asked = {kind: more} if more else {}
    label = {"type": "custom", "custom": key.capitalize()}
    return {"key": key, "type": kind, "label": label, "optional": optional, **asked}


def _options(*values: str) -> list[dict[str, str]]:
    return [{"value": value, "label": f"Size {value}"} for value in values]


ENGRAVING = _field("engraving", "text", minimum_length=2, maximum_length=5)
MEMBER = _field("member_no", "numeric", optional=True, maximum_length=4)
SIZE = _field("size", "dropdown", options=_options("S", "M"))
ALL = [ENGRAVING, MEMBER, SIZE]
TYPED = {"customField-engraving": "Nora", "customField-member_no": "0042", "customField-size": "M"}


def _values(session: Any) -> dict[str, str | None]:
    return {field.key: field[field.type].value for field in session.custom_fields}


def test_a_session_shows_the_fields_it_was_given_with_nothing_in_them(world: World) -> None:
    session = world.session(custom_fields=ALL)
    assert [field.to_dict() for field in session.custom_fields] == [
        {
            "key": "engraving",
            "label": {"custom": "Engraving", "type": "custom"},
            "optional": False,
            "type": "text",
            "text": {"default_value": None, "maximum_length": 5, "minimum_length": 2, "value": None},
        },
        {
            "key": "member_no",
            "label": {"custom": "Member_no", "type": "custom"},
            "optional": True,
            "type": "numeric",
            "numeric": {"default_value": None, "maximum_length": 4, "minimum_length": None, "value": None},
        },
        {
            "key": "size",
            "label": {"custom": "Size", "type": "custom"},
            "optional": False,
            "type": "dropdown",
            "dropdown": {"default_value": None, "options": _options("S", "M"), "value": None},
        },
    ]


def test_what_the_buyer_types_stands_on_the_session_and_in_its_event(world: World) -> None:
    session = world.session(custom_fields=ALL)
    assert world.pay(session, **TYPED).status_code == 303
    expected = {"engraving": "Nora", "member_no": "0042", "size": "M"}
    assert _values(world.read(session)) == expected
    [event] = world.events("checkout.session.completed")
    assert _values(event.data.object) == expected


def test_what_is_optional_may_be_left_empty(world: World) -> None:
    session = world.session(custom_fields=ALL)
    assert world.pay(session, **{**TYPED, "customField-member_no": " "}).status_code == 303
    assert _values(world.read(session))["member_no"] is None


@pytest.mark.parametrize(
    ("key", "text", "complaint"),
    [
        ("engraving", "", "Engraving is required."),
        ("engraving", "N", "2 to 5 characters, please; this has 1."),
        ("engraving", "Nora L", "2 to 5 characters, please; this has 6."),
        ("member_no", "12345", "At most 4 digits, please; this has 5."),
        ("member_no", "x1", "Only digits can be used here."),
        ("member_no", "٤٢", "Only digits can be used here."),
        ("size", "", "Size is required."),
        ("size", "XL", "Choose one of the options."),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field_and_nothing_typed_is_lost(
    world: World, key: str, text: str, complaint: str
) -> None:
    session = world.session(custom_fields=ALL)
    typed = {**TYPED, "billingName": "Nora L", f"customField-{key}": text}
    answer = world.pay(session, **typed)
    assert answer.status_code == 402
    assert f'<p class="err" id="customField-{key}-err">{complaint}</p>' in answer.text
    kept = [typed["customField-engraving"], typed["customField-member_no"], "Nora L", "4242424242424242"]
    assert [value for value in kept if value and f'value="{value}"' not in answer.text] == []
    assert ('value="M" selected' in answer.text) == (key != "size")
    assert (world.read(session).status, world.kinds()) == ("open", [])


def test_a_declined_card_loses_nothing_that_was_typed(world: World) -> None:
    session = world.session(custom_fields=ALL)
    answer = world.pay(session, "4000000000000002", **TYPED)
    assert ('value="Nora"' in answer.text, 'value="M" selected' in answer.text) == (True, True)
    assert _values(world.read(session)) == {"engraving": None, "member_no": None, "size": None}


def test_the_bank_saying_no_loses_nothing_that_was_typed(world: World) -> None:
    session = world.session(custom_fields=ALL)
    where = world.pay(session, "4000002760003184", **TYPED).headers["location"]
    answer = world.http.post(where, data={"result": "fail"})
    assert ('value="Nora"' in answer.text, 'value="M" selected' in answer.text) == (True, True)


def test_default_values_stand_in_the_fields_and_count_if_they_are_left(world: World) -> None:
    asked = [
        _field("engraving", "text", default_value="For you"),
        _field("candles", "numeric", default_value="12"),
        _field("size", "dropdown", options=_options("S", "M"), default_value="M"),
    ]
    session = world.session(custom_fields=asked)
    page = world.http.get(f"/c/pay/{session.id}").text
    for text in ('value="For you"', 'value="12"', 'value="M" selected'):
        assert text in page
    assert world.pay(session).status_code == 303
    assert _values(world.read(session)) == {"engraving": "For you", "candles": "12", "size": "M"}


def test_whoever_pays_without_the_page_gives_as_little_as_is_asked_for(world: World) -> None:
    asked = [ENGRAVING, _field("candles", "numeric", minimum_length=3), SIZE]
    given = {"engraving": "xx", "candles": "111", "size": "S"}
    session = world.session(custom_fields=asked)
    world.raw("POST", f"/v1/payment_pages/{session.id}/confirm", "payment_method=pm_card_visa").raise_for_status()
    assert _values(world.read(session)) == given
    pressed = world.session(custom_fields=[*asked[:2], MEMBER])
    world.act("pay", pressed.id)
    assert _values(world.read(pressed)) == {**{key: given[key] for key in ("engraving", "candles")}, "member_no": None}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([ENGRAVING, MEMBER, SIZE, _field("more", "text")], "custom_fields"),
        ([ENGRAVING, ENGRAVING], "custom_fields[0][key]"),
        ([_field("two words", "text")], "custom_fields[0][key]"),
        ([_field("x" * 201, "text")], "custom_fields[0][key]"),
        ([{**ENGRAVING, "label": {"type": "custom", "custom": "x" * 51}}], "custom_fields[0][label][custom]"),
        ([{**ENGRAVING, "label": {"type": "custom", "custom": " "}}], "custom_fields[0][label][custom]"),
        ([{**ENGRAVING, "numeric": {"maximum_length": 3}}], "custom_fields[0][numeric]"),
        ([_field("size", "dropdown")], "custom_fields[0][dropdown]"),
        ([_field("size", "dropdown", options=_options("S", "S"))], "custom_fields[0][dropdown][options][0][value]"),
        ([_field("size", "dropdown", options=_options("S M"))], "custom_fields[0][dropdown][options][0][value]"),
        ([_field("size", "dropdown", options=_options(*map(str, range(201))))], "custom_fields[0][dropdown][options]"),
        (
            [_field("size", "dropdown", options=_options("S"), default_value="XL")],
            "custom_fields[0][dropdown][default_value]",
        ),
        ([_field("note", "text", minimum_length=9, maximum_length=3)], "custom_fields[0][text][minimum_length]"),
        ([_field("note", "text", maximum_length=256)], "custom_fields[0][text][maximum_length]"),
        ([_field("note", "text", maximum_length=3, default_value="long")], "custom_fields[0][text][default_value]"),
        ([_field("count", "numeric", default_value="ten")], "custom_fields[0][numeric][default_value]"),
    ],
)
def test_fields_that_nobody_could_fill_in_are_refused(world: World, fields: list[dict[str, Any]], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        world.session(custom_fields=fields)
    assert refused.value.param == param
    assert world.api.checkout.sessions.list().data == []


def test_a_text_without_bounds_may_have_255_characters(world: World) -> None:
    session = world.session(custom_fields=[_field("note", "text")])
    assert "At most 255 characters" in world.pay(session, **{"customField-note": "x" * 256}).text
    assert world.pay(session, **{"customField-note": "x" * 255}).status_code == 303
