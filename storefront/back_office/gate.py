"""The gate: who works here on this browser, and the form for everybody else, who learns nothing of the shop.

Whoever has a second factor, or is to have one, stands before the gate until it was given.
"""

from urllib.parse import urlencode

import streamlit as st

from core.foundation.records import new_id
from core.people import staff
from core.people.deeds import Deed
from core.people.second_factor import Standing
from core.people.staff import Action, Staff
from storefront import frame, pictures, process, sentences, visitor, words
from storefront.sign_in import provider, second_factor_form, sign_in_form
from storefront.sign_in.sign_in_form import OFFICE, Entrance

_TOKENS, _WORKED = "deeds", "worked-here"
_NOT_DONE = "What you clicked just now was not done."


def who() -> Staff | None:
    """Who works here, as the database has it now; None for anybody else. Without a cookie nothing is asked."""
    shop, claimed = process.shop(), visitor.sign_in_id()
    if not claimed:
        return None
    with shop.reading() as session:
        found = staff.of_sign_in(session, claimed, owners=shop.settings.owners, now=shop.now())
    if found:
        st.session_state[_WORKED] = True
    return found


def me() -> Staff:
    """Who works here. Anybody else is shown the form, and nothing after it is drawn."""
    found = who()
    if found is None:
        draw_form()
        st.stop()
    return found


def lacks() -> Standing | None:
    """What the sign-in of somebody who works here still lacks; None for everybody else. Without a cookie nothing is asked."""
    shop, claimed = process.shop(), visitor.sign_in_id()
    if not claimed:
        return None
    with shop.reading() as session:
        found = staff.arrived(session, claimed, owners=shop.settings.owners, now=shop.now())
    return found.standing if found else None


def draw_form(page: str = "owner") -> None:
    """What everybody sees who does not work here, or whose sign-in is older than 12 hours, or lacks the second factor. It leads on
    to the `page` that they have come for, as a letter to owners names one."""
    entrance = Entrance(_asked_for(page), OFFICE.label)
    shop, standing = process.shop(), lacks()
    with frame.column(440):
        pictures.trim()
        st.title("Back office", anchor=False)
        if st.session_state.get(_WORKED):
            # Who is signed in still lacks a second factor by now, or was let in for a day that is over.
            st.warning(_NOT_DONE if visitor.signed_in() else sentences.SIGNED_OUT, icon=":material/logout:")
        if standing is Standing.ASKED:
            second_factor_form.draw_asking(visitor.sign_in_id())
            return
        if standing is Standing.TO_SET_UP:
            st.markdown("An owner wants everybody who works here to have a second factor. Set yours up to go on.")
            second_factor_form.draw_set_up(visitor.sign_in_id())
            return
        if signed_in := visitor.signed_in():
            words.quiet(
                f"You are signed in as {words.plain(signed_in)}, with which this page does not open (any more)."
            )
        if why := provider.enter():
            st.warning(why, icon=":material/error:")
        if not sign_in_form.awaited():
            provider.draw_buttons()
        sign_in_form.draw(
            entrance, intro="For those who run this shop. Type your email and we'll send you a six-digit code."
        )
        if shop.settings.demo and not sign_in_form.awaited():
            words.quiet("This is the demo: no code is needed.")
            sign_in_form.draw_demo_button(entrance)
        words.quiet(f"Only looking around? [To the shop]({shop.settings.public_url})")


def _asked_for(page: str) -> str:
    """The address of this page, with what it was asked for."""
    query = urlencode({name: said for name, said in st.query_params.to_dict().items() if name != "provider"})
    return f"/{page}?{query}" if query else f"/{page}"


def open_token(name: str) -> None:
    """Begin an action anew: from now on a click on it is another one than any before."""
    st.session_state.setdefault(_TOKENS, {})[name] = _new_token()


def deed(name: str) -> Deed:
    """The click on the action that was begun under this name. The same one until it is begun anew."""
    tokens: dict[str, str] = st.session_state.setdefault(_TOKENS, {})
    return Deed(visitor.sign_in_id(), tokens.setdefault(name, _new_token()))


def may(action: Action) -> bool:
    """Whether whoever is here may do this; the action itself asks again."""
    found = who()
    return found is not None and found.may(action)


def _new_token() -> str:
    return new_id("do")
