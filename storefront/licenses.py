"""Licence keys as their buyers see them: the key to copy, how long it lasts, and on how many machines it is in use."""

import streamlit as st

from core.kinds.grants import License
from storefront import dates, process, words


def draw(license: License, where: str) -> None:
    """One key, to be copied, with what is worth knowing of it."""
    if license.key:
        with st.container(key=f"copy-{where}-{license.id}"):
            st.code(license.key, language=None)
    else:
        words.quiet(
            f"The key that ends in {license.hint} works, and can't be shown any more. Replace it to see a new one."
        )
    words.quiet(" ".join(about(license)))


def about(license: License) -> list[str]:
    """What is worth knowing of a key, a sentence each."""
    used = license.used(process.shop().now())
    found = [f"{used} in use." if used else "None in use yet."]
    if license.disabled:
        found = ["Switched off by the seller."]
    if license.expires_at:
        ended = license.expires_at <= process.shop().now()
        found.append(f"{'Ended' if ended else 'Valid until'} {dates.day(license.expires_at)}.")
    if license.updates_until:
        found.append(f"Updates until {dates.day(license.updates_until)}.")
    return found
