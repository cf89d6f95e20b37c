from collections.abc import Mapping

import streamlit as st

from core.foundation.errors import ShopError
from core.journeys.billing import plans, portal
from core.owner.figures import recurring, sums
from core.owner.figures.days import Days
from core.owner.figures.definitions import Figure
from core.owner.figures.period import Period
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import subscriptions
from core.registers.paging import Page
from core.registers.subscriptions import Standing, SubscriptionRow
from storefront import dates, frame, links, process, words
from storefront.amounts import price
from storefront.back_office import (
    bar,
    dialogs,
    figure_cards,
    gate,
    lists,
    period_fields,
    refusals,
    shop_figures,
    states,
)

shop = process.shop()
_ENDS = {"now": "At once", "later": "When the period that was paid for ends"}
_PORTAL = "portal-link"
_PATH = links.OWNER_PATHS[links.SUBSCRIPTIONS]
VIEWS = {
    "all": "All", "renewals": f"Renewals of the next {subscriptions.AHEAD.days} days", "ending": "Told to end",
    "movements": "Revenue and reasons",
}  # fmt: skip
NOTHING = {
    "all": "**No plan was sold yet.**", "order": "**No plan was sold yet.**", "renewals": "**Nothing renews in that time.**",
    "ending": "**No plan was told to end.**", "movements": "**No plan ended on these days.**",
}  # fmt: skip


def draw_subscription(row: SubscriptionRow, me: Staff) -> None:
    """One plan."""
    called = f"**{words.plain(' and '.join(row.plans))}** &nbsp; " if row.plans else ""
    with lists.row(row.id, f"{called}{billed(row)}{states.badge(states.PLAN[row.standing])}", row.order):
        words.quiet(f"{seats(row)}since {dates.day(row.began_at)} · {words.plain(row.id)}")
        for line in about(row):
            st.markdown(line)
        if row.comment and (row.standing is Standing.ENDED or row.ends_at):
            words.quiet(f"“{words.plain(row.comment)}”")
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if row.standing is not Standing.ENDED and row.quantity and me.may(Action.CHANGE_PLAN):
                links.open_by(links.ORDER, "Change seats", "group", id=row.order.id)
            if row.standing is not Standing.ENDED and me.may(Action.END_PLAN):
                opener("End subscription", "cancel", f"end-{row.id}")
            if row.in_portal and me.may(Action.PORTAL):
                opener("Billing portal", "credit_card", f"portal-{row.id}")


def opener(label: str, icon: str, name: str) -> None:
    """A button that opens a dialog."""
    st.button(label, type="tertiary", icon=f":material/{icon}:", key=f"open-{name}", on_click=dialogs.opener(name))


def billed(row: SubscriptionRow) -> str:
    """What is billed how often, as soon as it is known."""
    often = {str(interval): each for interval, each in words.EACH.items()}.get(row.interval or "", "")
    return f"**{price(row.amount)}** {often} &nbsp; " if row.amount else ""


def seats(row: SubscriptionRow) -> str:
    """How many seats it has, and how they are taken."""
    if not row.quantity:
        return ""
    parts = [f"{row.taken} taken"] if row.taken else []
    parts += [f"{row.invited} invited"] if row.invited else []
    parts += [f"{row.short} too few"] if row.short else []
    taken = f" ({', '.join(parts)})" if parts and row.standing is not Standing.ENDED else ""
    return f"{words.count(row.quantity, 'seat', 'seats')}{taken}, "


def about(row: SubscriptionRow) -> list[str]:
    """What comes next, in words."""
    found = []
    if row.standing is Standing.PAST_DUE and row.grace_until:
        left = row.grace_until - shop.now()
        until = f"until {states.moment(row.grace_until)} {shop.settings.zone.key}"
        found.append(
            f":orange[:material/timer: **{dates.age(left)} of grace left**], {until}"
            if left.total_seconds() > 0
            else f":red[:material/timer_off: The days of grace are over, {until}]"
        )
    if row.standing is Standing.ENDED:
        found.append(f":gray[Ended{f' {dates.day(row.ends_at)}' if row.ends_at else ''}{because(row.why)}]")
    elif row.ends_at and row.renews_at:
        found.append(f":gray[Renews {dates.day(row.renews_at)}, and ends {dates.day(row.ends_at)}{because(row.why)}]")
    elif row.ends_at:
        found.append(f":gray[Ends {dates.day(row.ends_at)}, and is not billed again{because(row.why)}]")
    elif row.paused:
        renews = f"; renews {dates.day(row.renews_at)}" if row.renews_at else ""
        found.append(f":gray[Nothing is collected at present{renews}]")
    elif row.renews_at:
        found.append(f":gray[Renews {dates.day(row.renews_at)}]")
    return found


def because(why: str) -> str:
    """The reason of an end, if it has one."""
    return f": {states.reason(why)}" if why else ""


def draw_movements(wanted: Period, days: Days) -> None:
    """What plans bring in, and how that moved on these days."""
    live = shop.settings.livemode
    with shop.reading() as session:
        monthly = recurring.of_days(session, days, sums.ask(session, days.zone, livemode=live))
        trials = recurring.trials(session, days, livemode=live, now=shop.now())
    period_fields.draw_days(days)
    for each in monthly.values():
        shop_figures.draw_recurring(each, wanted)
    shop_figures.draw_trials(trials, wanted)
    figure_cards.draw_definitions(
        (Figure.MRR, Figure.ARPU, Figure.CHURN, Figure.TRIAL_CONVERSION, *figure_cards.MOVEMENTS)
    )


