"""What can be done with the orders that were chosen in the list: their receipts again, or a file of them alone."""

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

import streamlit as st

from core.foundation.errors import DoneAlready, ShopError
from core.journeys import order_care
from core.owner.order_book.filters import Filters, Mode
from core.owner.order_book.listing import OrderRow
from core.people.staff import Action, Staff
from storefront import process, words
from storefront.back_office import gate, refusals


def draw(rows: Sequence[OrderRow], me: Staff) -> None:
    """The buttons, for whoever may use them."""
    if not rows:
        return
    again = False
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="chosen-orders"):
        words.quiet(f"{words.count(len(rows), 'order is', 'orders are')} chosen.", width="content")
        if me.may(Action.RESEND):
            label = f"Send {words.count(len(rows), 'receipt', 'receipts')} again"
            again = st.button(label, icon=":material/mail:", key="resend-chosen")
        if me.may(Action.EXPORT):
            _draw_export(rows)
    if again:
        _resend(rows)
        return
    for row in rows:  # the next click on it is another one
        gate.open_token(f"resend-{row.id}")


def _draw_export(rows: Sequence[OrderRow]) -> None:
    live = process.shop().settings.livemode
    mode = Mode.OURS if rows[0].livemode is live else Mode.OTHER
    query = urlencode(Filters(ids=tuple(row.id for row in rows), mode=mode).query())
    st.html(
        f'<div class="files plain"><a href="{escape(f"/api/owner/orders.csv?{query}")}" download target="_self">'
        "Export these as CSV</a></div>",
        width="content",
    )  # fmt: skip


def _resend(rows: Sequence[OrderRow]) -> None:
    """Each order's receipt once more, a click of its own for each. What could not be sent is named."""
    bar, sent = st.progress(0.0, "Receipts are being sent"), 0
    for place, row in enumerate(rows, start=1):
        try:
            order_care.resend(process.shop(), row.id, deed=gate.deed(f"resend-{row.id}"))
            sent += 1
        except DoneAlready:  # by the first of two clicks
            sent += 1
        except ShopError as error:
            st.warning(f"{row.number}: {refusals.of(error)}", icon=":material/error:")
        bar.progress(place / len(rows), f"{place} of {len(rows)}")
    bar.empty()
    if sent:
        st.success(f"{words.count(sent, 'receipt goes', 'receipts go')} out again.", icon=":material/check_circle:")
