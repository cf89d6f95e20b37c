"""Outcomes: what came of a click on a plan, kept for the page that follows it."""

from collections.abc import Callable

import streamlit as st
import structlog

from core.foundation.errors import ShopError, StripeTrouble, StripeUnreachable
from core.foundation.money import Money
from core.languages.sentences import _
from storefront import frame, sentences, visitor
from storefront.amounts import price

log = structlog.get_logger()
_SAID = "plan-said"


def act(email: str, grant_id: str, do: Callable[[], str | None], said: str = "", *, key: str = "") -> None:
    """Do it for whoever has this address, and keep what to say of it: what it says itself, else this, or what went wrong.

    The button was drawn for them, and is clicked before the page asks who is signed in: it may be nobody any more. Where it has a
    `key`, the second of two clicks on it does nothing, and what came of the first is said.
    """
    if key and frame.is_second(key):
        return
    if visitor.signed_in() != email:
        st.session_state[f"{_SAID}-{grant_id}"] = False, _(sentences.SIGNED_OUT)
        return
    try:
        said = do() or said
    except ShopError as error:
        st.session_state[f"{_SAID}-{grant_id}"] = False, explained(error, asked=True)
    else:
        st.session_state[f"{_SAID}-{grant_id}"] = True, said


def explained(error: ShopError, *, asked: bool = False) -> str:
    """What went wrong, as its buyer reads it: with a change that was `asked` for, or while its costs were worked out. Stripe's
    trouble is for the log, too."""
    if not isinstance(error, StripeTrouble):
        return sentences.of(error)
    log.warning("plan_not_changed", code=error.code)
    if asked and isinstance(error, StripeUnreachable):
        return _("We got no answer, so it isn't certain that your plan has changed. Look at it again in a minute.")
    if isinstance(error, StripeUnreachable):
        return _("We can't find out right now what that costs. Nothing was changed. Try again in a minute.")
    return " ".join([_("Your plan couldn't be changed, and nothing was charged."), sentences.write_to_us()])


def then(amount: Money, interval: str) -> str:
    """What a plan costs from its next period on."""
    said = (
        _("Then {amount} every year, without taxes and discounts.")
        if interval == "year"
        else _("Then {amount} every month, without taxes and discounts.")
    )
    return said.format(amount=price(amount))


def draw(grant_id: str) -> None:
    """What came of the last click on this plan, once."""
    place = st.empty()  # also without a message: what follows would move as that goes, and a popover that moves closes
    if found := frame.told(f"{_SAID}-{grant_id}"):
        draw_it = place.success if found[0] else place.warning
        draw_it(found[1], icon=":material/check_circle:" if found[0] else ":material/error:")
