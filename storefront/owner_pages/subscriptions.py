import streamlit as st

from core.foundation.errors import ShopError
from core.journeys.billing import plans, portal
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import subscriptions
from core.registers.subscriptions import Standing, SubscriptionRow
from storefront import dates, frame, links, process, words
from storefront.amounts import price
from storefront.back_office import dialogs, gate, lists, refusals, states

shop = process.shop()
_ENDS = {"now": "At once", "later": "When the period that was paid for ends"}
_PORTAL = "portal-link"
_PATH = links.OWNER_PATHS[links.SUBSCRIPTIONS]
VIEWS = {"all": "All", "renewals": f"Renewals of the next {subscriptions.AHEAD.days} days"}


def draw_subscription(row: SubscriptionRow, me: Staff) -> None:
    """One plan."""
    with lists.row(row.id, f"{billed(row)}{states.badge(states.PLAN[row.standing])}", row.order):
        words.quiet(f"{seats(row)}since {dates.day(row.began_at)} · {words.plain(row.id)}")
        for line in about(row):
            st.markdown(line)
        with st.container(horizontal=True, gap="small", key=f"plan-actions-{row.id}"):
            if row.standing is not Standing.ENDED and me.may(Action.END_PLAN):
                opener("End it", "cancel", f"end-{row.id}")
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
        why = f": {words.plain(row.end_reason.replace('_', ' '))}" if row.end_reason else ""
        found.append(f":gray[Ended{f' {dates.day(row.ends_at)}' if row.ends_at else ''}{why}]")
    elif row.ends_at:
        found.append(f":gray[Ends {dates.day(row.ends_at)}, and is not billed again]")
    elif row.paused:
        found.append(":gray[Nothing is collected at present]")
    elif row.renews_at:
        found.append(f":gray[Renews {dates.day(row.renews_at)}]")
    return found


@st.dialog("End a subscription", icon=":material/cancel:", on_dismiss=dialogs.close)
def end(row: SubscriptionRow) -> None:
    """What it does, and the button."""
    gate.me()
    st.markdown(f"The plan of order {row.order.number}. Nothing is refunded, and nothing more is billed.")
    later = (
        bool(row.renews_at)
        and st.radio("It ends", list(_ENDS), format_func=_ENDS.__getitem__, key="end-when") == "later"
    )
    words.quiet(
        f"Its buyer keeps access until {dates.day(row.renews_at)}, and may take it back in Stripe's portal until then."
        if later and row.renews_at
        else "Its buyer loses access now. This cannot be undone."
    )
    if st.button("End it", type="primary", key="end-do"):

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
    st.title("Subscriptions", anchor=False)
    lists.draw_said()
    order_id = lists.asked("order")
    if order_id:
        links.turn_to("All plans", "arrow_back", where="all-plans")
    view = "order" if order_id else lists.switch("Which", VIEWS, name="view")
    state = ""
    if view == "all":
        names = {each: states.PLAN[each][0] for each in Standing}
        state = lists.choice("Standing", tuple(Standing), names, name="standing")
    with shop.reading() as session:
        livemode = shop.settings.livemode
        page = (
            subscriptions.of_order(session, order_id, livemode=livemode)
            if order_id
            else subscriptions.renewals(session, livemode=livemode, now=shop.now(), place=lists.place())
            if view == "renewals"
            else subscriptions.page(session, state, livemode=livemode, place=lists.place())
        )
    if not page.rows:
        nothing = "**Nothing renews in that time.**" if view == "renewals" else "**No plan stands like that.**"
        lists.draw_nothing("plans", nothing if state or view == "renewals" else "**No plan was sold yet.**")
    with st.container(gap="small"):
        for row in page.rows:
            draw_subscription(row, me)
    lists.draw_paging(page.before, page.after)
    for row in page.rows:
        if dialogs.is_open(f"end-{row.id}"):
            end(row)
        if dialogs.is_open(f"portal-{row.id}"):
            portal_of(row)
