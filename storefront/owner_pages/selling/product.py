from typing import Any

import streamlit as st

from core.catalog.products import Kind
from core.foundation.errors import AmountUnclear, ProductUnfit, ShopError
from core.foundation.money import Money
from core.kinds.offers import PriceTag
from core.owner.shelves import attachments, checking, editing, entries, listing
from core.owner.shelves.attachments import FileRow
from core.owner.shelves.listing import ProductSheet
from core.people.deeds import Deed
from core.people.staff import Action
from storefront import frame, links, process, words
from storefront.back_office import dialogs, gate, lists, refusals
from storefront.product_forms import dates, fields, files, preview, prices

shop = process.shop()
Entry = dict[str, Any]


def draw_new() -> None:
    """The fields of a product that is not there yet."""
    st.title("New product", anchor=False)
    left, right = st.columns([6, 5], gap="medium")
    with left:
        kind = (
            st.selectbox("Kind", list(fields.KINDS), format_func=fields.KINDS.__getitem__, key="new-kind")
            or Kind.DOWNLOAD
        )
        said = {"kind": str(kind), **fields.draw({"kind": kind}, "new")}
        said["id"] = st.text_input(
            "Address", checking.slug(said["name"]), max_chars=80, key=f"new-id-{checking.slug(said['name'])}",
            help="Stands in links to it, and never changes.",
        )  # fmt: skip
        currency, text, interval = prices.draw_amount(kind, "new")
        if st.button("Create", type="primary", icon=":material/add:", key="create"):
            create(said, currency, text, interval)
        words.quiet("It stands on no shelf until you put it there.")
    with right:
        preview.draw(preview.offer_of(said, None, prices=typed_price(currency, text, interval)))


def typed_price(currency: str, text: str, interval: Any) -> tuple[PriceTag, ...]:
    """The price that is being typed, as soon as it is one."""
    try:
        return (PriceTag("new", Money.parse(text, currency), interval),) if len(currency) == 3 else ()
    except AmountUnclear:
        return ()


def create(said: Entry, currency: str, text: str, interval: Any) -> None:
    """Keep it, and go to its page."""
    try:
        costs = Money.parse(text, currency) if text else None
        product_id = editing.create(shop, said, costs=costs, interval=interval, deed=gate.deed("create"))
    except ShopError as error:
        refusals.draw(error)
        return
    gate.open_token("create")
    st.session_state[dialogs.SAID] = "It is kept. What it still lacks stands below."
    st.switch_page(links.PRODUCT_SHEET, query_params={"id": product_id})


def draw_sheet(sheet: ProductSheet, entry: Entry, attached: list[FileRow], *, may: bool) -> None:
    """A product: its fields for whoever may change them, and its preview."""
    draw_head(sheet, entry, may=may)
    if said_last := st.session_state.get(dialogs.SAID):
        st.toast(said_last, icon=":material/check_circle:")  # the page is long, and one may be anywhere on it
    lists.draw_said()
    draw_drift(sheet)
    left, right = st.columns([6, 5], gap="medium")
    with left:
        said = entry
        if may:
            said = {**entry, **fields.draw(entry, key_of(sheet))}
            draw_saving(sheet, said)
        files.draw_cover(sheet.row.offer, may=may)
        prices.draw(sheet.row.offer, may=may)
        if sheet.row.offer.kind in (Kind.DOWNLOAD, Kind.LICENSE):
            files.draw(sheet.row.offer.id, attached, may=may)
        if sheet.row.offer.kind is Kind.WORKSHOP:
            dates.draw(sheet.row.offer, may=may)
    with right:
        preview.draw(preview.offer_of(said, sheet.row.offer))
    if may:
        prices.draw_open(sheet.row.offer)
        files.draw_open(attached)
        dates.draw_open(sheet.row.offer)


