"""The frame around every page. Streamlit runs this for every visit: buyers get a bar on top, those who work here a sidebar.

Which of the two is meant is known only once Streamlit has found the page. So it is guessed from the address, and put right
by running once more.
"""

from urllib.parse import urlsplit

import streamlit as st

from core.catalog import products
from core.foundation.telemetry import requests
from core.journeys import carts
from core.languages import sentences
from core.languages.sentences import _
from core.people.staff import Action, Staff
from storefront import frame, links, pictures, process, stylesheets, unsaved, visitor, words
from storefront.back_office import bar, dialogs, gate, lists
from storefront.sign_in import provider, second_factor_form

requests.begin()
shop = process.shop()
state = st.session_state
asked = urlsplit(st.context.url or "").path.rstrip("/").rpartition("/")[2]
in_office: bool = state.setdefault("in_office", asked in links.OWNER_PATHS.values())
# Callbacks and fragments run before, or without, what says it for the whole page.
sentences.listen(visitor.language)
sentences.speak(visitor.language())


def buyers_pages(*, hidden: bool = False) -> list[st.Page]:
    """The shop. `hidden` from the menu of the other side."""
    in_cart = frame.cart_label(state.get("in_cart", 0))
    return [
        links.page(links.SHOP, title=_("Shop"), icon="storefront", default=True, hidden=hidden),
        links.page(links.PURCHASES, title=_("Your purchases"), icon="inventory_2", url_path="purchases", hidden=hidden),
        links.page(links.CART, title=in_cart, icon="shopping_bag", url_path="cart", hidden=hidden),
        links.page(links.PRODUCT, title=_("Product"), url_path="product", hidden=True),
        links.page(links.SEAT, title=_("Your seat"), url_path="seat", hidden=True),
        links.page(links.THANKS, title=_("Thank you"), url_path="thanks", hidden=True),
        links.page(links.BOUGHT, title=_("Your order"), url_path="order", hidden=True),
        links.page(links.WITHDRAW, title=_("Withdraw from contract"), url_path="withdraw", hidden=True),
        links.page(links.TERMS, title=_("Terms"), url_path="terms", hidden=True),
        links.page(links.PRIVACY, title=_("Privacy"), url_path="privacy", hidden=True),
        links.page(links.IMPRINT, title=_("Imprint"), url_path="imprint", hidden=True),
        links.page(links.ACCOUNT, title=_("Your account"), url_path="account", hidden=True),
    ]


def owners_page(page: str, title: str, icon: str, *, hidden: bool) -> st.Page:
    """A page of the owner's side."""
    return links.page(page, title=title, icon=icon, url_path=links.OWNER_PATHS[page], hidden=hidden)


def owners_pages(
    waiting: int = 0, withdrawals: int = 0, *, hidden: bool = False, staff_too: bool = False
) -> dict[str, list[st.Page]]:
    """The owner's side, in the sections of its menu."""
    overview = f"Overview · {waiting}" if waiting else "Overview"
    withdrawn = f"Withdrawals · {withdrawals}" if withdrawals else "Withdrawals"
    return {
        "Sell": [
            owners_page(links.OVERVIEW, overview, "monitoring", hidden=hidden),
            owners_page(links.ORDERS, "Orders", "receipt_long", hidden=hidden),
            owners_page(links.ORDER, "Order", "receipt_long", hidden=True),
            owners_page(links.REFUNDS, "Refunds", "undo", hidden=hidden),
            owners_page(links.WITHDRAWALS, withdrawn, "assignment_return", hidden=hidden),
            owners_page(links.SUBSCRIPTIONS, "Subscriptions", "autorenew", hidden=hidden),
            owners_page(links.LICENSES, "Licences", "key", hidden=hidden),
            owners_page(links.LICENSE, "Licence", "key", hidden=True),
            owners_page(links.CUSTOMERS, "Customers", "person", hidden=hidden),
            owners_page(links.CUSTOMER, "Customer", "person", hidden=True),
            owners_page(links.MONEY, "Money", "account_balance", hidden=hidden),
            owners_page(links.FIGURE, "Figure", "monitoring", hidden=True),
            owners_page(links.TAXED, "Tax", "account_balance", hidden=True),
        ],
        "Shop": [
            owners_page(links.PRODUCTS, "Products", "inventory_2", hidden=hidden),
            owners_page(links.PRODUCT_SHEET, "Product", "inventory_2", hidden=True),
            owners_page(links.FILE, "File", "draft", hidden=True),
            owners_page(links.WORKSHOPS, "Workshops", "event", hidden=hidden),
            owners_page(links.WORKSHOP, "Workshop", "event", hidden=True),
            owners_page(links.CHECK_IN, "Check-in", "how_to_reg", hidden=True),
            owners_page(links.PROMOTION_CODES, "Promotion codes", "sell", hidden=hidden),
            owners_page(links.SHOP_SETTINGS, "Shop settings", "storefront", hidden=hidden),
            # Everybody has a sign-in of their own there; the others are for owners to see.
            owners_page(links.STAFF, "Staff" if staff_too else "My sign-in", "group", hidden=hidden),
            # Owners alone import, as they alone see who works here.
            owners_page(links.IMPORT, "Import", "upload_file", hidden=hidden or not staff_too),
        ],
        "System": [
            owners_page(links.LETTERS, "Letters", "mail", hidden=hidden),
            owners_page(links.WEBHOOKS, "Webhooks", "webhook", hidden=hidden),
            owners_page(links.HEALTH, "Health", "vital_signs", hidden=hidden),
        ],
    }


