"""What the buyer of an order agreed to and was told, and whether they withdrew from it since."""

from collections.abc import Mapping

import streamlit as st

from core.rights import consents, withdrawals
from storefront import links, process, words
from storefront.back_office import states


def draw(order_id: str, names: Mapping[str, str]) -> None:
    """All of it; nothing where nothing was asked and nobody withdrew. `names` are the products', by their ids."""
    shop = process.shop()
    with shop.reading() as session:
        asked = consents.of_order(session, order_id)
        declared = withdrawals.of_order(session, order_id)
    if asked:
        st.header("Asked and told", anchor=False)
        for row in asked:
            with st.container(gap=None):
                words.quiet(f"{states.mark_of(row)} {words.plain(row.wording)}")
                about = ", ".join(names.get(each, each) for each in row.product_ids)
                words.quiet(f"{words.plain(about)}: {states.how_agreed(row)} {states.moment(row.created_at)}")
    if declared:
        st.header("Withdrawals", anchor=False)
        for each in declared:
            st.markdown(f"{states.badge(states.WITHDRAWAL[each.state])} :gray[{states.moment(each.created_at)}]")
        links.to(links.WITHDRAWALS, "To the withdrawals", "assignment_return", where="order")
