import streamlit as st

from core.catalog import products
from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.people import audit, second_factor, staff, team
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.staff import Action, Listed, Role
from storefront import frame, process, words
from storefront.amounts import price
from storefront.back_office import bar, dialogs, gate, refusals, states
from storefront.people import api_keys_card, own_sign_in_card

shop = process.shop()
ROLES = {
    Role.OWNER: "Owner: everything",
    Role.SUPPORT: "Support: help buyers, refund up to a limit",
    Role.VIEWER: "Viewer: look only",
}
NOW_OFF = "Removed at once: their next click is a stranger's."


def draw_people(people: list[Listed]) -> None:
    """Everybody who may work here."""
    for each in people:
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"person-{each.email}"):
            with st.container(width="stretch", gap=None):
                factor = " :green-badge[Second factor]" if each.second_factor else ""
                st.markdown(f"**{words.plain(each.email)}** &nbsp; :blue-badge[{each.role.capitalize()}]{factor}")
                words.quiet(about(each))
            if each.second_factor:
                st.button(
                    "Reset", type="tertiary", icon=":material/lock_reset:", key=f"open-reset-{each.email}",
                    help="For somebody who has lost their device", on_click=dialogs.opener(f"reset-{each.email}"),
                )  # fmt: skip
            if each.id and each.role is Role.SUPPORT:
                st.button(
                    "Limit", type="tertiary", icon=":material/speed:", key=f"open-limit-{each.id}",
                    help="How much of one order they may send back", on_click=dialogs.opener(f"limit-{each.id}"),
                )  # fmt: skip
            if each.id:
                st.button(
                    "Remove", type="tertiary", icon=":material/person_remove:", key=f"open-remove-{each.id}",
                    on_click=dialogs.opener(f"remove-{each.id}"),
                )  # fmt: skip


def about(each: Listed) -> str:
    """Since when, and whether they were ever here."""
    seen = f"last signed in {states.moment(each.signed_in_at)}" if each.signed_in_at else "has not signed in yet"
    if each.invited_at is None:
        return f"Named by OWNER_EMAILS, {seen}."
    may = f" May send back up to {most(each.refund_limit)} of one order." if each.role is Role.SUPPORT else ""
    return f"Invited by {words.plain(each.invited_by)} on {states.moment(each.invited_at)}, {seen}.{may}"


def most(limit: int | None) -> str:
    """A limit of refunds, their own or the shop's, in what the shop sells in."""
    amount = shop.settings.support_refund_limit if limit is None else limit
    return " or ".join(price(Money(amount, currency)) for currency in currencies)


def draw_invitation() -> None:
    """The form by which somebody is invited."""
    with frame.card("invite"):
        st.header("Invite somebody", anchor=False)
        with st.form("invite", border=False):
            address = st.text_input("Email", type="email", key="invite-email") or ""
            role = st.selectbox("As", list(ROLES), index=1, format_func=ROLES.__getitem__, key="invite-role")
            asked = st.form_submit_button("Send invitation", type="primary", icon=":material/send:")
        words.quiet(
            f"Support may send back up to {most(None)} of one order, unless you give them a limit of their own."
        )
    if asked and not frame.is_kept("invite-email"):
        invite(address, role or Role.VIEWER)


def invite(address: str, role: Role) -> None:
    """Invite, say so, and begin another invitation."""
    try:
        team.invite(shop, address, role, deed=gate.deed("invite"))
    except ShopError as error:
        refusals.draw(error)
        return
    gate.open_token("invite")
    frame.kept("invite-email")
    st.session_state["said"] = f"An invitation is on its way to {words.plain(address.strip())}."
    st.rerun()


@st.dialog("Limit of refunds", icon=":material/speed:", on_dismiss=dialogs.close)
def limit(each: Listed) -> None:
    """How much of one order somebody may send back."""
    gate.me()
    usual = f"As much as everybody: {most(None)}"
    st.markdown(f"Of one order **{words.plain(each.email)}** may send back, in all:")
    own = (
        st.radio(
            "Limit",
            (usual, "So much"),
            int(each.refund_limit is not None),
            key="limit-own",
            label_visibility="collapsed",
        )
        != usual
    )
    text = ""
    if own:
        now = "" if each.refund_limit is None else Money(each.refund_limit, currencies[0]).typed()
        text = st.text_input(f"Amount in {currencies[0].upper()}", now, key="limit-amount", placeholder="50.00") or ""
        words.quiet("0 for nothing at all. In orders of another currency it is as many of its smallest units.")
    if st.button("Keep it so", type="primary", key="limit-do"):

        def act(deed: Deed) -> str:
            amount = Money.parse(text.strip(), currencies[0]).amount if own else None
            team.limit(shop, each.id, amount, deed=deed)
            return f"{words.plain(each.email)} may send back up to {most(amount)} of one order."

        dialogs.carry_out(f"limit-{each.id}", act)


