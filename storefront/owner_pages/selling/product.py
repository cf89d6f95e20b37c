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
from storefront import frame, links, process, unsaved, words
from storefront.back_office import dialogs, gate, lists, refusals
from storefront.product_forms import dates, fields, files, preview, prices

shop = process.shop()
Entry = dict[str, Any]
NEW = unsaved.Form("product:", "New product", links.PRODUCT_SHEET)
# Those of its fields whose keys stay as they are, since others than this page draw them too.
NEW_PRICE = ("new-amount", "new-currency", "new-each")


def draw_new() -> None:
    """The fields of a product that is not there yet."""
    st.title("New product", anchor=False)
    left, right = st.columns([6, 5], gap="medium")
    with left:
        with unsaved.fields(NEW):
            kind = (
                st.selectbox(
                    "Kind", list(fields.KINDS), format_func=fields.KINDS.__getitem__, key="new-kind",
                    persist_state=unsaved.KEPT,
                )
                or Kind.DOWNLOAD
            )  # fmt: skip
            said = {"kind": str(kind), **fields.draw_first({"kind": kind}, NEW.key)}
            currency, text, interval = prices.draw_amount(kind, "new", keep=unsaved.KEPT)
            with st.expander("More: what one gets, questions, limits, tax, address"):
                said |= fields.draw_more({"kind": kind}, NEW.key)
                said["id"] = st.text_input(
                    "Address", checking.slug(said["name"]), max_chars=80, key=f"new-id-{checking.slug(said['name'])}",
                    help="Stands in links to it, and never changes.", persist_state=unsaved.KEPT,
                )  # fmt: skip
        unsaved.note_fields(NEW, *NEW_PRICE)
        if st.button("Create product", type="primary", icon=":material/add:", key="create"):
            create(said, currency, text, interval)
        unsaved.draw(NEW, begin_another)
        words.quiet("Buyers don't see it until you put it on sale.")
    with right:
        preview.draw(preview.offer_of(said, None, prices=typed_price(currency, text, interval)))


def begin_another() -> None:
    """Let go of what was typed for a product that is not there yet."""
    unsaved.begin_anew(NEW)
    frame.kept("new-amount")


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
    begin_another()
    st.session_state[dialogs.SAID] = "It is saved. What it still lacks stands below."
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
            form = form_of(sheet)
            with unsaved.fields(form):
                said = {**entry, **fields.draw(entry, form.key)}
            unsaved.note_fields(form)
            draw_saving(sheet, form, said)
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
            on_shelf = ":green-badge[On sale]" if sheet.row.active else f":gray-badge[:material/{off}]"
            st.markdown(f"{on_shelf} &nbsp; :gray[{words.plain(sheet.row.offer.id)}]")
        if not may:
            return
        name = "archive" if sheet.row.active else "put-on-shelf"
        label, icon = ("Archive", "archive") if sheet.row.active else ("Put on sale", "shelves")
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
            return "It is on sale."
        fields.go_on_from(product_id, editing.archive(shop, product_id, deed=deed))
        return "It is not on sale any more. Who bought it keeps it."

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


def form_of(sheet: ProductSheet) -> unsaved.Form:
    """The form of a product. Whoever comes back to one in which nothing was typed sees what the product is by now."""
    product_id, seen = sheet.row.offer.id, fields.seen(sheet.row.offer.id)
    form = unsaved.Form(f"product:{product_id}", sheet.row.offer.name, links.PRODUCT_SHEET, product_id)
    is_as_it_was = st.session_state.setdefault(seen, sheet.changed_at) == sheet.changed_at
    if not is_as_it_was and unsaved.has_arrived() and not unsaved.is_typed(form):
        show_anew(form)
        st.session_state[seen] = sheet.changed_at
    return form


def draw_saving(sheet: ProductSheet, form: unsaved.Form, said: Entry) -> None:
    """What is wrong with what was typed, and the button that keeps it."""
    try:
        checking.product(said)
    except ProductUnfit as error:
        refusals.draw(error)
    if sheet.changed_at != st.session_state[fields.seen(form.id)]:
        st.warning("Somebody has changed this product since you opened it.", icon=":material/sync_problem:")
        st.button("Show what it is now", key="show-anew", on_click=show_anew, args=(form,))
    if st.button("Save", type="primary", icon=":material/save:", key="save"):
        save(form, said)
        st.rerun()
    unsaved.draw(form, lambda: show_anew(form))


def show_anew(form: unsaved.Form) -> None:
    """Fill the fields with what stands in the shop."""
    st.session_state.pop(fields.seen(form.id), None)
    unsaved.begin_anew(form)


def save(form: unsaved.Form, said: Entry) -> None:
    """Keep what stands in the fields."""
    seen = st.session_state[fields.seen(form.id)]

    def act(deed: Deed) -> str:
        changed = editing.save(shop, form.id, said, seen=seen, deed=deed)
        show_anew(form)
        return f"Kept: {', '.join(changed)}." if changed else "Nothing was changed."

    name = f"save-{form.id}"
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