def read_page(view: str, days: Days, found: Mapping[str, int]) -> Page[SubscriptionRow]:
    """The plans of a view, and the fields by which they are narrowed down; `found` are the reasons of those that ended."""
    state, why = "", ""
    if view == "all":
        names = {each: states.PLAN[each][0] for each in Standing}
        state = lists.choice("Standing", tuple(Standing), names, name="standing")
    if view == "movements" and found:
        st.header("Why plans ended", anchor=False)
        words.quiet("All that ended on these days, also those that were only tried or cost nothing.")
        names_of = {each: f"{states.reason(each)} · {count}" for each, count in found.items()}
        why = lists.choice("Why", tuple(found), names_of, name="why")
    live, place = shop.settings.livemode, lists.place()
    with shop.reading() as session:
        match view:
            case "order":
                return subscriptions.of_order(session, lists.asked("order"), livemode=live)
            case "renewals":
                return subscriptions.renewals(session, livemode=live, now=shop.now(), place=place)
            case "ending":
                return subscriptions.ending(session, livemode=live, place=place)
            case "movements":
                return subscriptions.ended(session, days, why, livemode=live, place=place)
            case _:
                return subscriptions.page(session, state, livemode=live, place=place)


@st.dialog("End a subscription", icon=":material/cancel:", on_dismiss=dialogs.close)
def end(row: SubscriptionRow) -> None:
    """What it does, and the button."""
    gate.me()
    what = f"{words.plain(' and '.join(row.plans))} of order" if row.plans else "The plan of order"
    st.markdown(f"{what} {row.order.number}. Nothing is refunded, and nothing more is billed.")
    later = (
        bool(row.renews_at)
        and st.radio("It ends", list(_ENDS), format_func=_ENDS.__getitem__, key="end-when") == "later"
    )
    words.quiet(
        f"Its buyer keeps access until {dates.day(row.renews_at)}, and may take it back in Stripe's portal until then."
        if later and row.renews_at
        else "Its buyer loses access now. This cannot be undone."
    )
    if st.button("End subscription", type="primary", key="end-do"):

        def act(deed: Deed) -> str:
            plans.end_by_staff(shop, row.id, later=later, deed=deed)
            return "It ends with its period." if later else "It has ended."

        dialogs.carry_out(f"end-{row.id}", act)


@st.dialog("Billing portal", icon=":material/credit_card:", on_dismiss=dialogs.close)
def portal_of(row: SubscriptionRow) -> None:
    """Stripe's page of this buyer, made for whoever is here; and where buyers find it by themselves."""
    gate.me()
    name = f"portal-{row.id}"
    if st.session_state.get(_PORTAL, ("", ""))[0] != gate.deed(name).token:
        st.markdown(
            f"Stripe's page about whoever bought order {row.order.number}: their card, their invoices, their plan. What you change "
            "there is changed for them."
        )
        if st.button("Open it", type="primary", key="portal-do"):
            try:
                made = portal.open_for_staff(shop, row.id, back=f"{_PATH}?order={row.order.id}", deed=gate.deed(name))
            except ShopError as error:
                refusals.draw(error)
                gate.open_token(name)
                return
            st.session_state[_PORTAL] = (gate.deed(name).token, made)
            st.rerun(scope="app")
    else:
        st.markdown("It is open for some minutes, for whoever has this link: **don't send it on.**")
        st.link_button("To the portal", st.session_state[_PORTAL][1], type="primary", icon=":material/open_in_new:")
    words.quiet("Buyers come to theirs by *Manage billing* of Your purchases. Send them this:")
    with st.container(key="copy-purchases-link"):
        st.code(f"{shop.settings.public_url}/purchases", language=None, wrap_lines=True)


me = gate.me()
with frame.column(1180):
    bar.draw_title("Subscriptions")
    lists.draw_said()
    if lists.asked("order"):
        links.turn_to("All plans", "arrow_back", where="all-plans")
    view = "order" if lists.asked("order") else lists.switch("Which", VIEWS, name="view")
    wanted = period_fields.asked()
    days = wanted.days(shop.settings.zone, today=period_fields.today())
    found: Mapping[str, int] = {}
    if view == "movements":
        period_fields.draw(wanted, days)
        draw_movements(wanted, days)
        with shop.reading() as session:
            found = subscriptions.reasons(session, days, livemode=shop.settings.livemode)
    page = read_page(view, days, found)
    if not page.rows:
        narrowed = view == "all" and lists.asked("standing")
        lists.draw_nothing("plans", "**No plan stands like that.**" if narrowed else NOTHING[view])
    with st.container(gap="small"):
        for row in page.rows:
            draw_subscription(row, me)
    lists.draw_paging(page.before, page.after)
    for row in page.rows:
        if dialogs.is_open(f"end-{row.id}"):
            end(row)
        if dialogs.is_open(f"portal-{row.id}"):
            portal_of(row)
