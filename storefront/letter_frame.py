"""A letter as its reader sees it, in a frame of its own: what is in it can neither touch the page nor lead it away."""

from base64 import b64encode

import streamlit as st

from storefront import words


def draw(to: str, subject: str, html: str, *, height: int = 620) -> None:
    """Whom it goes to, its subject, and the letter itself."""
    words.quiet(f"To {words.plain(to)}")
    st.markdown(f"**{words.plain(subject)}**")
    # Its links open elsewhere. An address of its own kind, rather than HTML of this page's origin, keeps it apart.
    apart = html.replace("<head>", '<head><base target="_blank">', 1)
    address = f"data:text/html;charset=utf-8;base64,{b64encode(apart.encode()).decode()}"
    st.iframe(address, height=height, alt=f"The letter “{subject}”")
