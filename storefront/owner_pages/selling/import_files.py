from collections.abc import Mapping
from functools import partial
from hashlib import sha256

import streamlit as st

from core.foundation.errors import ShopError
from core.foundation.money import Money
from core.owner.importing import imports, sheets
from core.owner.importing.columns import Kind
from core.owner.importing.imports import Outcome, Report, Result
from core.people import past
from core.people.deeds import Deed
from core.people.staff import Action
from storefront import frame, links, process, words
from storefront.amounts import price
from storefront.back_office import bar, gate, lists, refusals, states

shop = process.shop()
KINDS = {"": "Customers", "orders": "Past orders"}
OUTCOMES = {Outcome.NEW: "New", Outcome.THERE: "There already", Outcome.WRONG: "Wrong"}
NEEDED: Mapping[Kind, str] = {
    Kind.CUSTOMERS: "A line for each customer: `email`, and as you like `name` and `note`.",
    Kind.ORDERS: "A line for each product that was bought: `external_id`, `number`, `date`, `product`, `amount`, `currency`,"
    " `email`, `name`. With `yes` under `with_access` a download or a licence of this shop is opened for them.",
}
# Longer tables nobody reads: the lines that are wrong are named in any case.
MOST_SHOWN = 200


def draw_file(kind: Kind) -> None:
    """The field for a file, and what came of the one that is in it."""
    st.markdown(NEEDED[kind])
    words.quiet(
        "The files of Gumroad, Lemon Squeezy and Easy Digital Downloads are understood as they are. No letter goes out."
    )
    file = st.file_uploader(
        "CSV file in UTF-8, up to 5 MB", type="csv", key=f"file-{kind}", max_upload_size=sheets.MOST_BYTES // 1_000_000
    )
    if file is None:
        return
    data = file.getvalue()
    try:
        report = imports.dry_run(shop, kind, data)
    except ShopError as error:
        refusals.draw(error)
        return
    draw_report(report)
    new = report.count(Outcome.NEW)
    if new and st.button(f"Import {words.count(new, 'line', 'lines')}", type="primary", key="import-do"):
        bring_in(kind, data, new)


def bring_in(kind: Kind, data: bytes, new: int) -> None:
    """Import what can be, with how far it has come."""
    # The same file as it stands is the same click, however often it is made.
    name = f"import-{kind}-{sha256(data).hexdigest()[:12]}-{new}"
    bar = st.progress(0.0, text="Importing")
    lists.click(name, partial(_bring_in, kind, data, bar.progress))
    st.rerun()


def _bring_in(kind: Kind, data: bytes, show: object, deed: Deed) -> str:
    def progress(done: int, most: int) -> None:
        assert callable(show)
        show(done / most, text=f"{done} of {most} lines")

    report = imports.apply(shop, kind, data, deed=deed, progress=progress)
    there, wrong = report.count(Outcome.THERE), len(report.wrong)
    left = f" {there} were there already, {wrong} are wrong and were left out." if there or wrong else ""
    return f"{words.count(report.count(Outcome.NEW), 'line was', 'lines were')} imported.{left}"


def draw_report(report: Report) -> None:
    """What would happen, and each line that is wrong."""
    new, there, wrong = (report.count(each) for each in Outcome)
    source = "" if report.source == "own" else f" This is a file of {report.source.title()}."
    st.markdown(f"**{new} new, {there} there already, {wrong} wrong.**{source}")
    if report.with_access:
        words.quiet(f"{words.count(report.with_access, 'line opens', 'lines open')} something in this shop.")
    if report.ignored:
        words.quiet(f"These columns say nothing here: {words.plain(', '.join(report.ignored))}.")
    for each in report.wrong[:MOST_SHOWN]:
        st.markdown(f":red[:material/error:] Line {each.line}: {words.plain(each.detail)}.")
    if wrong > MOST_SHOWN:
        words.quiet(f"And {wrong - MOST_SHOWN} more.")
    if new:
        with st.expander("What would happen", icon=":material/table_rows:"):
            st.table([_row(each) for each in report.results[:MOST_SHOWN] if each.outcome is not Outcome.WRONG])


def _row(result: Result) -> dict[str, str]:
    return {
        "Line": str(result.line), "What": OUTCOMES[result.outcome], "Who": words.plain(result.subject),
        "In it": words.plain(result.detail),
    }  # fmt: skip


def draw_imported() -> None:
    """The past orders that were imported last."""
    with shop.reading() as session:
        found = past.newest_orders(session)
    if not found:
        return
    st.header("Imported last", anchor=False)
    words.quiet("Bought elsewhere: no figure of this shop counts them.")
    for each in found:
        with st.container(key=f"row-past-{sha256(each.id.encode()).hexdigest()[:12]}", gap="xxsmall"):
            paid = price(Money(each.amount, each.currency))
            st.markdown(f"**{words.plain(each.product)}** {paid} :gray-badge[Imported]")
            words.quiet(
                f"{words.plain(each.number)}, {each.placed_at:%d %b %Y}, {words.plain(each.email)},"
                f" imported {states.moment(each.imported_at)}"
            )
            if each.order_id:
                links.trailing(links.ORDER, "What it opens here", id=each.order_id)


me = gate.me()
with frame.column(1180):
    bar.draw_title("Import")
    lists.draw_said()
    if me.may(Action.IMPORT):
        draw_file(Kind.ORDERS if lists.switch("What", KINDS, name="what") == "orders" else Kind.CUSTOMERS)
        draw_imported()
    else:
        st.markdown("Only owners import.")
