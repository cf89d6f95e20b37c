"""Letters in their reader's language: no sentence of them is left in English, and each letter speaks what its order did."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.correspondence import drafts, samples
from core.foundation.jobs.kinds import Job
from core.journeys import checkout
from core.languages import sentences
from core.people import sign_in
from core.people.codes import SignInCode
from core.shop import Shop
from tests import builders, pseudo
from tests.fakes import FakeStripe

pytestmark = builders.on_sqlite

TO_STAFF = (Job.OWNER_NOTICE, Job.SHOP_NOTICE, Job.INVITATION, Job.DIGEST, Job.WITHDRAWAL_NOTICE)
TO_BUYERS = [job for job in samples.SAMPLES if job not in TO_STAFF]
# What the samples are about.
OWN = ("A field guide", "A template kit", "A plan for teams", "A workshop", "A plan", "A chapter more.", "Nora Lindqvist",
       "guide.pdf", "Plainwork", "ABCDE-FGHJK-MNPQR-STUVW")  # fmt: skip


@pytest.fixture
def pseudo_language(tmp_path: Path) -> Iterator[None]:
    with pseudo.spoken(tmp_path):
        yield


@pytest.mark.parametrize("job", TO_BUYERS)
def test_no_sentence_to_a_buyer_is_left_in_english(shop: Shop, pseudo_language: None, job: Job) -> None:
    letter = samples.of(shop, job)
    own = (*OWN, shop.settings.shop_name, shop.settings.support_email, samples.BUYER)
    for said in (letter.subject, letter.text, pseudo.seen(letter.html)):
        assert pseudo.untranslated(said, own) == []
    assert '<html lang="eo"' in letter.html


@pytest.mark.parametrize("job", TO_STAFF)
def test_who_runs_the_shop_reads_english(shop: Shop, pseudo_language: None, job: Job) -> None:
    with sentences.spoken("en"):
        assert "⟦" not in samples.of(shop, job).html


def receipt(shop: Shop, order_id: str) -> str:
    letter = drafts.write(shop, drafts.of(Job.RECEIPT, [order_id]))
    assert letter
    return f"{letter.subject}\n{letter.text}"


def test_a_letter_speaks_what_its_order_was_bought_in(shop: Shop, stripe: FakeStripe) -> None:
    with sentences.spoken("de-AT"):
        link = checkout.start(shop, builders.a_basket("guide-eur", ("plan-month", 3)))
    session_id = builders.session_id(link)
    assert builders.attempts(shop)[0].parameters["locale"] == "de"
    stripe.pay(session_id)
    builders.deliver(shop, stripe.event("completed", session_id))
    said = receipt(shop, link.order_id)
    number = builders.order(shop, link.order_id).number
    for text in (f"Ihre Bestellung {number} bei", "Vielen Dank.", "29,00\xa0€", "23. November 2026",
                 "pro Monat"):  # fmt: skip
        assert text in said


def test_an_order_of_the_shops_own_language_says_nothing_of_it_to_stripe(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur")
    assert "locale" not in builders.attempts(shop)[0].parameters
    assert "Thank you. It's all yours." in receipt(shop, order_id)


def test_a_code_comes_in_the_language_of_the_page_that_asked(shop: Shop) -> None:
    with sentences.spoken("de"):
        sign_in.request_code(shop, "nora@lindqvist.example")
    [code] = builders.rows(shop, SignInCode)
    letter = drafts.write(shop, drafts.of(Job.SIGN_IN_CODE, [code.id]))
    assert letter
    assert "ist Ihr Code für" in letter.subject
