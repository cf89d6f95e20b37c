"""The letters' words: every kind of product, in HTML and as plain text for those who read that."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from core.catalog.looks import brand
from core.catalog.products import Kind
from core.foundation.money import Money
from core.foundation.settings import Settings
from core.kinds.grants import Delivery, File, License
from core.languages import sentences
from core.messages import plan_wording, wording
from core.messages.after_purchase import Access, AccessLetter, PlanLetter, RefundLetter, RenewedLetter
from core.messages.contents import CodeLetter, InvitationLetter, NoticeLetter, OrderLetter, PaymentLetter, ReceiptLine
from core.messages.plan_changes import ChangeLetter, PauseLetter, PlanNow
from core.messages.wording import Message
from core.orders.disputes import Stage
from core.orders.status import GrantState
from core.people.staff import Role
from core.rights.reminders import About

SETTINGS = Settings(secret_key="a secret of sixteen letters", shop_name="Ada & Sons")
KEY = "ABCDE-FGHJK-MNPQR-STVWX-YZ012"
LIBRARY = "http://localhost:8501/purchases?letter=token"


def _delivery(kind: Kind, *, quantity: int = 1, state: GrantState = GrantState.ACTIVE, reason: str = "") -> Delivery:
    count = quantity if kind is Kind.LICENSE else 0
    licenses = tuple(License(f"lic_{n}", f"{KEY}-{n}", f"STVWX{n}", 3) for n in range(count))
    begins = datetime(2026, 12, 10, 16, tzinfo=UTC) if kind is Kind.WORKSHOP else None
    files = (File("f1", "PDF", "a.pdf", 1, "application/pdf"), File("f2", "EPUB", "a.epub", 1, "application/epub+zip"))
    return Delivery(
        grant_id="gr_1", product_id="p", product="Tools <for> teams", kind=kind, state=state, reason=reason,
        quantity=quantity, image="", files=files, licenses=licenses, starts_at=begins,
        timezone="Europe/Copenhagen",
    )  # fmt: skip


def _letter(*deliveries: Delivery, total: int = 2900, interval: str | None = None) -> OrderLetter:
    return OrderLetter(
        email="nora@lindqvist.example", number="AS-1001", total=Money(total, "eur"),
        placed_at=datetime(2026, 11, 23, 10, 24, tzinfo=UTC),
        lines=(ReceiptLine("Tools <for> teams", 2, Money(2900, "eur"), interval),), deliveries=deliveries,
        library_url=LIBRARY, returned=Money(1400, "eur"),
    )  # fmt: skip


def _receipt(*deliveries: Delivery, total: int = 2900, interval: str | None = None) -> Message:
    return wording.receipt(SETTINGS, _letter(*deliveries, total=total, interval=interval))


def _notice(topic: str, **more: Any) -> Message:
    letter = NoticeLetter(("ida@berg.example",), "AS-1001", topic, Money(4300, "eur"), Money(1400, "eur"), **more)
    return wording.owner_notice(SETTINGS, letter)


def _refunded(state: GrantState, *, amount: int = 900, returned: int = 1400, asks_for_account: bool = False) -> Message:
    letter = RefundLetter(
        "nora@lindqvist.example", "AS-1001", Money(amount, "eur"), Money(returned, "eur"), Money(2900, "eur"),
        date(2026, 12, 11), asks_for_account, (Access("Tools <for> teams", state, ever=False),), LIBRARY,
    )  # fmt: skip
    return wording.refunded(SETTINGS, letter)


def _plan(**changes: Any) -> PlanLetter:
    letter = PlanLetter(
        "nora@lindqvist.example", "AS-1001", ("Tools <for> teams",), date(2026, 12, 11), Money(900, "eur"), LIBRARY,
        "", closed=True, library_url=LIBRARY,
    )  # fmt: skip
    return replace(letter, **changes)


def _renewed(**changes: Any) -> Message:
    letter = RenewedLetter(
        "nora@lindqvist.example", "AS-1001", ("Tools <for> teams",), Money(900, "eur"), Money(144, "eur"), date(2026, 12, 11),
        date(2027, 1, 11), renews=True, ends=False, receipt_url="http://localhost:8501/order/x?to=in_1", library_url=LIBRARY,
    )  # fmt: skip
    return plan_wording.renewed(SETTINGS, replace(letter, **changes))


def _pause(**changes: Any) -> Message:
    letter = PauseLetter(
        "nora@lindqvist.example", "AS-1001", ("Tools <for> teams",), paused=True, until=date(2027, 2, 1),
        open_until=date(2026, 12, 11), next_payment=None, library_url=LIBRARY,
    )  # fmt: skip
    return plan_wording.plan_paused(SETTINGS, replace(letter, **changes))


def _change(*plans: PlanNow, next_payment: date | None = None) -> Message:
    letter = ChangeLetter("nora@lindqvist.example", "AS-1001", plans, next_payment, LIBRARY)
    return plan_wording.plan_changed(SETTINGS, letter)


def _access(*, opened: bool) -> AccessLetter:
    names = ("Field Guide", "Tools <for> teams", "Kit")
    return AccessLetter("nora@lindqvist.example", "AS-1001", names, opened, LIBRARY)


SOLD_OUT = _delivery(Kind.WORKSHOP, state=GrantState.BLOCKED, reason="sold_out")
DUE = datetime(2026, 12, 10, 16, tzinfo=UTC)
_OTHERS = ("refund_refused", "refund_failed", "paid_twice", "paid_after_end", "plan_bills_on", "not_billed", "blocked")
NOTICES = {topic: _notice(topic, detail="product_not_received", due_by=DUE) for topic in (*Stage, *_OTHERS)}


LETTERS = {
    "everything": _receipt(*(_delivery(kind, quantity=2) for kind in Kind), total=2500, interval="month"),
    **{kind.value: _receipt(_delivery(kind)) for kind in Kind},
    "part of it": _receipt(_delivery(Kind.DOWNLOAD), SOLD_OUT),
    "nothing yet": _receipt(SOLD_OUT),
    "taken back": _receipt(
        _delivery(Kind.PLAN, state=GrantState.REVOKED), _delivery(Kind.PLAN, state=GrantState.SUSPENDED)
    ),
    "late": wording.delivered_late(SETTINGS, _letter(_delivery(Kind.WORKSHOP), _delivery(Kind.LICENSE))),
    "given up": wording.given_up(SETTINGS, _letter(SOLD_OUT)),
    **NOTICES,
    **{f"refunded {state}": _refunded(state) for state in GrantState},
    "refunded all": _refunded(GrantState.REVOKED, amount=2900, returned=2900),
    "refunded to an account": _refunded(GrantState.REVOKED, asks_for_account=True),
    "renewed": _renewed(),
    "renewed, to end": _renewed(tax=None, renews=False, ends=True),
    "renewed, until nobody knows when": _renewed(until=None, renews=False),
    "renewal failed": plan_wording.renewal_failed(SETTINGS, _plan()),
    "renewal failed, closed": plan_wording.renewal_failed(SETTINGS, _plan(day=None, owed=None, pay_url="")),
    "plan ending": plan_wording.plan_ending(SETTINGS, _plan()),
    "paused": _pause(),
    "goes on": _pause(paused=False, next_payment=date(2026, 12, 11)),
    "changed": _change(PlanNow("Tools <for> teams", 3, Money(2700, "eur"), "month")),
    "plan ended": plan_wording.plan_ended(SETTINGS, _plan(why="payment_disputed")),
    "plan ended otherwise": plan_wording.plan_ended(SETTINGS, _plan(closed=False, day=None)),
    "closed": wording.access_changed(SETTINGS, _access(opened=False)),
    "opened": wording.access_changed(SETTINGS, _access(opened=True)),
    "payment failed": wording.payment_failed(SETTINGS, _letter()),
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
    assert all(link.startswith(("http://localhost:8501/", "mailto:hello@shop.example")) for link in page.links)
    assert "<for>" not in letter.html


@each_letter
def test_the_shop_s_name_stands_on_top_once_where_there_is_no_logo(letter: Message) -> None:
    sent = wording.branded(letter, brand.of({}, SETTINGS), SETTINGS)
    top = sent.html.partition("<h1")[0].partition('<table role="presentation" class="wrap sheet"')[2]
    assert top.count("Ada &amp; Sons") == 1


@each_letter
def test_the_subject_is_one_short_line(letter: Message) -> None:
    assert 10 < len(letter.subject) < 70
    assert "\n" not in letter.subject


@pytest.mark.parametrize(
    ("kind", "quantity", "sentence"),
    [
        (Kind.DOWNLOAD, 1, "PDF, EPUB. Yours to keep."),
        (Kind.LICENSE, 1, "Your licence key, for up to 3 computers:"),
        (Kind.LICENSE, 2, "Your 2 licence keys, each for up to 3 computers:"),
        (Kind.LICENSE, 2, f"{KEY}-0"),
        (Kind.LICENSE, 2, f"{KEY}-1"),
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


def test_a_receipt_names_what_is_there_and_what_is_not() -> None:
    both, none, whole = (LETTERS[name] for name in ("part of it", "nothing yet", "download"))
    assert both.text.startswith("Thank you. Part of it is yours already.")
    assert none.text.startswith("Thank you. We have your payment.")
    assert whole.text.startswith("Thank you. It's all yours.")
    for letter in (both, none):
        for form in (letter.text, letter.html):
            assert "not open yet" in form
            assert "The last place went while you were paying. We know, and we write again" in form
            assert "See your place" not in form
            assert "everything you bought" not in form
    assert "Download" in both.text
    assert "not open" not in whole.text + whole.html


def test_what_has_ended_since_is_not_offered_in_a_late_receipt() -> None:
    letter = LETTERS["taken back"]
    assert "This was closed again, since its payment went back." in letter.text
    assert "This can't be opened at the moment." in letter.text
    assert "Invite teammates" not in letter.text


@pytest.mark.parametrize("letter", NOTICES.values(), ids=NOTICES)
def test_a_notice_leads_to_its_order(letter: Message) -> None:
    address = "http://localhost:8501/owner-order?id=AS-1001"
    assert f"Open order AS-1001: {address}" in letter.text
    assert f'href="{address}"' in letter.html
    assert "pushcart " not in letter.text


def test_what_came_late_is_handed_over_and_what_never_came_is_paid_back() -> None:
    late, given_up = LETTERS["late"], LETTERS["given up"]
    assert "Your place: Thursday 10 December 2026" in late.text
    assert KEY in late.html
    assert "€14.00 went back the way you paid" in given_up.text
    assert "Tools &lt;for&gt; teams" in given_up.html


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("refunded active", "We sent back €9.00 of the €29.00 that you paid for order AS-1001, the way you paid. With what"
         " went back before, that makes €14.00."),
        ("refunded active", "Tools <for> teams: Stays open for you."),
        ("refunded blocked", "Tools <for> teams: Isn't open yet. We write again when it is."),
        ("refunded revoked", "Tools <for> teams: We couldn't give it to you, and are sorry."),
        ("refunded all", "We sent back the €29.00 that you paid for order AS-1001, the way you paid."),
        ("refunded to an account", "Stripe asks you by email."),
        ("renewed", "€9.00 was charged on 11 December 2026 for the renewal of Tools <for> teams, order AS-1001. That includes"
         " €1.44 of tax."),
        ("renewed", "It is paid for until 11 January 2027, and renews then."),
        ("renewed", f"Change or cancel your plan: {LIBRARY}"),
        ("renewed, to end", "It is paid for until 11 January 2027. It ends then, and doesn't renew any more."),
        ("renewal failed", "The payment of €9.00 for the renewal of Tools <for> teams, order AS-1001, didn't go through."),
        ("renewal failed", f"Pay now: {LIBRARY}"),
        ("renewal failed, closed", "It is closed until the renewal is paid."),
        ("plan ended", "ended on 11 December 2026, because its payment was disputed."),
        ("closed", "We closed Field Guide, Tools <for> teams and Kit of order AS-1001."),
        ("opened", "You can use Field Guide, Tools <for> teams and Kit of order AS-1001 again."),
    ],
)  # fmt: skip
def test_what_happened_after_the_purchase_is_said_in_words(name: str, sentence: str) -> None:
    assert sentence in LETTERS[name].text


TWO = ("Tools <for> teams", "Kit")


@pytest.mark.parametrize(
    ("letter", "english", "german"),
    [
        (lambda: _renewed(plans=TWO), ["Tools <for> teams and Kit were renewed: order AS-1001", "Your plans were renewed.",
         "They are paid for until 11 January 2027, and renew then.", "Change or cancel your plans"],
         ["Tools <for> teams und Kit wurden verlängert", "Sie sind bis 11. Januar 2027 bezahlt und verlängern sich dann."]),
        (lambda: _renewed(plans=TWO, renews=False, ends=True), ["They end then, and don't renew any more."],
         ["Dann enden sie und verlängern sich nicht mehr."]),
        (lambda: _renewed(plans=TWO, renews=False), ["They are paid for until 11 January 2027."],
         ["Sie sind bis 11. Januar 2027 bezahlt."]),
        (lambda: plan_wording.renewal_failed(SETTINGS, _plan(plans=TWO, day=None, pay_url="")),
         ["They are closed until", "Go to your plans"], ["Sie sind geschlossen, bis", "Zu Ihren Abos"]),
        (lambda: plan_wording.renewal_failed(SETTINGS, _plan(plans=TWO, goes_on=True)),
         ["You pay for each of them by another subscription too"], ["Sie bezahlen jedes davon"]),
        (lambda: plan_wording.plan_reminder(SETTINGS, _plan(plans=TWO), about=About.RENEWAL),
         ["Tools <for> teams and Kit renew on 11 December 2026", "Your plans renew soon.", "order AS-1001, renew on",
          "To keep them", "To cancel them"], ["Kit verlängern sich am 11. Dezember 2026", "Ihre Abos verlängern sich bald."]),
        (lambda: plan_wording.plan_reminder(SETTINGS, _plan(plans=TWO), about=About.TRIAL_END), ["They go on as plans then"],
         ["Sie laufen dann als Abos weiter"]),
        (lambda: plan_wording.plan_reminder(SETTINGS, _plan(plans=TWO, owed=None), about=About.RENEWAL),
         ["Kit, order AS-1001, renew on 11 December 2026, and change then."], ["und ändern sich dann. Was sie von da an kosten"]),
        (lambda: plan_wording.plan_reminder(SETTINGS, _plan(plans=TWO, owed=None), about=About.TRIAL_END),
         ["and what they cost from then on will be charged."], ["und was sie von da an kosten"]),
        (lambda: plan_wording.plan_ending(SETTINGS, _plan(plans=TWO)),
         ["Tools <for> teams and Kit end on 11 December 2026", "Your plans are cancelled.",
          "they don't renew after that", "keep them"],
         ["Kit enden am 11. Dezember 2026", "Ihre Abos sind gekündigt.", "Sie sie behalten"]),
        (lambda: _pause(plans=TWO), ["The billing of Tools <for> teams and Kit is paused", "Your plans are paused.",
         "They are paid for until 11 December 2026, and stay open until then. After that they are on hold"],
         ["Ihre Abos sind angehalten.", "bis 1. Februar 2027 angehalten: Vorher wird nichts abgebucht. Sie sind bis"]),
        (lambda: _pause(plans=TWO, until=None, open_until=None), ["They are on hold, and open again"],
         ["Sie sind angehalten und werden wieder geöffnet"]),
        (lambda: _pause(plans=TWO, until=date(2026, 12, 11)), ["They stay open meanwhile."], ["Sie bleiben währenddessen offen."]),
        (lambda: _pause(plans=TWO, goes_on=True), ["each of them by another"], ["jedes davon"]),
        (lambda: _pause(plans=TWO, paused=False, next_payment=date(2026, 12, 11)),
         ["The billing of Tools <for> teams and Kit goes on", "Your plans go on.", "The next payment is due on 11 December 2026."],
         ["Ihre Abos laufen weiter.", "Die nächste Zahlung ist am 11. Dezember 2026 fällig."]),
        (lambda: _change(PlanNow("Kit", 1, Money(900, "eur"), "year"), PlanNow("Tea", 0, Money(0, "eur"), "")),
         ["A change of Kit and Tea: order AS-1001", "Your plans have changed.", "Kit: 1 seat, €9.00 per year.", "Tea: 0 seats"],
         ["Eine Änderung an Kit und Tea", "Ihre Abos haben sich geändert.", "Kit: 1 Nutzerplatz, 9,00\u00a0€ pro Jahr."]),
        (lambda: plan_wording.plan_ended(SETTINGS, _plan(plans=TWO, why="payment_failed")),
         ["Tools <for> teams and Kit have ended", "Your plans have ended.", "because their renewal",
          "They won't", "What they opened"],
         ["Kit sind beendet", "Ihre Abos sind beendet.", "Bestellung AS-1001, endeten am"]),
        (lambda: plan_wording.plan_ended(SETTINGS, _plan(plans=TWO, why="payment_disputed")), ["because their payment"],
         ["endeten am"]),
        (lambda: plan_wording.plan_ended(SETTINGS, _plan(plans=TWO)), ["Kit, order AS-1001, ended on"], ["endeten am"]),
        (lambda: plan_wording.plan_ended(SETTINGS, _plan(plans=TWO, day=None)), ["ended."], ["sind beendet."]),
    ],
)  # fmt: skip
def test_of_two_plans_letters_speak_as_of_several(
    letter: Callable[[], Message], english: list[str], german: list[str]
) -> None:
    for language, said in (("en", english), ("de", german)):
        with sentences.spoken(language):
            written = letter()
        for sentence in said:
            assert sentence in f"{written.subject}\n{written.text}"


def test_of_what_is_not_closed_no_letter_says_so() -> None:
    assert "closed" not in LETTERS["plan ended otherwise"].text
    assert "other" not in LETTERS["refunded all"].text.lower().replace("another", "")


CLAIMS = {
    Stage.INQUIRY: ("A bank asks about a payment", "the buyer keeps what they have", True),
    Stage.INQUIRY_CLOSED: ("A bank's question is closed", "access stay", False),
    Stage.DISPUTED: ("A payment was disputed", "suspended until the bank has decided", True),
    Stage.FUNDS_WITHDRAWN: ("Disputed money was taken", "from your balance", True),
    Stage.PREVENTED: ("A dispute was prevented", "has ended", False),
    Stage.BLOCKED: ("A dispute was stopped", "access stays as it was", False),
    Stage.LOST: ("A dispute was lost", "stays with the buyer", False),
    Stage.WON: ("A dispute was won", "open again", False),
    "refund_refused": ("A refund was refused", "No money has moved", False),
    "refund_failed": ("A refund failed", "back on your balance", False),
    "paid_twice": ("An order was paid twice", "names the payment to send back", False),
    "paid_after_end": ("A payment came after its plan had ended", "the buyer was told so", False),
    "plan_bills_on": ("A plan bills on", "goes on billing them", False),
    "not_billed": ("A plan could not be billed", "finalize the draft", False),
    "blocked": ("A paid order could not be delivered", "is waiting", False),
}


@pytest.mark.parametrize("topic", NOTICES)
def test_owners_read_what_happened_and_until_when_they_may_answer(topic: str) -> None:
    headline, claim, awaited = CLAIMS[topic]
    letter = NOTICES[topic]
    assert letter.subject == f"{headline}: order AS-1001"
    for form in (letter.text, letter.html):
        assert claim in form
        assert "The amount in question: €14.00." in form
        assert "product not received" in form
        assert ("Thursday 10 December 2026, 16:00 UTC" in form) is awaited
    assert ("suspended" in letter.text) is (topic == Stage.DISPUTED)


def test_a_question_that_became_a_dispute_is_told_as_one() -> None:
    assert _notice(Stage.DISPUTED, escalated=True).subject.startswith("A bank's question became a dispute")


@pytest.mark.parametrize("topic", [Stage.LOST, Stage.PREVENTED])
def test_of_a_part_that_was_lost_owners_hear_that_the_rest_stays_open(topic: Stage) -> None:
    said = _notice(topic, in_part=True).text
    assert "The rest is yours, and what it was paid for is open" in said
    assert "ended" not in said


def test_a_dispute_whose_money_was_taken_says_so() -> None:
    assert "from your balance meanwhile" in _notice(Stage.DISPUTED, withdrawn=True).text
    assert "from your balance meanwhile" not in _notice(Stage.DISPUTED).text


def test_who_paid_for_a_plan_that_had_ended_hears_that_the_money_is_not_lost() -> None:
    letter = PaymentLetter("nora@lindqvist.example", "AS-1001", Money(900, "eur"), datetime(2026, 11, 23, tzinfo=UTC))
    message = wording.paid_after_end(SETTINGS, letter)
    assert message.subject == "Your payment for order AS-1001 came after the plan had ended"
    for form in (message.text, message.html):
        assert all(words in form for words in ("€9.00", "23 November 2026", "AS-1001", "Your money is not lost"))


@pytest.mark.parametrize("role", Role)
def test_whoever_is_invited_reads_by_whom_as_what_and_where(role: Role) -> None:
    letter = InvitationLetter("sam@berg.example", role, "ida@berg.example", "http://localhost:8501/owner")
    message = wording.invitation(SETTINGS, letter)
    assert message.to == "sam@berg.example"
    for text in (message.text, message.html):
        assert "ida@berg.example" in text
        assert "http://localhost:8501/owner" in text
        assert role in text
