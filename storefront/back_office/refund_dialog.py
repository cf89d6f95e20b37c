"""The refund dialog: how much of what goes back, what that does to each delivery and to a plan, and only then the button."""

from dataclasses import dataclass, replace
from enum import StrEnum

import streamlit as st

from core.correspondence import previews
from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.journeys import refund
from core.journeys.refund import RefundPlan
from core.owner.order_book.detail import PaymentView, Sheet
from core.people.deeds import Deed
from storefront import amounts, letter_frame, process, words
from storefront.amounts import price
from storefront.back_office import dialogs, fates, gate, refusals

NAME = "refund"
_SHOWN = "refund-shown"
_REASONS = {
    "requested_by_customer": "They asked for it",
    "duplicate": "Bought twice",
    "fraudulent": "Fraud",
    "": "Something else",
}


class How(StrEnum):
    """How much goes back."""

    ALL = "Everything"
    LINES = "Some lines"
    AMOUNT = "An amount"


# What is still missing before it can be said what would happen.
_STILL_TO_SAY = {
    How.ALL: "Nothing is left to send back.",
    How.LINES: "Choose at least one line.",
    How.AMOUNT: "Say how much.",
}


@dataclass(frozen=True)
class Choice:
    """What was chosen in the dialog: a wish of the journey, in its words."""

    amount: int | None = None
    lines: tuple[int, ...] = ()
    payment: str = ""
    take_back: bool = False
    end_subscription: bool | None = None


@dataclass(frozen=True)
class _Withdrawal:
    """What a refund accepts: the withdrawal, and the lines that it is about, or none for all of them; `unused` is what to begin
    with where what was used is paid for."""

    id: str = ""
    lines: tuple[int, ...] = ()
    unused: Money | None = None

    @property
    def name(self) -> str:
        """What the dialog is called, and the click that it stands for."""
        return f"accept-{self.id}" if self.id else NAME


@st.dialog("Refund", icon=":material/undo:", width="medium", on_dismiss=dialogs.close)
def draw(sheet: Sheet) -> None:
    """All of it. Whoever is not here any more sees the form to sign in instead."""
    _draw(sheet, _Withdrawal())


@st.dialog("Accept the withdrawal", icon=":material/undo:", width="medium", on_dismiss=dialogs.close)
def draw_for_withdrawal(sheet: Sheet, withdrawal_id: str, lines: tuple[int, ...], unused: Money | None) -> None:
    """The same for a withdrawal, which is accepted by it: its lines are chosen, and access to them ends."""
    _draw(sheet, _Withdrawal(withdrawal_id, lines, unused))


def _draw(sheet: Sheet, withdrawal: _Withdrawal) -> None:
    gate.me()
    try:
        choice = _choose(sheet, withdrawal)
        plan = _preview(sheet, choice)
    except ShopError as error:
        refusals.draw(error)
        return
    if plan and plan.ends + plan.bills_on:
        choice = replace(choice, end_subscription=_choose_subscription(plan))
        plan = _preview(sheet, choice)
    reason = _choose_reason()
    if plan is None:
        st.info(_STILL_TO_SAY[How(st.session_state["refund-how"])], icon=":material/edit:")
        return
    _draw_consequences(sheet, plan)
    _draw_letter(plan)
    _draw_buttons(sheet, plan, choice, reason, withdrawal)


def _choose(sheet: Sheet, withdrawal: _Withdrawal) -> Choice:
    first = How.AMOUNT if withdrawal.unused else How.LINES if withdrawal.lines else How.ALL
    how = st.segmented_control("How much", list(How), default=first, required=True, width="stretch", key="refund-how")
    chosen = Choice(payment=_choose_payment(sheet))
    match how:
        case How.LINES:
            lines = st.multiselect(
                "Lines", [line.position for line in sheet.lines], default=list(withdrawal.lines), key="refund-lines",
                format_func=words.apart(
                    {line.position: _line(sheet, line.position) for line in sheet.lines}, "line {}".format
                ).__getitem__,
            )  # fmt: skip
            chosen = replace(chosen, lines=tuple(lines), take_back=_choose_take_back(bool(withdrawal.id)))
        case How.AMOUNT:
            currency = sheet.price.total.currency
            begin = str(withdrawal.unused.major) if withdrawal.unused else ""
            text = st.text_input(f"Amount in {currency.upper()}", begin, key="refund-amount", placeholder="27.00")
            amount = Money.parse(text.strip(), currency).amount if text and text.strip() else 0
            chosen = replace(chosen, amount=amount, take_back=_choose_take_back(bool(withdrawal.id)))
    return chosen


def _choose_payment(sheet: Sheet) -> str:
    """Which payment it is taken from, where there are several, and what keeps the others."""
    open_ones = [each for each in sheet.payments if each.left.amount]
    chosen = ""
    if len(open_ones) > 1:
        named = words.apart({each.id: _named(each) for each in open_ones}, str)
        names = {"": "All, the newest first"} | {each: f"{name} only" for each, name in named.items()}
        asked = st.selectbox("Of which payment", list(names), format_func=names.__getitem__, key="refund-payment")
        chosen = asked or ""
    for each in sheet.payments:
        if each.kept and each.left.amount < each.amount.amount - each.refunded.amount:
            words.quiet(_kept(each))
    return chosen


