import streamlit as st

from core.registers import customers
from core.registers.customers import CustomerRow
from storefront import dates, frame, links, process, words
from storefront.amounts import price
from storefront.back_office import bar, gate, lists

shop = process.shop()


def draw_customer(row: CustomerRow) -> None:
    """One customer, with what they spent."""
    with st.container(key=f"row-ord-{row.id}", gap=None):
        spent = " · ".join(price(each.kept) for each in row.spent) or "nothing paid"
        st.page_link(
            links.CUSTOMER, label=f"**{words.plain(row.name or row.email)}** · {spent}", query_params={"id": row.id},
            help="",
        )  # fmt: skip
        orders = sum(each.orders for each in row.spent)
        last = f", last on {dates.day(row.last_paid_at)}" if row.last_paid_at else ""
        email = f"{words.plain(row.email)} · " if row.name else ""
        words.quiet(f"{email}{words.count(orders, 'order', 'orders')}{last}")


gate.me()
with frame.column(1180):
    bar.draw_title("Customers")
    text = lists.search("Find a customer", "Email, name or order number")
    with shop.reading() as session:
        page = customers.page(session, text, livemode=shop.settings.livemode, place=lists.place())
    if not page.rows:
        nobody = "**Nobody like that.** Try the beginning of the address, or of the name on an order."
        lists.draw_nothing("customers", nobody if text else "**Nobody has bought yet.**")
    with st.container(gap="small"):
        for row in page.rows:
            draw_customer(row)
    lists.draw_paging(page.before, page.after)
