from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import partial
from urllib.parse import urlsplit

import orjson
import streamlit as st

from core.foundation.errors import ShopError
from core.integrations import webhook_desk
from core.outgoing.attempts import WebhookAttempt
from core.outgoing.endpoints import Off
from core.outgoing.messages import DeliveryState
from core.outgoing.topics import CHOICES, Topic
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import webhooks
from core.registers.webhooks import DeliveryRow, EndpointRow
from storefront import frame, process, words
from storefront.back_office import bar, dialogs, gate, lists, refusals, states

shop = process.shop()
# Where the secret waits that was made on this page just now. No other place ever has it.
_NEW = "new-webhook-secret"
TOPICS = {
    Topic.ORDER_PAID: "Orders paid",
    Topic.ORDER_REFUNDED: "Refunds",
    Topic.LICENSE_CHANGED: "Licences",
    Topic.SEAT_CHANGED: "Seats",
    Topic.ENTITLEMENT_CHANGED: "Entitlements",
    Topic.ATTENDEE_CHANGED: "Attendees",
}
STATES = {
    DeliveryState.WAITING: ("On its way", "orange", "hourglass_top"),
    DeliveryState.DELIVERED: ("Delivered", "green", "check"),
    DeliveryState.HELD: ("Kept", "gray", "pause"),
    DeliveryState.DROPPED: ("Not sent", "gray", "block"),
}
OFF = {
    Off.OWNER: ":gray-badge[:material/pause: Off]",
    Off.FAILED: ":red-badge[:material/error: Switched off]",
    Off.GONE: ":red-badge[:material/error: Gone]",
}
FAILING = ":orange-badge[:material/hourglass_top: Tried again]"


def draw_secret() -> None:
    """The secret that was made just now, until whoever made it has kept it."""
    if secret := st.session_state.get(_NEW):
        st.warning("Keep this secret now. It is shown this once.", icon=":material/key:")
        st.code(secret, language=None, wrap_lines=True)
        st.button("I have kept it", key="secret-kept", on_click=lambda: st.session_state.pop(_NEW, None))


def draw_endpoint(row: EndpointRow, me: Staff) -> None:
    """One endpoint: where it is, what it is told of, how it stands, and what can be done about it."""
    with st.container(key=f"row-endpoint-{row.id}", gap="xxsmall"):
        st.markdown(f"**{words.plain(row.name)}** {badge(row)}")
        st.code(shown(row.url, me), language=None, wrap_lines=True)
        topics = ", ".join(TOPICS[Topic(each)].lower() for each in row.topics) or "everything"
        source = f" Its address comes from {row.variable}." if row.variable else ""
        words.quiet(f"Told of {topics}.{source}")
        for line in troubles(row):
            words.quiet(line)
        if me.may(Action.WEBHOOKS):
            draw_actions(row)


def shown(url: str, me: Staff) -> str:
    """An address, without what may be a secret in it for those who may not change it: whoever knows all of it may be believed
    there."""
    parts = urlsplit(url)
    secret = parts.path.strip("/") or parts.query
    return url if me.may(Action.WEBHOOKS) or not secret else f"{parts.scheme}://{parts.netloc}/…"


def badge(row: EndpointRow) -> str:
    """How it stands."""
    if row.off:
        return OFF[row.off]
    return FAILING if row.failing_since else ":green-badge[:material/check: On]"


def troubles(row: EndpointRow) -> list[str]:
    """What is to be known of it beside that."""
    found = []
    if row.failing_since:
        found.append(f"It has taken nothing since {states.moment(row.failing_since)}: {words.plain(row.failure)}.")
    elif row.failure:
        found.append(f"{words.plain(row.failure)}.")
    if row.held:
        found.append(f"{words.count(row.held, 'message waits', 'messages wait')} until it is switched on.")
    if row.both_until and row.both_until > shop.now():
        found.append(f"Messages are signed with the secret before as well until {states.moment(row.both_until)}.")
    return found


def draw_actions(row: EndpointRow) -> None:
    """What an owner may do about it."""
    with st.container(horizontal=True, gap="small"):
        ping = partial(pinged, row)
        st.button(
            "Send a test", type="tertiary", icon=":material/send:", key=f"ping-{row.id}", on_click=lists.click,
            args=(f"ping-{row.id}", ping),
        )  # fmt: skip
        on = row.off is not None
        st.button(
            "Switch on" if on else "Switch off", type="tertiary", key=f"switch-{row.id}",
            icon=":material/play_arrow:" if on else ":material/pause:", on_click=lists.switch_over,
            args=(f"switch-{row.id}", f"switch-{row.id}-{on}", partial(switched, row, on)),
        )  # fmt: skip
        for name, label, icon in (
            ("edit", "Change", "edit"), ("rotate", "New secret", "key"), ("again", "Send again", "replay"),
        ):  # fmt: skip
            draw_opener(row, name, label, icon)
        if not row.variable:
            draw_opener(row, "remove", "Remove", "delete")


