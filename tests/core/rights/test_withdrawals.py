"""Withdrawals: nobody is refused, nobody learns whose an order is, and each is acknowledged and decided once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from pydantic import SecretStr

from core.correspondence import drafts, previews
from core.foundation.errors import (
    AddressUnfit,
    DoneAlready,
    Hold,
    LinkInvalid,
    NotErasable,
    NothingSaid,
    NotPermitted,
    StripeRefused,
    TooManyTries,
    WithdrawalDecided,
    WithdrawalNotFound,
)
from core.foundation.jobs.kinds import Job
from core.journeys import checkout, refund, withdrawal
from core.journeys.checkout import Basket, Item
from core.messages import contents, mail, withdrawal_letters
from core.messages.wording import Message
from core.owner import evidence
from core.owner.needs import attention
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.privacy import erasure, persons
from core.registers import withdrawals as register
from core.registers.paging import Place
from core.rights import declarations, withdrawals
from core.rights.declarations import BY_ADDRESS, Declaration, Visitor
from core.rights.withdrawals import Proof, State, Withdrawal
from core.shop import Shop
from tests import builders
from tests.builders import bought
from tests.colleagues import deed, works_as
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.machine import eventually
from tests.worker.postbox import mail_server

NORA = "nora@lindqvist.example"
STRANGER = "eve@example.com"


def declares(shop: Shop, token: str = "do_1", by: Visitor | None = None, **said: Any) -> declarations.Receipt:
    return declarations.declare(shop, Declaration(token, **said), by or Visitor(sender="192.0.2.1"))


def only(shop: Shop) -> Withdrawal:
    [row] = builders.rows(shop, Withdrawal)
    return row


def letters(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith("withdrawal:")]


def letter(shop: Shop, job: str) -> Message:
    draft = drafts.of_id(job)
    assert draft
    written = drafts.write(shop, draft)
    assert written
    return written


def number_of(shop: Shop, order_id: str) -> str:
    return builders.order(shop, order_id).number


def test_a_stranger_is_answered_as_a_buyer_is(shop: Shop, stripe: FakeStripe) -> None:
    number = number_of(shop, bought(shop, stripe))
    known = declares(shop, "do_1", email=STRANGER, reference=number, words="the guide")
    unknown = declares(shop, "do_2", email=STRANGER, reference="XX-999", words="the guide")
    assert replace(known, reference="") == replace(unknown, reference="")
    assert [(row.order_id, row.proof) for row in builders.rows(shop, Withdrawal)] == [(None, Proof.UNVERIFIED)] * 2
    said = [letter(shop, job).text.replace(number, "XX-999") for job in letters(shop)]
    assert said[0] == said[1]
    assert all("lindqvist" not in text and "Field Guide" not in text for text in said)


def test_what_was_declared_is_acknowledged_at_once_with_content_and_time(shop: Shop, stripe: FakeStripe) -> None:
    number = number_of(shop, bought(shop, stripe))
    declares(shop, email=NORA.upper(), reference=f"#{number.lower()}", words="All of it, <b>please</b>", name="Nora L.")
    row = only(shop)
    assert (row.proof, row.state) == (Proof.MATCHED, State.OPEN)
    written = letter(shop, f"withdrawal:{row.id}:received")
    assert written.to == NORA.upper()
    for part in (number.lower(), "All of it, <b>please</b>", "Nora L.", f"{row.created_at:%H:%M} (UTC)"):
        assert part in written.text
    assert "<b>please</b>" not in written.html
    assert [job for job in builders.jobs(shop) if job.startswith(Job.WITHDRAWAL_NOTICE)]
    assert f"withdrawal:{row.id}" in builders.log(shop, str(row.order_id))


@pytest.mark.parametrize("end", ["\n", "\u2028"])
def test_a_number_that_was_copied_with_the_end_of_its_line_is_acknowledged(shop: Shop, end: str) -> None:
    declares(shop, reference=f"SH-1001{end}of May", email="eve@example.com")
    [job] = letters(shop)
    with mail_server() as postbox:
        settings = shop.settings.model_copy(update={"smtp_url": SecretStr(postbox.url)})
        mail.send(settings, letter(shop, job), letter_id=job, before_data=lambda: None)
        [taken] = postbox.to("eve@example.com")
    assert taken["Subject"] == "We have received your withdrawal from order SH-1001 of May"


def test_an_address_alone_means_the_one_order_there_is(shop: Shop, stripe: FakeStripe) -> None:
    first = bought(shop, stripe)
    declares(shop, "do_1", email=NORA, words="my guide")
    bought(shop, stripe, cart="cart_2")
    declares(shop, "do_2", email=NORA, words="my guide")
    rows = {row.token: row.order_id for row in builders.rows(shop, Withdrawal)}
    assert rows == {"do_1": first, "do_2": None}


def test_the_same_form_sent_twice_is_one_declaration(shop: Shop) -> None:
    found = builders.at_once(*[lambda: declares(shop, email=STRANGER, words="all")] * 3)
    assert not [each for each in found if isinstance(each, Exception)]
    assert len(builders.rows(shop, Withdrawal)) == len(letters(shop)) == 1


@builders.on_sqlite
def test_a_form_that_says_nothing_is_asked_to_say_something(shop: Shop) -> None:
    with pytest.raises(AddressUnfit):
        declares(shop, email="nobody", reference="SH-1001")
    assert builders.rows(shop, Withdrawal) == []


@builders.on_sqlite
def test_an_address_alone_is_enough_whoevers_it_is(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    answers = [declares(shop, f"do_{email}", email=email, words="  ") for email in (NORA, STRANGER)]
    assert [(each.reference, each.words, each.lines) for each in answers] == [("", "", ())] * 2
    assert {row.email: row.order_id for row in builders.rows(shop, Withdrawal)} == {NORA: order_id, STRANGER: None}
    assert "which=" not in "".join(letter(shop, job).text for job in letters(shop))


@builders.on_sqlite
def test_an_address_alone_means_the_one_order_that_can_still_be_withdrawn_from(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    bought(shop, stripe)
    clock.pass_(days=20)
    newer, back = bought(shop, stripe, cart="cart_2"), bought(shop, stripe, cart="cart_3")
    refund.request(shop, back, actor="owner")
    declares(shop, email=NORA)
    assert only(shop).order_id == newer


@builders.on_sqlite
def test_who_has_several_chooses_by_the_link_that_is_mailed_to_that_address(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    first, second = bought(shop, stripe), bought(shop, stripe, "kit-eur", cart="cart_2")
    declares(shop, email=NORA)
    row, [job] = only(shop), letters(shop)
    text = letter(shop, job).text
    assert (row.order_id, letter(shop, job).to) == (None, NORA)
    assert "Kit" not in text
    covered = previews.of_letter(shop, job)
    assert covered is not None
    assert "which=" not in covered.text
    token = text.partition("/withdraw?which=")[2].split()[0]
    assert {each.order_id for each in declarations.choices(shop, token)} == {first, second}
    with pytest.raises(LinkInvalid):
        declarations.choices(shop, f"{token}x")
    clock.pass_(hours=1)
    with pytest.raises(NothingSaid):
        declarations.choose(shop, token, "ord_anothers")
    assert declarations.choose(shop, token, second).order_id == second
    after = only(shop)
    assert (after.order_id, after.proof, after.created_at) == (second, Proof.PROVEN, row.created_at)
    for _ in range(2):
        with pytest.raises(WithdrawalDecided):
            declarations.choose(shop, token, first)


@builders.on_sqlite
def test_nobody_is_sent_many_letters_and_who_has_a_proof_is_not_kept_out(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    limited = replace(shop, settings=shop.settings.model_copy(update={"rate_limits": "on"}))
    for number in range(BY_ADDRESS.most):
        declares(limited, f"do_{number}", Visitor(), email=NORA, words="all")
    with pytest.raises(TooManyTries):
        declares(limited, "do_more", Visitor(), email=NORA, words="all")
    assert len(letters(shop)) == BY_ADDRESS.most
    declares(limited, "do_proven", Visitor(signed_in=NORA), order_id=order_id, lines=(1,))


@builders.on_sqlite
def test_the_link_of_a_letter_names_its_order_and_proves_nothing(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur")
    receipt = contents.about_order(shop, order_id)
    assert receipt.withdraw_url == f"http://localhost:8501/withdraw?order={receipt.number}"
    [shown] = declarations.offered(shop, Visitor(signed_in=NORA))
    assert (shown.order_id, shown.email, [line.name for line in shown.lines]) == (
        order_id,
        NORA,
        ["Field Guide", "Template Kit"],
    )
    for nothing in (Visitor(), Visitor(signed_in=STRANGER)):
        assert declarations.offered(shop, nothing) == ()
        with pytest.raises(NothingSaid):
            declares(shop, by=nothing, order_id=order_id, lines=(1,))
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id, lines=(2, 9))
    row = only(shop)
    assert (row.proof, row.lines, row.email) == (Proof.PROVEN, [2], NORA)
    assert "Kit" in letter(shop, f"withdrawal:{row.id}:received").text


@builders.on_sqlite
def test_whoever_is_signed_in_chooses_among_all_that_they_bought(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    first = bought(shop, stripe)
    clock.pass_(minutes=1)
    second = bought(shop, stripe, "kit-eur", cart="cart_2")
    found = declarations.offered(shop, Visitor(signed_in=NORA))
    assert [each.order_id for each in found] == [second, first]


def test_of_two_dates_of_a_workshop_it_is_said_which_is_withdrawn_from(shop: Shop, stripe: FakeStripe) -> None:
    builders.add_date(shop, "clinic/2", in_days=40)
    places = (Item("clinic-eur", 1, "clinic/1"), Item("clinic-eur", 1, "clinic/2"))
    link = checkout.start(shop, Basket("cart_1", places, browser_id="br_1"))
    stripe.pay(paid := builders.session_id(link))
    builders.deliver(shop, stripe.event("completed", paid))
    [offered] = declarations.offered(shop, Visitor(signed_in=NORA))
    first, second = [each.name for each in offered.lines]
    assert first != second
    declares(shop, by=Visitor(signed_in=NORA), order_id=link.order_id, lines=(2,))
    [job] = letters(shop)
    assert second in letter(shop, job).text
    assert first not in letter(shop, job).text
    with shop.reading() as session:
        assert withdrawals.names_of(session, only(shop)) == (second,)


def test_accepting_sends_the_money_back_and_says_so_in_one_transaction(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe, "guide-eur", "kit-eur")
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id, lines=(1,))
    row, owner = only(shop), works_as(shop, Role.OWNER)
    plan = refund.preview(shop, order_id, lines=(1,), take_back=True)
    click = deed(owner)
    for _ in range(2):
        refund.request(shop, order_id, actor="", lines=(1,), take_back=True, agreed=plan, withdrawal=row.id, deed=click)
    decided = only(shop)
    assert (decided.state, decided.decided_by) == (State.ACCEPTED, "owner")
    assert builders.grants(shop, order_id) == [("guide", "revoked"), ("kit", "active")]
    assert builders.detail(shop, order_id)["amount_refunded"] == 2900
    assert "€29.00 goes back" in letter(shop, f"withdrawal:{row.id}:accepted").text
    assert f"withdrawal_accepted:{row.id}" in builders.log(shop, order_id)
    with pytest.raises(WithdrawalDecided):
        refund.request(shop, order_id, actor="owner", withdrawal=row.id)
    with pytest.raises(WithdrawalDecided):
        withdrawal.decline(shop, row.id, reason="too late")
    assert builders.detail(shop, order_id)["amount_refunded"] == 2900


@builders.on_sqlite
def test_where_stripe_refuses_the_decision_stands_and_no_letter_promises_money(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id, lines=(1,))
    stripe.trouble.append(StripeRefused("charge_disputed", "Charge has been charged back"))
    with pytest.raises(StripeRefused):
        refund.request(shop, order_id, actor="owner", withdrawal=only(shop).id)
    assert only(shop).state is State.ACCEPTED
    assert "We find another way" in letter(shop, f"withdrawal:{only(shop).id}:accepted").text
    assert "refund_failed" in {each.topic for each in attention.items(shop)}


@builders.on_sqlite
def test_a_refund_accepts_no_withdrawal_from_another_order(shop: Shop, stripe: FakeStripe) -> None:
    order_id, other = bought(shop, stripe), bought(shop, stripe, cart="cart_2")
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id, lines=(1,))
    with pytest.raises(WithdrawalNotFound):
        refund.request(shop, other, actor="owner", withdrawal=only(shop).id)
    assert only(shop).state is State.OPEN
    assert builders.detail(shop, other)["refunds"] == []


@builders.on_sqlite
def test_what_nobody_could_match_is_said_to_be_about_an_order_and_then_accepted(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    declares(shop, email=STRANGER, reference=number_of(shop, order_id))
    row, owner = only(shop), works_as(shop, Role.OWNER)
    with shop.reading() as session:
        [shown] = register.page(session, "open", livemode=False, zone=shop.settings.zone, place=Place()).rows
    assert [each.id for each in shown.candidates] == [order_id]
    withdrawal.assign(shop, row.id, order_id, deed=deed(owner))
    refund.request(shop, order_id, actor="owner")
    click = deed(owner)
    withdrawal.accept_without_refund(shop, row.id, deed=click)
    assert only(shop).state is State.ACCEPTED
    assert "Nothing is left" in letter(shop, f"withdrawal:{row.id}:accepted").text
    with pytest.raises(DoneAlready):
        withdrawal.accept_without_refund(shop, row.id, deed=click)


@builders.on_sqlite
def test_of_another_order_than_it_was_declared_about_no_lines_were_chosen(shop: Shop, stripe: FakeStripe) -> None:
    order_id, other = bought(shop, stripe, "guide-eur", "kit-eur"), bought(shop, stripe, "kit-eur", cart="cart_2")
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id, lines=(2,))
    withdrawal.assign(shop, only(shop).id, order_id)
    assert only(shop).lines == [2]
    withdrawal.assign(shop, only(shop).id, other)
    assert (only(shop).order_id, only(shop).lines) == (other, [])


@builders.on_sqlite
def test_declining_needs_a_reason_and_a_role_and_tells_the_buyer(shop: Shop) -> None:
    declares(shop, email=STRANGER, reference="XX-1")
    row, viewer, support = only(shop), works_as(shop, Role.VIEWER), works_as(shop, Role.SUPPORT)
    with pytest.raises(NothingSaid):
        withdrawal.decline(shop, row.id, reason=" ", deed=deed(support))
    with pytest.raises(NotPermitted):
        withdrawal.decline(shop, row.id, reason="no such order", deed=deed(viewer))
    withdrawal.decline(shop, row.id, reason="We know of no such order.", deed=deed(support))
    assert "We know of no such order." in letter(shop, f"withdrawal:{row.id}:declined").text
    [entry] = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.subject, entry.detail) == ("withdrawal", row.id, "declined")
    assert STRANGER not in f"{entry.detail}{entry.subject}"


def test_an_open_one_needs_the_owner_until_it_is_decided(shop: Shop) -> None:
    declares(shop, email=STRANGER, reference="XX-1")
    [item] = [each for each in attention.items(shop) if each.topic == "withdrawal"]
    assert item.due_by == only(shop).answer_by
    notice = letter(shop, next(job for job in builders.jobs(shop) if job.startswith(Job.WITHDRAWAL_NOTICE)))
    assert notice.to == "owner@example.com"
    assert "/owner-withdrawals" in notice.text
    assert "Withdraw from contract here" not in notice.text
    withdrawal.decline(shop, item.subject, reason="no")
    assert not [each for each in attention.items(shop) if each.topic == "withdrawal"]


def test_the_notice_counts_what_is_shown_and_not_what_was_tried_out(shop: Shop, stripe: FakeStripe) -> None:
    bought(shop, stripe)
    declares(shop, email=NORA, words="the guide")
    assert only(shop).order_id
    live = builders.live(replace(shop, settings=shop.settings.model_copy(update={"owner_emails": ("ida@berg.dk",)})))
    assert withdrawal_letters.to_owners(live) is None
    declares(live, "do_2", email="eve@berg.dk", reference="XX-1")
    letter = withdrawal_letters.to_owners(live)
    assert letter
    assert letter.count == 1
    assert [each.topic for each in attention.items(live) if each.topic == "withdrawal"] == ["withdrawal"]


@builders.on_sqlite
def test_an_open_one_keeps_its_author_and_a_decided_one_is_forgotten_with_them(shop: Shop, stripe: FakeStripe) -> None:
    bought(shop, stripe)
    declares(shop, email=NORA, words="my guide", name="Nora L.")
    row = only(shop)
    with pytest.raises(NotErasable) as refused:
        erasure.from_terminal(shop, NORA)
    assert [why for why, _ in refused.value.holds] == [Hold.WITHDRAWAL]
    withdrawal.decline(shop, row.id, reason="Nora has used it.")
    with shop.reading() as session:
        person = persons.of_address(session, NORA)
        assert "withdrawals" in {table.name for table in persons.places(session, person)}
    erasure.from_terminal(shop, NORA)
    gone = only(shop)
    assert (gone.email, gone.folded, gone.name, gone.words, gone.reason) == ("", "", "", "", "")
    assert gone.order_id == row.order_id
    draft = drafts.of_id(f"withdrawal:{row.id}:received")
    assert draft
    assert drafts.write(shop, draft) is None


@builders.on_sqlite
def test_of_somebody_who_only_declared_something_that_is_known_and_forgotten(shop: Shop) -> None:
    declares(shop, email=STRANGER, words="all")
    withdrawal.decline(shop, only(shop).id, reason="no")
    erasure.from_terminal(shop, STRANGER)
    assert only(shop).email == ""


@builders.on_sqlite
def test_the_evidence_has_the_withdrawal(shop: Shop, stripe: FakeStripe) -> None:
    order_id = bought(shop, stripe)
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id, lines=(1,), words="<i>no</i>")
    pack = evidence.pack(shop, order_id)
    assert [(each["state"], each["words"]) for each in pack["withdrawals"]] == [("open", "<i>no</i>")]
    assert "&lt;i&gt;no" in evidence.page(pack)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("late", ["decline", "accept_without_refund", "assign"])
def test_whoever_decides_while_somebody_sends_the_money_back_comes_too_late(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """Each locks the order and the withdrawal: in two turns, each would wait for the other until the database ended one of them."""
    order_id = bought(shop, stripe, "guide-eur")
    declares(shop, by=Visitor(signed_in=NORA), order_id=order_id)
    row = only(shop)
    held, go_on, accept = Event(), Event(), withdrawals.accept

    def accept_later(*given: Any, **named: Any) -> Withdrawal:
        held.set()
        assert go_on.wait(30)
        return accept(*given, **named)

    monkeypatch.setattr(withdrawals, "accept", accept_later)
    acts: dict[str, Callable[[], None]] = {
        "decline": lambda: withdrawal.decline(shop, row.id, reason="Opened"),
        "accept_without_refund": lambda: withdrawal.accept_without_refund(shop, row.id),
        "assign": lambda: withdrawal.assign(shop, row.id, order_id),
    }
    with ThreadPoolExecutor(2) as people:
        first = people.submit(refund.request, shop, order_id, withdrawal=row.id, actor="owner")
        assert held.wait(30)
        second = people.submit(acts[late])
        eventually(lambda: builders.waiting_for_locks(shop) == 1)
        go_on.set()
        assert first.result(60).parts
        with pytest.raises(WithdrawalDecided):
            second.result(60)
    assert only(shop).state is State.ACCEPTED