def _named(payment: PaymentView) -> str:
    part = f"{amounts.written(payment.left)} of " if payment.left != payment.amount else ""
    return f"{part}{amounts.written(payment.amount)} of {payment.paid_at:%d %b %Y}"


def _kept(payment: PaymentView) -> str:
    """Why money of a payment that has not gone back cannot, or no more than is left of it."""
    assert payment.kept
    of = f"{price(payment.amount)} of {payment.paid_at:%d %b %Y}"
    why = refusals.KEPT[payment.kept]
    return f"Of {of} {price(payment.left)} can go back: {why}." if payment.left.amount else f"Not of {of}: {why}."


def _choose_take_back(first: bool) -> bool:
    return st.checkbox("Also take back access", first, key="refund-take-back", help="Else they keep what they have.")


def _choose_subscription(plan: RefundPlan) -> bool:
    ends = st.radio(
        "The subscription", [True, False], index=0 if plan.ends else 1, key="refund-subscription",
        format_func=lambda end: "ends now, at Stripe too" if end else "goes on billing",
    )  # fmt: skip
    return bool(ends)


def _choose_reason() -> str:
    chosen = st.selectbox("Reason", list(_REASONS), format_func=_REASONS.__getitem__, key="refund-reason") or ""
    own = st.text_input("In your words", key="refund-words", max_chars=200) if not chosen else ""
    return chosen or (own or "").strip()


def _preview(sheet: Sheet, choice: Choice) -> RefundPlan | None:
    """What it would do; None as long as no line was chosen."""
    if st.session_state.get("refund-how") == How.LINES and not choice.lines:
        return None
    if st.session_state.get("refund-how") == How.AMOUNT and not choice.amount:
        return None
    return refund.preview(
        process.shop(), sheet.row.id, choice.amount, lines=choice.lines, payment=choice.payment,
        take_back=choice.take_back, end_subscription=choice.end_subscription,
    )  # fmt: skip


def _draw_consequences(sheet: Sheet, plan: RefundPlan) -> None:
    test = "" if plan.livemode else " of test money"
    several = f", in {len(plan.parts)} refunds" if len(plan.parts) > 1 else ""
    left = f" {price(plan.left)} could still go back afterwards." if plan.left.amount else " Nothing is left then."
    st.info(
        f"**{price(plan.amount)}**{test} goes back the way it was paid{several}, in 5 to 10 days.{left}{_fee(sheet)}",
        icon=":material/payments:",
    )  # fmt: skip
    st.markdown(fates.of_all(plan.deliveries))
    for name in plan.ends:
        words.quiet(f"Subscription {words.plain(name)} ends now.")
    for name in plan.bills_on:
        words.quiet(f"Subscription {words.plain(name)} goes on billing.")


def _draw_letter(plan: RefundPlan) -> None:
    """The letter that the buyer gets for exactly this."""
    letter = previews.of_refund(process.shop(), plan)
    if letter is None:
        words.quiet("No letter goes out: no address of a buyer is known, or nothing was delivered.")
        return
    with st.expander(
        f"The letter to {words.plain(letter.to)}: “{words.plain(letter.subject)}”", icon=":material/mail:"
    ):
        letter_frame.draw(letter.to, letter.subject, letter.html, height=420)


def _fee(sheet: Sheet) -> str:
    fees = [price(each.fee) for each in sheet.settled if each.fee.amount]
    return f" Stripe keeps its fee of {' and '.join(fees)}." if fees else " Stripe keeps its fee."


def _draw_buttons(sheet: Sheet, plan: RefundPlan, choice: Choice, reason: str, withdrawal: _Withdrawal) -> None:
    # What stood here when it was clicked is what was agreed to.
    asked, agreed = st.session_state.get(_SHOWN) or (choice, plan)
    st.session_state[_SHOWN] = choice, plan
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Not now" if withdrawal.id else "Keep the money", key="refund-keep"):
            dialogs.close()
            st.rerun()
        verb = "Accept and refund" if withdrawal.id else "Refund"
        sure = st.button(f"{verb} {price(plan.amount)}", type="primary", key="refund-do")
    if sure and asked != choice:
        # By the click an amount was left that nobody has seen the consequences of.
        st.info("Nothing was sent yet: this is what goes back now. Click again to send it.", icon=":material/info:")
    elif sure:

        def act(deed: Deed) -> str:
            return _request(sheet, agreed, choice, reason, withdrawal, deed)

        dialogs.carry_out(withdrawal.name, act)


def _request(sheet: Sheet, agreed: RefundPlan, choice: Choice, reason: str, withdrawal: _Withdrawal, deed: Deed) -> str:
    done = refund.request(
        process.shop(), sheet.row.id, choice.amount, reason=reason, actor="owner", lines=choice.lines,
        payment=choice.payment, take_back=choice.take_back, end_subscription=choice.end_subscription,
        agreed=agreed, withdrawal=withdrawal.id, deed=deed,
    )  # fmt: skip
    return f"{amounts.price(done.amount)} is on its way back."


def _line(sheet: Sheet, position: int) -> str:
    line = sheet.lines[position - 1]
    return f"{line.name}, {amounts.written(line.total)}"
