from collections.abc import Mapping, Sequence
from datetime import timedelta

import streamlit as st

from core.catalog import products
from core.foundation.errors import ShopError
from core.owner import setting_up
from core.owner.doctor import findings
from core.owner.doctor.findings import Examination
from core.owner.figures import overview
from core.owner.needs import set_aside
from core.owner.needs.items import Item
from core.owner.order_book import listing
from core.owner.order_book.listing import OrderRow
from core.owner.setting_up import Step
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import mending, order_names
from core.registers.order_names import OrderName
from storefront import frame, links, process, words
from storefront.back_office import (
    bar,
    dialogs,
    gate,
    order_rows,
    period_fields,
    refusals,
    season_card,
    shop_figures,
    states,
)

shop = process.shop()
LATER = {1: "until tomorrow", 3: "for three days", 7: "for a week", 30: "for a month", 0: "for good"}
# More than these nobody reads at once; the rest comes up as they are dealt with.
MOST_SHOWN = 12
# Their ids stand on the order's own page; in a list they say nothing that the order's number does not say better.
OF_AN_ORDER = frozenset(("dispute", "fraud_warning", "refund_failed", "withdrawal"))
REASONS = {"dispute": states.disputed_for, "fraud_warning": states.in_words, "refund_failed": states.in_words}


def draw_needs(items: Sequence[Item], about: Mapping[str | None, OrderName], me: Staff) -> None:
    """What needs a person, each with what helps, and `about` which order it is."""
    with frame.card("needs", gap="small"):
        st.header(f"Needs you :gray-badge[{len(items)}]" if items else "Needs you", anchor=bar.NEEDS)
        if not items:
            rest = " beside what was set aside" if set_aside.is_anything(shop) else ". Every paid order is delivered"
            st.markdown(f":green[:material/check_circle:] Nothing{rest}.")
        for item in items[:MOST_SHOWN]:
            draw_item(item, about.get(item.order_id), me)
        if len(items) > MOST_SHOWN:
            words.quiet(f"And {len(items) - MOST_SHOWN} more, which come up as these are dealt with.")


def draw_item(item: Item, order: OrderName | None, me: Staff) -> None:
    """One of them."""
    name = set_aside.name(item)
    with st.container(gap="xxsmall", key=f"item-{name}"):
        st.markdown(f":red[:material/error:] **{title_of(item)}**{deadline(item)}")
        words.quiet(described(item, order))
        words.quiet(words.told(item.advice))
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if item.order_id:
                st.page_link(
                    links.ORDER, label=f"Open {order.number}" if order else "Open the order",
                    icon=":material/arrow_forward:", icon_position="right", query_params={"id": item.order_id}, help="",
                )  # fmt: skip
            if item.topic == "withdrawal":
                links.trailing(links.WITHDRAWALS, "Decide about it", state="open")
            if mending.can(item) and me.may(Action.MEND):
                st.button(
                    "Try again now", type="tertiary", icon=":material/refresh:", key=f"mend-{name}", on_click=mend,
                    args=(item,),
                )  # fmt: skip
            if me.may(Action.SET_ASIDE):
                st.button(
                    "Set aside", type="tertiary", icon=":material/snooze:", key=f"aside-{name}",
                    on_click=dialogs.opener(f"aside-{name}"),
                )  # fmt: skip


def title_of(item: Item) -> str:
    """What it is called."""
    return item.topic.replace("_", " ").capitalize()


def deadline(item: Item) -> str:
    """By when somebody else wants it done, as a badge after its title; empty where nobody does."""
    if item.due_by is None:
        return ""
    return f" :red-badge[by {states.moment(item.due_by)} {shop.settings.zone.key}]"


def described(item: Item, order: OrderName | None) -> str:
    """Which order it is about and whose that is, and why it is here."""
    whose = f"{order.number}, {order.name or order.email}".rstrip(", ") if order else ""
    id_of_it = "" if order and (item.topic in OF_AN_ORDER or item.subject == order.number) else item.subject
    why = REASONS.get(item.topic, str)(item.detail)
    said = [whose, id_of_it, why[:1].upper() + why[1:]]
    return " ".join(words.plain(each if each.endswith((".", "!", "?")) else f"{each}.") for each in said if each)


