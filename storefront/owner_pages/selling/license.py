from collections.abc import Callable
from datetime import UTC, datetime, time

import streamlit as st

from core.catalog.license_terms import MOST_MACHINES
from core.foundation.errors import LicenseNotFound
from core.kinds.grants import Machine
from core.licensing.found_licenses import Standing
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import licenses
from core.registers.licenses import LicenseSheet
from storefront import dates, frame, links, process, words
from storefront.back_office import dialogs, gate, lists, states

shop = process.shop()


def find(license_id: str) -> LicenseSheet | None:
    """The licence that the address names."""
    try:
        return licenses.sheet(shop, license_id)
    except LicenseNotFound:
        return None


def draw_machines(sheet: LicenseSheet, me: Staff) -> None:
    """Where it is in use."""
    with frame.card("machines", gap="small"):
        st.header("Computers", anchor=False)
        words.quiet(f"{sheet.row.used} of {sheet.row.machines} in use.")
        for machine in sheet.machines:
            draw_machine(machine, me)
        if not sheet.machines:
            st.markdown("None uses it.")
        if sheet.tokens:
            until = states.moment(sheet.tokens_until) if sheet.tokens_until else ""
            tokens = words.count(sheet.tokens, "offline token is", "offline tokens are")
            st.markdown(
                f":orange[:material/cloud_off: {tokens} out], the last until {until}: no refund reaches them before."
            )


