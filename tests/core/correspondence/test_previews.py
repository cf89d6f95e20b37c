"""Previews: what staff see of a letter before it goes out, or after, is what its reader gets, but for the reader's secrets."""

from dataclasses import replace

import pytest

from core.correspondence import drafts, previews
from core.correspondence.samples import SAMPLES
from core.foundation.errors import DoneAlready, NotPermitted
from core.foundation.jobs.kinds import Job
from core.journeys import refund
from core.messages.wording import Message
from core.people import codes
from core.people.audit import AuditEntry
from core.people.codes import SignInCode
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.core.test_fulfillment import blocked_order
from tests.fakes import FakeStripe

# What no job of a letter does.
OTHERS = {
    Job.ASK_STRIPE, Job.CANCEL_SUBSCRIPTION, Job.ARCHIVE_PRICE, Job.PLAN_PRICES, Job.PROMOTION_CODE, Job.CORRECT_INVOICES,
    Job.WEBHOOK, Job.ENTITLEMENTS, Job.PLACE_REFUND, Job.TELL_BUYERS,
}  # fmt: skip


def uncovered(shop: Shop, letter: Message | None) -> str:
    """The text without where its links lead."""
    assert letter
    words = [word for word in letter.text.split() if not word.startswith(shop.settings.public_url)]
    return " ".join(words)


def sent_for(shop: Shop, order_id: str, done: refund.Refunded) -> Message | None:
    """What goes out after a refund."""
    owed = [job for job in builders.jobs(shop) if job.startswith(f"refunded:{order_id}:")]
    found = [drafts.of_id(job) for job in owed]
    letters = [letter for draft in found if draft and (letter := drafts.write(shop, draft))]
    return letters[-1] if letters else None


@pytest.mark.parametrize(
    "wish", [{}, {"amount": 500}, {"lines": (1,)}, {"lines": (2,), "take_back": True}], ids=["all", "part", "line", "taken"]
)  # fmt: skip
def test_the_letter_shown_before_a_refund_is_the_one_that_goes_out(
    shop: Shop, stripe: FakeStripe, wish: dict[str, object]
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur", "kit-eur")
    plan = refund.preview(shop, order_id, **wish)  # type: ignore[arg-type]
    shown = previews.of_refund(shop, plan)
    done = refund.request(shop, order_id, actor="owner", agreed=plan, **wish)  # type: ignore[arg-type]
    sent = sent_for(shop, order_id, done)
    assert shown
    assert sent
    assert (shown.to, shown.subject) == (sent.to, sent.subject)
    assert uncovered(shop, shown) == uncovered(shop, sent)
    assert "?letter=" not in shown.html


def test_of_a_second_refund_the_first_is_told_too_before_and_after(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    refund.request(shop, order_id, 500, actor="owner", key="one")
    shown = previews.of_refund(shop, refund.preview(shop, order_id))
    assert "With what went back before, that makes €29.00." in uncovered(shop, shown)


def test_for_what_could_never_be_delivered_the_other_letter_is_shown(shop: Shop, stripe: FakeStripe) -> None:
    order_id, _ = blocked_order(shop, stripe, "clinic-eur")
    plan = refund.preview(shop, order_id)
    shown = previews.of_refund(shop, plan)
    refund.request(shop, order_id, actor="owner", agreed=plan)
    assert sent_for(shop, order_id, refund.Refunded("", order_id, ())) is None
    draft = drafts.of_id(f"late_delivery:{order_id}:given_up:1")
    assert draft
    assert uncovered(shop, shown) == uncovered(shop, drafts.write(shop, draft))


def test_where_no_address_is_known_no_letter_is_shown(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe)
    plan = refund.preview(shop, order_id)
    with shop.transaction() as session:
        session.get_one(builders.Order, order_id).email = ""
    assert previews.of_refund(shop, plan) is None


def test_every_kind_of_letter_has_a_sample_and_every_job_that_sends_one_a_draft() -> None:
    assert set(SAMPLES) == set(Job) - OTHERS - {Job.TEST_LETTER}
    assert set(drafts._DRAFTS) == set(Job) - OTHERS


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sample_reads_like_a_letter_and_signs_nobody_in(shop: Shop, kind: Job) -> None:
    letter = previews.of_kind(shop, kind)
    assert len(letter.subject) > 10
    assert "Shop" in letter.text
    assert "?letter=" not in letter.html


def test_a_code_is_never_shown(shop: Shop) -> None:
    with shop.transaction() as session:
        code = codes.make(session, colleagues.OWNER, now=shop.now())
    [row] = builders.rows(shop, SignInCode)
    digits = codes.digits_of(code.id, signing_key=shop.signing_key)
    letter = previews.of_letter(shop, f"sign_in_code:{row.id}")
    assert letter
    assert digits not in letter.subject + letter.text + letter.html
    assert "••••••" in letter.subject


def test_a_letter_of_a_kind_that_is_not_known_is_not_shown(shop: Shop) -> None:
    assert previews.of_letter(shop, "carrier_pigeon:1") is None


def test_a_test_goes_to_whoever_clicked_once_and_says_that_it_is_one(shop: Shop) -> None:
    support = colleagues.works_as(shop, Role.SUPPORT)
    address = colleagues.ADDRESSES[Role.SUPPORT]
    click = colleagues.deed(support, "do_1")
    assert previews.send_test(shop, Job.RECEIPT, deed=click) == address
    with pytest.raises(DoneAlready):
        previews.send_test(shop, Job.RECEIPT, deed=click)
    assert [job for job in builders.jobs(shop) if job.startswith("test_letter")] == ["test_letter:receipt:do_1"]
    draft = drafts.of(Job.TEST_LETTER, ("receipt", "do_1"))
    letter = drafts.write(shop, draft)
    assert letter
    assert (letter.to, letter.subject[:11]) == (address, "Test: Your ")
    with shop.reading() as session:
        assert draft.to(session) == address
    assert [(entry.action, entry.who) for entry in builders.rows(shop, AuditEntry)] == [("test_letter", address)]
    assert drafts.write(shop, drafts.of(Job.TEST_LETTER, ("receipt", "do_2"))) is None


def test_a_viewer_sends_no_tests(shop: Shop) -> None:
    viewer = colleagues.works_as(shop, Role.VIEWER)
    with pytest.raises(NotPermitted):
        previews.send_test(shop, Job.RECEIPT, deed=colleagues.deed(viewer))
    assert not [job for job in builders.jobs(shop) if job.startswith("test_letter")]


def test_a_preview_is_of_today(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    order_id = builders.bought(shop, stripe)
    before = previews.of_letter(shop, f"receipt:{order_id}")
    named = replace(shop, settings=shop.settings.model_copy(update={"shop_name": "Another Name"}))
    clock.pass_(days=1)
    after = previews.of_letter(named, f"receipt:{order_id}")
    assert before
    assert after
    assert "Another Name" in after.subject
    assert "Another Name" not in before.subject
