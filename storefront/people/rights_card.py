"""What a customer agreed to and was told over all of their orders, and what they withdrew from."""

from itertools import groupby

import streamlit as st

from core.registers.customers import CustomerSheet
from core.rights import consents, withdrawals
from storefront import frame, links, process, words
from storefront.back_office import states


def draw(sheet: CustomerSheet) -> None:
    """All of it, order by order; nothing where nothing was asked and nobody withdrew."""
    numbers = {order.id: order.number for order in sheet.orders}
    with process.shop().reading() as session:
        asked = consents.of_orders(session, numbers)
        declared = withdrawals.of_person(session, numbers, [each.folded for each in sheet.addresses])
    if asked:
        with frame.card("agreed", gap="xxsmall"):
            st.header("Asked and told", anchor=False)
            for wording, theirs in groupby(sorted(asked, key=lambda row: row.wording), key=lambda row: row.wording):
                st.markdown(words.plain(wording))
                for row in theirs:
                    words.quiet(
                        f"{states.mark_of(row)} {numbers[row.order_id]}, {states.how_agreed(row)} {states.moment(row.created_at)}"
                    )
    if declared:
        with frame.card("withdrawn", gap="xxsmall"):
            st.header("Withdrawals", anchor=False)
            for each in declared:
                about = numbers.get(each.order_id or "", "not known of what")
                badge = states.badge(states.WITHDRAWAL[each.state])
                st.markdown(f"{badge} {about} :gray[{states.moment(each.created_at)}]")
            links.to(links.WITHDRAWALS, "To the withdrawals", "assignment_return", where="customer")
