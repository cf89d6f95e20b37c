"""Buying one product at once: from its page to the payment page, beside the cart and without a change to it."""

from contextlib import AbstractContextManager
from typing import Any, Literal

import streamlit as st
import structlog

from core.catalog import products
from core.foundation.errors import PlanHeld, ShopError, StillSettling, StripeTrouble, TrialUsed
from core.journeys import carts, checkout_limits
from core.journeys.checkout import Basket, Item, PaymentLink
from core.languages.sentences import _
from core.rights.clauses import Asked
from core.traffic import challenges
from storefront import links, process, sentences, visitor
from storefront.paying import consent_boxes, free_order

log = structlog.get_logger()


def draw_button(label: str, *, first: bool = False) -> bool:
    """The button, which may be the first to look at; whether it was clicked."""
    look: Literal["primary", "secondary"] = "primary" if first else "secondary"
    return bool(st.button(label, type=look, width="stretch", icon=":material/bolt:", key="buy-now"))


def button() -> str:
    """What it is called where something is to be paid."""
    return _("Buy now")


def go(product_id: str, item: Item, asked: tuple[Asked, ...], below: AbstractContextManager[Any]) -> None:
    """Go to pay for this, or say `below` why that is not to be."""
    with below:
        if not visitor.browser_id():
            st.warning(_(sentences.NO_COOKIES), icon=":material/cookie_off:")
        elif consent_boxes.lacking(asked):
            consent_boxes.explain_lacking()
        else:
            try:
                with st.spinner(_("Opening Stripe's payment page…")):
                    link = _start(product_id, item, asked)
                leave_for(link)
            except ShopError as error:
                if isinstance(error, StripeTrouble):
                    log.warning("checkout_not_opened", product=product_id, error=type(error).__name__, code=error.code)
                sentences.explain(error, where="now", button=button())


def leave_for(link: PaymentLink) -> None:
    """Go on to the payment page, or to what needed none."""
    if link.is_paid:
        links.redirect(link.url, _("See what you have"))
    else:
        links.redirect(challenges.way_to(process.shop(), link.url), _("Open the payment page"))


def _start(product_id: str, item: Item, asked: tuple[Asked, ...]) -> PaymentLink:
    shop = process.shop()
    browser = visitor.browser_id()
    with shop.transaction() as session:
        cart_id = carts.beside(session, browser, product_id, now=shop.now())
    basket = Basket(
        cart_id,
        (item,),
        browser_id=browser,
        signed_in=visitor.signed_in() or "",
        # Whoever was told that they have this, or that an earlier payment is still settling, and clicks again, means it.
        again=st.session_state.get("warned-now") == cart_id,
        business=consent_boxes.for_business(),
        consents=consent_boxes.agreed(asked),
        person=visitor.reference(),
        back=products.page_path(product_id),
        email=free_order.address(),
        pageless=True,
    )
    try:
        return checkout_limits.start(shop, basket, visitor.sender())
    except (StillSettling, PlanHeld, TrialUsed):
        st.session_state["warned-now"] = cart_id
        raise
