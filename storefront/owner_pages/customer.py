import streamlit as st

from core.foundation.errors import CustomerNotFound
from core.foundation.money import Money
from core.people import past
from core.people.customers import How
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import customers
from core.registers.customers import CustomerSheet
from storefront import amounts, dates, frame, links, process, words
from storefront.amounts import price
from storefront.back_office import dialogs, gate, lists, order_rows, states
from storefront.people import customer_data_card, customer_notes_card, rights_card

shop = process.shop()
HOW = {How.CHECKOUT: "from a payment", How.CODE: "proved by a code", How.OWNER: "on an owner's word"}


def find(customer_id: str) -> CustomerSheet | None:
    """The customer that the address names."""
    try:
        return customers.sheet(shop, customer_id)
    except CustomerNotFound:
        return None


def draw_who(sheet: CustomerSheet) -> None:
    """By name and address, or that nobody knows any more."""
    if sheet.row.erased_at:
        st.title("Somebody who was erased", anchor=False)
        words.quiet(f"On {dates.day(sheet.row.erased_at)}. What they bought stays here for the books.")
        return
    st.title(words.plain(sheet.row.name or sheet.row.email), anchor=False)
    if sheet.row.name:
        words.quiet(words.plain(sheet.row.email))


def draw_spent(sheet: CustomerSheet) -> None:
    """What they paid, per currency, and what of it is left."""
    with frame.card("spent", gap="xxsmall"):
        st.header("Spent", anchor=False)
        for each in sheet.row.spent:
            whole = each.kept == each.paid
            amounts.pair(words.count(each.orders, "order", "orders"), price(each.paid), strong=whole)
            if each.returned.amount:
                amounts.pair("Went back", price(each.returned * -1))
            if each.lost.amount:
                amounts.pair("Lost in disputes", price(each.lost * -1))
            if not whole:
                amounts.pair("Left", price(each.kept), strong=True)
        if sheet.row.first_paid_at and sheet.row.last_paid_at:
            words.quiet(f"First on {dates.day(sheet.row.first_paid_at)}, last on {dates.day(sheet.row.last_paid_at)}.")
        else:
            st.markdown("Nothing yet.")


def draw_addresses(sheet: CustomerSheet, me: Staff) -> None:
    """Their addresses, each of which can be changed."""
    with frame.card("addresses", gap="small"):
        st.header("Addresses", anchor=False)
        for each in sheet.addresses:
            with st.container(gap=None):
                st.markdown(words.plain(each.address))
                words.quiet(f"{HOW[each.how].capitalize()}, {dates.day(each.verified_at)}")
                if me.may(Action.READDRESS):
                    st.button(
                        "Change", type="tertiary", icon=":material/alternate_email:", key=f"open-change-{each.address}",
                        on_click=dialogs.opener(f"change-{each.address}"),
                    )  # fmt: skip


@st.dialog("Change an address", icon=":material/alternate_email:", on_dismiss=dialogs.close)
def change(sheet: CustomerSheet, old: str) -> None:
    """To which one, and whether the old one stays."""
    gate.me()
    st.markdown(f"Letters about what was bought under **{words.plain(old)}** go to the new address from then on.")
    new = (st.text_input("New email", type="email", key="change-new") or "").strip()
    keep = st.checkbox("The old address stays theirs too", key="change-keep")
    join = st.checkbox(
        "If it is another customer's, they are one person", key="change-join",
        help="Then everything both have bought belongs to one customer. That can't be undone.",
    )  # fmt: skip
    if dialogs.button("Change the address", "change-do", lacks="" if new else "Type the new email."):

        def act(deed: Deed) -> str:
            customers.change_address(shop, sheet.row.id, old, new, keep=keep, join=join, deed=deed)
            return f"{words.plain(new)} is theirs now."

        dialogs.carry_out(f"change-{old}", act)


def draw_past(sheet: CustomerSheet) -> None:
    """What was imported of them: no order of this shop, and in none of its figures."""
    with shop.reading() as session:
        known, bought = past.known_of(session, sheet.row.id), past.orders_of(session, sheet.row.id)
    if not (known or bought):
        return
    with frame.card("past", gap="xxsmall"):
        st.header("From another shop", anchor=False)
        for each in known:
            st.markdown(words.plain(each.name or each.folded))
            if each.note:
                words.quiet(words.plain(each.note))
        for order in bought:
            paid = price(Money(order.amount, order.currency))
            st.markdown(f"{words.plain(order.product)}, {paid} :gray-badge[Imported]")
            words.quiet(f"{words.plain(order.number)}, {order.placed_at:%d %b %Y}")


def draw_letters(sheet: CustomerSheet) -> None:
    """What was written to them."""
    with frame.card("letters", gap="xxsmall"):
        st.header("Letters", anchor=False)
        for each in sheet.letters:
            words.quiet(f"{states.of_letter(each.id, each.state)} {states.moment(each.at)}")
        if not sheet.letters:
            words.quiet("None about their orders.")


def draw_sign_ins(sheet: CustomerSheet) -> None:
    """When they were here."""
    with frame.card("sign-ins", gap="xxsmall"):
        st.header("Sign-ins", anchor=False)
        for each in sheet.sign_ins:
            here = f", from {words.plain(each.ip)}" if each.ip else ""
            words.quiet(f"{states.moment(each.at)}{here}{', still signed in' if each.is_open else ''}")
        if not sheet.sign_ins:
            words.quiet("They have never signed in.")


me = gate.me()
sheet = find(lists.asked("id"))
with frame.column(1180):
    links.back(links.CUSTOMERS, "Customers")
    if sheet is None:
        st.title("No such customer", anchor=False)
        st.markdown("Nobody goes by that id. Find them by their email, or by an order's number.")
        st.stop()
    draw_who(sheet)
    lists.draw_said()
    left, right = st.columns([5, 3], gap="medium")
    with left:
        st.header("Orders", anchor=False)
        if not sheet.orders:
            st.markdown("None in this mode.")
        order_rows.draw_list(sheet.orders)
        draw_past(sheet)
        rights_card.draw(sheet)
        draw_letters(sheet)
    with right:
        draw_spent(sheet)
        if sheet.row.erased_at is None:
            draw_addresses(sheet, me)
            customer_notes_card.draw(sheet, me)
            draw_sign_ins(sheet)
            customer_data_card.draw(sheet, me)
    for each in sheet.addresses:
        if dialogs.is_open(f"change-{each.address}"):
            change(sheet, each.address)
