"""The files of a product, and its cover. They are uploaded on a page of the sidecar: here they would be held in memory whole."""

from collections.abc import Sequence
from html import escape
from urllib.parse import urlencode

import streamlit as st

from core.kinds.offers import Offer
from core.owner.shelves import attachments
from core.owner.shelves.attachments import FileRow, Purpose
from core.people.deeds import Deed
from storefront import links, pictures, process, words
from storefront.amounts import size
from storefront.back_office import dialogs, gate
from storefront.product_forms import fields


def draw(product_id: str, files: Sequence[FileRow], *, may: bool) -> None:
    """Each file that buyers get, and the way to upload another."""
    st.header("Files", anchor=False)
    if not files:
        words.quiet("Buyers get no file yet.")
    for file in files:
        with st.container(horizontal=True, vertical_alignment="center", key=f"listed-file-{file.id}"):
            with st.container(width="stretch", gap=None):
                st.page_link(links.FILE, label=f"**{words.plain(file.label)}**", query_params={"id": file.id}, help="")
                version = f", version {words.plain(file.version)}" if file.version else ""
                words.quiet(f"{words.plain(file.name)}, {size(file.size)}{version}")
            if may:
                st.button(
                    "Withdraw", type="tertiary", icon=":material/remove:", key=f"open-file-end-{file.id}",
                    on_click=dialogs.opener(f"file-end-{file.id}"),
                )  # fmt: skip
    if may:
        _draw_upload(product_id, Purpose.FILE, "Upload a file")


def draw_cover(offer: Offer, *, may: bool) -> None:
    """Its cover as a thumb, and the way to another."""
    if not may:
        return
    st.header("Cover", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        pictures.show(offer.thumb, f"cover-{offer.id}", width=72)
        _draw_upload(offer.id, Purpose.COVER, "Upload a cover")
        if offer.image:
            st.button(
                "Without", type="tertiary", icon=":material/hide_image:", key="open-uncover",
                on_click=dialogs.opener(f"uncover-{offer.id}"),
            )  # fmt: skip
    if dialogs.is_open(f"uncover-{offer.id}"):
        _uncover(offer)


def draw_open(files: Sequence[FileRow]) -> None:
    """The dialog that is open, if it is one of these."""
    for file in files:
        if dialogs.is_open(f"file-end-{file.id}"):
            _withdraw(file)


def _draw_upload(product_id: str, purpose: Purpose, label: str) -> None:
    address = f"/api/owner/upload?{urlencode({'product': product_id, 'purpose': purpose})}"
    link = f'<a href="{escape(address)}" target="_self">{label}</a>'
    st.html(f'<div class="files plain upload">{link}</div>', width="content")


@st.dialog("Withdraw a file", icon=":material/remove:", on_dismiss=dialogs.close)
def _withdraw(file: FileRow) -> None:
    gate.me()
    st.markdown(f"Buyers, also those of before, get **{words.plain(file.name)}** no more.")
    if st.button("Withdraw it", type="primary", key="file-end-do"):

        def act(deed: Deed) -> str:
            attachments.withdraw(process.shop(), file.id, deed=deed)
            return f"{words.plain(file.name)} is withdrawn."

        dialogs.carry_out(f"file-end-{file.id}", act)


@st.dialog("Without a cover", icon=":material/hide_image:", on_dismiss=dialogs.close)
def _uncover(offer: Offer) -> None:
    gate.me()
    st.markdown(f"**{words.plain(offer.name)}** is shown without a picture.")
    if st.button("Take it away", type="primary", key="uncover-do"):

        def act(deed: Deed) -> str:
            fields.go_on_from(offer.id, attachments.uncover(process.shop(), offer.id, deed=deed))
            return "It has no cover now."

        dialogs.carry_out(f"uncover-{offer.id}", act)