def draw_sidebar(me: Staff) -> None:
    """Who works here, and the ways out."""
    with st.sidebar:
        # A new tab is a new session: crossing over within one leaves an empty sidebar behind.
        st.link_button("View shop", shop.settings.public_url, icon=":material/open_in_new:", type="tertiary")
        words.quiet(f"{words.plain(me.email)}, {me.role}")
        if st.button("Sign out", type="tertiary", icon=":material/logout:", key="leave-office"):
            links.redirect("/api/sign-out?next=/owner", "Sign out")
            st.stop()


me = gate.who() if in_office else None
if me or not in_office:
    # Each run reads them anew: what somebody changes in another process is seen at once. Of strangers nothing is asked.
    with shop.reading() as session:
        state.update(in_cart=0 if me else carts.size(session, visitor.browser_id()), texts=products.texts(session))
if frame.texts() and stylesheets.bring(frame.brand().accent):
    st.rerun()
# An icon set before st.navigation stays local: else the icons of its pages are fetched from a font server as favicons.
st.set_page_config(
    layout="wide",
    initial_sidebar_state=232 if in_office else "auto",
    page_icon=pictures.inline("pushcart-favicon.svg") if in_office else pictures.favicon(frame.brand()),
)
needs = bar.needs() if me else []
if not in_office:
    visitor.remember_reference()
    # A provider sends everybody back to the shop's first page.
    provider.enter()
if in_office and me:
    withdrawals = sum(item.topic == "withdrawal" for item in needs)
    sections = owners_pages(len(needs), withdrawals, staff_too=me.may(Action.STAFF))
    page = st.navigation({**sections, "": buyers_pages(hidden=True)}, position="sidebar", expanded=True)
elif in_office:
    office = [each for section in owners_pages(hidden=True).values() for each in section]
    page = st.navigation([*office, *buyers_pages(hidden=True)], position="hidden")
else:
    office = [each for section in owners_pages(hidden=True).values() for each in section]
    page = st.navigation([*buyers_pages(), *office], position="top")
if (page.url_path in links.OWNER_PATHS.values()) is not in_office:
    state["in_office"] = not in_office
    st.rerun()

frame.title_bar(page.title.split(" · ")[0])
frame.styles(office=in_office)
frame.empty_kept()
if not in_office:
    st.logo(pictures.wordmark(frame.brand()), size="large")
    page.run()
elif me is None:
    gate.draw_form(page.url_path)
else:
    st.logo(pictures.inline("pushcart.svg"), size="large")
    state["needs"] = needs
    place = f"{page.url_path}?{lists.asked('id')}"
    dialogs.keep_to(place)
    unsaved.arrive(place)
    draw_sidebar(me)
    if not second_factor_form.draw_codes():
        bar.draw(len(needs), listed=page.url_path == links.OWNER_PATHS[links.OVERVIEW])
        unsaved.draw_elsewhere()
        page.run()
