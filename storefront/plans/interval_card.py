"""Monthly or yearly, as a plan's buyer sees it: what the switch costs, and the button that does it."""

from functools import partial

import streamlit as st

from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.journeys.billing import interval_switch
from core.journeys.billing.interval_switch import Choice, Switch
from storefront import process
from storefront.amounts import price
from storefront.plans import outcomes

_ASKED = "interval-asked"
_RHYTHM = {"month": "monthly", "year": "yearly"}


def draw(email: str, grant_id: str) -> None:
    """The way to the other interval of this buyer's own plan; nothing where there is none."""
    choice = interval_switch.choice(process.shop(), email, grant_id)
    if choice is None:
        return
    if st.session_state.get(_ASKED) != grant_id:
        each = f"{price(choice.then)} a {choice.after}"
        st.button(f"Pay {_RHYTHM[choice.after]} instead: {each}", type="tertiary", icon=":material/autorenew:",
                  key=f"interval-{grant_id}", on_click=_ask, args=(grant_id,))  # fmt: skip
        return
    _draw_preview(email, choice)


def cost(switch: Switch) -> list[str]:
    """What a switch comes to, in words."""
    due, choice = switch.due, switch.choice
    if switch.tried:
        now = "Nothing now. The trial goes on to its end."
    elif due.amount > 0:
        now = f"**{price(due)}** now. What is left of the {choice.before} you have paid for is taken off already."
    elif due.amount < 0:
        now = f"Nothing now. {price(Money(-due.amount, due.currency))} that you have paid ahead is taken off what comes next."
    else:
        now = "Nothing now."
    begins = "" if switch.tried else " A new period begins today."
    then = f"Then {price(choice.then)} every {choice.after}, without taxes and discounts.{begins}"
    return [now, then, "Your plan and everybody's seats stay as they are."]


def _draw_preview(email: str, choice: Choice) -> None:
    try:
        switch = interval_switch.preview(process.shop(), email, choice)
    except ShopError as error:
        _forget()
        st.warning(outcomes.explained(error), icon=":material/error:")
        return
    with st.container(border=True, gap="small", key=f"interval-card-{choice.grant_id}"):
        st.markdown(f"**Pay {_RHYTHM[choice.after]}**")
        for line in cost(switch):
            st.markdown(line)
        with st.container(horizontal=True, gap="small"):
            st.button(f"Switch to {_RHYTHM[choice.after]}", type="primary", key=f"switch-{choice.grant_id}",
                      on_click=_carry_out, args=(email, switch))  # fmt: skip
            st.button(f"Keep paying {_RHYTHM[choice.before]}", type="tertiary", key=f"keep-{choice.grant_id}",
                      on_click=_forget)  # fmt: skip


def _ask(grant_id: str) -> None:
    st.session_state[_ASKED] = grant_id


def _forget() -> None:
    st.session_state.pop(_ASKED, None)


def _carry_out(email: str, switch: Switch) -> None:
    _forget()
    said = f"You pay {_RHYTHM[switch.choice.after]} from now on."
    act = partial(interval_switch.carry_out, process.shop(), email, switch)
    outcomes.act(switch.choice.grant_id, act, said)
