"""Amounts of money and sizes of files, as they are shown."""

import streamlit as st

from core.foundation.money import Money
from core.languages import formats


def price(amount: Money, *, short: bool = False) -> str:
    """An amount as the language of the page writes it."""
    return written(amount, short=short).replace("$", r"\$")  # two dollar signs would begin a formula


def written(amount: Money, *, short: bool = False) -> str:
    """The same where it is no Markdown. Below zero it has a minus, and no hyphen."""
    return amount.format(short=short).replace("-", "−", amount.amount < 0)


def pair(label: str, value: str, *, strong: bool = False) -> None:
    """A label on the left, its amount on the right."""
    mark = "**" if strong else ""
    # A long label breaks into lines, and the amount stays where all amounts stand.
    with st.container(horizontal=True, horizontal_alignment="distribute", gap="small", wrap=False):
        st.markdown(f"{mark}{label}{mark}", width="stretch")
        st.markdown(f"{mark}{value}{mark}", width="content")


def size(octets: int) -> str:
    """A file's size as people say it: 8.4 MB."""
    return formats.size(octets)