def draw_opener(row: EndpointRow, name: str, label: str, icon: str) -> None:
    """A button that opens a dialog about an endpoint."""
    st.button(
        label, type="tertiary", icon=f":material/{icon}:", key=f"open-{name}-{row.id}",
        on_click=dialogs.opener(f"{name}-{row.id}"),
    )  # fmt: skip


def pinged(row: EndpointRow, deed: Deed) -> str:
    """Send a test, and say so."""
    webhook_desk.ping(shop, row.id, deed=deed)
    gate.open_token(f"ping-{row.id}")
    return f"A test is on its way to {words.plain(row.name)}. What came of it stands below."


def switched(row: EndpointRow, on: bool, deed: Deed) -> str:
    """Switch it, and say what that means."""
    waiting = webhook_desk.switch(shop, row.id, on=on, deed=deed)
    for each in (True, False):
        gate.open_token(f"switch-{row.id}-{each}")
    if on:
        return f"{words.plain(row.name)} is on. {words.count(waiting, 'message', 'messages')} that waited go out now."
    return f"{words.plain(row.name)} is off. What it is to be told is kept for a month."


def draw_form() -> None:
    """The form that adds an endpoint."""
    with frame.card("endpoint"):
        st.header("Add an endpoint", anchor=False)
        with st.form("endpoint", border=False):
            url = st.text_input("Address", key="hook-url", placeholder="https://app.example.com/hooks") or ""
            name = st.text_input("Name", key="hook-name", max_chars=80, placeholder="Which program it is") or ""
            topics = st.multiselect(
                "Told of", CHOICES, format_func=TOPICS.__getitem__, key="hook-topics", placeholder="Everything"
            )
            asked = st.form_submit_button("Add", icon=":material/add:", type="primary")
        words.quiet("Messages are signed as Standard Webhooks 1.0 has it. The secret is shown once.")
    if asked and not frame.is_kept("hook-url", "hook-name", "hook-topics"):
        add(url, name, topics)


def add(url: str, name: str, topics: Sequence[Topic]) -> None:
    """Add it, and show its secret from the next run on."""
    try:
        made = webhook_desk.add(shop, url, name=name, topics=topics, deed=gate.deed("hook"))
    except ShopError as error:
        refusals.draw(error)
        return
    gate.open_token("hook")
    frame.kept("hook-url", "hook-name", "hook-topics")
    st.session_state[_NEW] = made.secret
    st.rerun()


@st.dialog("Change an endpoint", icon=":material/edit:", on_dismiss=dialogs.close)
def edit(row: EndpointRow) -> None:
    """Its address, its name and what it is told of."""
    gate.me()
    url = st.text_input("Address", row.url, key="edit-url", disabled=bool(row.variable)) or ""
    name = st.text_input("Name", row.name, key="edit-name", max_chars=80) or ""
    chosen = [Topic(each) for each in row.topics]
    topics = st.multiselect(
        "Told of", CHOICES, chosen, format_func=TOPICS.__getitem__, key="edit-topics", placeholder="Everything"
    )
    if st.button("Save", type="primary", key="edit-do"):

        def act(deed: Deed) -> str:
            webhook_desk.change(shop, row.id, url=url, name=name, topics=topics, deed=deed)
            return f"{words.plain(name)} was changed."

        dialogs.carry_out(f"edit-{row.id}", act)


@st.dialog("New secret", icon=":material/key:", on_dismiss=dialogs.close)
def rotate(row: EndpointRow) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(
        f"**{words.plain(row.name)}** gets a new secret. For a day messages are signed with both: give the new one to the"
        " program within that time."
    )
    if st.button("Make a new secret", type="primary", key="rotate-do"):

        def act(deed: Deed) -> str:
            st.session_state[_NEW] = webhook_desk.rotate(shop, row.id, deed=deed).secret
            return "The new secret is shown here until you have kept it."

        dialogs.carry_out(f"rotate-{row.id}", act)


@st.dialog("Send again", icon=":material/replay:", on_dismiss=dialogs.close)
def again(row: EndpointRow) -> None:
    """Which days."""
    gate.me()
    today = shop.now().astimezone(shop.settings.zone).date()
    chosen = st.date_input("What it was told on these days", (today, today), max_value=today, key="again-days")
    words.quiet("Each message keeps its id, so that a program which has it already passes it over.")
    days = chosen if isinstance(chosen, tuple) else (chosen,)
    if dialogs.button("Send them", "again-do", lacks="" if days else "Choose the days first.") and days:

        def act(deed: Deed) -> str:
            begin, end = (
                datetime.combine(day, time(), shop.settings.zone).astimezone(UTC)
                for day in (days[0], days[-1] + timedelta(days=1))
            )
            sent = webhook_desk.send_range_again(shop, row.id, since=begin, until=end, deed=deed)
            return f"{words.count(sent, 'message is', 'messages are')} on the way again."

        dialogs.carry_out(f"again-{row.id}", act)


