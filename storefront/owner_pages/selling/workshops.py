import streamlit as st

from core.kinds import offers
from core.people.staff import Action
from core.registers import workshops
from core.registers.workshops import DateRow
from storefront import dates, frame, links, process, words
from storefront.back_office import dialogs, gate, lists
from storefront.product_forms import dates as date_forms
from storefront.workshops import places_bar

shop = process.shop()
VIEWS = {"coming": "To come", "past": "Past"}


def draw_date(row: DateRow) -> None:
    """One date, with how full it is, and the ways to it."""
    with frame.card(f"date-{row.id}", gap="small"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", gap="small"):
            with st.container(width="stretch", gap="xxsmall"):
                st.header(words.plain(row.product), anchor=False)
                day, hours = dates.of(row.times)
                words.quiet(f"{words.plain(day)}, {words.plain(hours)}")
            with st.container(horizontal=True, width="content", gap="small"):
                st.page_link(
                    links.WORKSHOP,
                    label="People and changes",
                    icon=":material/group:",
                    query_params={"id": row.id},
                    help="",
                )
                if row.canceled_at is None:
                    st.page_link(
                        links.CHECK_IN,
                        label="Check-in",
                        icon=":material/how_to_reg:",
                        query_params={"id": row.id},
                        help="",
                    )
        places_bar.draw(row)


@st.dialog("Add a date", icon=":material/add:", on_dismiss=dialogs.close)
def choose_workshop(goods: dict[str, str]) -> None:
    """Of which workshop?"""
    gate.me()
    product = st.selectbox("Workshop", list(goods), format_func=words.apart(goods, str).__getitem__, key="date-of")
    if st.button("Go on", type="primary", key="date-of-do") and product:
        dialogs.opener(f"date-of-{product}")()
        st.rerun()


me = gate.me()
with frame.column(1180):
    with shop.reading() as session:
        goods = workshops.on_sale(session)
        past = lists.asked("view") == "past"
        page = workshops.page(session, past=past, now=shop.now(), place=lists.place())
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.title("Workshops", anchor=False, width="content")
        if me.may(Action.SHELVES) and goods:
            st.button(
                "Add a date",
                type="primary",
                icon=":material/add:",
                key="open-date-of",
                on_click=dialogs.opener("date-of"),
            )
    lists.draw_said()
    lists.switch("Which dates", VIEWS, name="view")
    if not page.rows:
        lists.draw_nothing("dates", "**No date here.** Dates of the workshops you sell stand here, the next one first.")
    for row in page.rows:
        draw_date(row)
    lists.draw_paging(page.before, page.after)
    if dialogs.is_open("date-of"):
        choose_workshop(goods)
    for product_id in goods:
        if dialogs.is_open(f"date-of-{product_id}"):
            with shop.reading() as session:
                offer = offers.of_product(session, product_id, now=shop.now())
            if offer:
                date_forms.add(offer, name=f"date-of-{product_id}")
