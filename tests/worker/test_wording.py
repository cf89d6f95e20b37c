"""The letters' words: every kind of product, in HTML and as plain text for those who read that."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from core.catalog.products import Kind
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.kinds.grants import Delivery, File
from core.messages.letters import CodeLetter, OrderLetter, PaymentLetter, ReceiptLine
from core.orders.status import GrantState
from worker import wording
from worker.mail import Message

SETTINGS = Settings(secret_key="a secret of sixteen letters", shop_name="Ada & Sons")
LIBRARY = "http://localhost:8501/purchases?letter=token"


def _delivery(kind: Kind, *, quantity: int = 1) -> Delivery:
    key = "ABCDE-FGHJK-MNPQR-STUVW" if kind is Kind.LICENSE else ""
    begins = datetime(2026, 12, 10, 16, tzinfo=UTC) if kind is Kind.WORKSHOP else None
    files = (File("f1", "PDF", "a.pdf", 1, "application/pdf"), File("f2", "EPUB", "a.epub", 1, "application/epub+zip"))
    return Delivery(
        grant_id="gr_1", product_id="p", product="Tools <for> teams", kind=kind, state=GrantState.ACTIVE, reason="",
        quantity=quantity, image="", files=files, key=key, machines=3 * quantity, starts_at=begins,
        timezone="Europe/Copenhagen",
    )  # fmt: skip


def _receipt(*deliveries: Delivery, total: int = 2900, interval: str | None = None) -> Message:
    letter = OrderLetter(
        email="nora@lindqvist.example", number="AS-1001", total=Money(total, "eur"),
        placed_at=datetime(2026, 11, 23, 10, 24, tzinfo=UTC),
        lines=(ReceiptLine("Tools <for> teams", 2, Money(2900, "eur"), interval),), deliveries=deliveries,
        library_url=LIBRARY,
    )  # fmt: skip
    return wording.receipt(SETTINGS, letter)


def _failed() -> Message:
    letter = OrderLetter("nora@lindqvist.example", "AS-1001", Money(2900, "eur"), datetime.now(UTC), (), (), LIBRARY)
    return wording.payment_failed(SETTINGS, letter)


LETTERS = {
    "everything": _receipt(*(_delivery(kind, quantity=2) for kind in Kind), total=2500, interval="month"),
    **{kind.value: _receipt(_delivery(kind)) for kind in Kind},
    "payment failed": _failed(),
    "code": wording.sign_in_code(SETTINGS, CodeLetter("nora@lindqvist.example", "012345", 10, "")),
    "address code": wording.sign_in_code(SETTINGS, CodeLetter("nora@lindqvist.example", "012345", 10, "n@new.example")),
}
each_letter = pytest.mark.parametrize("letter", LETTERS.values(), ids=LETTERS)


class _Tags(HTMLParser):
    """Checks that what is opened is closed, and gathers the text."""

    VOID = ("meta", "br", "img", "link")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)


@each_letter
def test_the_text_is_plain_and_tidy(letter: Message) -> None:
    assert "<b>" not in letter.text
    assert "&amp;" not in letter.text
    assert "Ada & Sons" in letter.text
    assert not re.search(r"\S {2,}", letter.text)
    assert "\n\n\n" not in letter.text
    assert all(line == line.rstrip() for line in letter.text.split("\n"))
    assert letter.text == letter.text.strip()


@each_letter
def test_the_html_is_whole_escaped_and_asks_for_nothing_from_elsewhere(letter: Message) -> None:
    page = _Tags(letter.html)
    assert page.open == []
    words = re.sub(r"\s+", " ", "".join(page.words))
    assert "Ada & Sons" in words
    assert "None" not in words
    assert " ." not in words
    assert " ," not in words
    assert all(link.startswith(("http://localhost:8501/", "mailto:hello@plainwork.example")) for link in page.links)
    assert "<for>" not in letter.html


@each_letter
def test_the_subject_is_one_short_line(letter: Message) -> None:
    assert 10 < len(letter.subject) < 70
    assert "\n" not in letter.subject


@pytest.mark.parametrize(
    ("kind", "quantity", "sentence"),
    [
        (Kind.DOWNLOAD, 1, "PDF, EPUB. Yours to keep: download it again whenever you like."),
        (Kind.LICENSE, 1, "Your licence key, for up to 3 computers:"),
        (Kind.PLAN, 1, "One seat, for whoever you choose."),
        (Kind.PLAN, 3, "3 seats. Give them out whenever you like."),
        (Kind.WORKSHOP, 1, "Your place: Thursday 10 December 2026, 17:00, Copenhagen time."),
        (Kind.WORKSHOP, 2, "2 places: Thursday 10 December 2026, 17:00, Copenhagen time."),
    ],
)
def test_a_receipt_says_of_each_kind_what_was_bought(kind: Kind, quantity: int, sentence: str) -> None:
    letter = _receipt(_delivery(kind, quantity=quantity))
    assert sentence in letter.text.splitlines()
    assert sentence in letter.html
    assert LIBRARY in letter.text
    assert LIBRARY in letter.html


def test_a_receipt_explains_why_less_was_paid_than_the_lines_add_up_to() -> None:
    letter = _receipt(_delivery(Kind.DOWNLOAD), total=2500)
    assert "Discounts and taxes: -€4.00" in letter.text
    assert "Discounts and taxes" in letter.html
    assert "Discounts" not in _receipt(_delivery(Kind.DOWNLOAD)).text


def test_a_receipt_says_how_often_a_plan_is_billed() -> None:
    letter = _receipt(_delivery(Kind.PLAN), interval="month")
    assert "Tools <for> teams x 2, per month: €29.00" in letter.text
    assert "teams × 2, per month" in letter.html


def test_who_paid_for_a_plan_that_had_ended_hears_that_the_money_is_not_lost() -> None:
    letter = PaymentLetter("nora@lindqvist.example", "AS-1001", Money(900, "eur"), datetime(2026, 11, 23, tzinfo=UTC))
    message = wording.paid_after_end(SETTINGS, letter)
    assert message.subject == "Your payment for order AS-1001 came after the plan had ended"
    for form in (message.text, message.html):
        assert all(words in form for words in ("€9.00", "23 November 2026", "AS-1001", "Your money is not lost"))
