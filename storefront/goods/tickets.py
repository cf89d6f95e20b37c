"""The tickets of a workshop as their buyer meets them among what they bought: whose each is, when, and the way to its page."""

from datetime import datetime
from html import escape
from itertools import groupby

import streamlit as st

from core.kinds.grants import Delivery, Ticket
from core.languages.sentences import _
from storefront import dates, words


def draw(delivery: Delivery) -> None:
    """The tickets of a delivery by when they are for, the next first; those that were canceled come last."""
    for times, theirs in groupby(sorted(delivery.tickets, key=_in_order), key=_times):
        day, hours = dates.hours(*times)
        yours = dates.yours(*times)
        st.markdown(
            f":material/event: **{day}**  \n:material/schedule: {words.plain(hours)}"
            + (f"  \n:gray[:small[{words.plain(yours)}]]" if yours else "")
        )
        st.html(f'<div class="files tickets">{"".join(_link(each) for each in theirs)}</div>')


def _link(ticket: Ticket) -> str:
    """The way to a ticket's page, on which it is changed, joined and kept in a calendar."""
    label = _("Ticket of {name}").format(name=ticket.name) if ticket.name else _("Your ticket")
    if ticket.canceled:
        label = _("Canceled: {ticket}").format(ticket=label)
    return f'<a href="/ticket/{escape(ticket.token)}" target="_self">{escape(label)}</a>'


def _in_order(ticket: Ticket) -> tuple[bool, datetime, str]:
    return ticket.canceled, ticket.starts_at, ticket.timezone


def _times(ticket: Ticket) -> tuple[datetime, datetime, str]:
    return ticket.starts_at, ticket.ends_at, ticket.timezone
