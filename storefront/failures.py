"""What is left of a page that failed on its way: a sentence without details, and while the database is away, the way back."""

import logging
from time import monotonic

import streamlit as st
import structlog

from core.foundation import database
from core.languages.sentences import _
from storefront import frame, process
from storefront.words import plain

log = structlog.get_logger()

# So often a page looks whether the database is there again.
_LOOKS = "5s"


def on_script_error(error: Exception) -> bool:
    """Called by Streamlit when a page fails; it has logged the traceback if that `is_news`. Buyers get a sentence, no details."""
    if database.is_away(error):
        log.warning("database_away", path="page")
        st.error(
            _(
                "We can't get at our records right now. What you paid for stays yours. This page tries again by itself: if what"
                " you clicked is not done then, click it once more."
            )
        )
        _come_back()
        return True
    log.error("page_failed", error=type(error).__name__)
    said = _(
        "Something went wrong on our side. Reload the page, and if it stays, write to {address} and we'll put it right."
    )
    st.error(said.format(address=plain(frame.support())))
    return True


def _come_back() -> None:
    """Draw the page anew once the database is there again, but not before this was to be read: what waited for a lock is told of
    while everybody else is answered."""
    failed = monotonic()

    @st.fragment(run_every=_LOOKS)
    def looking() -> None:
        if monotonic() - failed > 1 and database.answers(process.shop().engine):
            st.rerun()

    looking()


def is_news(record: logging.LogRecord) -> bool:
    """A filter for what Streamlit logs of a failed page: where the database is away no traceback says more than that."""
    error = record.exc_info and record.exc_info[1]
    return not (isinstance(error, Exception) and database.is_away(error))
