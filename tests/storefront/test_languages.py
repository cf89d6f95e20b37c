"""Buyers' pages in their language: no sentence of them is left in English, and a German browser reads German."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.invoicing.invoices import Invoice
from core.orders.payments import Payment
from tests import builders, pseudo
from tests.storefront.conftest import Visitor, words

pytestmark = builders.on_sqlite

OWN = ("Nora Lindqvist", "nora@lindqvist.example", "Copenhagen", "Stripe", "Back office", "JavaScript")
# What of an element is read.
_SAID = ("value", "label", "help", "placeholder", "options", "captions", "body")


@pytest.fixture
def pseudo_language(tmp_path: Path) -> Iterator[None]:
    with pseudo.spoken(tmp_path):
        yield


def texts(tab: AppTest) -> Iterator[str]:
    """Everything that is to be read on a page."""
    for element in tab.main:
        # What is chosen among options is one of these, by a name of its own.
        for name in _SAID if not hasattr(element, "options") else _SAID[1:]:
            yield from _strings(getattr(element, name, None))
        for name in ("label", "validate_message"):
            yield from _strings(getattr(getattr(element, "proto", None), name, None))


def _strings(found: Any) -> Iterable[str]:
    if isinstance(found, str):
        return [pseudo.seen(found)]
    return [each for each in found if isinstance(each, str)] if isinstance(found, list | tuple) else []


def untranslated(visitor: Visitor, tab: AppTest) -> list[str]:
    own = (*OWN, visitor.shop.settings.shop_name, visitor.shop.settings.support_email)
    return sorted({found for text in texts(tab) for found in pseudo.untranslated(text, own)})


@pytest.mark.parametrize(
    ("page", "query"),
    [("shop", {}), ("product", {"id": "guide"}), ("product", {"id": "plan"}), ("product", {"id": "clinic"}),
     ("product", {"id": "full"}), ("cart", {}), ("purchases", {}), ("withdraw", {}), ("account", {}), ("thanks", {}),
     ("seat", {}), ("terms", {}), ("imprint", {})],
)  # fmt: skip
def test_no_sentence_of_a_page_is_left_in_english(
    visitor: Visitor, pseudo_language: None, page: str, query: dict[str, str]
) -> None:
    assert untranslated(visitor, visitor.opens(page, **query)) == []


def test_nor_of_a_full_cart(visitor: Visitor, pseudo_language: None) -> None:
    visitor.puts("guide-eur", 2)
    visitor.puts("plan-month", 3)
    assert untranslated(visitor, visitor.opens("cart")) == []


def test_nor_of_what_was_bought(visitor: Visitor, pseudo_language: None) -> None:
    builders.bought(visitor.shop, visitor.stripe, "guide-eur", "kit-eur", ("clinic-eur", 2))
    builders.bought(visitor.shop, visitor.stripe, ("plan-month", 3), cart="cart_2")
    assert untranslated(visitor, visitor.opens("thanks", session_id=max(visitor.stripe.sessions))) == []
    visitor.signs_in("nora@lindqvist.example")
    for page in ("purchases", "account", "withdraw"):
        assert untranslated(visitor, visitor.opens(page)) == []


def test_what_stripe_wrote_of_a_payment_is_named_in_the_language_of_the_page(
    visitor: Visitor, pseudo_language: None
) -> None:
    shop = visitor.shop
    order_id, _ = builders.subscribed(shop, visitor.stripe, ("plan-month", 2))
    [payment] = builders.rows(shop, Payment)
    with shop.transaction() as session:
        session.add(
            Invoice(
                id="in_of_it", order_id=order_id, payment_id=payment.id, number="A-1", hosted_url="https://invoice.example/1",
                credit_note="cn_1", credit_note_number="CN-1", credit_note_pdf_url="https://invoice.example/2",
                issued_at=shop.now(),
            )
        )  # fmt: skip
    visitor.signs_in(builders.BUYER)
    tab = visitor.opens("purchases")
    said = words(tab)
    assert "⟦Invoice⟧ A-1" in said
    assert "⟦Credit note⟧ CN-1" in said
    [guest] = [each for each in tab.text_input if each.key.startswith("guest-")]
    assert guest.placeholder == "⟦their@email.com⟧"
