"""The seats of a plan as its buyer sees them: who has one, who is asked to take one, and how many there are."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.journeys.billing import seat_quantity
from core.journeys.billing.seat_quantity import Change
from core.kinds.seats import SeatState
from core.kinds.standings import PlanStanding
from core.languages.sentences import _, marked, ngettext
from core.seats import invitations
from core.seats.invitations import Offer, Seats, SeatView
from storefront import frame, process, words
from storefront.amounts import price
from storefront.plans import outcomes

_BADGES = {
    SeatState.INVITED: ("orange", "schedule", marked("Invited")),
    SeatState.ACCEPTED: ("green", "check", marked("Has a seat")),
    SeatState.SUSPENDED: ("gray", "pause", marked("No seat left")),
}


def draw(email: str, grant_id: str, billed: Sequence[PlanStanding] = ()) -> None:
    """The seats of this buyer's own plan, and what may be done about them. How many there are is changed here, but where several
    are `billed`, each by itself, or none is as things stand."""
    shop = process.shop()
    found = invitations.seats(shop, email, grant_id)
    with st.container(gap="small", key=f"seats-{grant_id}"):
        st.markdown(f"**{taken(found)}**")
        outcomes.draw(grant_id)
        if found.short:
            st.markdown(
                ngettext(
                    ":orange[:material/error:] {number} person has no seat, since the plan has fewer than people. Choose who has "
                    "one, or take more seats.",
                    ":orange[:material/error:] {number} people have no seat, since the plan has fewer than people. Choose who has "
                    "one, or take more seats.",
                    found.short,
                ).format(number=found.short)
            )
        _draw_buyer(email, found)
        with frame.portion(found.people, f"seats-{grant_id}") as some:
            for person in some:
                _draw_person(email, found, person)
        if found.free:
            _draw_invitation(email, grant_id)
        if len(billed) < 2 and all(map(_is_changed, billed)):
            _draw_number(email, found)


def draw_number(email: str, grant_id: str, standing: PlanStanding, others: Sequence[PlanStanding], *, key: str) -> None:
    """Another number of seats by one of several subscriptions for the same plan: there are as many as the most of them have."""
    if standing.quantity is None or not _is_changed(standing):
        return
    found = invitations.seats(process.shop(), email, grant_id)
    most = max((each.quantity or 0 for each in others), default=0)
    _draw_number(email, found, standing, least=most, key=key)


def _is_changed(standing: PlanStanding) -> bool:
    """Whether how many seats it bills for may be changed: not while it is paused, or once it was told to end."""
    return not (standing.paused or standing.runs_until or standing.ended_at)


def draw_held(offers: Sequence[Offer]) -> None:
    """The seats that somebody has of other people's plans."""
    if offers:
        st.header(_("Plans you have a seat of"), anchor=False)
    for offer in offers:
        with frame.card(f"held-{offer.seat_id}", gap="xxsmall"):
            st.subheader(words.plain(offer.product), anchor=False)
            if not offer.active:
                _draw_state("orange", "pause", _("On hold"), _("Its plan isn't paid, or has ended."))
            elif offer.state is SeatState.SUSPENDED:
                _draw_state("orange", "pause", _("No seat left"), _("The plan has fewer seats than people."))
            else:
                _draw_state("green", "check", _("You have a seat"))
            words.quiet(_("Given to you by {by}.").format(by=words.plain(offer.by)))


def _draw_state(color: str, icon: str, label: str, why: str = "") -> None:
    st.markdown("  \n".join(filter(None, [f":{color}-badge[:material/{icon}: {label}]", why])))


def taken(found: Seats) -> str:
    """How many seats there are, and how many of them are taken."""
    there = len(found.people) + found.buyer_sits - found.short
    said = ngettext("{there} of {number} seat taken", "{there} of {number} seats taken", found.quantity)
    return said.format(there=there, number=found.quantity)