def mend(item: Item) -> None:
    """Do what mends it, and keep what to say about it for the page that follows."""
    name, worked = f"mend-{set_aside.name(item)}", False
    try:
        worked = mending.mend(shop, item, deed=gate.deed(name))
    except ShopError as error:
        st.session_state["not-mended"] = refusals.of(error)
    except Exception as error:  # the cause is there still, and stands with the event
        st.session_state["not-mended"] = f"It failed again: {type(error).__name__}."
    else:
        said = "That worked." if worked else "Done, and it is still not settled: the reason is named below."
        st.session_state["said"] = said
    if not worked:  # whoever tries once more clicks anew
        gate.open_token(name)


@st.dialog("Set aside", icon=":material/snooze:", on_dismiss=dialogs.close)
def put_aside(item: Item, order: OrderName | None) -> None:
    """For how long, and why."""
    gate.me()
    st.markdown(f"**{title_of(item)}**")
    words.quiet(described(item, order))
    days = st.selectbox("Hide it", list(LATER), index=1, format_func=LATER.__getitem__, key="aside-days") or 0
    note = (st.text_input("Why", key="aside-note", max_chars=200) or "").strip()
    words.quiet("It comes back if it happens anew. Who set it aside, and why, stands in the log.")
    if dialogs.button("Set aside", "aside-do", lacks="" if note else "Say why."):

        def act(deed: Deed) -> str:
            until = shop.now() + timedelta(days=days) if days else None
            set_aside.put(shop, item, until=until, note=note, deed=deed)
            return "It is set aside."

        dialogs.carry_out(f"aside-{set_aside.name(item)}", act)


def draw_setting_up(steps: tuple[Step, ...]) -> None:
    """What is still to be done before strangers buy here."""
    left = [step for step in steps if not step.done]
    if not left:
        return
    with frame.card("setting-up", gap="small"):
        st.header(f"Setting up :gray-badge[{len(steps) - len(left)} of {len(steps)}]", anchor=False)
        for step in steps:
            if step.done:
                st.markdown(f":green[:material/check_circle:] :gray[{step.title}]")
            else:
                with st.container(gap=None):
                    st.markdown(f":material/radio_button_unchecked: **{step.title}**")
                    words.quiet(words.told(step.how))


def draw_found(last: Examination | None) -> None:
    """What the doctor found wrong."""
    if last is None or not last.wrong:
        return
    with frame.card("doctor", gap="small"):
        st.header(f"The doctor says :gray-badge[{len(last.wrong)}]", anchor=False)
        for finding in last.wrong:
            with st.container(gap=None):
                st.markdown(f":red[:material/error:] {words.plain(finding.what)}")
                words.quiet(words.told(finding.how))
        links.to(links.HEALTH, "Everything it looked at", where="doctor")


def draw_newest(rows: Sequence[OrderRow]) -> None:
    """The newest orders."""
    with frame.card("newest", gap="small"):
        st.header("Latest orders", anchor=False)
        if not rows:
            st.markdown("None yet. The first one appears here the moment somebody goes to pay.")
        order_rows.draw_list(rows)
        if rows:
            links.to(links.ORDERS, "All orders", where="overview")


me = gate.me()
items: list[Item] = st.session_state.get("needs") or []
wanted = period_fields.asked()
days = wanted.days(shop.settings.zone, today=period_fields.today())
with shop.reading() as session:
    live = shop.settings.livemode
    seen = overview.of_days(
        session, days, livemode=live, now=shop.now(), step=wanted.step_of(days), known_on=wanted.known,
        product=wanted.product,
    )  # fmt: skip
    rows = listing.newest(session, livemode=live, size=6)
    names = products.names(session)
    examined = findings.last(session)
    about = order_names.of(session, (item.order_id for item in items))

with frame.column(1180):
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Overview", anchor=False, width="content")
        period_fields.draw(wanted, days)
    dialogs.draw_said()
    if trouble := st.session_state.pop("not-mended", None):
        st.warning(trouble, icon=":material/error:")
    is_more = shop_figures.draw_sales(seen, wanted, names, begun=bool(rows))
    # On phones the left one comes first: what needs somebody stands above the long rest of the figures.
    left, right = st.columns([2, 3] if is_more else [3, 2], gap="medium")
    with left:
        draw_needs(items, about, me)
        draw_found(examined)
        if is_more:
            draw_newest(rows)
        else:
            draw_setting_up(setting_up.steps(shop))
    with right:
        if is_more:
            shop_figures.draw_more(seen, wanted, names)
            shop_figures.draw_products(seen, wanted)
            draw_setting_up(setting_up.steps(shop))
        season_card.draw(me)
        if not is_more:
            draw_newest(rows)
    for item in items:
        if dialogs.is_open(f"aside-{set_aside.name(item)}"):
            put_aside(item, about.get(item.order_id))
