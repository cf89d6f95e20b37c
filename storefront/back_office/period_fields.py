"""The fields in which days, currency and product are chosen. What they say stands in the address, and the page reads it from
there."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import streamlit as st

from core.owner.figures import period
from core.owner.figures.days import Days, Step, day_of
from core.owner.figures.period import Period, Range
from storefront import frame, process, words

_LABELS = {
    Range.WEEK: "7 days", Range.MONTH: "30 days", Range.QUARTER: "90 days", Range.YEAR: "This year", Range.OWN: "Own dates",
}  # fmt: skip
_STEPS = {Step.DAY: "By day", Step.WEEK: "By week", Step.MONTH: "By month"}
_RANGE, _DAYS, _CURRENCY, _PRODUCT, _STEP = "p-range", "p-days", "p-currency", "p-product", "p-step"
_KNOWN = "p-known"


def today() -> date:
    """The shop's day."""
    shop = process.shop()
    return day_of(shop.now(), shop.settings.zone)


def asked() -> Period:
    """What the address asks for."""
    return period.read(st.query_params.to_dict(), today=today())


def draw(wanted: Period, days: Days) -> None:
    """Which days."""
    state = st.session_state
    if state.get(_RANGE) is not Range.OWN or wanted.range is Range.OWN:
        state[_RANGE] = wanted.range
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="period"):
        st.segmented_control(
            "Days", list(Range), key=_RANGE, required=True, label_visibility="collapsed", on_change=_choose_range,
            format_func=_LABELS.__getitem__,
        )  # fmt: skip
        if state[_RANGE] is Range.OWN:
            frame.follow(_DAYS, (days.first, days.last))
            st.date_input(
                "From and to", key=_DAYS, on_change=_choose_days, format="YYYY-MM-DD", max_value=today(), width=240,
                label_visibility="collapsed",
            )  # fmt: skip


def draw_narrower(wanted: Period, days: Days, currencies: Sequence[str], products: Mapping[str, str]) -> None:
    """Of which currency and product, and by which step: each where there is a choice."""
    state = st.session_state
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="period-more"):
        state[_STEP] = wanted.step_of(days)
        st.segmented_control(
            "A bar for each day, week or month", list(Step), key=_STEP, required=True, format_func=_STEPS.__getitem__,
            on_change=_say, kwargs={"step": _STEP}, label_visibility="collapsed",
        )  # fmt: skip
        shown = sorted({*currencies, wanted.currency} - {""})
        if len(shown) > 1 or wanted.currency:
            state[_CURRENCY] = wanted.currency
            st.selectbox(
                "Currency", ["", *shown], key=_CURRENCY, on_change=_say, kwargs={"currency": _CURRENCY}, width=180,
                format_func=lambda each: each.upper() or "Every currency", label_visibility="collapsed",
            )  # fmt: skip
        state[_PRODUCT] = wanted.product if wanted.product in products else ""
        st.selectbox(
            "Product", ["", *products], key=_PRODUCT, on_change=_say, kwargs={"product": _PRODUCT}, width=260,
            format_func=words.apart({"": "All products"} | dict(products), str).__getitem__, label_visibility="collapsed",
        )  # fmt: skip
        draw_known(wanted)


def draw_known(wanted: Period) -> None:
    """As of which day the figures are told: what was corrected since then is not in them."""
    state = st.session_state
    state[_KNOWN] = wanted.known
    label = f"As known on {_written(wanted.known)}" if wanted.known else "As known today"
    with st.popover(label, icon=":material/history:", width="content", key="p-known-open"):
        st.date_input(
            "As known on", key=_KNOWN, on_change=_say, kwargs={"known": _KNOWN}, format="YYYY-MM-DD",
            max_value=today() - timedelta(days=1),
        )  # fmt: skip
        words.quiet(
            "Refunds, renewals and corrections that came later are left out, so that a report can be made again as it was "
            "then. The rows behind a number are always those of today. Clear the day for what is known today."
        )


def draw_days(days: Days) -> None:
    """Which days these are, and by whose clock."""
    shop = process.shop()
    words.quiet(f"{written(days)}, by the clock of {words.plain(shop.settings.zone.key)}.")


def draw_days_compared(days: Days, before: Days) -> None:
    """Which days these are, by whose clock, and with which they are compared."""
    zone = words.plain(process.shop().settings.zone.key)
    until = f" until {before.cut.astimezone(before.zone):%H:%M}" if before.cut else ""
    words.quiet(
        f"{written(days)}, by the clock of {zone}. Compared with the same time before: {written(before)}{until}."
    )


def written(days: Days) -> str:
    """`29 Oct to 27 Nov 2026`."""
    if days.count == 1:
        return _written(days.last)
    first = f"{days.first.day} {days.first:%b}" if days.first.year == days.last.year else _written(days.first)
    return f"{first} to {_written(days.last)}"


def _written(day: date | datetime) -> str:
    return f"{day.day} {day:%b %Y}"


def _choose_range() -> None:
    # Own dates are asked for once both are chosen.
    if st.session_state[_RANGE] is not Range.OWN:
        _ask(range=st.session_state[_RANGE])


def _choose_days() -> None:
    chosen = st.session_state[_DAYS]
    if len(chosen) == 2:
        _ask(range=Range.OWN, since=chosen[0], until=chosen[1])


def _say(**fields: str) -> None:
    _ask(**{name: st.session_state[key] for name, key in fields.items()})


def _ask(**changes: object) -> None:
    # Of a page with several views it is the one that was looked at.
    view = {"view": st.query_params["view"]} if "view" in st.query_params else {}
    st.query_params.from_dict(view | asked().query(**changes))
