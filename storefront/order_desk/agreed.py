"""What the buyer of an order agreed to and was told, and whether they withdrew from it since."""

import streamlit as st

from core.rights import consents, withdrawals
from core.rights.consents import Consent
from storefront import links, process, words
from storefront.back_office import states

_GIVEN = ":green[:material/check_circle:]"
_NOT_GIVEN = ":gray[:material/check_box_outline_blank:]"


def draw(order_id: str) -> None:
    """All of it; nothing where nothing was asked and nobody withdrew."""
    shop = process.shop()
    with shop.reading() as session:
        asked = consents.of_order(session, order_id)
        declared = withdrawals.of_order(session, order_id)
    if asked:
        st.header("Agreed to", anchor=False)
        for row in asked:
            with st.container(gap=None):
                words.quiet(f"{_GIVEN if row.given else _NOT_GIVEN} {words.plain(row.wording)}")
                words.quiet(
                    f"{words.plain(row.products.replace(',', ', '))}: {_how(row)} {states.moment(row.created_at)}"
                )
    if declared:
        st.header("Withdrawals", anchor=False)
        for each in declared:
            st.markdown(f"{states.badge(states.WITHDRAWAL[each.state])} :gray[{states.moment(each.created_at)}]")
        links.to(links.WITHDRAWALS, "To the withdrawals", "assignment_return", where="order")


def _how(row: Consent) -> str:
    """How it came to be agreed to, or not."""
    if row.given:
        return "ticked" if row.box else "told"
    return "not ticked" if row.box else "not told"
