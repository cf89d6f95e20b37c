"""A buyer's own addresses: those that are known, and the way to another, which takes a code from both mailboxes."""

import streamlit as st

from core.foundation.errors import CustomerNotFound, LinkExpired, LinkInvalid, ShopError
from core.languages.sentences import _, marked
from core.people import address_changes, codes
from storefront import process, sentences, visitor, words
from storefront.library import clicks
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import Entrance

_WANTED, _TROUBLE, _WHERE = "address-wanted", "address-trouble", "addresses"
_BOTH, _INSTEAD = marked("Both are mine"), marked("Use it instead")
ACCOUNT = Entrance("/account", marked("Open your account"))


def draw(email: str, known: tuple[str, ...]) -> None:
    """The addresses, and the form."""
    st.header(_("Your addresses"), anchor=False)
    clicks.draw_said(_WHERE)
    for each in known or (email,):
        said = _("{address} (signed in)") if each == email else "{address}"
        st.markdown(f":material/mail: {said.format(address=words.plain(each))}")
    wanted = st.session_state.get(_WANTED)
    if wanted and wanted[0] == email:
        _draw_codes(email, wanted[1], keep=wanted[2])
    else:
        _draw_form(email)


def _draw_form(email: str) -> None:
    words.quiet(
        _(
            "Bought with another address, or have a new one? We send a code to both mailboxes: with the two, everything is found "
            "in one place."
        )
    )
    with st.form("another-address", border=False):
        new = st.text_input(
            _("Another email of yours"),
            type="email",
            autocomplete="email",
            key="another-email",
            validate=words.email_rule(),
        )
        how = st.radio(_("What about it?"), (_BOTH, _INSTEAD), format_func=_, key="another-how", horizontal=True)
        sent = st.form_submit_button(_("Send both codes"), type="primary")
    if sent:
        _request(email, (new or "").strip(), keep=how == _BOTH)
    _draw_trouble()


def _request(email: str, new: str, *, keep: bool) -> None:
    try:
        address_changes.request(process.shop(), email, new, visitor.sender())
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        st.session_state[_WANTED] = email, new, keep
        st.rerun()


def _draw_codes(email: str, new: str, *, keep: bool) -> None:
    st.markdown(
        _("We sent a code to **{email}** and another to **{new}**. They work for {minutes} minutes.").format(
            email=words.plain(email), new=words.plain(new), minutes=codes.CODE_MINUTES
        )
    )
    with st.form("both-codes", border=False):
        old_digits = st.text_input(
            _("The code sent to {email}").format(email=email), max_chars=codes.MOST_TYPED, key="old-digits"
        )
        new_digits = st.text_input(
            _("The code sent to {new}").format(new=new), max_chars=codes.MOST_TYPED, key="new-digits"
        )
        sent = st.form_submit_button(_("Keep both") if keep else _("Change it"), type="primary")
    if sent and old_digits and new_digits:
        _confirm(email, new, (old_digits, new_digits), keep=keep)
    elif sent:
        st.session_state[_TROUBLE] = _("Type both codes, each from its own email.")
    _draw_trouble()
    st.button(_("Leave it as it is"), type="tertiary", key="address-leave", on_click=_forget)


def _confirm(email: str, new: str, digits: tuple[str, str], *, keep: bool) -> None:
    old_digits, new_digits = digits
    try:
        ticket = address_changes.confirm(
            process.shop(),
            email,
            new,
            old_digits=old_digits,
            new_digits=new_digits,
            keep=keep,
            sender=visitor.sender(),
        )
    except LinkInvalid:
        st.session_state[_TROUBLE] = _("One of the codes isn't right. Check the six digits in the newest emails.")
    except LinkExpired:
        st.session_state[_TROUBLE] = _("The codes have run out. Leave it, and ask for new ones.")
    except CustomerNotFound:
        _forget()
        st.session_state[_TROUBLE] = _(
            "Nothing was bought with either of the two, so there is nothing to bring together."
        )
        st.rerun()
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        _forget()
        if ticket:
            sign_in_form.enter(ACCOUNT, ticket)
        said = _("Both are yours now. What was bought with either is in Your purchases.")
        clicks.carry_out(_WHERE, lambda _email: said)


def _forget() -> None:
    st.session_state.pop(_WANTED, None)


def _draw_trouble() -> None:
    if trouble := st.session_state.pop(_TROUBLE, None):
        st.warning(trouble, icon=":material/error:")
