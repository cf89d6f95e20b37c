from html import escape
from urllib.parse import urlencode

import streamlit as st

from core.foundation.errors import UnknownFile
from core.owner.shelves import announcements
from core.people.deeds import Deed
from core.people.staff import Action
from core.registers import files
from core.registers.files import FileSheet, HolderRow, VersionRow
from storefront import amounts, frame, links, process, words
from storefront.back_office import dialogs, gate, lists, states

shop = process.shop()
STATES = {
    "active": "",
    "suspended": ":orange-badge[On hold]",
    "revoked": ":gray-badge[Ended]",
    "blocked": ":red-badge[Missing]",
}


def find(file_id: str) -> FileSheet | None:
    """The file that the address names."""
    try:
        return files.sheet(shop, file_id, place=lists.place())
    except UnknownFile:
        return None


def called(version: VersionRow) -> str:
    """What a version is called: by its seller, or by its number."""
    return f"Version {words.plain(version.version)}" if version.version else f"Version number {version.number}"


def draw_head(sheet: FileSheet, *, may: bool) -> None:
    """What it is, and what can be done with it."""
    st.title(words.plain(sheet.label or sheet.name), anchor=False)
    st.markdown(f"{words.plain(sheet.name)} of **{words.plain(sheet.product)}**")
    lists.draw_said()
    if not sheet.active:
        st.info("Buyers get this file no more.", icon=":material/archive:")
    if sheet.missing_since:
        since = states.moment(sheet.missing_since)
        st.error(
            f"It is not where it was put, or not whole: found so {since}. Upload it again.", icon=":material/error:"
        )
    if sheet.limit:
        words.quiet(f"Each purchase may take each version {words.count(sheet.limit, 'time', 'times')}.")
    if may and sheet.active:
        with st.container(horizontal=True, vertical_alignment="center"):
            address = f"/api/owner/upload?{urlencode({'product': sheet.product_id, 'purpose': 'file'})}"
            link = f'<a href="{escape(address)}" target="_self">Upload a new version</a>'
            st.html(f'<div class="files plain upload">{link}</div>', width="content")
            if sheet.versions[0].told_at is None:
                st.button(
                    "Tell buyers", icon=":material/campaign:", key="open-tell", on_click=dialogs.opener("tell")
                )  # fmt: skip


def draw_version(version: VersionRow, *, newest: bool) -> None:
    """One version, with how many have it."""
    with frame.card(f"version-{version.number}", gap="xsmall"):
        badge = " &nbsp; :green-badge[Newest]" if newest else ""
        st.markdown(f"**{called(version)}**{badge}")
        taken = words.count(version.taken, "purchase has", "purchases have")
        words.quiet(f"{states.moment(version.released_at)}, {amounts.size(version.size)}. {taken} taken it.")
        if version.notes:
            st.markdown(words.plain(version.notes))
        words.quiet(f"SHA-256 `{version.sha256}`")
        if version.missing_since:
            since = states.moment(version.missing_since)
            st.warning(
                f"It is not where it was put, or not whole: found so {since}. Who buys now gets the newest one; those whose "
                "updates ended before the next one came do not get theirs.",
                icon=":material/error:",
            )
        if version.told_at:
            letters = words.count(version.told, "letter", "letters")
            words.quiet(f"Buyers are told since {states.moment(version.told_at)}: {letters} so far.")


def draw_holder(holder: HolderRow, sheet: FileSheet) -> None:
    """One purchase, and which version it has."""
    by_number = {version.number: version for version in sheet.versions}
    newest = sheet.versions[0].number
    if not holder.had:
        has = ":gray-badge[Never taken]"
    elif holder.had == newest:
        has = ":green-badge[Has the newest]"
    else:
        older = by_number.get(holder.had)
        has = f":orange-badge[Has an older one] {called(older) if older else ''}"
    with lists.row(holder.grant_id, f"{has} {STATES[holder.state]}", holder.order):
        words.quiet(f"Bought {states.moment(holder.bought_at)}")


@st.dialog("Tell buyers", icon=":material/campaign:", on_dismiss=dialogs.close)
def tell(sheet: FileSheet) -> None:
    """Who is told of what, and then it is done."""
    gate.me()
    st.markdown(
        f"Everybody who bought **{words.plain(sheet.product)}** before **{called(sheet.versions[0])}** came, still has access and "
        "has not taken it yet gets one letter about it. Letters leave one by one."
    )
    if sheet.versions[0].notes:
        words.quiet(f"It says: {words.plain(sheet.versions[0].notes)}")
    if st.button("Send the letters", type="primary", key="tell-do"):

        def act(deed: Deed) -> str:
            announcements.tell(shop, sheet.id, deed=deed)
            return "The letters are being written. This page counts them."

        dialogs.carry_out("tell", act)


me = gate.me()
with frame.column(1180):
    links.back(links.PRODUCTS, "Products")
    found = find(lists.asked("id"))
    if found is None:
        st.title("No such file", anchor=False)
        words.quiet("It may never have been there.")
    else:
        draw_head(found, may=me.may(Action.SHELVES))
        left, right = st.columns(2, gap="medium")
        with left:
            st.header("Versions", anchor=False)
            for place, version in enumerate(found.versions):
                draw_version(version, newest=place == 0)
        with right:
            st.header("Who has which", anchor=False)
            if not found.holders.rows:
                lists.draw_nothing("holders", "Nobody has bought it yet.")
            for holder in found.holders.rows:
                draw_holder(holder, found)
            lists.draw_paging(found.holders.before, found.holders.after)
        if dialogs.is_open("tell"):
            tell(found)
