"""What the shop holds about a buyer: theirs to take along, and to have erased."""

from html import escape

import streamlit as st

from core.foundation.errors import CustomerNotFound, Hold, LinkExpired, LinkInvalid, NotErasable, ShopError
from core.languages.sentences import _, ngettext
from core.people import codes
from core.privacy import erasure
from core.privacy.erasure import Preview
from storefront import links, process, sentences, visitor, words

_ASKED, _TROUBLE = "erasure-asked", "erasure-trouble"
ERASED = "/account?erased=yes"


def draw(email: str) -> None:
    """The file with everything, and the way to be forgotten."""
    st.header(_("Your data"), anchor=False)
    st.markdown(_("Everything that is kept about you, as one JSON file: orders, addresses, downloads, letters."))
    label = escape(_("Download your data"))
    st.html(f'<div class="files"><a href="/api/account/data.json" download target="_self">{label}</a></div>')
    with st.expander(_("Erase my data"), icon=":material/person_off:", expanded=bool(st.session_state.get(_ASKED))):
        try:
            _draw_erasure(email, erasure.preview_of_address(process.shop(), email))
        except CustomerNotFound:
            st.markdown(_("Nothing is known about you."))


def _draw_erasure(email: str, foreseen: Preview) -> None:
    takes = foreseen.takes
    st.markdown(
        _(
            "**What goes:** your name and addresses wherever they stand, your sign-ins, notes about you, from where files were "
            "taken, and who has your seats. **What you bought can't be opened here any more:** download it first."
        )
    )
    if takes.orders:
        st.markdown(
            ngettext(
                "**What stays, since the law wants books kept:** {number} order with number, amounts, taxes, country and tax "
                "id, and without who you are. Licence keys go on working.",
                "**What stays, since the law wants books kept:** {number} orders with number, amounts, taxes, country and tax "
                "id, and without who you are. Licence keys go on working.",
                takes.orders,
            ).format(number=takes.orders)
        )
    for each in foreseen.holds:
        st.warning(_("Not yet: {why}").format(why=held(each.why, each.number)), icon=":material/hourglass_top:")
    if foreseen.holds:
        return
    if st.session_state.get(_ASKED) == email:
        _draw_code(email)
    elif st.button(_("Send me the code for it"), icon=":material/mail:", key="erase-ask"):
        _ask(email)
    if trouble := st.session_state.pop(_TROUBLE, None):
        st.warning(trouble, icon=":material/error:")


def held(why: Hold, number: str) -> str:
    """Why somebody cannot be erased yet, in words for them."""
    match why:
        case Hold.ORDER:
            return _("order {number} isn't settled yet. Wait until it is, or write to us.").format(
                number=words.plain(number)
            )
        case Hold.DISPUTE:
            return _("your bank is still asking about order {number}.").format(number=words.plain(number))
        case Hold.PLAN:
            return _("the plan of order {number} still runs. End it first: Manage billing in Your purchases.").format(
                number=words.plain(number)
            )
        case Hold.WITHDRAWAL:
            return _("nobody has decided yet about your withdrawal from order {number}.").format(
                number=words.plain(number)
            )
        case Hold.WORKSHOP:
            return _("a workshop of order {number} is still to come, and we expect you there.").format(
                number=words.plain(number)
            )


def _ask(email: str) -> None:
    try:
        erasure.request(process.shop(), email, visitor.sender())
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        st.session_state[_ASKED] = email
        st.rerun()


def _draw_code(email: str) -> None:
    st.markdown(
        _("We sent a code to **{email}**. It works for {minutes} minutes.").format(
            email=words.plain(email), minutes=codes.CODE_MINUTES
        )
    )
    with st.form("erase", border=False):
        digits = st.text_input(_("The code that erases your data"), max_chars=codes.MOST_TYPED, key="erase-digits")
        sent = st.form_submit_button(_("Erase for good"), type="primary")
    if sent and digits:
        _erase(email, digits)
    elif sent:
        st.session_state[_TROUBLE] = _("Type the six digits from the email.")


def _erase(email: str, digits: str) -> None:
    try:
        erasure.by_buyer(process.shop(), email, digits, visitor.sender())
    except LinkInvalid:
        st.session_state[_TROUBLE] = _("That isn't the code. Check the six digits in the newest email.")
    except LinkExpired:
        st.session_state.pop(_ASKED, None)
        st.session_state[_TROUBLE] = _("That code has run out. Send a new one.")
    except NotErasable as error:
        st.session_state[_TROUBLE] = _("Not yet: {why}").format(
            why=" ".join(held(why, number) for why, number in error.holds)
        )
    except ShopError as error:
        st.session_state[_TROUBLE] = sentences.of(error)
    else:
        st.session_state.pop(_ASKED, None)
        links.redirect(f"/api/sign-out?next={ERASED}", _("Go on"))
        st.stop()
