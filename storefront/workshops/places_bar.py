"""How full a workshop's date is, in a bar and in words, and how far the refunds of a canceled one are."""

import streamlit as st

from core.registers.workshops import DateRow
from storefront import words


def draw(row: DateRow) -> None:
    """The bar, and a sentence beside it."""
    if row.canceled_at:
        _draw_canceled(row)
        return
    taken = row.sold + row.elsewhere
    full = f"**{taken} of {words.count(row.capacity, 'place', 'places')}** taken"
    st.progress(min(1.0, (row.capacity - row.free) / row.capacity), text=f"{full}, {', '.join(_more(row))}.")
    if not row.active:
        words.quiet("Not offered in the shop any more; whoever has a place keeps it.")
    if not row.place:
        st.warning("No way in yet: nobody who has a place can join.", icon=":material/link_off:")


def _more(row: DateRow) -> list[str]:
    found = [f"{row.elsewhere} of them sold elsewhere"] if row.elsewhere else []
    found.append(f"{row.free} free" if row.free else "none free")
    if row.held:
        found.append(f"{row.held} held at payment now")
    if row.offered:
        found.append(f"{row.offered} offered to people who wait")
    if row.waiting:
        found.append(f"{row.waiting} on the waiting list")
    if row.checked_in:
        found.append(f"{row.checked_in} checked in")
    return found


def _draw_canceled(row: DateRow) -> None:
    total = row.to_refund + row.refunded + row.refused
    st.markdown(":red-badge[:material/event_busy: Canceled]")
    if total:
        done = row.refunded + row.refused
        st.progress(
            done / total, text=f"**{row.refunded} of {words.count(total, 'refund', 'refunds')}** asked for at Stripe."
        )
    if row.refused:
        st.warning(
            f"{words.count(row.refused, 'refund was', 'refunds were')} refused: look at Refunds.",
            icon=":material/error:",
        )
