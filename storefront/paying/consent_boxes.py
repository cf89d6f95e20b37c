"""Consent boxes: what the law has a buyer agree to, or read, before they pay; and whether they buy for a business."""

import streamlit as st

from core.languages.sentences import _
from core.rights.clauses import Asked
from storefront import process, words


def draw(asked: tuple[Asked, ...]) -> None:
    """A box for each clause that is to be agreed to, not ticked beforehand; the others in words."""
    for each in asked:
        about = f" ({words.plain(', '.join(each.names))})" if len({each.products for each in asked}) > 1 else ""
        wording = f"{words.linked(each.wording)}{about}"
        if each.box:
            # Small by its key: those who listen would hear the directive.
            st.checkbox(wording, key=_key(each))
        else:
            words.quiet(wording)


def agreed(asked: tuple[Asked, ...]) -> tuple[str, ...]:
    """The versions of what was ticked, and of what was shown."""
    return tuple(each.version for each in asked if not each.box or st.session_state.get(_key(each)))


def lacking(asked: tuple[Asked, ...]) -> bool:
    """Whether a box is not ticked without which the seller sells nothing."""
    return any(each.required and each.version not in agreed(asked) for each in asked)


def explain_lacking() -> None:
    """Say what is still to be done."""
    st.warning(_("Tick the box of the terms first."), icon=":material/check_box_outline_blank:")


def draw_business() -> None:
    """For whom it is bought, where that makes a difference."""
    settings = process.shop().settings
    if (settings.tax, settings.invoices) != ("off", "off"):
        st.checkbox(_("I'm buying for a business"), key=_BUSINESS)
        words.quiet(_("Stripe asks for its VAT or tax id."))


def for_business() -> bool:
    """Whether they said to buy for one."""
    return bool(st.session_state.get(_BUSINESS))


_BUSINESS = "for-business"


def _key(each: Asked) -> str:
    return f"consent-{each.version}"
