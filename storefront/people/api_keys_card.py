"""API keys as owners see them: made, shown once, and ended."""

import streamlit as st

from core.foundation.errors import ShopError
from core.people import api_keys
from core.people.api_keys import ApiKey, Scope
from core.people.deeds import Deed
from storefront import frame, process, words
from storefront.back_office import dialogs, gate, refusals, states

# Where the key waits that was made on this page just now. No other place ever has it.
_NEW = "new-api-key"
FOR = {
    Scope.ENTITLEMENTS: "Entitlements: ask what somebody may use",
    Scope.SEATS: "Seats: give and take seats of plans",
    Scope.LICENSES: "Licences: look after licence keys",
}


def draw() -> None:
    """The keys there are, and the form that makes one."""
    with process.shop().reading() as session:
        keys = api_keys.listed(session)
    with frame.card("api-keys", gap="small"):
        st.header("API keys", anchor=False)
        words.quiet("With these your own programs ask the shop. One that has got into wrong hands is ended here.")
        draw_new()
        for key in keys:
            draw_key(key)
        if not keys:
            words.quiet("There are none.")
        draw_form()
    for key in keys:
        if key.ended_at is None and dialogs.is_open(f"end-key-{key.id}"):
            end(key)


def draw_new() -> None:
    """The key that was made just now, until whoever made it has kept it."""
    if key := st.session_state.get(_NEW):
        st.warning("Keep this key now. It is shown this once.", icon=":material/key:")
        st.code(key, language=None, wrap_lines=True)
        st.button("I have kept it", key="key-kept", on_click=lambda: st.session_state.pop(_NEW, None))


def draw_key(key: ApiKey) -> None:
    """One key: what it is for, and when it was last in use."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"api-key-{key.id}"):
        with st.container(width="stretch", gap=None):
            st.markdown(f"**{words.plain(key.name)}** &nbsp; `{key.shown}`")
            used = f"last used {states.moment(key.last_used_at)}" if key.last_used_at else "never used"
            made = f"Made by {words.plain(key.made_by)} on {states.moment(key.created_at)}"
            words.quiet(f"For {', '.join(key.scopes)}. {made}, {used}.")
            if key.ended_at:
                words.quiet(f"Ended on {states.moment(key.ended_at)}.")
        if key.ended_at is None:
            st.button(
                "End", type="tertiary", icon=":material/key_off:", key=f"open-end-key-{key.id}",
                on_click=dialogs.opener(f"end-key-{key.id}"),
            )  # fmt: skip


def draw_form() -> None:
    """The form that makes a key."""
    with st.form("api-key", border=False):
        name = st.text_input("Name", key="key-name", placeholder="Which program it is for", max_chars=80) or ""
        scopes = st.multiselect("For", list(FOR), format_func=FOR.__getitem__, key="key-scopes")
        asked = st.form_submit_button("Create key", icon=":material/add:")
    if asked and not frame.is_kept("key-name", "key-scopes"):
        make(name, scopes)


def make(name: str, scopes: list[Scope]) -> None:
    """Make it, and show it from the next run on."""
    try:
        made = api_keys.make_by(process.shop(), name, scopes, deed=gate.deed("api-key"))
    except ShopError as error:
        refusals.draw(error)
        return
    gate.open_token("api-key")
    frame.kept("key-name", "key-scopes")
    st.session_state[_NEW] = made.key
    st.rerun()


@st.dialog("End a key", icon=":material/key_off:", on_dismiss=dialogs.close)
def end(key: ApiKey) -> None:
    """Asks once more."""
    gate.me()
    st.markdown(f"The program that uses **{words.plain(key.name)}** is refused from its next request on, for good.")
    if st.button("End this key", type="primary", key="end-key-do"):

        def act(deed: Deed) -> str:
            return f"{words.plain(api_keys.end_by(process.shop(), key.id, deed=deed))} was ended."

        dialogs.carry_out(f"end-key-{key.id}", act)
