"""The page on which faults are set."""

from __future__ import annotations

import dataclasses
import re

import httpx
import pytest

from sandbox.ground.faults import CHOICES, Faults
from sandbox.panel import fault_page
from tests.sandbox.running import World

NAMES = [field.name for field in dataclasses.fields(Faults)]
TEXTS = {name: text for group in fault_page.GROUPS.values() for name, text in group.items()}


def _form(world: World, **typed: str) -> dict[str, str]:
    """The form as the page has it, with some fields typed over."""
    page = world.http.get("/panel/faults").text
    hidden = dict(re.findall(r'name="(was-\w+)" value="([^"]*)"', page))
    return {**hidden, **{name.removeprefix("was-"): value for name, value in hidden.items()}, **typed}


def _set(world: World, **typed: str) -> httpx.Response:
    return world.http.post("/panel/faults", data=_form(world, **typed), follow_redirects=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_has_its_dial_and_its_text(world: World, name: str) -> None:
    assert TEXTS[name].label
    assert TEXTS[name].hint.endswith(".")
    assert set(TEXTS[name].choices) == set(CHOICES.get(name, ()))
    assert f'name="{name}"' in world.http.get("/panel/faults").text


def test_no_text_is_about_a_fault_that_does_not_exist() -> None:
    assert set(TEXTS) == set(NAMES)


def test_the_dials_set_what_was_typed(world: World) -> None:
    typed = {
        "twice": "on", "drop_next": "-1", "hold_seconds": "1,5", "drop_rate": "7", "api": "500_after", "api_next": "2",
        "api_path": "/v1/refunds", "after_dunning": "past_due", "seed": "4",
    }  # fmt: skip
    answer = _set(world, **typed)
    assert "Set 9 dials." in answer.text
    set_to = {name: value for name, value in world.http.get("/sandbox/faults").json().items() if name in typed}
    assert set_to == {
        "twice": True, "drop_next": -1, "hold_seconds": 1.5, "drop_rate": 0.07, "api": "500_after", "api_next": 2,
        "api_path": "/v1/refunds", "after_dunning": "past_due", "seed": 4,
    }  # fmt: skip
    for remark in ("On", "Until disarmed", "1.5 s", "7 %", "Do it, but answer 500", "2 left", "Stay past due"):
        assert f'<span class="tag armed">{remark}</span>' in answer.text
    assert "Nothing was changed." in _set(world).text
    assert "Set 1 dial." in _set(world, twice="").text
    assert world.http.get("/sandbox/faults").json()["twice"] is False


@pytest.mark.parametrize(
    ("name", "typed", "says"),
    [
        ("drop_rate", "101", "Type a number from 0 to 100."),
        ("drop_rate", "-1", "Type a number from 0 to 100."),
        ("drop_rate", "nan", "Type a number from 0 to 100."),
        ("drop_next", "-2", "Type a number from 0 on, or -1."),
        ("drop_next", "1.5", "Type a whole number."),
        ("hold_seconds", "-1", "Type a number from 0 on."),
        ("hold_seconds", "inf", "Type a number from 0 on."),
        ("seed", "many", "Type a number."),
        ("api", "418", "Choose one of these."),
    ],
)
def test_what_is_mistyped_is_said_beside_its_dial_and_nothing_typed_is_lost(
    world: World, name: str, typed: str, says: str
) -> None:
    before = world.http.get("/sandbox/faults").json()
    answer = _set(world, **{"twice": "on", "decline_next": "3", name: typed})
    assert answer.status_code == 422
    assert f'id="err-{name}">{says}' in answer.text
    assert answer.text.count('aria-invalid="true"') == 1
    assert 'name="decline_next" type="text" inputmode="text" class="" value="3"' in answer.text
    assert re.search(r'name="twice" type="checkbox" value="on" checked', answer.text)
    assert world.http.get("/sandbox/faults").json() == before


def test_a_count_that_went_down_meanwhile_is_not_set_back(world: World) -> None:
    world.faults(decline_next=3)
    form = _form(world, twice="on")
    world.pay(world.session())
    world.http.post("/panel/faults", data=form)
    faults = world.http.get("/sandbox/faults").json()
    assert (faults["decline_next"], faults["twice"]) == (2, True)


def test_all_faults_can_be_disarmed_at_once(world: World) -> None:
    world.faults(decline_next=3, drop_rate=0.5, seed=4)
    assert "Disarmed 2 faults." in world.http.post("/panel/faults/disarm", follow_redirects=True).text
    assert world.http.get("/sandbox/faults").json() == Faults().as_dict()
    assert "No fault was armed." in world.http.post("/panel/faults/disarm", follow_redirects=True).text
