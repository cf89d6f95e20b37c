from datetime import timedelta
from functools import partial

import streamlit as st

from core.foundation.errors import OrderNotFound
from core.foundation.money import Money
from core.journeys import withdrawal
from core.owner.order_book import detail
from core.owner.order_book.detail import Sheet
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import withdrawals
from core.registers.order_names import OrderName
from core.registers.withdrawals import WithdrawalRow
from core.rights.periods import LineRight, Right
from core.rights.withdrawals import Proof, State
from storefront import dates, frame, process, words
from storefront.amounts import price
from storefront.back_office import bar, dialogs, gate, lists, refund_dialog, states

shop = process.shop()
PROOF = {
    Proof.PROVEN: ":green[:material/verified_user:] They have proven that the address of this order is theirs.",
    Proof.MATCHED: ":orange[:material/help:] They typed the address that this order has. Anybody who knows it could have.",
    Proof.UNVERIFIED: ":red[:material/gpp_maybe:] Not verified: what they typed is no order of that address.",
}


def draw_withdrawal(row: WithdrawalRow, me: Staff) -> None:
    """One withdrawal: what was declared, how sure it is, and what can be done."""
    title = f"**{words.plain(row.order.number if row.order else row.reference or 'No order named')}** "
    with lists.row(row.id, f"{title} {states.badge(states.WITHDRAWAL[row.state])}", row.order):
        what = ", ".join(row.names) or ("" if row.words else "All of it")
        for line in (what, row.words and f"“{row.words}”"):
            if line:
                st.markdown(words.plain(line))
        who = " · ".join(each for each in (row.name, row.email) if each) or "Whoever it was is erased"
        words.quiet(f"{states.moment(row.created_at)} · {words.plain(who)}")
        if row.is_open:
            words.quiet(PROOF[row.proof])
            for each in row.rights:
                words.quiet(of_right(each, several=len(row.rights) > 1))
            draw_deadline(row)
            draw_buttons(row, me)
        elif row.decided_at:
            why = f": “{words.plain(row.reason)}”" if row.reason else ""
            words.quiet(f"Decided {states.moment(row.decided_at)} {states.by(row.decided_by)}{why}")
        if row.email and me.may(Action.RESEND):
            st.button(
                "Send acknowledgement again", type="tertiary", icon=":material/mail:", key=f"again-{row.id}",
                on_click=lists.switch_over, args=(f"again-{row.id}", f"again-{row.id}", partial(acknowledged, row)),
            )  # fmt: skip


def of_right(each: LineRight, *, several: bool) -> str:
    """What the law says of a line, as far as it follows from what was agreed to."""
    name = f"**{words.plain(each.name)}**: " if several else ""
    last = dates.day(each.until - timedelta(seconds=1))
    match each.right:
        case Right.OPEN:
            said = f"declared within the 14 days, which go to {last}."
        case Right.PART:
            unused = f" Of what they paid {price(each.unused)} is for the time still to come." if each.unused else ""
            said = f"declared within the 14 days, which go to {last}. They agreed to pay for what they used.{unused}"
        case Right.OVER:
            said = f"declared after the 14 days, which went to {last}."
        case Right.LAPSED:
            said = "they agreed that it is delivered at once, and that the right of withdrawal ends with that."
        case Right.NONE:
            said = "it takes place on a date: the law gives no right of withdrawal."
    return f":material/balance: {name}{said if several else said[0].upper() + said[1:]}"


def draw_deadline(row: WithdrawalRow) -> None:
    """How long is left for answering."""
    left = row.answer_by - shop.now()
    late = left.total_seconds() <= 0
    st.markdown(
        ":red[:material/timer_off: The 14 days for sending the money back are over]"
        if late
        else f":orange[:material/timer: **{dates.age(left)} left** to send the money back], until {states.moment(row.answer_by)}"
    )


def draw_buttons(row: WithdrawalRow, me: Staff) -> None:
    """What this person may do about it."""
    with st.container(horizontal=True, gap="small"):
        if row.order and me.may(Action.REFUND):
            st.button(
                "Accept", icon=":material/check:", key=f"open-accept-{row.id}",
                on_click=dialogs.opener(f"accept-{row.id}"),
            )  # fmt: skip
        if me.may(Action.WITHDRAWAL):
            for order in row.candidates:
                act = partial(assigned, row, order)
                st.button(
                    f"It is about {order.number}", type="tertiary", icon=":material/link:", key=f"assign-{row.id}-{order.id}",
                    on_click=lists.click, args=(f"assign-{row.id}-{order.id}", act),
                )  # fmt: skip
            st.button(
                "Decline", type="tertiary", icon=":material/close:", key=f"open-decline-{row.id}",
                on_click=dialogs.opener(f"decline-{row.id}"),
            )  # fmt: skip


