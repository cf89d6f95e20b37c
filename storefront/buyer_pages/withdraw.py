import streamlit as st

from core.foundation.errors import ShopError, TooManyTries, WithdrawalDecided
from core.foundation.records import new_id
from core.languages.sentences import _
from core.rights import declarations
from core.rights.declarations import Declaration, Offered, Receipt, Visitor
from storefront import dates, frame, links, pictures, process, sentences, visitor, words

shop = process.shop()
state = st.session_state
# What was typed first, and what came of the form that was sent.
REFERENCE, DONE, TOKEN = "withdraw-reference", "withdraw-done", "withdraw-token"


def who() -> Visitor:
    """Whoever looks at this page, as far as they have proven it."""
    return Visitor(visitor.signed_in() or "", visitor.household())


def draw_start() -> None:
    """The first question, for everybody: nothing is looked up for it."""
    st.markdown(_("You can withdraw from a contract that you made with us. Tell us which one: no sign-in is needed."))
    with st.form("withdraw-start", border=False):
        typed = st.text_input(_("Order number or email"), key="withdraw-which", max_chars=254, placeholder="PL-1001")
        sent = st.form_submit_button(_("Continue"), type="primary", width="stretch")
    if sent and typed.strip():
        state[REFERENCE] = typed.strip()
        st.rerun()
    if sent:
        st.warning(_("Type the number of your order, or the email that you bought with."), icon=":material/error:")
    words.quiet(_("The order number is in the subject of your receipt."))


def draw_details(typed: str) -> None:
    """What a visitor fills in whom nobody knows. It is the same whether there is such an order or not."""
    is_address = "@" in typed
    with st.form("withdraw-details", border=False):
        email = st.text_input(
            _("Email for our acknowledgement"),
            typed if is_address else "",
            key="withdraw-email",
            type="email",
            max_chars=254,
            validate=words.email_rule(),
        )
        reference = st.text_input(
            _("Order number"), "" if is_address else typed, key="withdraw-number", max_chars=declarations.MOST_REFERENCE,
        )  # fmt: skip
        said = st.text_area(
            _("What do you withdraw from? (optional)"), key="withdraw-words", max_chars=declarations.MOST_WORDS, height=96,
            placeholder=_("Everything in this order, or what of it"),
        )  # fmt: skip
        name = st.text_input(_("Your name (optional)"), key="withdraw-name", max_chars=declarations.MOST_NAME)
        words.quiet(_("By sending this you declare that you withdraw from the contract. You need to give no reason."))
        sent = st.form_submit_button(_("Confirm withdrawal"), type="primary", width="stretch")
    if sent:
        send(Declaration(token(), email or "", reference or "", name or "", said or ""))
    st.button(_("Back"), type="tertiary", icon=":material/arrow_back:", key="withdraw-back", on_click=begin_anew)


def choose_order(offered: tuple[Offered, ...]) -> Offered:
    """Which of their orders it is about."""
    by_id = {each.order_id: each for each in offered}
    names = {each.order_id: f"{each.number}, {dates.day(each.placed_at)}" for each in offered}
    if len(offered) == 1:
        st.markdown(_("**Order {number}**").format(number=words.plain(names[offered[0].order_id])))
        return offered[0]
    return by_id[st.selectbox(_("Order"), list(by_id), key="withdraw-order", format_func=names.__getitem__)]


def draw_offered(offered: tuple[Offered, ...]) -> None:
    """What somebody bought who has proven it: which order, and what of it."""
    st.markdown(_("Choose what you withdraw from."))
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
            _("Anything to add? (optional)"), key="withdraw-words", max_chars=declarations.MOST_WORDS, height=80
        )
        told = _(
            "By sending this you declare that you withdraw from the contract. Our acknowledgement goes to {email}. "
            "You need to give no reason."
        )
        words.quiet(told.format(email=words.plain(chosen.email)))
        sent = st.form_submit_button(_("Confirm withdrawal"), type="primary", width="stretch")
    if sent and not lines:
        st.warning(_("Choose at least one thing that you withdraw from."), icon=":material/error:")
    elif sent:
        send(Declaration(token(), words=said or "", order_id=chosen.order_id, lines=tuple(lines)))
    st.button(_("It is about another order"), type="tertiary", key="withdraw-other", on_click=ask_anything)