@st.dialog("Remove somebody", icon=":material/person_remove:", on_dismiss=dialogs.close)
def remove(each: Listed) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(f"**{words.plain(each.email)}** will not work here any more. {NOW_OFF}")
    if st.button("Remove", type="primary", key="remove-do"):

        def act(deed: Deed) -> str:
            team.remove(shop, each.id, deed=deed)
            return f"{words.plain(each.email)} was removed."

        dialogs.carry_out(f"remove-{each.id}", act)


@st.dialog("Reset a second factor", icon=":material/lock_reset:", on_dismiss=dialogs.close)
def reset(each: Listed) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(
        f"The device and the recovery codes of **{words.plain(each.email)}** count no more: a mailed code alone lets them in"
        " until they have set up another. Be sure that it is they who ask."
    )
    if st.button("Reset", type="primary", key="reset-do"):

        def act(deed: Deed) -> str:
            team.reset_second_factor(shop, each.email, deed=deed)
            return f"The second factor of {words.plain(each.email)} was reset."

        dialogs.carry_out(f"reset-{each.email}", act)


def draw_rule(required: bool) -> None:
    """Whether everybody must have a second factor."""
    with frame.card("rule", gap="xsmall"):
        st.header("Second factor", anchor=False)
        words.quiet(
            "Everybody who works here must have one: whoever hasn't is asked to set it up at their next click."
            if required
            else "Each of you may set one up. You can ask it of everybody."
        )
        label = "Leave it to each" if required else "Require it of everybody"
        st.button(label, icon=":material/shield_lock:", key="open-rule", on_click=dialogs.opener("rule"))


@st.dialog("Second factor of everybody", icon=":material/shield_lock:", on_dismiss=dialogs.close)
def rule(required: bool) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(
        "From now on each of you decides."
        if required
        else "Whoever has none is asked to set one up before anything else, you too if you have none."
    )
    if st.button("Leave it to each" if required else "Require it", type="primary", key="rule-do"):

        def act(deed: Deed) -> str:
            team.require_second_factor(shop, not required, deed=deed)
            return "Each of you decides now." if required else "Everybody must have a second factor now."

        dialogs.carry_out("rule", act)


def draw_log(entries: list[AuditEntry]) -> None:
    """Who did what lately."""
    st.header("What was done", anchor=False)
    if not entries:
        words.quiet("Nothing yet. Whatever somebody does here stands in this list, for good.")
    for entry in entries:
        said = f": {words.plain(entry.detail)}" if entry.detail else ""
        action = entry.action.replace("_", " ")
        words.quiet(
            f"{states.moment(entry.at)} · **{words.plain(entry.who)}** ({entry.role}) · {action} {words.plain(entry.subject)}{said}"
        )


me = gate.me()
with frame.column(1180):
    bar.draw_title("Staff")
    dialogs.draw_said()
    if not me.may(Action.STAFF):
        own_sign_in_card.draw(me)
        st.markdown("Only owners see who works here.")
        st.stop()
    with shop.reading() as session:
        people = staff.listed(session, owners=shop.settings.owners)
        required = second_factor.is_required(session) is not None
        entries = audit.newest(session, limit=50)
        currencies = products.currencies(session)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        draw_people(people)
        api_keys_card.draw()
    with right:
        own_sign_in_card.draw(me)
        draw_invitation()
        draw_rule(required)
    draw_log(entries)
    for each in people:
        if each.id and dialogs.is_open(f"remove-{each.id}"):
            remove(each)
        if each.id and dialogs.is_open(f"limit-{each.id}"):
            limit(each)
        if each.second_factor and dialogs.is_open(f"reset-{each.email}"):
            reset(each)
    if dialogs.is_open("rule"):
        rule(required)
