from datetime import datetime, time

import streamlit as st

from core.catalog.promotion_codes import Taken
from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.owner.shelves import promotions
from core.owner.shelves.promotions import Promotion, PromotionRow
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from storefront import dates, frame, links, process, unsaved, words
from storefront.amounts import price
from storefront.back_office import bar, dialogs, gate, lists, refusals

shop = process.shop()
FORM = unsaved.Form("promotion", "New code", links.PROMOTION_CODES)
PERCENT, AMOUNT = "A percentage", "An amount"


def draw_code(row: PromotionRow, me: Staff) -> None:
    """One code, with what it took."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"listed-code-{row.id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{words.plain(row.code or 'A code that Stripe has not named yet')}** &nbsp; {state(row)}")
            words.quiet(" · ".join(about(row)))
            words.quiet(" · ".join(used(row)))
        if row.usable and row.ended_at is None and me.may(Action.PROMOTE):
            st.button(
                "End", type="tertiary", icon=":material/block:", key=f"open-end-{row.id}",
                on_click=dialogs.opener(f"end-{row.id}"),
            )  # fmt: skip


def state(row: PromotionRow) -> str:
    """Whether it works, as a badge."""
    if row.ended_at is not None:
        return ":gray-badge[:material/block: Ended]"
    if row.refused:
        return ":red-badge[:material/error: Refused by Stripe]"
    if not row.told and row.made_here:
        return ":orange-badge[:material/hourglass_top: Stripe is being told]"
    if row.limit is not None and row.times_redeemed >= row.limit:
        return ":gray-badge[Used up]"
    return ":green-badge[:material/check: Works]" if row.usable else ":gray-badge[Over]"


def about(row: PromotionRow) -> list[str]:
    """What it takes off, from what, and until when."""
    if not row.told and not row.made_here:
        return ["Made at Stripe; the worker is asking about it"]
    less = price(row.off) if row.off else f"{row.percent or 0:g}%"
    found = [words.plain(row.refused)] if row.refused else []
    found += [f"{less} off {reach(row)}"]
    if row.first_time:
        found.append("for those who have not bought before")
    if row.until:
        found.append(f"until {dates.day(row.until.astimezone(shop.settings.zone))}")
    return found if row.made_here else [*found, "made at Stripe"]


def reach(row: PromotionRow) -> str:
    """Of which payments it takes something off."""
    if row.forever:
        return "every payment"
    if row.months:
        return f"every payment of the first {f'{row.months} months' if row.months > 1 else 'month'}"
    return "the first payment"


def used(row: PromotionRow) -> list[str]:
    """How often it was used, and what it took, each currency by itself."""
    limit = f" of {row.limit:,}" if row.limit else ""
    here = sum(each.uses for each in row.taken)
    elsewhere = row.times_redeemed - here
    found = [f"used {words.count(max(here, row.times_redeemed), 'time', 'times')}{limit}"]
    found += [f"took {price(each.amount)}{of_renewals(each)}" for each in row.taken]
    return [*found, f"{elsewhere} of them elsewhere, or before this was counted"] if elsewhere > 0 else found


def of_renewals(taken: Taken) -> str:
    """How much of it came off the renewals of plans."""
    return f", {price(taken.renewals)} of it off renewals" if taken.renewals.amount else ""


def draw_form() -> None:
    """The form by which a code is made."""
    with frame.card("promote"), unsaved.fields(FORM):
        st.header("New code", anchor=False)
        code = (
            st.text_input("Code", key="promo-code", persist_state=unsaved.KEPT, max_chars=100, placeholder="SPRING-25")
            or ""
        )
        how = st.segmented_control(
            "It takes off",
            [PERCENT, AMOUNT],
            default=PERCENT,
            required=True,
            key="promo-how",
            persist_state=unsaved.KEPT,
        )
        left, right = st.columns(2)
        percent, text, currency = None, "", ""
        if how == PERCENT:
            percent = (
                left.text_input("Percent", "10", key="promo-percent", persist_state=unsaved.KEPT, max_chars=10) or ""
            )
        else:
            text = left.text_input("Amount", key="promo-amount", persist_state=unsaved.KEPT, placeholder="5.00") or ""
            currency = (
                right.text_input("Currency", "EUR", key="promo-currency", persist_state=unsaved.KEPT, max_chars=3) or ""
            )
        forever = st.checkbox(
            "Off every payment of a plan, not only the first", key="promo-forever", persist_state=unsaved.KEPT
        )
        first_time = st.checkbox(
            "Only for those who have not bought before", key="promo-first", persist_state=unsaved.KEPT
        )
        left, right = st.columns(2)
        limit = left.number_input(
            "Uses at most, 0 for any", 0, promotions.MOST_USES, 0, key="promo-limit", persist_state=unsaved.KEPT
        )
        until = right.date_input("Last day", None, key="promo-until", persist_state=unsaved.KEPT)
        unsaved.note(FORM, bool(code.strip()))
        if st.button("Create code", type="primary", icon=":material/add:", key="promo-do") and not frame.is_kept(
            "promo-code"
        ):
            last = datetime.combine(until, time(23, 59, 59), shop.settings.zone) if until else None
            make(code.strip(), percent, text.strip(), currency.strip().lower(), forever, first_time, int(limit), last)
        unsaved.draw(FORM, lambda: unsaved.empty(FORM, "promo-code"))
        words.quiet("Buyers type it on Stripe's page, in capitals or not.")


def make(
    code: str, percent: str | None, text: str, currency: str, forever: bool, first_time: bool, limit: int,
    until: datetime | None,
) -> None:  # fmt: skip
    """Make it, and say so."""
    try:
        off = None if percent is not None else Money.parse(text, currency)
        share = None if percent is None else promotions.percentage(percent)
        asked = Promotion(code, share, off, forever, first_time, limit or None, until)
        promotions.create(shop, asked, deed=gate.deed("promote"))
    except ShopError as error:
        refusals.draw(error)
        gate.open_token("promote")
        return
    gate.open_token("promote")
    frame.kept("promo-code")
    st.session_state[dialogs.SAID] = f"{words.plain(code)} works."
    st.rerun()


@st.dialog("End a code", icon=":material/block:", on_dismiss=dialogs.close)
def end(row: PromotionRow) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(f"**{words.plain(row.code)}** works no more, at Stripe at once. What it took off stays off.")
    if st.button("End this code", type="primary", key="end-do"):

        def act(deed: Deed) -> str:
            promotions.end(shop, row.id, deed=deed)
            return f"{words.plain(row.code)} has ended."

        dialogs.carry_out(f"end-{row.id}", act)


me = gate.me()
with frame.column(1180):
    bar.draw_title("Promotion codes")
    lists.draw_said()
    with shop.reading() as session:
        rows = promotions.listed(session, livemode=shop.settings.livemode, now=shop.now())
    may = me.may(Action.PROMOTE)
    left, right = st.columns([3, 2], gap="medium") if may else (st.container(), None)
    with left:
        if not rows:
            lists.draw_nothing("codes", "**No code yet.** Those made here, and any that buyers have used, stand here.")
        for row in rows:
            draw_code(row, me)
        if rows:
            words.quiet(
                "What a code took is what buyers saw taken off, with the tax that prices include. Of a plan's renewals it counts "
                "what Stripe's invoices took off by the discount that came with the code; those that were paid before this "
                "was counted, and discounts that were given at Stripe without a code, are not in it."
            )
        if len(rows) == promotions.MOST:
            words.quiet(f"The newest {promotions.MOST}. Stripe's dashboard has them all.")
    if right is not None:
        with right:
            draw_form()
    for row in rows:
        if dialogs.is_open(f"end-{row.id}"):
            end(row)