@st.dialog("Remove an endpoint", icon=":material/delete:", on_dismiss=dialogs.close)
def remove(row: EndpointRow) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(f"**{words.plain(row.name)}** is told nothing any more. What waits for it is never sent.")
    if st.button("Remove", type="primary", key="remove-do"):

        def act(deed: Deed) -> str:
            return f"{words.plain(webhook_desk.remove(shop, row.id, deed=deed))} was removed."

        dialogs.carry_out(f"remove-{row.id}", act)


def draw_log(endpoints: list[EndpointRow], me: Staff) -> None:
    """What was told, the newest first."""
    with frame.card("webhook-log", gap="small"):
        st.header("What was told", anchor=False)
        names = {row.id: row.name for row in endpoints}
        endpoint = lists.choice("Endpoint", list(names), names, name="endpoint") if len(names) > 1 else ""
        state = lists.choice("State", webhooks.STATES, {each: name[0] for each, name in STATES.items()}, name="state")
        with shop.reading() as session:
            page = webhooks.page(session, endpoint=endpoint, state=state, place=lists.place())
        for row in page.rows:
            draw_delivery(row, me)
        if not page.rows:
            st.markdown("No message of this kind." if state or endpoint else "Nobody was told anything yet.")
        lists.draw_paging(page.before, page.after)
        for row in page.rows:
            if dialogs.is_open(f"message-{row.id}"):
                show(row)


def draw_delivery(row: DeliveryRow, me: Staff) -> None:
    """One message to an endpoint."""
    with st.container(key=f"row-delivery-{row.id}", gap="xxsmall"):
        st.markdown(f"**{row.topic}** {states.badge(STATES[row.state])}")
        said = f"answered {row.status}" if row.status else "no answer" if row.attempts else "not tried yet"
        tries = f", {words.count(row.attempts, 'attempt', 'attempts')}" if row.attempts > 1 else ""
        later = f", again {states.moment(row.next_at)}" if row.next_at else ""
        words.quiet(f"{words.plain(row.endpoint)} · {states.moment(row.created_at)} · {said}{tries}{later}")
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Look", type="tertiary", icon=":material/data_object:", key=f"open-message-{row.id}",
                on_click=dialogs.opener(f"message-{row.id}"),
            )  # fmt: skip
            if me.may(Action.WEBHOOKS):
                name = f"again-{row.id}-{row.attempts}-{row.state}"
                st.button(
                    "Send again", type="tertiary", icon=":material/replay:", key=f"again-{row.id}",
                    on_click=lists.click, args=(name, partial(sent_again, row.id)),
                )  # fmt: skip


def sent_again(delivery_id: str, deed: Deed) -> str:
    """Owe it once more, and say so."""
    webhook_desk.send_again(shop, delivery_id, deed=deed)
    return "It is on its way again."


@st.dialog("What was told", icon=":material/data_object:", width="large", on_dismiss=dialogs.close)
def show(row: DeliveryRow) -> None:
    """The message, and each attempt with what was sent and answered."""
    me = gate.me()
    with shop.reading() as session:
        found = webhooks.sheet(session, row.id)
    if found is None:
        st.info("It is older than a month and was forgotten.", icon=":material/history:")
        return
    words.quiet(f"`{row.message}` to {words.plain(row.endpoint)}")
    st.code(orjson.dumps(orjson.loads(found.body), option=orjson.OPT_INDENT_2).decode(), language="json", height=260)
    for attempt in found.attempts:
        draw_attempt(attempt, me)
    if not found.attempts:
        words.quiet("It was not tried yet.")


def draw_attempt(attempt: WebhookAttempt, me: Staff) -> None:
    """One request and its answer."""
    outcome = f"answered {attempt.status}" if attempt.status else words.plain(attempt.error)
    st.markdown(f"**{states.moment(attempt.at)}** &nbsp; {outcome}, {attempt.took:,} ms")
    sent = "\n".join(f"{name}: {value}" for name, value in attempt.headers.items())
    st.code(
        f"POST {shown(attempt.url, me)}\n{sent}" + (f"\n\n{attempt.answer}" if attempt.answer else ""), language=None
    )


me = gate.me()
with shop.reading() as session:
    found = webhooks.listed(session)
with frame.column(1180):
    bar.draw_title("Webhooks")
    words.quiet(
        "What your own programs are told, and whether they took it. Addresses and names of people are in none of it."
    )
    lists.draw_said()
    draw_secret()
    left, right = st.columns([3, 2], gap="medium")
    with left:
        with st.container(gap="small"):
            for each in found:
                draw_endpoint(each, me)
            if not found:
                lists.draw_nothing("endpoints", "**No endpoint yet.** Your programs are told nothing.")
        draw_log(found, me)
    with right:
        if me.may(Action.WEBHOOKS):
            draw_form()
    for each in found:
        for name, dialog in (("edit", edit), ("rotate", rotate), ("again", again), ("remove", remove)):
            if dialogs.is_open(f"{name}-{each.id}"):
                dialog(each)
