"""The seller's terms, privacy notice and imprint: pages of their own where the catalogue has the texts, else links to elsewhere."""

import streamlit as st

from core.catalog import seller
from core.catalog.seller import Seller
from core.languages.sentences import _
from storefront import frame, links, pictures, process


def who() -> Seller:
    """Who sells here, as it was read when this page began to be drawn."""
    return seller.of(frame.texts(), process.shop().settings)


def draw(name: str) -> None:
    """The page of one of these texts."""
    with frame.column(760):
        pictures.trim()
        frame.phone_links()
        st.title(_(frame.DOCUMENTS[name]), anchor=False)
        document = who().document(name)
        if not document:
            st.markdown(_("There is nothing here yet."))
            links.to(links.SHOP, _("To the shop"), "storefront")
        elif seller.is_link(document):
            st.markdown(_("It stands [on a page of its own]({address}).").format(address=document))
        else:
            # The seller's own words, who writes them as Markdown.
            st.markdown(document)
        frame.footer()
