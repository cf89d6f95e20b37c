import streamlit as st

from core.foundation.database import new_id
from core.foundation.errors import ShopError, TooManyTries
from core.rights import declarations
from core.rights.declarations import Declaration, Offered, Receipt, Visitor
from storefront import dates, frame, links, pictures, process, sentences, visitor, words

shop = process.shop()
state = st.session_state
# What was typed first, and what came of the form that was sent.
REFERENCE, DONE, TOKEN = "withdraw-reference", "withdraw-done", "withdraw-token"


def who() -> Visitor:
    """Whoever looks at this page, as far as they have proven it."""
    return Visitor(visitor.signed_in() or "", st.query_params.get("letter", ""), visitor.household())


def draw_start() -> None:
    """The first question, for everybody: nothing is looked up for it."""
    st.markdown("You can withdraw from a contract that you made with us. Tell us which one: no sign-in is needed.")
    with st.form("withdraw-start", border=False):
        typed = st.text_input("Order number or email", key="withdraw-which", max_chars=254, placeholder="PL-1001")
        sent = st.form_submit_button("Continue", type="primary", width="stretch")
    if sent and typed.strip():
        state[REFERENCE] = typed.strip()
        st.rerun()
    if sent:
        st.warning("Type the number of your order, or the email that you bought with.", icon=":material/error:")
    words.quiet("The order number is in the subject of your receipt.")


def draw_details(typed: str) -> None:
    """What a visitor fills in whom nobody knows. It is the same whether there is such an order or not."""
    is_address = "@" in typed
    with st.form("withdraw-details", border=False):
        email = st.text_input(
            "Email for our acknowledgement",
            typed if is_address else "",
            key="withdraw-email",
            type="email",
            max_chars=254,
        )
        reference = st.text_input(
            "Order number", "" if is_address else typed, key="withdraw-number", max_chars=declarations.MOST_REFERENCE,
        )  # fmt: skip
        said = st.text_area(
            "What do you withdraw from?", key="withdraw-words", max_chars=declarations.MOST_WORDS, height=96,
            placeholder="Everything in this order, or what of it",
        )  # fmt: skip
        name = st.text_input("Your name (optional)", key="withdraw-name", max_chars=declarations.MOST_NAME)
        words.quiet("By sending this you declare that you withdraw from the contract. You need to give no reason.")
        sent = st.form_submit_button("Confirm withdrawal", type="primary", width="stretch")
    if sent:
        send(Declaration(token(), email or "", reference or "", name or "", said or ""))
    st.button("Back", type="tertiary", icon=":material/arrow_back:", key="withdraw-back", on_click=begin_anew)


def choose_order(offered: tuple[Offered, ...]) -> Offered:
    """Which of their orders it is about."""
    by_id = {each.order_id: each for each in offered}
    names = {each.order_id: f"{each.number}, {dates.day(each.placed_at)}" for each in offered}
    if len(offered) == 1:
        st.markdown(f"**Order {words.plain(names[offered[0].order_id])}**")
        return offered[0]
    return by_id[st.selectbox("Order", list(by_id), key="withdraw-order", format_func=names.__getitem__)]


def draw_offered(offered: tuple[Offered, ...]) -> None:
    """What somebody bought who has proven it: which order, and what of it."""
    st.markdown("Choose what you withdraw from.")
    chosen = choose_order(offered)
    with st.form("withdraw-lines", border=False):
        lines = [
            line.position
            for line in chosen.lines
            if st.checkbox(
                words.plain(line.name), len(chosen.lines) == 1, key=f"withdraw-line-{chosen.order_id}-{line.position}"
            )
        ]
        said = st.text_area(
            "Anything to add? (optional)", key="withdraw-words", max_chars=declarations.MOST_WORDS, height=80
        )
        words.quiet(
            f"By sending this you declare that you withdraw from the contract. Our acknowledgement goes to "
            f"{words.plain(chosen.email)}. You need to give no reason."
        )
        sent = st.form_submit_button("Confirm withdrawal", type="primary", width="stretch")
    if sent and not lines:
        st.warning("Choose at least one thing that you withdraw from.", icon=":material/error:")
    elif sent:
        send(Declaration(token(), words=said or "", order_id=chosen.order_id, lines=tuple(lines)))
    st.button("It is about another order", type="tertiary", key="withdraw-other", on_click=ask_anything)


def send(declaration: Declaration) -> None:
    """Declare it, and go on to what came of it."""
    try:
        state[DONE] = declarations.declare(shop, declaration, who())
    except ShopError as error:
        # Whoever cannot send the form right now must not lose days by it.
        or_write = f" Or write to {words.plain(frame.support())}: that counts as well."
        said = sentences.of(error) + (or_write if isinstance(error, TooManyTries) else "")
        st.warning(said, icon=":material/error:")
        return
    st.rerun()


def draw_done(receipt: Receipt) -> None:
    """That it has arrived: what, when, and that a letter says so."""
    at = receipt.at.astimezone(shop.settings.zone)
    st.success("We have received your withdrawal.", icon=":material/check_circle:")
    with frame.card("withdrawn", gap="xxsmall"):
        st.markdown(f"**Received** {dates.day(at)}, {at:%H:%M} ({shop.settings.zone.key})")
        st.markdown(f"**Order** {words.plain(receipt.reference) or 'None was named'}")
        what = ", ".join(receipt.lines) or receipt.words or "All of it"
        st.markdown(f"**Withdrawn from** {words.plain(what)}")
        if receipt.lines and receipt.words:
            st.markdown(words.plain(receipt.words))
    st.markdown(
        f"An acknowledgement that says the same is on its way to **{words.plain(receipt.email)}**. "
        "A person looks at it and answers you there."
    )
    st.button("Withdraw from something else", type="tertiary", key="withdraw-again", on_click=begin_anew)
    links.to(links.SHOP, "To the shop", "storefront")


def token() -> str:
    """Which form this is: sent twice, it is one declaration."""
    found: str = state.setdefault(TOKEN, new_id("do"))
    return found


def begin_anew() -> None:
    """Another declaration, from the first question on."""
    for name in (REFERENCE, DONE, TOKEN, "withdraw-any"):
        state.pop(name, None)


def ask_anything() -> None:
    """Ask as a stranger is asked."""
    state["withdraw-any"] = True


with frame.column(520):
    pictures.trim()
    frame.phone_links()
    st.title("Withdraw from contract", anchor=False)
    if DONE in state:
        draw_done(state[DONE])
    elif REFERENCE in state:
        draw_details(state[REFERENCE])
    elif (offered := declarations.offered(shop, who())) and "withdraw-any" not in state:
        draw_offered(offered)
    else:
        draw_start()
    frame.footer()
