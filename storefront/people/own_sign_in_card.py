"""My sign-in: the second factor of whoever looks, set up, taken off, and its recovery codes made anew."""

import streamlit as st

from core.foundation.errors import ShopError
from core.people import own_factor
from core.people.own_factor import Own
from core.people.staff import Staff
from storefront import frame, process, visitor, words
from storefront.back_office import dialogs, gate, refusals
from storefront.sign_in import second_factor_form

_SETTING_UP, _TAKING_OFF = "factor-set-up", "factor-off"


def draw(me: Staff) -> None:
    """How it stands, and what can be done about it."""
    own = own_factor.look(process.shop(), visitor.sign_in_id())
    with frame.card("own-sign-in", gap="small"):
        st.header("My sign-in", anchor=False)
        st.markdown(words.plain(me.email))
        if own.is_set:
            draw_set(own)
        else:
            draw_unset()
    if dialogs.is_open(_SETTING_UP) and not own.is_set:
        set_up()
    if dialogs.is_open(_TAKING_OFF) and own.is_set:
        take_off(own)


def draw_unset() -> None:
    """That a mailed code is all, and the way to more."""
    words.quiet("A code by mail lets you in. With a second factor, whoever reads your mail can't.")
    st.button(
        "Set up a second factor", icon=":material/shield_lock:", key="open-factor-set-up",
        on_click=dialogs.opener(_SETTING_UP),
    )  # fmt: skip


def draw_set(own: Own) -> None:
    """That there is one, and how many recovery codes are left."""
    left = words.count(own.recovery_codes, "recovery code", "recovery codes")
    st.markdown(f":green-badge[Second factor on] &nbsp; :small[{left} left]")
    with st.container(horizontal=True, gap="small"):
        st.button("New recovery codes", type="tertiary", icon=":material/refresh:", key="factor-codes", on_click=renew)
        st.button(
            "Turn it off", type="tertiary", icon=":material/remove_moderator:", key="open-factor-off",
            on_click=dialogs.opener(_TAKING_OFF),
        )  # fmt: skip


def renew() -> None:
    """Make new ones, which the page that follows shows."""
    try:
        second_factor_form.keep(own_factor.renew_recovery_codes(process.shop(), visitor.sign_in_id()))
    except ShopError as error:
        st.session_state["said"] = refusals.of(error)


@st.dialog("Set up a second factor", icon=":material/shield_lock:", on_dismiss=dialogs.close)
def set_up() -> None:
    """The device and its first code."""
    gate.me()
    second_factor_form.draw_set_up(visitor.sign_in_id())


@st.dialog("Turn off the second factor", icon=":material/remove_moderator:", on_dismiss=dialogs.close)
def take_off(own: Own) -> None:
    """Asks once more."""
    gate.me()
    again = " An owner wants everybody to have one: you will be asked to set up another." if own.required else ""
    st.markdown(f"Your device and your recovery codes count no more, and the mailed code alone lets you in.{again}")
    if st.button("Turn it off", type="primary", key="factor-off-do"):
        try:
            own_factor.remove(process.shop(), visitor.sign_in_id())
        except ShopError as error:
            refusals.draw(error)
            return
        dialogs.close()
        st.session_state[dialogs.SAID] = "Your second factor is off."
        st.rerun()
