"""The other dialogs of an order: access taken back or given back, its address, its receipt again, a page to pay it on."""

from collections.abc import Callable, Mapping

import streamlit as st

from core.foundation.errors import ShopError
from core.journeys import order_care, revocation
from core.journeys.revocation import Revocation
from core.owner.order_book.detail import Sheet
from core.people.deeds import Deed
from core.people.staff import Action
from storefront import process, words
from storefront.back_office import dialogs, fates, gate, refund_dialog, refusals

_LINK = "payment-link"


@st.dialog("Take back access", icon=":material/block:", width="medium", on_dismiss=dialogs.close)
def _take_back(sheet: Sheet) -> None:
    gate.me()
    st.markdown("No money moves. Whatever is taken back can be given back later.")
    lines = _choose_lines(sheet)
    reason = (st.text_input("Why", key="take-back-reason", max_chars=200) or "").strip()
    _decide(sheet, lines, reason, "take_back", "Take back access")


@st.dialog("Give back access", icon=":material/undo:", width="medium", on_dismiss=dialogs.close)
def _give_back(sheet: Sheet) -> None:
    gate.me()
    st.markdown("No money moves. What was refunded in full stays as it is.")
    _decide(sheet, _choose_lines(sheet), "", "give_back", "Give back access")


def _choose_lines(sheet: Sheet) -> tuple[int, ...]:
    positions = [line.position for line in sheet.lines]
    if len(positions) == 1:
        return ()
    chosen = st.multiselect(
        "Lines", positions, default=positions, key="access-lines",
        format_func=words.apart({each.position: each.name for each in sheet.lines}, "line {}".format).__getitem__,
    )  # fmt: skip
    return tuple(chosen) if len(chosen) < len(positions) else ()


def _decide(sheet: Sheet, lines: tuple[int, ...], reason: str, name: str, label: str) -> None:
    restore = name == "give_back"
    if len(sheet.lines) > 1 and st.session_state.get("access-lines") == []:
        st.info("Choose at least one line.", icon=":material/checklist:")
        return
    try:
        plan = revocation.preview(process.shop(), sheet.row.id, lines, restore=restore)
    except ShopError as error:
        refusals.draw(error)
        return
    st.markdown(fates.of_all([each for each in plan.deliveries if each.line in plan.lines]))
    asked, agreed = st.session_state.get(f"{name}-shown") or (lines, plan)
    st.session_state[f"{name}-shown"] = lines, plan
    act = revocation.restore if restore else revocation.revoke
    lacks = "" if restore or reason else "Say why."
    if asked != lines:
        lacks = "Nothing was changed yet: this is what happens now. Click again to do it."
    if dialogs.button(label, f"{name}-do", lacks=lacks):
        dialogs.carry_out(name, lambda deed: _changed(act, sheet, lines, reason=reason, agreed=agreed, deed=deed))


def _changed(
    act: Callable[..., Revocation], sheet: Sheet, lines: tuple[int, ...], *, reason: str, agreed: Revocation, deed: Deed
) -> str:
    act(process.shop(), sheet.row.id, lines, reason=reason, actor="owner", agreed=agreed, deed=deed)
    return "Access was changed."


@st.dialog("Change the address", icon=":material/alternate_email:", on_dismiss=dialogs.close)
def _readdress(sheet: Sheet) -> None:
    gate.me()
    st.markdown(f"Order {sheet.row.number} belongs to **{words.plain(sheet.row.email)}** now.")
    words.quiet("It will be the customer's with the new address, and its receipt goes there at once.")
    new = st.text_input("New email", type="email", key="new-address") or ""
    if dialogs.button("Change the address", "readdress-do", lacks="" if new.strip() else "Type the new email."):

        def act(deed: Deed) -> str:
            order_care.readdress(process.shop(), sheet.row.id, new, deed=deed)
            return f"The order belongs to {words.plain(new.strip())} now."

        dialogs.carry_out("readdress", act)


@st.dialog("Send the receipt again", icon=":material/mail:", on_dismiss=dialogs.close)
def _resend(sheet: Sheet) -> None:
    gate.me()
    st.markdown(
        f"It goes to **{words.plain(sheet.row.email)}**, with everything the order gives and a new link that opens it."
    )
    to = ""
    if gate.may(Action.READDRESS):
        to = (st.text_input("Another address instead", type="email", key="resend-to", max_chars=254) or "").strip()
        words.quiet(
            "Keys and the like stand in it for whoever reads it. Its links open nothing for anybody but the order's customer."
        )
    if st.button("Send it", type="primary", key="resend-do"):

        def act(deed: Deed) -> str:
            receiver = order_care.resend(process.shop(), sheet.row.id, to=to, deed=deed)
            return f"The receipt goes to {words.plain(receiver)} again."

        dialogs.carry_out("resend", act)


@st.dialog("A page to pay on", icon=":material/link:", on_dismiss=dialogs.close)
def _payment_link(sheet: Sheet) -> None:
    gate.me()
    if link := st.session_state.pop(_LINK, None):
        st.markdown("Send this to the buyer. It is Stripe's page for this very order.")
        with st.container(key="copy-payment-link"):
            st.code(link, language=None, wrap_lines=True)
        return
    st.markdown("Opens Stripe's page for this order, at the prices of today. An open one is used again.")
    if st.button("Make the link", type="primary", key="payment-link-do"):
        try:
            made = order_care.payment_link(process.shop(), sheet.row.id, deed=gate.deed("payment_link"))
        except ShopError as error:
            refusals.draw(error)
            return
        st.session_state[_LINK] = made.url
        st.rerun(scope="app")


_DIALOGS: Mapping[str, Callable[[Sheet], None]] = {
    refund_dialog.NAME: refund_dialog.draw,
    "take_back": _take_back,
    "give_back": _give_back,
    "readdress": _readdress,
    "resend": _resend,
    "payment_link": _payment_link,
}


def draw_open(sheet: Sheet) -> None:
    """The dialog that is open, if one is."""
    for name, draw in _DIALOGS.items():
        if dialogs.is_open(name):
            draw(sheet)