def draw_machine(machine: Machine, me: Staff) -> None:
    """One machine, and the button that removes it."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"machine-{machine.id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(words.plain(machine.label or "Without a name"))
            leased = f", leased until {states.moment(machine.lease_until)}" if machine.lease_until else ""
            words.quiet(
                f"Since {states.moment(machine.created_at)}, last seen {states.moment(machine.last_seen_at)}{leased}"
            )
        if me.may(Action.LICENSE):
            st.button(
                "Remove", type="tertiary", icon=":material/close:", key=f"open-release-{machine.id}",
                on_click=dialogs.opener(f"release-{machine.id}"),
            )  # fmt: skip


def draw_terms(sheet: LicenseSheet) -> None:
    """What it allows."""
    with frame.card("terms", gap="xxsmall"):
        st.header("Terms", anchor=False)
        end = f"Until {states.moment(sheet.row.expires_at)}" if sheet.row.expires_at else "Without end"
        st.markdown(
            f"{words.count(sheet.row.machines, 'computer', 'computers')}{', floating' if sheet.floating else ''}. {end}."
        )
        if sheet.updates_until:
            st.markdown(f"Updates until {dates.day(sheet.updates_until)}.")
        if sheet.replaced_at:
            words.quiet(f"Its key was replaced {states.moment(sheet.replaced_at)}.")


def draw_done(sheet: LicenseSheet) -> None:
    """What staff did about it."""
    with frame.card("done", gap="xxsmall"):
        st.header("What was done", anchor=False)
        for each in sheet.done:
            words.quiet(f"{states.moment(each.at)}: {words.plain(each.detail)}, by {words.plain(each.who)}")
        if not sheet.done:
            words.quiet("Nothing yet.")


def draw_actions(sheet: LicenseSheet, me: Staff) -> None:
    """What may be done about it."""
    off = sheet.row.standing is Standing.DISABLED
    buttons = [
        ("enable" if off else "disable", "Switch on" if off else "Switch off", "power_settings_new", Action.LICENSE),
        ("replace", "Replace the key", "sync", Action.LICENSE),
        ("terms", "Change its terms", "tune", Action.LICENSE_TERMS),
    ]
    with st.container(horizontal=True, gap="small"):
        for name, label, icon, action in buttons:
            if me.may(action):
                st.button(label, icon=f":material/{icon}:", key=f"open-{name}", on_click=dialogs.opener(name))


def ask(name: str, title: str, text: str, label: str, act: Callable[[Deed], str]) -> None:
    """A dialog that says what it does, with the button that does it."""

    @st.dialog(title, on_dismiss=dialogs.close)
    def draw() -> None:
        gate.me()
        st.markdown(text)
        if st.button(label, type="primary", key=f"{name.partition('-')[0]}-do"):
            dialogs.carry_out(name, act)

    draw()


@st.dialog("Change its terms", icon=":material/tune:", on_dismiss=dialogs.close)
def change(sheet: LicenseSheet) -> None:
    """On how many machines, and until when. Of this one licence: the product stays as it is."""
    gate.me()
    machines = st.number_input(
        "Computers", min_value=1, max_value=MOST_MACHINES, value=sheet.row.machines, key="terms-machines"
    )
    known = sheet.row.expires_at.date() if sheet.row.expires_at else None
    day = st.date_input("Until the end of (UTC); empty for no end", value=known, key="terms-until")
    words.quiet(
        "Computers that use it keep their places, also if they are more. Other licences of the product don't change."
    )
    if st.button("Change", type="primary", key="terms-do"):
        # A day that was left as it was keeps its hour.
        until = (
            datetime.combine(day, time(23, 59, 59), UTC)
            if day and day != known
            else sheet.row.expires_at
            if day
            else None
        )

        def act(deed: Deed) -> str:
            licenses.change_terms(shop, sheet.row.id, machines=int(machines), until=until, deed=deed)
            return "Its terms are changed."

        dialogs.carry_out("terms", act)


def draw_dialogs(sheet: LicenseSheet) -> None:
    """The one that is open."""
    license_id = sheet.row.id

    def disable(deed: Deed) -> str:
        licenses.disable(shop, license_id, deed=deed)
        return "It is off: the next time an app asks, it is told so."

    def enable(deed: Deed) -> str:
        licenses.enable(shop, license_id, deed=deed)
        return "It is on again, as far as its payment and its time allow."

    def replace(deed: Deed) -> str:
        text = licenses.replace(shop, license_id, deed=deed)
        return (
            f"The new key is `{text}`. Copy it now."
            if text
            else "It has a new key, which its buyer finds in their purchases."
        )

    off = "Apps are told so at their next question, whatever was paid for it. Its computers keep their places."
    new = "The key of before stops at once. Its computers keep their places, and each asks for the new key."
    if dialogs.is_open("disable"):
        ask("disable", "Switch it off", off, "Switch it off", disable)
    if dialogs.is_open("enable"):
        ask("enable", "Switch it on", "It works again where its payment and its time allow.", "Switch it on", enable)
    if dialogs.is_open("replace"):
        ask("replace", "Replace the key", new, "Replace it", replace)
    if dialogs.is_open("terms"):
        change(sheet)
    for machine in sheet.machines:
        if dialogs.is_open(f"release-{machine.id}"):
            draw_release(license_id, machine)


def draw_release(license_id: str, machine: Machine) -> None:
    """The dialog that removes a machine."""

    def act(deed: Deed) -> str:
        licenses.release(shop, license_id, machine.id, deed=deed)
        return "Removed: its place is free."

    called = words.plain(machine.label or "This computer")
    ask(
        f"release-{machine.id}",
        "Remove a computer",
        f"{called} loses its place, and may take a free one again.",
        "Remove it",
        act,
    )


me = gate.me()
sheet = find(lists.asked("id"))
with frame.column(1180):
    links.back(links.LICENSES, "Licences")
    if sheet is None:
        st.title("No such licence", anchor=False)
        st.markdown("Nothing goes by that id. Find it by its key, its last six characters, the order or an email.")
        st.stop()
    st.title(f"Key ending {sheet.row.hint}", anchor=False)
    st.markdown(f"{words.plain(sheet.row.product)} &nbsp; {states.badge(states.LICENSE[sheet.row.standing])}")
    if sheet.row.order:
        links.to(links.ORDER, f"Order {sheet.row.order.number}", "receipt_long", id=sheet.row.order.id)
    if sheet.row.holder:
        words.quiet(f"Given to {words.plain(sheet.row.holder)}")
    lists.draw_said()
    draw_actions(sheet, me)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        draw_machines(sheet, me)
    with right:
        draw_terms(sheet)
        draw_done(sheet)
    draw_dialogs(sheet)
