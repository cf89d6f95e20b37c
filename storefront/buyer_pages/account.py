import streamlit as st

from core.languages.sentences import _
from core.people import customers, sign_in
from storefront import frame, links, pictures, process, visitor, words
from storefront.library import own_addresses, own_data
from storefront.sign_in import sign_in_form

shop = process.shop()


def draw_signed_out() -> None:
    """What somebody sees who is not signed in, also right after they were forgotten."""
    pictures.trim()
    if st.query_params.get("erased"):
        st.title(_("You are forgotten"), anchor=False)
        st.markdown(
            _("What the shop knew about you is gone. Of your orders the books keep what the law asks for, without you.")
        )
        links.to(links.SHOP, _("To the shop"), "storefront")
        return
    st.title(_("Your account"), anchor=False)
    sign_in_form.draw(
        own_addresses.ACCOUNT, intro=_("Type the email you bought with and we'll send you a six-digit code.")
    )


def draw_account(email: str) -> None:
    """Addresses, sign-ins and data of whoever is signed in."""
    links.back(links.PURCHASES, _("Back to your purchases"))
    st.title(_("Your account"), anchor=False)
    words.quiet(_("Signed in as {email}").format(email=words.plain(email)))
    with shop.reading() as session:
        owner = customers.whose(session, email)
        known = tuple(row.address for row in customers.addresses_of(session, owner)) if owner else ()
    own_addresses.draw(email, known)
    draw_sign_ins(email)
    own_data.draw(email)


def draw_sign_ins(email: str) -> None:
    """The way out, on all browsers at once."""
    st.header(_("Where you are signed in"), anchor=False)
    words.quiet(_("Lost a phone, or used somebody else's computer? This ends it on every browser, this one as well."))
    if st.button(_("Sign out everywhere"), icon=":material/logout:", key="sign-out-everywhere"):
        with shop.transaction() as session:
            sign_in.sign_out_everywhere(session, email, now=shop.now())
        links.redirect("/api/sign-out?next=/purchases", _("Go on"))
        st.stop()


email = visitor.signed_in()
if email is None:
    with frame.column(440):
        draw_signed_out()
        frame.footer()
else:
    sign_in_form.forget()
    with frame.column(760):
        draw_account(email)
        frame.footer()