def send(declaration: Declaration) -> None:
    """Declare it, and go on to what came of it."""
    try:
        state[DONE] = declarations.declare(shop, declaration, who())
    except ShopError as error:
        # Whoever cannot send the form right now must not lose days by it.
        or_write = _("Or write to {support}: that counts as well.").format(support=words.plain(frame.support()))
        said = [sentences.of(error), *([or_write] if isinstance(error, TooManyTries) else [])]
        st.warning(" ".join(said), icon=":material/error:")
        return
    st.rerun()


def draw_which(which: str) -> None:
    """Which of their orders somebody means who withdrew under an address alone: this link was mailed to it."""
    try:
        found = declarations.choices(shop, which)
    except WithdrawalDecided:
        st.success(
            _("We know which order you mean. A person looks at it and answers you."), icon=":material/check_circle:"
        )
        return
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
        return
    st.markdown(_("We have your withdrawal. Which order do you withdraw from?"))
    names = {each.order_id: f"{each.number}, {dates.day(each.placed_at)}" for each in found}
    with st.form("withdraw-which-order", border=False):
        chosen = st.radio(_("Order"), list(names), index=None, key="withdraw-choice", format_func=names.__getitem__)
        sent = st.form_submit_button(_("Confirm"), type="primary", width="stretch")
    if sent and chosen:
        choose(which, chosen)
    elif sent:
        st.warning(_("Choose an order."), icon=":material/error:")


def choose(which: str, order_id: str) -> None:
    """Say that it is this order, and go on to that this is known."""
    try:
        declarations.choose(shop, which, order_id)
    except WithdrawalDecided:
        pass  # in another tab, or by the owners: the page says so
    except ShopError as error:
        st.warning(sentences.of(error), icon=":material/error:")
        return
    st.rerun()


def draw_done(receipt: Receipt) -> None:
    """That it has arrived: what, when, and that a letter says so."""
    at = receipt.at.astimezone(shop.settings.zone)
    st.success(_("We have received your withdrawal."), icon=":material/check_circle:")
    what = ", ".join(receipt.lines) or receipt.words or _("All of it")
    with frame.card("withdrawn", gap="xxsmall"):
        received = {"day": dates.day(at), "time": f"{at:%H:%M}", "zone": shop.settings.zone.key}
        st.markdown(_("**Received** {day}, {time} ({zone})").format(**received))
        st.markdown(_("**Order** {number}").format(number=words.plain(receipt.reference) or _("None was named")))
        st.markdown(_("**Withdrawn from** {what}").format(what=words.plain(what)))
        if receipt.lines and receipt.words:
            st.markdown(words.plain(receipt.words))
    told = _(
        "An acknowledgement that says the same is on its way to **{email}**. A person looks at it and answers you there."
    )
    st.markdown(told.format(email=words.plain(receipt.email)))
    st.button(_("Withdraw from something else"), type="tertiary", key="withdraw-again", on_click=begin_anew)
    links.to(links.SHOP, _("To the shop"), "storefront")


def token() -> str:
    """Which form this is: sent twice, it is one declaration."""
    found: str = state.setdefault(TOKEN, new_id("do"))
    return found


def begin_anew() -> None:
    """Another declaration, from the first question on."""
    for name in (REFERENCE, DONE, TOKEN, "withdraw-any"):
        state.pop(name, None)
    st.query_params.pop("order", None)


def ask_anything() -> None:
    """Ask as a stranger is asked."""
    state["withdraw-any"] = True


with frame.column(520):
    pictures.trim()
    frame.phone_links()
    st.title(_("Withdraw from contract"), anchor=False)
    # The link of a letter names its order, and proves nothing.
    named = str(st.query_params.get("order", ""))[: declarations.MOST_REFERENCE]
    if which := str(st.query_params.get("which", "")):
        draw_which(which)
    elif DONE in state:
        draw_done(state[DONE])
    elif REFERENCE in state:
        draw_details(state[REFERENCE])
    elif (offered := declarations.offered(shop, who())) and "withdraw-any" not in state:
        draw_offered(offered)
    elif named:
        draw_details(named)
    else:
        draw_start()
    frame.footer()
