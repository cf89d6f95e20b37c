import streamlit as st

from core.foundation.errors import LinkExpired, PlanNotActive, SeatCodeWrong, SeatNotFound, SeatsTaken, ShopError
from core.kinds.seats import SeatState
from core.languages.sentences import _, marked, ngettext
from core.people import codes
from core.seats import invitations
from core.seats.invitations import Offer
from storefront import frame, links, pictures, process, sentences, words
from storefront.sign_in import sign_in_form
from storefront.sign_in.sign_in_form import Entrance

shop = process.shop()
LIBRARY = Entrance("/purchases", marked("Open your purchases"))


def draw_gone() -> None:
    """A seat that nobody is asked to take."""
    st.title(_("No seat waits here"), anchor=False)
    st.markdown(_("The invitation was taken back, or its link isn't whole. Ask whoever invited you for a new one."))
    links.to(links.SHOP, _("To the shop"), "storefront")


def draw_offer(offer: Offer) -> None:
    """What it is, and the field for the code of the letter."""
    st.title(_("A seat of {product}").format(product=words.plain(offer.product)), anchor=False)
    if offer.state is not SeatState.INVITED:
        st.markdown(_("This seat was taken already. Sign in to see it."))
        links.to(links.PURCHASES, _("See all you bought"), "inventory_2")
        return
    st.markdown(
        _("Somebody gives you a seat of their plan. It costs you nothing. Type the code of the letter to take it.")
    )
    with st.form("take-seat", border=False, clear_on_submit=True):
        digits = st.text_input(
            _("Code of the letter"), max_chars=codes.MOST_TYPED, autocomplete="one-time-code", placeholder="00000000"
        )
        asked = st.form_submit_button(_("Take the seat"), type="primary", width="stretch")
    if asked and digits:
        take(offer, digits)
    elif asked:
        st.warning(_("Type the digits from the letter."), icon=":material/error:")
    words.quiet(_("It was sent to {email}.").format(email=masked(offer.email)))


def masked(email: str) -> str:
    """An address that only its owner knows again."""
    local, _, domain = email.rpartition("@")
    return words.plain(f"{local[:1]}…@{domain}")


def take(offer: Offer, digits: str) -> None:
    """Take it, and go on signed in; or say why not."""
    try:
        ticket = invitations.accept(shop, offer.seat_id, digits)
    except ShopError as error:
        st.warning(why(error), icon=":material/error:")
    else:
        sign_in_form.enter(LIBRARY, ticket)


def why(error: ShopError) -> str:
    """Why a seat was not taken."""
    match error:
        case SeatCodeWrong(left=left):
            said = ngettext(
                "That isn't the code. Check the newest letter. You have {number} try left.",
                "That isn't the code. Check the newest letter. You have {number} tries left.",
                left,
            )
            return said.format(number=left)
        case LinkExpired():
            return _("This code doesn't work any more. Ask whoever invited you to send it again.")
        case SeatsTaken():
            return _("All seats are taken by now. Ask whoever invited you for another one.")
        case PlanNotActive():
            return _("The plan is on hold or has ended. Ask whoever invited you.")
        case _:
            return sentences.of(error)


with frame.column(440):
    pictures.trim()
    try:
        # PostgreSQL takes no text with a zero in it.
        found = invitations.offer(shop, str(st.query_params.get("id", "")).replace("\0", "")[:80])
    except SeatNotFound:
        draw_gone()
    else:
        draw_offer(found)
    frame.footer()
