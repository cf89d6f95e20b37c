"""A free order: the address that it goes to, in place of a payment page."""

import streamlit as st

from core.catalog.products import Kind
from core.kinds.offers import Offer
from core.languages.sentences import _
from storefront import visitor, words
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import Entrance

_EMAIL = "free-email"


def button() -> str:
    """What the button is called."""
    return _("Get it free")


def draw_address(offers: list[Offer], back: str) -> bool:
    """Ask where it goes, unless somebody is signed in; whether the order can be placed then. Who must prove an address first is led
    `back` here."""
    if email := visitor.signed_in():
        st.markdown(_("It goes to {address}.").format(address=f"**{words.plain(email)}**"))
        return True
    if any(offer.kind is Kind.WORKSHOP for offer in offers):
        sign_in_form.draw(
            Entrance(back, _("Go on")),
            intro=_("It's free, and there are only so many places. Confirm your email first: we send you a code."),
        )
        return False
    st.text_input(
        _("Your email"), type="email", autocomplete="email", key=_EMAIL, validate=words.email_rule(),
    )  # fmt: skip
    words.quiet(_("We send everything there. You can find it again with this address, without a password."))
    return True


def address() -> str:
    """What was typed."""
    return str(st.session_state.get(_EMAIL) or "").strip()
