import streamlit as st

from core.languages.sentences import _
from core.orders.status import Status
from core.people import purchases
from core.people.purchases import Purchase
from storefront import frame, links, pictures, process, visitor, words
from storefront.goods import deliveries
from storefront.papers import order_view

shop = process.shop()


def look(order_id: str) -> Purchase | None:
    """The order, if there is one that whoever looks may see."""
    with shop.reading() as session:
        found = purchases.seen(session, order_id, visitor.viewer(), signing_key=shop.signing_key, now=shop.now())
    unpaid = found and found.fulfilled_at is None and found.status in (Status.PENDING, Status.CANCELED)
    return found if found and found.mine and not unpaid else None


def draw(purchase: Purchase, first: str) -> None:
    """What has become of it."""
    match purchase.status:
        case Status.PROCESSING:
            order_view.draw_processing(purchase)
        case Status.FAILED:
            order_view.draw_failed()
        case _other:
            order_view.draw(purchase, where="order", first=first)
    if purchase.by_link:
        order_view.draw_library_link(
            _("You see this one order by the link of a letter. All else takes a code sent to {address}.").format(
                address=purchase.email
            )
        )
        if any(delivery.tickets for delivery in purchase.deliveries):
            words.quiet(_("The link of a ticket leads into the workshop: pass it on only to who comes."))
    else:
        order_view.draw_library_link(_("All of this also lives in Your purchases."))


def draw_closed() -> None:
    """Nothing is said of whether there is such an order."""
    st.title(_("This order isn't open here"), anchor=False)
    st.markdown(_("Open it by the link of the letter about it, or sign in with the email you used, no password."))
    links.to(links.PURCHASES, _("Sign in with a code"), "login")


order_id, wanted = st.query_params.get("id", ""), st.query_params.get("to", "")
with frame.column(760):
    pictures.trim()
    frame.phone_links()
    if purchase := look(order_id[:80]):
        draw(purchase, wanted)
        deliveries.keep_links_fresh()
    else:
        draw_closed()
    frame.footer()