def _badge(state: SeatState) -> str:
    color, icon, label = _BADGES[state]
    return f":{color}-badge[:material/{icon}: {_(label)}]"


def _draw_buyer(email: str, found: Seats) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"seat-own-{found.grant_id}"):
        badge = _badge(SeatState.ACCEPTED) if found.buyer_sits else f":gray-badge[{_('No seat')}]"
        st.markdown(_("You &nbsp; {badge}").format(badge=badge), width="stretch")
        if found.buyer_sits and found.quantity > 1:
            _button(
                email,
                found.grant_id,
                _("Give my seat away"),
                "logout",
                f"own-{found.grant_id}",
                partial(_sit, email, found.grant_id, buyer=False),
            )
        elif not found.buyer_sits and found.free:
            _button(
                email,
                found.grant_id,
                _("Take a seat"),
                "login",
                f"own-{found.grant_id}",
                partial(_sit, email, found.grant_id, buyer=True),
            )


def _sit(email: str, grant_id: str, *, buyer: bool) -> str:
    invitations.sit(process.shop(), email, grant_id, buyer=buyer)
    return _("You have a seat.") if buyer else _("Your seat is free. The plan stays yours.")


def _draw_person(email: str, found: Seats, person: SeatView) -> None:
    """One seat of somebody else's, and what may be done about it."""
    shop, grant_id, name = process.shop(), found.grant_id, words.plain(person.email)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"seat-{person.id}"):
        st.markdown(f"{name} &nbsp; {_badge(person.state)}", width="stretch")
        if person.state is SeatState.INVITED:
            _button(
                email,
                grant_id,
                _("Send again"),
                "mail",
                f"again-{person.id}",
                partial(_ask_again, email, grant_id, person),
            )
        if person.state is SeatState.SUSPENDED:
            _draw_choice(email, found, person)
        else:
            _draw_replacing(email, grant_id, person)
        _button(
            email,
            grant_id,
            _("Remove"),
            "person_remove",
            f"remove-{person.id}",
            lambda: invitations.remove(shop, email, person.id),
            _("{name} has no seat any more. The plan costs what it did: fewer seats are chosen below.").format(
                name=name
            ),
        )


def _draw_choice(email: str, found: Seats, person: SeatView) -> None:
    """Whose seat somebody without one may have."""
    sitting = [each for each in found.people if each.state is SeatState.ACCEPTED]
    if not sitting:
        return
    with st.popover(_("Let them have one"), icon=":material/swap_horiz:", type="tertiary"):
        st.markdown(_("In whose place?"))
        for each in sitting:
            act = partial(invitations.choose, process.shop(), email, person.id, each.id)
            key = f"choose-{person.id}-{each.id}"
            _button(
                email,
                found.grant_id,
                words.plain(each.email),
                "person",
                key,
                act,
                _("{email} has a seat.").format(email=words.plain(person.email)),
            )


def _draw_replacing(email: str, grant_id: str, person: SeatView) -> None:
    """A field for who is to have this seat instead."""
    with st.popover(_("Replace"), icon=":material/swap_horiz:", type="tertiary"):
        st.text_input(_("Their email"), type="email", key=f"replace-with-{person.id}", validate=words.email_rule())
        _button(
            email,
            grant_id,
            _("Give them this seat"),
            "send",
            f"replace-{person.id}",
            partial(_replace, email, person),
        )


def _draw_invitation(email: str, grant_id: str) -> None:
    row = st.form(f"invite-{grant_id}", border=False)
    with row, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        guest = st.text_input(
            _("Give somebody a seat"), type="email", placeholder=_("their@email.com"), key=f"guest-{grant_id}",
            validate=words.email_rule(),
        )  # fmt: skip
        asked = st.form_submit_button(_("Send invitation"), icon=":material/send:")
    if asked and not frame.is_kept(f"guest-{grant_id}"):
        outcomes.act(email, grant_id, partial(_invite, email, grant_id, guest or ""))
        st.rerun()


