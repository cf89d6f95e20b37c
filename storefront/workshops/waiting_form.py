"""The form by which somebody waits for a place on a date that is full."""

import streamlit as st

from core.attendance import waiting
from core.foundation.errors import PlacesFree, ShopError
from core.kinds.offers import Offer
from core.kinds.workshops import DateView
from core.languages.sentences import _
from storefront import dates, frame, process, sentences, visitor, words


def draw(offer: Offer) -> None:
    """The form, where a date is full; nothing where each has room."""
    full = {date.id: date for date in offer.dates if not date.left}
    if not full:
        return
    with st.expander(_("Wait for a place"), icon=":material/hourglass_top:", expanded=len(full) == len(offer.dates)):
        if said := frame.told(f"waiting-{offer.id}"):
            st.success(said, icon=":material/check_circle:")
            return
        with st.form(f"wait-{offer.id}", border=False):
            date_id = _choose(offer, full)
            places = 1
            if offer.max_quantity > 1:
                places = int(st.number_input(_("Places"), 1, offer.max_quantity, 1, key=f"wait-places-{offer.id}"))
            email = st.text_input(
                _("Your email"), visitor.signed_in() or "", type="email", key=f"wait-email-{offer.id}",
                validate=words.email_rule(),
            )  # fmt: skip
            sent = st.form_submit_button(_("Put me on the list"), type="primary", width="stretch")
        words.quiet(
            _(
                "When a place is free and it's your turn, we hold it for you and write. Nothing is charged until you pay."
            )
        )
        if sent:
            _join(offer, full[date_id], (email or "").strip(), places)


def _choose(offer: Offer, full: dict[str, DateView]) -> str:
    called = dates.apart(offer.dates, dates.on_weekday)
    if len(full) == 1:
        (date_id,) = full
        st.markdown(f":material/event: **{words.plain(called[date_id])}**")
        return date_id
    return st.selectbox(_("Date"), list(full), format_func=called.__getitem__, key=f"wait-date-{offer.id}")


def _join(offer: Offer, date: DateView, email: str, places: int) -> None:
    try:
        waiting.join(process.shop(), date.id, email, places=places, sender=visitor.sender())
    except PlacesFree:
        st.info(_("There is a place free right now. Reload the page to buy it."), icon=":material/event_available:")
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
    else:
        said = _("You are on the list for {day}. We have written to {email}.")
        st.session_state[f"waiting-{offer.id}"] = said.format(
            day=words.plain(dates.apart(offer.dates, dates.on_weekday)[date.id]), email=words.plain(email)
        )
        st.rerun()
