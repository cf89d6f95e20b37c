from html import escape

import streamlit as st

from core.foundation.errors import ShopError
from core.orders.disputes import Standing
from core.orders.refunds import RefundStatus
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import disputes, refunds
from core.registers.disputes import DisputeRow
from core.registers.refunds import RefundRow
from storefront import dates, frame, process, words
from storefront.amounts import price
from storefront.back_office import bar, dialogs, fates, gate, lists, refusals, states

shop = process.shop()
VIEWS = {"refunds": "Refunds", "disputes": "Disputes"}


def draw_refunds(me: Staff) -> None:
    """Money that went back, or is to."""
    state = lists.choice("State", refunds.STATES, {each: states.REFUND[each][0] for each in RefundStatus}, name="state")
    with shop.reading() as session:
        page = refunds.page(
            session, state, livemode=shop.settings.livemode, now=shop.now(), place=lists.place()
        )  # fmt: skip
    if not page.rows:
        lists.draw_nothing("refunds", "**No refund of this state.**" if state else "**Nothing was sent back yet.**")
    with st.container(gap="small"):
        for row in page.rows:
            draw_refund(row, me)
    lists.draw_paging(page.before, page.after)
    for row in page.rows:
        if dialogs.is_open(f"again-{row.id}"):
            ask_again(row)


def draw_refund(row: RefundRow, me: Staff) -> None:
    """One refund."""
    with lists.row(row.id, f"**{price(row.amount)}** {states.badge(states.REFUND[row.status])}", row.order):
        why = states.of_refund(row.reason, row.failure, row.actor)
        words.quiet(f"{states.moment(row.created_at)} · {why} · {words.plain(row.stripe_id or row.id)}")
        if row.is_stuck:
            words.quiet(f"Stripe has not confirmed it for {dates.age(shop.now() - row.created_at)}.")
            if me.may(Action.MEND):
                st.button(
                    "Ask Stripe again", type="tertiary", icon=":material/refresh:", key=f"resume-{row.id}",
                    on_click=lists.click, args=(f"resume-{row.id}-{row.status}", lambda deed: resume(row, deed)),
                )  # fmt: skip
        if row.may_again and me.may(Action.REFUND):
            st.button(
                "Refund again", type="tertiary", icon=":material/undo:", key=f"again-{row.id}",
                on_click=dialogs.opener(f"again-{row.id}"),
            )  # fmt: skip


def resume(row: RefundRow, deed: Deed) -> str:
    """Ask for it under the same key; what to say about it."""
    done = refunds.resume(shop, row.id, deed=deed)
    return f"It stands as: {states.REFUND[done.status][0].lower()}."


@st.dialog("Refund again", icon=":material/undo:", on_dismiss=dialogs.close)
def ask_again(row: RefundRow) -> None:
    """What the same refund would do now, and the button."""
    gate.me()
    st.markdown(
        "Stripe sent the money back to you. If it fails again, agree with the buyer on another way."
        if row.stripe_id
        else "Stripe refused it, so no money has moved. Mend the reason first."
    )
    try:
        plan = refunds.preview_again(shop, row.id)
    except ShopError as error:
        refusals.draw(error)
        return
    agreed = st.session_state.get(f"again-shown-{row.id}") or plan
    st.session_state[f"again-shown-{row.id}"] = plan
    st.info(f"**{price(plan.amount)}** goes back the way it was paid.", icon=":material/payments:")
    st.markdown(fates.of_all(plan.deliveries))
    if st.button(f"Refund {price(plan.amount)}", type="primary", key="again-do"):

        def act(deed: Deed) -> str:
            return f"{price(refunds.again(shop, row.id, agreed=agreed, deed=deed).amount)} is on its way back."

        dialogs.carry_out(f"again-{row.id}", act)


def draw_disputes(me: Staff) -> None:
    """What banks ask about."""
    names = {each: states.DISPUTE[each][0] for each in Standing}
    state = lists.choice("Standing", tuple(Standing), names, name="standing")
    with shop.reading() as session:
        page = disputes.page(session, state, livemode=shop.settings.livemode, place=lists.place())
    if not page.rows:
        lists.draw_nothing(
            "disputes", "**No dispute stands like that.**" if state else "**No payment was ever disputed.**"
        )
    with st.container(gap="small"):
        for row in page.rows:
            draw_dispute(row, me)
    lists.draw_paging(page.before, page.after)


def draw_dispute(row: DisputeRow, me: Staff) -> None:
    """One dispute, with what to answer it by."""
    with lists.row(row.id, f"**{price(row.amount)}** {states.badge(states.DISPUTE[row.standing])}", row.order):
        words.quiet(states.of_dispute(row))
        words.quiet(f"{states.moment(row.created_at)} · {words.plain(row.id)}")
        if row.standing is Standing.ANSWER:
            st.markdown(states.until_answered(row))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if me.may(Action.EXPORT):
                draw_evidence(row.order.id)
            if not shop.settings.demo:
                mode = "" if shop.settings.livemode else "test/"
                address = f"https://dashboard.stripe.com/{mode}disputes/{row.id}"
                st.link_button("Answer it at Stripe", address, type="tertiary", icon=":material/open_in_new:")


def draw_evidence(order_id: str) -> None:
    """All that is known of the order, as a file from the sidecar."""
    address = f"/api/owner/evidence/{order_id}"
    st.html(
        f'<div class="files plain"><a href="{escape(address)}" download target="_self">Evidence pack</a></div>',
        width="content",
    )


me = gate.me()
with frame.column(1180):
    bar.draw_title("Refunds and disputes")
    lists.draw_said()
    view = lists.switch("Which", VIEWS, name="view")
    if view == "disputes":
        draw_disputes(me)
    else:
        draw_refunds(me)