def acknowledged(row: WithdrawalRow, deed: Deed) -> str:
    """Have it sent once more, and say where to."""
    address = withdrawal.acknowledge_again(shop, row.id, deed=deed)
    gate.open_token(f"again-{row.id}")
    return f"The acknowledgement goes to {words.plain(address)} again."


def assigned(row: WithdrawalRow, order: OrderName, deed: Deed) -> str:
    """Say which order is meant, and that it was said."""
    withdrawal.assign(shop, row.id, order.id, deed=deed)
    return f"It is about {order.number} from now on."


def sheet_of(row: WithdrawalRow) -> Sheet | None:
    """The order that it is about."""
    try:
        return detail.sheet(shop, row.order.id) if row.order else None
    except OrderNotFound:
        return None


def draw_accept(row: WithdrawalRow) -> None:
    """The dialog of a refund with what they withdraw from chosen; or, where no money is left, that alone."""
    sheet = sheet_of(row)
    if sheet is None:
        return
    if sheet.price.left.amount and sheet.our_mode and not sheet.made_up:
        chosen = row.lines if len(row.lines) < len(sheet.lines) else ()
        refund_dialog.draw_for_withdrawal(sheet, row.id, chosen, unused_of(row, sheet))
    else:
        accept_alone(row)


def unused_of(row: WithdrawalRow, sheet: Sheet) -> Money | None:
    """What is for the time to come, if they withdraw from all of an order that was to be paid for as far as it was used."""
    parts = [each.unused for each in row.rights if each.right is Right.PART and each.unused]
    return sum(parts[1:], start=parts[0]) if parts and len(parts) == len(sheet.lines) else None


@st.dialog("Accept the withdrawal", icon=":material/check:", on_dismiss=dialogs.close)
def accept_alone(row: WithdrawalRow) -> None:
    """That it is accepted though no money moves."""
    gate.me()
    st.markdown("Nothing of this order can be sent back (any more), so no money moves. They get a letter that says so.")
    if st.button("Accept", type="primary", key="accept-do"):

        def act(deed: Deed) -> str:
            withdrawal.accept_without_refund(shop, row.id, deed=deed)
            return "The withdrawal is accepted."

        dialogs.carry_out(f"accept-{row.id}", act)


@st.dialog("Decline the withdrawal", icon=":material/close:", on_dismiss=dialogs.close)
def decline(row: WithdrawalRow) -> None:
    """Why, and the button."""
    gate.me()
    st.markdown(f"**{words.plain(row.email or 'Nobody')}** gets a letter with your reason.")
    reason = st.text_area(
        "Reason", key="decline-reason", max_chars=withdrawal.MOST_REASON, height=120,
        placeholder="The delivery had begun with your consent, and the right to withdraw lapsed by that.",
    )  # fmt: skip
    if st.button("Decline", type="primary", key="decline-do"):

        def act(deed: Deed) -> str:
            withdrawal.decline(shop, row.id, reason=reason or "", deed=deed)
            return "The withdrawal is declined."

        dialogs.carry_out(f"decline-{row.id}", act)


def draw_list(me: Staff) -> None:
    """The newest first."""
    state = lists.choice(
        "State", withdrawals.STATES, {each: states.WITHDRAWAL[each][0] for each in State}, name="state"
    )
    with shop.reading() as session:
        page = withdrawals.page(
            session, state, livemode=shop.settings.livemode, zone=shop.settings.zone, place=lists.place()
        )
    if not page.rows:
        lists.draw_nothing(
            "withdrawals", "**No withdrawal of this state.**" if state else "**Nobody has withdrawn from a contract.**"
        )
    with st.container(gap="small"):
        for row in page.rows:
            draw_withdrawal(row, me)
    lists.draw_paging(page.before, page.after)
    for row in page.rows:
        for name, dialog in (("accept", draw_accept), ("decline", decline)):
            if row.is_open and dialogs.is_open(f"{name}-{row.id}"):
                dialog(row)


me = gate.me()
with frame.column(1180):
    bar.draw_title("Withdrawals")
    words.quiet(
        f"What buyers declare at {shop.settings.public_url}/withdraw. Whether the law gives them the right is yours to say."
    )
    lists.draw_said()
    draw_list(me)
