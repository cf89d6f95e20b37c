import streamlit as st

from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import letters
from core.registers.letters import LetterRow
from storefront import frame, process, words
from storefront.back_office import dialogs, gate, lists, states

shop = process.shop()


def draw_letter(row: LetterRow, me: Staff) -> None:
    """One letter."""
    title = f"**{states.LETTER_KIND.get(row.kind, 'Letter')}** {states.badge(states.LETTER[row.state])}"
    with lists.row(f"letter-{row.id}", title, row.order):
        sent = f"sent {states.moment(row.sent_at)}" if row.sent_at else f"owed since {states.moment(row.created_at)}"
        tries = f", tried {words.count(row.attempts, 'time', 'times')}" if row.attempts > 1 else ""
        to = f" · to {words.plain(row.to)}" if row.to else ""
        words.quiet(f"{sent}{tries}{to}")
        if row.error:
            words.quiet(words.plain(row.error))
        if row.can_resend and me.may(Action.RESEND):
            st.button(
                "Send again", type="tertiary", icon=":material/mail:", key=f"open-resend-{row.id}",
                on_click=dialogs.opener(f"resend-{row.id}"),
            )  # fmt: skip


@st.dialog("Send the receipt again", icon=":material/mail:", on_dismiss=dialogs.close)
def resend(row: LetterRow) -> None:
    """Where it goes, and the button."""
    gate.me()
    address = words.plain(row.to)
    st.markdown(f"It goes to **{address}**, with everything the order gives and a new link to sign in.")
    if st.button("Send it", type="primary", key="resend-do"):

        def act(deed: Deed) -> str:
            letters.resend(shop, row.id, deed=deed)
            return f"The receipt goes to {address} again."

        dialogs.carry_out(f"resend-{row.id}", act)


me = gate.me()
with frame.column(1180):
    st.title("Letters", anchor=False)
    lists.draw_said()
    state = lists.choice("State", letters.STATES, {each: name[0] for each, name in states.LETTER.items()}, name="state")
    with shop.reading() as session:
        page = letters.page(session, state, place=lists.place())
    if not page.rows:
        lists.draw_nothing("letters", "**No letter of this state.**" if state else "**No letter was owed yet.**")
    with st.container(gap="small"):
        for row in page.rows:
            draw_letter(row, me)
    lists.draw_paging(page.before, page.after)
    for row in page.rows:
        if dialogs.is_open(f"resend-{row.id}"):
            resend(row)