def draw_head(sheet: ProductSheet, entry: Entry, *, may: bool) -> None:
    """Its name, whether it is on the shelves, and the way onto them or off."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        with st.container(width="content", gap="xxsmall"):
            st.title(words.plain(sheet.row.offer.name), anchor=False, width="content")
            off = "edit_note: Draft" if sheet.row.offer.draft else "archive: Archived"
            on_shelf = ":green-badge[On the shelves]" if sheet.row.active else f":gray-badge[:material/{off}]"
            st.markdown(f"{on_shelf} &nbsp; :gray[{words.plain(sheet.row.offer.id)}]")
        if not may:
            return
        name = "archive" if sheet.row.active else "put-on-shelf"
        label, icon = ("Archive", "archive") if sheet.row.active else ("Put on the shelves", "shelves")
        st.button(
            label, icon=f":material/{icon}:", key=name, on_click=move, args=(sheet.row.offer.id, not sheet.row.active)
        )  # fmt: skip
    lacks = checking.product({**entry, "active": False}).missing
    if not sheet.row.active and lacks:
        st.info(f"Before it can be sold: {lacks}.", icon=":material/checklist:")


def move(product_id: str, onto_shelf: bool) -> None:
    """Put it on the shelves, or take it off."""

    def act(deed: Deed) -> str:
        if onto_shelf:
            fields.go_on_from(product_id, editing.put_on_shelf(shop, product_id, deed=deed))
            return "It is on the shelves."
        fields.go_on_from(product_id, editing.archive(shop, product_id, deed=deed))
        return "It is off the shelves. Who bought it keeps it."

    name = f"move-{product_id}"
    lists.click(name, act)
    gate.open_token(name)


def draw_drift(sheet: ProductSheet) -> None:
    """What differs from the catalogue file and from Stripe, field by field."""
    for each in sheet.row.at_stripe:
        st.warning(words.plain(each.sentence), icon=":material/error:")
    drift = sheet.row.drift
    if not drift or not drift.differences:
        return
    with st.expander(
        f"Differs from {words.plain(drift.file)} in {words.count(len(drift.differences), 'thing', 'things')}"
    ):
        for found in drift.differences:
            before, after = (words.plain(side) if side else "nothing" for side in (found.before, found.after))
            st.markdown(f"**{words.plain(found.field)}**: {after}  \n:gray[:small[in the file: {before}]]")
        words.quiet("Applying the file again takes this back. An export of the shelves keeps it.")


def key_of(sheet: ProductSheet) -> str:
    """Under which key its fields keep what is typed: that of the state in which they were opened."""
    product_id = sheet.row.offer.id
    st.session_state.setdefault(fields.seen(product_id), sheet.changed_at)
    opened = st.session_state.setdefault(f"opened-{product_id}", sheet.changed_at)
    return f"{product_id}-{opened.timestamp()}"


def draw_saving(sheet: ProductSheet, said: Entry) -> None:
    """What is wrong with what was typed, and the button that keeps it."""
    product_id = sheet.row.offer.id
    try:
        checking.product(said)
    except ProductUnfit as error:
        refusals.draw(error)
    if sheet.changed_at != st.session_state[fields.seen(product_id)]:
        st.warning("Somebody has changed this product since you opened it.", icon=":material/sync_problem:")
        st.button("Show what it is now", key="show-anew", on_click=show_anew, args=(product_id,))
    if st.button("Save", type="primary", icon=":material/save:", key="save"):
        save(product_id, said)
        st.rerun()


def show_anew(product_id: str) -> None:
    """Fill the fields with what stands in the shop."""
    for name in (fields.seen(product_id), f"opened-{product_id}"):
        st.session_state.pop(name, None)


def save(product_id: str, said: Entry) -> None:
    """Keep what stands in the fields."""
    seen = st.session_state[fields.seen(product_id)]

    def act(deed: Deed) -> str:
        changed = editing.save(shop, product_id, said, seen=seen, deed=deed)
        show_anew(product_id)
        return f"Kept: {', '.join(changed)}." if changed else "Nothing was changed."

    name = f"save-{product_id}"
    lists.click(name, act)
    gate.open_token(name)


me = gate.me()
with frame.column(1180):
    links.back(links.PRODUCTS, "Products")
    named = lists.asked("id")
    with shop.reading() as session:
        settings = shop.settings
        found = listing.sheet(session, named, livemode=settings.livemode, zone=settings.zone, now=shop.now())
        entry = entries.of_products(session, [named]).get(named)
        attached = attachments.files_of(session, named)
    if found and entry:
        draw_sheet(found, entry, attached, may=me.may(Action.SHELVES))
    elif not named and me.may(Action.SHELVES):
        draw_new()
    else:
        st.title("No such product", anchor=False)
        words.quiet("It may never have been there, or only owners may write a new one.")
