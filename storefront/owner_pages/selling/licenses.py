import streamlit as st

from core.catalog.license_terms import MOST_MACHINES
from core.foundation.errors import ShopError
from core.kinds.licenses import Origin
from core.licensing.imports import Imported
from core.people.deeds import Deed
from core.people.staff import Action, Staff
from core.registers import licenses
from core.registers.licenses import LicenseRow, Only
from storefront import dates, frame, links, process, words
from storefront.back_office import bar, dialogs, gate, lists, refusals, states

shop = process.shop()
NARROWED = {Only.DISABLED: "Switched off", Only.TIMED: "With an end", Only.GIVEN: "Given or imported"}
ORIGIN = {Origin.ORDER: "bought", Origin.OWNER: "given", Origin.IMPORT: "imported"}
MOST_BYTES = 5_000_000


def draw_license(row: LicenseRow) -> None:
    """One licence, and the way to it."""
    with lists.row(
        row.id, f"**{words.plain(row.product)}** &nbsp; {states.badge(states.LICENSE[row.standing])}", row.order
    ):
        end = f", until {dates.day(row.expires_at)}" if row.expires_at else ""
        who = f" to {words.plain(row.holder)}" if row.holder else ""
        used = f"{row.used} of {words.count(row.machines, 'computer', 'computers')} in use"
        words.quiet(f"{used}, {ORIGIN[row.origin]} {dates.day(row.created_at)}{end}{who}")
        st.page_link(links.LICENSE, label=f"Key ending **{row.hint}**", query_params={"id": row.id}, help="")


@st.dialog("Give a licence", icon=":material/key:", on_dismiss=dialogs.close)
def give(goods: dict[str, str]) -> None:
    """A key that nobody bought: of what, for whom, on how many machines."""
    gate.me()
    product = st.selectbox("Product", list(goods), format_func=words.apart(goods, str).__getitem__, key="give-product")
    holder = (
        st.text_input("For whom", type="email", key="give-holder", placeholder="Their email, if they have one here")
        or ""
    ).strip()
    machines = st.number_input(
        "Computers",
        min_value=1,
        max_value=MOST_MACHINES,
        value=None,
        placeholder="As the product says",
        key="give-machines",
    )
    words.quiet(
        "Whoever it is for finds it among their purchases when they sign in. Nothing is charged, and no letter is sent."
    )
    if st.button("Create key", type="primary", key="give-do", disabled=not product):

        def act(deed: Deed) -> str:
            _, text = licenses.issue(shop, product or "", holder=holder, machines=machines, deed=deed)
            return f"The key is `{text}`. Copy it now: it isn't shown here again."

        dialogs.carry_out("give", act)


@st.dialog("Import keys", icon=":material/upload:", on_dismiss=dialogs.close)
def bring() -> None:
    """A CSV file of another shop's keys: first what would come of it, then the import."""
    gate.me()
    st.markdown(
        "A line for each key and computer, with the columns `key` and `product` (its id here), and if you like `email`, `machines`,"
        " `expires_at`, `updates_until`, `status`, `fingerprint`, `label` and `created_at`. The same file again changes nothing."
    )
    file = st.file_uploader("CSV file", type="csv", key="import-file", label_visibility="collapsed")
    if file is None:
        return
    try:
        text = file.getvalue().decode("utf-8-sig")
    except UnicodeDecodeError:
        st.warning("This file is not in UTF-8. Save it as “CSV UTF-8” and choose it again.", icon=":material/error:")
        return
    if len(text) > MOST_BYTES:
        st.warning(
            "This file is too large for a page: `pushcart import licenses FILE` takes it.", icon=":material/error:"
        )
        return
    try:
        draw_outcome(licenses.bring(shop, text, dry_run=True, deed=gate.deed("import")))
    except ShopError as error:
        refusals.draw(error)
        return
    if st.button("Import", type="primary", key="import-do"):

        def act(deed: Deed) -> str:
            done = licenses.bring(shop, text, dry_run=False, deed=deed)
            return f"{words.count(done.keys, 'key', 'keys')} and {words.count(done.machines, 'computer', 'computers')} imported."

        dialogs.carry_out("import", act)


def draw_outcome(found: Imported) -> None:
    """What would come of it, and each line that is left out."""
    st.markdown(
        f"**{words.count(found.keys, 'new key', 'new keys')}** and {words.count(found.machines, 'new computer', 'new computers')}."
    )
    if found.problems:
        st.markdown(f"{words.count(len(found.problems), 'line is', 'lines are')} left out:")
        st.table(
            {
                "Line": [line for line, _ in found.problems],
                "Why": [words.plain(f"It {why}.") for _, why in found.problems],
            }
        )


def draw_actions(me: Staff) -> None:
    """What an owner may do beside looking."""
    if not me.may(Action.LICENSE_TERMS):
        return
    with st.container(horizontal=True, gap="small"):
        st.button("Give a licence", icon=":material/key:", key="open-give", on_click=dialogs.opener("give"))
        st.button("Import keys", icon=":material/upload:", key="open-import", on_click=dialogs.opener("import"))


def search() -> str:
    """What is looked for. What is typed here may be a key, and so does not end up in the address, unlike other searches."""
    st.session_state.setdefault("f-license", lists.asked("text")[:100])
    typed = st.text_input(
        "Find a licence", type="search", key="f-license", placeholder="Key, its last six, order, email",
        label_visibility="collapsed", max_chars=500, width=360, on_change=lists.begin_anew, args=("text",),
    )  # fmt: skip
    return (typed or "").strip()


me = gate.me()
with frame.column(1180):
    bar.draw_title("Licences")
    lists.draw_said()
    draw_actions(me)
    text = search()
    only = lists.choice("Only", tuple(Only), NARROWED, name="only")
    page = licenses.page(shop, text, only, place=lists.place())
    if not page.rows:
        none = "**No licence like that.**" if text or only else "**No licence was sold yet.**"
        lists.draw_nothing("licenses", none)
    with st.container(gap="small"):
        for row in page.rows:
            draw_license(row)
    lists.draw_paging(page.before, page.after)
    if dialogs.is_open("give"):
        with shop.reading() as session:
            goods = licenses.goods(session)
        give(goods)
    if dialogs.is_open("import"):
        bring()