def _invite(email: str, grant_id: str, guest: str) -> str:
    asked = invitations.invite(process.shop(), email, grant_id, guest)
    frame.kept(f"guest-{grant_id}")
    if not asked:
        return _("You have a seat.")
    return _("{guest} gets a letter with a code.").format(guest=words.plain(guest.strip()))


def _ask_again(email: str, grant_id: str, person: SeatView) -> str:
    invitations.invite(process.shop(), email, grant_id, person.email)
    return _("A new code goes to {name}.").format(name=words.plain(person.email))


def _replace(email: str, person: SeatView) -> str:
    # What stands in the field at the click: the page was drawn before it was left by it.
    guest = str(st.session_state.get(f"replace-with-{person.id}") or "")
    if not invitations.replace(process.shop(), email, person.id, guest):
        return _("You have a seat.")
    return _("{guest} is asked to take the seat.").format(guest=words.plain(guest.strip()))


def _draw_number(
    email: str, found: Seats, standing: PlanStanding | None = None, *, least: int = 0, key: str = ""
) -> None:
    """Another number of seats, by this subscription where there are several: what it costs is shown before anything is billed. So
    many at the `least` are left by the others."""
    name, key = standing.subscription if standing else "", key or found.grant_id
    there = found.quantity if standing is None or standing.quantity is None else standing.quantity
    with st.popover(_("More or fewer seats"), icon=":material/group:"):
        # At Stripe their seller may have set any number of them, none as well.
        wanted = int(st.number_input(_("Seats"), min(1, there), max(999, there), there, key=f"wanted-{key}"))
        if wanted == there:
            words.quiet(_("Removing a person doesn't make the plan cheaper; fewer seats do."))
            return
        try:
            change = seat_quantity.preview(process.shop(), email, found.grant_id, wanted, subscription=name)
        except ShopError as error:
            st.warning(outcomes.explained(error), icon=":material/error:")
            return
        for line in cost(change):
            st.markdown(line)
        if losing := found.losing(max(wanted, least)):
            st.markdown(_too_few(losing))
        label = ngettext("Change to {number} seat", "Change to {number} seats", wanted).format(number=wanted)
        # Called with what was shown, before this is drawn anew: by then it may cost something else.
        st.button(label, type="primary", key=f"change-{key}", on_click=_change_number, args=(email, change))


def _change_number(email: str, change: Change) -> None:
    said = ngettext("The plan has {number} seat now.", "The plan has {number} seats now.", change.after)
    act = partial(seat_quantity.carry_out, process.shop(), email, change)
    outcomes.act(email, change.grant_id, act, said.format(number=change.after))


def _too_few(losing: Sequence[str]) -> str:
    """Who would have no seat any more."""
    said = ngettext(
        ":orange[:material/error:] {people} would have no seat any more, having taken theirs last. You can choose somebody else "
        "afterwards.",
        ":orange[:material/error:] {people} would have no seat any more, having taken theirs last. You can choose others "
        "afterwards.",
        len(losing),
    )
    return said.format(people=", ".join(words.plain(each) for each in losing))


def cost(change: Change) -> list[str]:
    """What a change comes to, in words."""
    due = change.due
    now = (
        _("**{due}** now, for the rest of the period.").format(due=price(due))
        if due.amount > 0
        else _("Nothing now. {amount} is taken off what comes next.").format(
            amount=price(Money(-due.amount, due.currency))
        )
        if due.amount < 0
        else _("Nothing now.")
    )
    return [now, outcomes.then(change.then, change.interval)]


def _button(
    email: str, grant_id: str, label: str, icon: str, key: str, act: Callable[[], str | None], said: str = ""
) -> None:
    st.button(
        label,
        type="tertiary",
        icon=f":material/{icon}:",
        key=key,
        on_click=outcomes.act,
        args=(email, grant_id, act, said),
        kwargs={"key": key},
    )
