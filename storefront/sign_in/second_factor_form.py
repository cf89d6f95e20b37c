"""The second factor as staff meet it: the code that is asked for, the set-up of a device, and the recovery codes, shown once."""

import segno
import streamlit as st

from core.foundation.errors import ShopError, TooManyTries
from core.people import own_factor
from storefront import links, process, sentences, words

# Recovery codes that were made just now. No other place ever has them.
_CODES, _TROUBLE = "recovery-codes", "factor-trouble"


def draw_asking(sign_in_id: str) -> None:
    """The field for the code of the device, or for a recovery code."""
    st.markdown("Now the code that your authenticator app shows. Without your device, type one of your recovery codes.")
    with st.form("second-factor", border=False, clear_on_submit=True):
        text = st.text_input(
            "Code", key="factor-code", max_chars=24, required=True, autocomplete="one-time-code", placeholder="000000"
        )
        given = st.form_submit_button("Go on", type="primary", width="stretch")
    if given and text:
        _give(sign_in_id, text)
    _draw_trouble()
    if st.button("Sign out", type="tertiary", icon=":material/logout:", key="leave-factor"):
        links.redirect("/api/sign-out?next=/owner", "Sign out")
        st.stop()


def draw_set_up(sign_in_id: str) -> None:
    """What the device must be told, and the code that shows that it was."""
    device = own_factor.offer(process.shop(), sign_in_id)
    st.markdown("**1.** Scan this with an authenticator app, or type the key into it.")
    # Black on white in any theme, or a camera would not find it.
    st.image(
        segno.make(device.address, micro=False).svg_inline(scale=5, border=3, dark="#000", light="#fff"), width=220
    )
    st.code(" ".join(device.secret[start : start + 4] for start in range(0, len(device.secret), 4)), language=None)
    st.markdown("**2.** Type the code that it shows.")
    with st.form("confirm-factor", border=False, clear_on_submit=True):
        digits = st.text_input(
            "Six-digit code", key="factor-digits", max_chars=7, required=True, autocomplete="off", placeholder="000000"
        )
        confirmed = st.form_submit_button("Turn it on", type="primary")
    if confirmed and digits:
        _confirm(sign_in_id, digits)
    _draw_trouble()


def keep(codes: tuple[str, ...]) -> None:
    """Show these recovery codes from the next run on, and nothing else, until they were kept."""
    st.session_state[_CODES] = codes


def draw_codes() -> bool:
    """The recovery codes that were made just now; False if there are none to be kept."""
    codes: tuple[str, ...] = st.session_state.get(_CODES, ())
    if not codes:
        return False
    st.title("Recovery codes", anchor=False)
    st.markdown(
        "Without your device, each of these lets you in once. Keep them where nobody else looks, such as in a password"
        " manager. **They are shown this once.**"
    )
    st.code("\n".join(codes), language=None)
    st.button("I have kept them", type="primary", key="codes-kept", on_click=lambda: st.session_state.pop(_CODES, None))
    return True


def _give(sign_in_id: str, text: str) -> None:
    try:
        left = own_factor.give(process.shop(), sign_in_id, text)
    except TooManyTries:
        st.session_state[_TROUBLE] = "Too many wrong codes in this hour. Wait, or type one of your recovery codes."
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        if left is not None:
            still = words.count(left, "recovery code is", "recovery codes are")
            st.session_state["said"] = (
                f"{still} left. On the page of the staff you make new ones, or set up another device."
            )
    st.rerun()


def _confirm(sign_in_id: str, digits: str) -> None:
    try:
        keep(own_factor.confirm(process.shop(), sign_in_id, digits))
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    st.rerun()


def _draw_trouble() -> None:
    if trouble := st.session_state.pop(_TROUBLE, None):
        st.warning(trouble, icon=":material/error:")
