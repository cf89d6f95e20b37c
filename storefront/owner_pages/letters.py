from functools import partial

import streamlit as st

from core.correspondence import digest, previews
from core.correspondence.drafts import OWNERS
from core.correspondence.samples import SAMPLES
from core.foundation.errors import NoOwners
from core.foundation.jobs.kinds import Job
from core.messages import digests
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import letters
from core.registers.letters import LetterRow
from storefront import frame, letter_frame, process, words
from storefront.back_office import bar, dialogs, gate, lists, states

shop = process.shop()
VIEWS = {"": "Sent and waiting", "kinds": "What they look like"}


def draw_letter(row: LetterRow, me: Staff) -> None:
    """One letter."""
    title = f"**{states.LETTER_KIND.get(row.kind, 'Letter')}** {states.badge(states.LETTER[row.state])}"
    with lists.row(f"letter-{row.id}", title, row.order):
        sent = f"sent {states.moment(row.sent_at)}" if row.sent_at else f"owed since {states.moment(row.created_at)}"
        tries = f", tried {words.count(row.attempts, 'time', 'times')}" if row.attempts > 1 else ""
        words.quiet(f"{sent}{tries}{to_whom(row)}")
        if row.error:
            words.quiet(words.plain(row.error))
        with st.container(horizontal=True, gap="small"):
            draw_button(row, "read", "Read", "visibility")
            if row.can_resend and me.may(Action.RESEND):
                draw_button(row, "resend", "Send again", "mail")


def to_whom(row: LetterRow) -> str:
    """Whom it goes to, in words."""
    if row.to == OWNERS:
        return " · to the owners"
    return f" · to {words.plain(row.to)}" if row.to else ""


def draw_button(row: LetterRow, name: str, label: str, icon: str) -> None:
    """A button that opens a dialog about a letter."""
    st.button(
        label, type="tertiary", icon=f":material/{icon}:", key=f"open-{name}-{row.id}",
        on_click=dialogs.opener(f"{name}-{row.id}"),
    )  # fmt: skip


@st.dialog("Letter", icon=":material/mail:", width="large", on_dismiss=dialogs.close)
def read(row: LetterRow) -> None:
    """The letter as it would read today: what went out is kept nowhere."""
    gate.me()
    try:
        letter = previews.of_letter(shop, row.id)
    except NoOwners:
        st.info("Nobody is known to send it to: set OWNER_EMAILS.", icon=":material/error:")
        return
    if letter is None:
        st.info("It would not be sent any more: what it tells was overtaken.", icon=":material/history:")
        return
    words.quiet("As it would read today. Codes, keys and links that sign in are covered, and letters are kept nowhere.")
    letter_frame.draw(letter.to, letter.subject, letter.html)


@st.dialog("Send the receipt again", icon=":material/mail:", on_dismiss=dialogs.close)
def resend(row: LetterRow) -> None:
    """Where it goes, and the button."""
    me = gate.me()
    address = words.plain(row.order.email if row.order else "")
    st.markdown(f"It goes to **{address}**, with everything the order gives and a new link that opens it.")
    other = ""
    if me.may(Action.READDRESS):
        other = (st.text_input("Another email instead", type="email", key="resend-to") or "").strip()
        words.quiet("The order then belongs to whoever has that address.")
    if st.button("Send it", type="primary", key="resend-do"):

        def act(deed: Deed) -> str:
            letters.resend(shop, row.id, to=other, deed=deed)
            return f"The receipt goes to {words.plain(other)}." if other else f"The receipt goes to {address} again."

        dialogs.carry_out(f"resend-{row.id}", act)


def draw_digest(me: Staff) -> None:
    """Whether the owners get a letter each Monday, and the switch."""
    with shop.reading() as session:
        wanted = digests.is_wanted(session)
    with frame.card("digest", gap="xxsmall"), st.container(horizontal=True, horizontal_alignment="distribute"):
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**Weekly digest** {':green-badge[On]' if wanted else ':gray-badge[Off]'}")
            when = f"each Monday at 8:00 ({shop.settings.shop_timezone})"
            words.quiet(f"To the owners {when}: last week's figures, what needs them, and what is coming.")
        if me.may(Action.DIGEST):
            label = "Switch it off" if wanted else "Switch it on"
            name = f"digest-{'off' if wanted else 'on'}"
            act = partial(switched, not wanted)
            args = ("digest-switch", name, act)
            st.button(label, type="tertiary", key="digest-switch", on_click=lists.switch_over, args=args)


def switched(wanted: bool, deed: Deed) -> str:
    """Switch the digest, and say so."""
    digest.choose(shop, wanted=wanted, deed=deed)
    for name in ("digest-on", "digest-off"):
        gate.open_token(name)
    return "The digest goes out from the next Monday on." if wanted else "No digest goes out any more."


def draw_list(me: Staff) -> None:
    """What was sent and what is owed, the newest first."""
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
        for name, dialog in (("read", read), ("resend", resend)):
            if dialogs.is_open(f"{name}-{row.id}"):
                dialog(row)


def draw_kinds(me: Staff) -> None:
    """Each kind with made-up data, and a test of it by mail."""
    asked = lists.asked("kind")
    kinds = list(SAMPLES)
    kind = st.selectbox(
        "Kind of letter", kinds, index=kinds.index(Job(asked)) if asked in {each.value for each in kinds} else 0,
        format_func=states.LETTER_KIND.__getitem__, key="letter-kind", width=360,
    )  # fmt: skip
    words.quiet("With made-up data: none of this has happened.")
    if me.may(Action.TEST_LETTER):
        label = f"Send a test to {words.plain(me.email)}"
        if st.button(label, icon=":material/forward_to_inbox:", key="send-test"):
            lists.click(f"test-{kind}", lambda deed: tested(kind, deed))
            st.rerun()
    letter = previews.of_kind(shop, kind)
    letter_frame.draw(letter.to, letter.subject, letter.html, height=720)


def tested(kind: Job, deed: Deed) -> str:
    """Have a test sent, and say where to."""
    address = previews.send_test(shop, kind, deed=deed)
    gate.open_token(f"test-{kind}")
    return f"A test goes to {words.plain(address)}."


me = gate.me()
with frame.column(1180):
    bar.draw_title("Letters")
    lists.draw_said()
    if lists.switch("View", VIEWS, name="view") == "kinds":
        draw_kinds(me)
    else:
        draw_digest(me)
        draw_list(me)
