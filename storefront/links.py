"""Links: the addresses of the pages, and how one leads to another."""

import json
from copy import copy
from functools import lru_cache
from html import escape
from typing import Literal

import streamlit as st

from core.languages.sentences import _

SHOP, PRODUCT, CART = "buyer_pages/shop.py", "buyer_pages/product.py", "buyer_pages/cart.py"
TERMS, PRIVACY, IMPRINT = "buyer_pages/terms.py", "buyer_pages/privacy.py", "buyer_pages/imprint.py"
THANKS, PURCHASES, ACCOUNT = "buyer_pages/thanks.py", "buyer_pages/purchases.py", "buyer_pages/account.py"
WITHDRAW, SEAT = "buyer_pages/withdraw.py", "buyer_pages/seat.py"
BOUGHT = "buyer_pages/order.py"
OVERVIEW, ORDERS, ORDER = "owner_pages/overview.py", "owner_pages/orders.py", "owner_pages/order.py"
STAFF, HEALTH = "owner_pages/staff.py", "owner_pages/health.py"
REFUNDS, SUBSCRIPTIONS = "owner_pages/refunds.py", "owner_pages/subscriptions.py"
CUSTOMERS, CUSTOMER, LETTERS = "owner_pages/customers.py", "owner_pages/customer.py", "owner_pages/letters.py"
LICENSES, LICENSE = "owner_pages/selling/licenses.py", "owner_pages/selling/license.py"
FIGURE, MONEY, TAXED = "owner_pages/figure.py", "owner_pages/money.py", "owner_pages/taxed.py"
PRODUCTS, PRODUCT_SHEET = "owner_pages/selling/products.py", "owner_pages/selling/product.py"
FILE = "owner_pages/selling/file.py"
PROMOTION_CODES = "owner_pages/selling/promotion_codes.py"
IMPORT = "owner_pages/selling/import_files.py"
WITHDRAWALS = "owner_pages/withdrawals.py"
WEBHOOKS = "owner_pages/programs/webhooks.py"
WORKSHOPS, WORKSHOP = "owner_pages/selling/workshops.py", "owner_pages/selling/workshop.py"
CHECK_IN = "owner_pages/selling/check_in.py"
SHOP_SETTINGS = "owner_pages/selling/shop_settings.py"
# The addresses of the owner's side. Streamlit allows no slashes in them.
OWNER_PATHS = {
    OVERVIEW: "owner",
    ORDERS: "owner-orders",
    ORDER: "owner-order",
    REFUNDS: "owner-refunds",
    WITHDRAWALS: "owner-withdrawals",
    SUBSCRIPTIONS: "owner-subscriptions",
    LICENSES: "owner-licenses",
    LICENSE: "owner-license",
    CUSTOMERS: "owner-customers",
    CUSTOMER: "owner-customer",
    LETTERS: "owner-letters",
    STAFF: "owner-staff",
    HEALTH: "owner-health",
    FIGURE: "owner-figure",
    MONEY: "owner-money",
    TAXED: "owner-tax",
    PRODUCTS: "owner-products",
    PRODUCT_SHEET: "owner-product",
    FILE: "owner-file",
    PROMOTION_CODES: "owner-promotion-codes",
    IMPORT: "owner-import",
    WEBHOOKS: "owner-webhooks",
    WORKSHOPS: "owner-workshops",
    WORKSHOP: "owner-workshop",
    CHECK_IN: "owner-check-in",
    SHOP_SETTINGS: "owner-shop",
}


# By how Stripe's ids begin: under which heading its dashboard has what they name.
_IN_DASHBOARD = {"pi_": "payments", "in_": "invoices", "sub_": "subscriptions", "dp_": "disputes", "du_": "disputes"}


def at_stripe(name: str, *, livemode: bool) -> str:
    """Where Stripe's dashboard shows what an id names, with its receipt or invoice; empty where it has no page of its own."""
    heading = next((each for start, each in _IN_DASHBOARD.items() if name.startswith(start)), "")
    return f"https://dashboard.stripe.com{'' if livemode else '/test'}/{heading}/{name}" if heading else ""


def page(
    path: str, *, title: str, icon: str = "", url_path: str = "", default: bool = False, hidden: bool = False
) -> st.Page:
    """A page of the navigation. Each run of the frame gets copies of its own of pages that were looked for on the disk once."""
    visibility: Literal["visible", "hidden"] = "hidden" if hidden else "visible"
    found = _found(path, title, f":material/{icon}:" if icon else "", url_path, default, visibility)
    _FOUND[path] = found
    return copy(found)


# Any of a page's forms: they differ in what the menu calls it, and a link asks for none of that.
_FOUND: dict[str, st.Page] = {}


@lru_cache(maxsize=512)
def _found(
    path: str, title: str, icon: str, url_path: str, default: bool, visibility: Literal["visible", "hidden"]
) -> st.Page:
    return st.Page(path, title=title, icon=icon, url_path=url_path, default=default, visibility=visibility)


def open_by(
    path: str, label: str, icon: str = "", icon_position: Literal["left", "right"] = "left", /, **query: str
) -> None:
    """A link to a page. Streamlit would look for a path on the disk, each time."""
    st.page_link(
        _FOUND.get(path, path), label=label, icon=f":material/{icon}:" if icon else None, icon_position=icon_position,
        query_params=query, help="",
    )  # fmt: skip


def to(page: str, label: str, icon: str = "arrow_forward", *, where: str = "page", **query: str) -> None:
    """A link that stands alone, its icon flush with the text above and below."""
    with st.container(key=f"flush-{where}-{icon}", width="content"):
        open_by(page, label, icon, **query)


def turn_to(label: str, icon: str = "arrow_forward", /, *, where: str, **query: str) -> None:
    """The same for what this very page shows at another address. By a link from a page to itself the address would stay as it was,
    and the next click would lead back."""
    st.button(
        label, type="tertiary", icon=f":material/{icon}:", key=f"turn-{where}", on_click=st.query_params.from_dict,
        args=(query,),
    )  # fmt: skip


def trailing(page: str, label: str, **query: str) -> None:
    """A link at the end of a row."""
    open_by(page, label, "arrow_forward", "right", **query)


def back(page: str, label: str) -> None:
    """A link to where one came from."""
    with st.container(key="flush-back"):
        open_by(page, label, "arrow_back")


def redirect(url: str, label: str) -> None:
    """Go elsewhere in this same tab; `label` is the link for browsers that do not move by themselves."""
    target = json.dumps(url).replace("<", "\\u003c")
    st.html(f"<script>window.location.assign({target})</script>", unsafe_allow_javascript=True)
    st.html(
        f'<p class="leaving">{escape(_("Not moving?"))} <a href="{escape(url)}" target="_self">{escape(label)}</a></p>'
    )
