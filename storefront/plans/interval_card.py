"""Monthly or yearly, as a plan's buyer sees it: what the switch costs, and the button that does it."""

from functools import partial

import streamlit as st

from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.journeys.billing import interval_switch
from core.journeys.billing.interval_switch import Choice, Switch
from core.languages.sentences import _
from storefront import process
from storefront.amounts import price
from storefront.plans import outcomes

_ASKED = "interval-asked"


def draw(email: str, grant_id: str, subscription: str = "", *, key: str = "") -> None:
    """The way to the other interval of this buyer's own plan, as the first bills for it or as this `subscription` does, which then
    has a `key` of its own; nothing where there is none."""
    choice = interval_switch.choice(process.shop(), email, grant_id, subscription=subscription)
    if choice is None:
        return
    key = key or grant_id
    if st.session_state.get(_ASKED) != key:
        each = price(choice.then)
        st.button(
            _ways(choice).format(price=each),
            type="tertiary",
            icon=":material/autorenew:",
            key=f"interval-{key}",
            on_click=_ask,
            args=(key,),
        )
        return
    _draw_preview(email, choice, key)


def cost(switch: Switch) -> list[str]:
    """What a switch comes to, in words."""
    due, choice = switch.due, switch.choice
    if switch.tried:
        now = _("Nothing now. The trial goes on to its end.")
    elif due.amount > 0:
        now = _ahead(choice).format(amount=price(due))
    elif due.amount < 0:
        now = _("Nothing now. {amount} that you have paid ahead is taken off what comes next.").format(
            amount=price(Money(-due.amount, due.currency))
        )
    else:
        now = _("Nothing now.")
    then = [outcomes.then(choice.then, choice.after), *([] if switch.tried else [_("A new period begins today.")])]
    return [now, " ".join(then), _("Your plan and everybody's seats stay as they are.")]


def _ways(choice: Choice) -> str:
    return (
        _("Pay yearly instead: {price} a year") if choice.after == "year" else _("Pay monthly instead: {price} a month")
    )


def _ahead(choice: Choice) -> str:
    return (
        _("**{amount}** now. What is left of the year you have paid for is taken off already.")
        if choice.before == "year"
        else _("**{amount}** now. What is left of the month you have paid for is taken off already.")
    )


def _draw_preview(email: str, choice: Choice, key: str) -> None:
    try:
        switch = interval_switch.preview(process.shop(), email, choice)
    except ShopError as error:
        _forget()
        st.warning(outcomes.explained(error), icon=":material/error:")
        return
    with st.container(border=True, gap="small", key=f"interval-card-{key}"):
        st.markdown(_("**Pay yearly**") if choice.after == "year" else _("**Pay monthly**"))
        for line in cost(switch):
            st.markdown(line)
        with st.container(horizontal=True, gap="small"):
            st.button(
                _("Switch to yearly") if choice.after == "year" else _("Switch to monthly"),
                type="primary",
                key=f"switch-{key}",
                on_click=_carry_out,
                args=(email, switch),
            )
            st.button(
                _("Keep paying yearly") if choice.before == "year" else _("Keep paying monthly"),
                type="tertiary",
                key=f"keep-{key}",
                on_click=_forget,
            )


def _ask(key: str) -> None:
    st.session_state[_ASKED] = key


def _forget() -> None:
    st.session_state.pop(_ASKED, None)


def _carry_out(email: str, switch: Switch) -> None:
    _forget()
    said = _("You pay yearly from now on.") if switch.choice.after == "year" else _("You pay monthly from now on.")
    act = partial(interval_switch.carry_out, process.shop(), email, switch)
    outcomes.act(email, switch.choice.grant_id, act, said)
