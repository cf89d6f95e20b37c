"""Licence keys as their buyers see them: the key to copy, how long it lasts, the machines that use it, and what can be done."""

from collections.abc import Callable

import streamlit as st

from core.foundation.errors import ShopError
from core.kinds.grants import License, Machine
from core.languages.sentences import _
from core.licensing import holding
from storefront import dates, frame, process, sentences, visitor, words

_SAID = "license-said"


def draw(license: License, where: str) -> None:
    """One key, to be copied, with what is worth knowing of it. In the library its machines and its replacement as well."""
    if license.key:
        with st.container(key=f"copy-{where}-{license.id}"):
            st.code(license.key, language=None, wrap_lines=True)
    else:
        words.quiet(
            _("The key that ends in {hint} works, but can't be shown any more. Replace it to see a new one.").format(
                hint=license.hint
            )
        )
    words.quiet(" ".join(about(license)))
    if where == "library":
        _draw_said(license)
        for machine in license.machines:
            if machine.is_there(process.shop().now()):
                _draw_machine(license, machine)
        if not license.disabled:
            _draw_replacement(license)


def about(license: License) -> list[str]:
    """What is worth knowing of a key, a sentence each."""
    now = process.shop().now()
    used = license.used(now)
    found = [_("In use on {used} of {most}.").format(used=used, most=license.most) if used else _("None in use yet.")]
    if license.disabled:
        found = [_("Switched off by the seller.")]
    if license.expires_at:
        said = _("Ended {day}.") if license.expires_at <= now else _("Valid until {day}.")
        found.append(said.format(day=dates.day(license.expires_at)))
    if license.updates_until:
        found.append(_("Updates until {day}.").format(day=dates.day(license.updates_until)))
    return found


def _draw_machine(license: License, machine: Machine) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"machine-{machine.id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f":material/computer: {words.plain(machine.label or _('A computer without a name'))}")
            ago = dates.age(process.shop().now() - machine.last_seen_at)
            words.quiet(_("Last used {ago} ago, since {day}").format(ago=ago, day=dates.day(machine.created_at)))
        if st.button(_("Remove"), type="tertiary", icon=":material/close:", key=f"remove-{machine.id}"):

            def act(email: str) -> str:
                holding.release(process.shop(), email, license.id, machine.id)
                return _("Removed. Its place is free for another computer.")

            _carry_out(license, act, f"remove-{machine.id}")


def _draw_replacement(license: License) -> None:
    with st.popover(_("Replace this key"), type="tertiary", icon=":material/sync:", key=f"replacing-{license.id}"):
        st.markdown(
            _(
                "If somebody else got hold of it: you get a new key, and the old one stops working at once. Your computers keep"
                " their places, but each asks for the new key. Once a day."
            )
        )
        if st.button(_("Replace it now"), type="primary", key=f"replace-{license.id}"):

            def act(email: str) -> str:
                holding.replace(process.shop(), email, license.id)
                return _("This is your new key. The old one works no longer.")

            _carry_out(license, act, f"replace-{license.id}")


def _carry_out(license: License, act: Callable[[str], str], key: str) -> None:
    """Do it for whoever is signed in, asked again at the click on the button of this key, and say what came of it on the page that
    follows; of the second of two clicks what came of the first."""
    if frame.is_second(key):
        st.rerun()
    try:
        st.session_state[f"{_SAID}-{license.id}"] = True, act(visitor.signed_in() or "")
    except ShopError as error:
        st.session_state[f"{_SAID}-{license.id}"] = False, sentences.of(error)
    st.rerun()


def _draw_said(license: License) -> None:
    if said := frame.told(f"{_SAID}-{license.id}"):
        draw = st.success if said[0] else st.warning
        draw(said[1], icon=":material/check_circle:" if said[0] else ":material/error:")
