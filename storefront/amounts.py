"""Amounts of money and sizes of files, as they are shown."""

import streamlit as st
from babel import Locale, UnknownLocaleError

from core.foundation.money import Money


def price(amount: Money, *, short: bool = False) -> str:
    """An amount as readers of this browser's language write it."""
    return written(amount, short=short).replace("$", r"\$")  # two dollar signs would begin a formula


def written(amount: Money, *, short: bool = False) -> str:
    """The same where it is no Markdown."""
    return amount.format(_locale(), short=short)


def pair(label: str, value: str, *, strong: bool = False) -> None:
    """A label on the left, its amount on the right."""
    mark = "**" if strong else ""
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small"):
        st.markdown(f"{mark}{label}{mark}", width="content")
        st.markdown(f"{mark}{value}{mark}", width="content")


def size(octets: int) -> str:
    """A file's size as people say it: 8.4 MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= factor:
            amount = octets / factor
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return f"{octets} bytes"


def _locale() -> str:
    asked = (st.context.locale or "en").replace("-", "_")
    try:
        return str(Locale.parse(asked))
    except (ValueError, UnknownLocaleError):
        return "en"
