from typing import Any

import streamlit as st

from core.catalog import products, seller
from core.catalog.looks import accent
from core.catalog.looks import brand as brands
from core.foundation.errors import FileUnfit, ShopError
from core.owner.shelves.brand import changes, pictures
from core.people.staff import Action
from storefront import frame, links, process, unsaved, words
from storefront.back_office import bar, dialogs, gate, refusals
from storefront.product_forms import brand_preview

shop = process.shop()
SEEN = "shop-seen"
FORM = unsaved.Form("shop", "Shop settings", links.SHOP_SETTINGS)
KINDS = ["png", "jpg", "jpeg", "webp", "svg"]
PICTURES = {
    "logo": ("Logo", "Stands on top of every page and letter. Wide ones are shown 32 pixels high."),
    "logo_dark": ("Logo on dark pages", "If the first cannot be read on a dark ground."),
    "icon": ("Icon", "A square, for browsers' tabs and home screens."),
    "cover": ("Picture for shared links", "1200 × 630 or more. Without one, your first product's."),
}


def fill(name: str, standing: dict[str, str]) -> str:
    """Have a field hold what stands in the shop, also what a colleague has changed meanwhile, unless something else was typed; what
    it would hold if nothing was."""
    state, key, now = st.session_state, f"shop-{name}", standing.get(name, "")
    seen: dict[str, str] = state.setdefault(SEEN, {})
    if name not in seen or key not in state or state[key] == seen[name]:
        seen[name] = now
        if state.get(key) != now:
            state[key] = now
    return seen[name]


def draw_words(standing: dict[str, str]) -> dict[str, str]:
    """The fields of what the shop is called and says; what was typed in them. What was not is left as it is by then."""

    def field(name: str, label: str, place: Any = st, *, lines: int = 1, hint: str = "") -> None:
        many = {"height": 24 * lines + 34} if lines > 1 else {}
        draw = place.text_area if lines > 1 else place.text_input
        held = fill(name, standing)
        text = draw(label, key=f"shop-{name}", placeholder=hint, persist_state=unsaved.KEPT, **many) or ""
        if text != held:
            said[name] = text

    said: dict[str, str] = {}
    with frame.card("shop-words"):
        st.header("What it is called", anchor=False)
        left, right = st.columns(2)
        field("name", "Name of the shop", left, hint=shop.settings.shop_name)
        field("accent", "Colour", right, hint=accent.DEFAULT.button)
        field("headline", "Headline of the first page")
        field("intro", "A sentence or two below it", lines=2)
    with frame.card("shop-seller"):
        st.header("Who sells", anchor=False)
        left, right = st.columns(2)
        field("company", "Company, as it stands on receipts", left, hint="The shop's name")
        field("support", "Mail address for buyers", right, hint=shop.settings.support_email)
        field("address", "Address", lines=3)
        left, right = st.columns(2)
        field("vat_id", "VAT id", left, hint="DE123456789")
        field("register", "Register and number", right)
        field("seller", "First line of the footer", hint="The company")
    with frame.card("shop-documents"):
        st.header("What buyers agree to", anchor=False)
        words.quiet("The address of a page of yours, or the text itself in Markdown.")
        for name, title in frame.DOCUMENTS.items():
            field(name, title, lines=4)
    return said


def draw_pictures(standing: dict[str, str]) -> dict[str, bytes]:
    """The fields of the pictures; those that change, empty for one that goes."""
    shown: dict[str, bytes] = {}
    with frame.card("shop-pictures"):
        st.header("Pictures", anchor=False)
        words.quiet(f"PNG, JPEG, WebP or SVG, up to {pictures.MOST // 1024**2} MB each.")
        for name, (label, hint) in PICTURES.items():
            file = st.file_uploader(
                label, KINDS, key=f"shop-{name}-{st.session_state.get('shop-saved', 0)}", help=hint,
                max_upload_size=pictures.MOST // 1024**2,
            )  # fmt: skip
            if file is not None:
                shown[name] = file.getvalue()
            elif standing.get(name) and st.checkbox(f"Without this {label.lower()}", key=f"shop-no-{name}"):
                shown[name] = b""
    return shown


def save(said: dict[str, str], shown: dict[str, bytes]) -> None:
    """Keep all of it, and say what changed."""
    try:
        changed = changes.save(shop, said, shown, deed=gate.deed("shop"))
    except ShopError as error:
        refusals.draw(error)
        gate.open_token("shop")
        return
    gate.open_token("shop")
    show_anew()
    st.session_state[dialogs.SAID] = "Everybody sees it now." if changed else "Nothing was changed."
    st.rerun()


def show_anew() -> None:
    """Fill the fields with what stands in the shop, and let go of the pictures that were chosen."""
    st.session_state.pop(SEEN, None)
    st.session_state["shop-saved"] = st.session_state.get("shop-saved", 0) + 1
    unsaved.note(FORM, False)


def draw_preview(standing: dict[str, str], said: dict[str, str], shown: dict[str, bytes]) -> None:
    """What it will look like, as far as it can be kept."""
    try:
        typed = said.get("accent", standing.get("accent", ""))
        chosen = typed and accent.checked(typed)
    except ValueError as error:
        st.warning(words.plain(str(error)), icon=":material/palette:")
        chosen = standing.get("accent", "")
    try:
        made = {name: pictures.made(name, data) if data else b"" for name, data in shown.items()}
    except FileUnfit as error:
        refusals.draw(error)
        made = {}
    brand_preview.draw(brands.of({**standing, **said, "accent": chosen}, shop.settings), made)


me = gate.me()
with shop.reading() as session:
    standing = products.texts(session)

with frame.column(1180):
    bar.draw_title("Shop settings")
    words.quiet("How your shop looks and what it says of you: on its pages, in letters and on receipts.")
    dialogs.draw_said()
    if me.may(Action.SHELVES):
        fields, preview = st.columns([7, 5], gap="medium")
        with fields:
            with unsaved.fields(FORM):
                said = draw_words(standing)
                shown = draw_pictures(standing)
            unsaved.note(FORM, bool(said))
            pressed = st.button("Save", type="primary", icon=":material/check:", key="shop-save")
            # By the second of two clicks nothing has changed any more.
            if pressed and not frame.told(dialogs.SAID):
                save(said, shown)
            unsaved.draw(FORM, show_anew)
        with preview:
            draw_preview(standing, said, shown)
    else:
        who = seller.of(standing, shop.settings)
        st.markdown("  \n".join(words.plain(line) for line in (brands.of(standing, shop.settings).name, *who.lines)))
        words.quiet("Owners can change it.")
