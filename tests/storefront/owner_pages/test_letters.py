"""The page of letters: how the sending of each stands, and a receipt once more."""

from base64 import b64decode
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.attendance import waiting
from core.correspondence.samples import SAMPLES
from core.foundation.jobs.kinds import Job
from core.kinds.places.attendees import Attendee
from core.kinds.places.waiting_list import WaitingEntry
from core.messages.letters import Letter, LetterState
from core.people import codes
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.registers import letters
from tests import builders
from tests.builders import bought
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("letters", folder="owner_pages", **query)


def written(visitor: Visitor, job: Job, order_id: str | None, state: LetterState, *, minutes: int = 0) -> str:
    """A letter as the worker leaves it."""
    at = visitor.shop.now() + timedelta(minutes=minutes)
    letter_id = f"{job}:{order_id or 'x'}"
    row = Letter(id=letter_id, order_id=order_id, state=state, attempts=2, error="550 no such user", created_at=at)
    with visitor.shop.transaction() as session:
        session.add(row)
    return letter_id


def test_without_any_the_page_says_so(owner: Visitor) -> None:
    assert "No letter was owed yet" in words(opens(owner))
    assert "No letter of this state" in words(opens(owner, state="sent"))


def test_letters_are_listed_by_their_state(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    written(owner, Job.RECEIPT, order_id, LetterState.REFUSED)
    written(owner, Job.SIGN_IN_CODE, None, LetterState.SENT, minutes=1)
    said = words(opens(owner))
    assert said.index("Sign-in code") < said.index("Receipt")
    assert "550 no such user" in said
    assert "nora@lindqvist.example" in said
    assert "Receipt" not in words(opens(owner, state="sent"))
    tab = opens(owner)
    sound(tab.button_group(key="f-state").set_value(LetterState.REFUSED).run())
    assert tab.query_params["state"] in ("refused", ["refused"])
    assert "Sign-in code" not in words(tab)


def test_of_each_letter_the_list_says_whom_it_goes_to(owner: Visitor) -> None:
    shop = owner.shop
    order_id = bought(shop, owner.stripe, "clinic-eur")
    [place] = builders.rows(shop, Attendee)
    with shop.transaction() as session:
        session.get_one(Attendee, place.id).email = "otto@berg.example"
    builders.change_date(shop, "clinic/1", capacity=1)
    waiting.join(shop, "clinic/1", "wanda@weiss.example")
    [entry] = builders.rows(shop, WaitingEntry)
    with shop.transaction() as session:
        code = codes.make(session, "new@strange.example", now=shop.now()).id
    letters_of = {
        f"{Job.PLACE_LETTER}:{order_id}:{place.id}:ticket:1": "otto@berg.example",
        f"{Job.WAITING_LETTER}:{entry.id}:joined:0": "wanda@weiss.example",
        f"{Job.SIGN_IN_CODE}:{code}": "new@strange.example",
        f"{Job.OWNER_NOTICE}:{order_id}:dispute:dp_1": "the owners",
        f"{Job.REFUNDED}:{order_id}:rf_1": "nora@lindqvist.example",
        # Of another version: nobody knows how to read it.
        f"{Job.REFUNDED}:{order_id}": "",
    }  # fmt: skip
    for letter_id in letters_of:
        about = order_id if order_id in letter_id else None
        row = Letter(id=letter_id, order_id=about, state=LetterState.SENT, attempts=1, created_at=shop.now())
        with shop.transaction() as session:
            session.add(row)
    tab = opens(owner)
    said = words(tab)
    for letter_id, to in letters_of.items():
        assert f"open-read-{letter_id}" in {each.key for each in tab.button}
        assert to in said
    assert said.count(" · to ") == len(list(filter(None, letters_of.values())))


def test_a_refused_receipt_is_sent_again_once_and_needs_nobody_any_more(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    letter_id = written(owner, Job.RECEIPT, order_id, LetterState.REFUSED)
    tab, stale = (sound(opens(owner).button(key=f"open-resend-{letter_id}").click().run()) for _ in range(2))
    stale.session_state["deeds"] = tab.session_state["deeds"]
    sound(tab.button(key="resend-do").click().run())
    assert "goes to nora" in words(tab)
    sound(stale.button(key="resend-do").click().run())
    assert "done by an earlier click" in stale.warning[0].value
    assert len([job for job in builders.jobs(owner.shop) if job.startswith(f"receipt:{order_id}:")]) == 1
    [letter] = builders.rows(owner.shop, Letter)
    assert letter.state is LetterState.DROPPED


def test_only_a_receipt_is_sent_again(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    written(owner, Job.PAYMENT_FAILED, order_id, LetterState.GIVEN_UP)
    assert "Send again" not in labels(opens(owner))


def test_a_viewer_sends_nothing_also_by_a_forged_dialog(visitor: Visitor) -> None:
    letter_id = written(visitor, Job.RECEIPT, bought(visitor.shop, visitor.stripe), LetterState.REFUSED)
    visitor.works_as(Role.VIEWER)
    jobs = builders.jobs(visitor.shop)
    tab = opens(visitor)
    assert "Send again" not in labels(tab)
    tab.session_state["dialog"] = f"resend-{letter_id}"
    sound(tab.run())
    sound(tab.button(key="resend-do").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert builders.jobs(visitor.shop) == jobs
    assert builders.rows(visitor.shop, AuditEntry) == []
    assert builders.rows(visitor.shop, Letter)[0].state is LetterState.REFUSED


def test_a_receipt_goes_to_another_address_which_then_has_the_order(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    letter_id = written(owner, Job.RECEIPT, order_id, LetterState.REFUSED)
    tab = sound(opens(owner).button(key=f"open-resend-{letter_id}").click().run())
    sound(tab.text_input(key="resend-to").set_value("new@lindqvist.example").run())
    sound(tab.button(key="resend-do").click().run())
    assert "The receipt goes to new" in words(tab)
    assert builders.order(owner.shop, order_id).email == "new@lindqvist.example"


def test_support_sends_a_receipt_to_no_other_address(visitor: Visitor) -> None:
    letter_id = written(visitor, Job.RECEIPT, bought(visitor.shop, visitor.stripe), LetterState.REFUSED)
    visitor.works_as(Role.SUPPORT)
    tab = sound(opens(visitor).button(key=f"open-resend-{letter_id}").click().run())
    assert [each for each in tab.text_input if each.key == "resend-to"] == []


@pytest.mark.parametrize("role", Role)
def test_everybody_reads_a_letter_as_it_would_be_today_without_what_signs_its_reader_in(
    visitor: Visitor, role: Role
) -> None:
    order_id = bought(visitor.shop, visitor.stripe)
    letter_id = written(visitor, Job.RECEIPT, order_id, LetterState.SENT)
    visitor.works_as(role)
    tab = sound(opens(visitor).button(key=f"open-read-{letter_id}").click().run())
    assert "As it would read today" in words(tab)
    assert "order SH-1001" in words(tab)
    shown = framed(tab)
    assert "Field Guide" in shown
    assert "?letter=" not in shown


def test_of_what_was_overtaken_the_page_says_so(owner: Visitor) -> None:
    order_id = bought(owner.shop, owner.stripe)
    letter_id = f"{Job.REFUNDED}:{order_id}:rf_1"
    row = Letter(id=letter_id, order_id=order_id, state=LetterState.DROPPED, attempts=1, created_at=owner.shop.now())
    with owner.shop.transaction() as session:
        session.add(row)
    tab = sound(opens(owner).button(key=f"open-read-{letter_id}").click().run())
    assert "would not be sent any more" in tab.info[0].value


@pytest.mark.parametrize("kind", SAMPLES)
def test_each_kind_is_shown_and_a_test_of_it_sent_to_whoever_asks(owner: Visitor, kind: Job) -> None:
    tab = opens(owner, view="kinds", kind=kind.value)
    assert "Shop" in framed(tab)
    sound(tab.button(key="send-test").click().run())
    assert "A test goes to owner" in words(tab)
    sound(tab.button(key="send-test").click().run())  # another one, since it was asked for anew
    sent = [job for job in builders.jobs(owner.shop) if job.startswith(f"test_letter:{kind}:")]
    assert len(sent) == 2


def test_a_test_is_of_the_kind_that_was_chosen_just_before_the_click(owner: Visitor) -> None:
    tab = opens(owner, view="kinds", kind=Job.RECEIPT.value)
    tab.selectbox(key="letter-kind").set_value(Job.REFUNDED)
    sound(tab.button(key="send-test").click().run())
    (sent,) = [job for job in builders.jobs(owner.shop) if job.startswith("test_letter:")]
    assert sent.startswith(f"test_letter:{Job.REFUNDED}:")


def test_a_viewer_has_no_button_for_a_test(visitor: Visitor) -> None:
    visitor.works_as(Role.VIEWER)
    assert not any("Send a test" in label for label in labels(opens(visitor, view="kinds")))


def test_an_owner_switches_the_digest_off_and_on(owner: Visitor, clock: Clock) -> None:
    tab = opens(owner)
    assert ":green-badge[On]" in words(tab)
    sound(tab.button(key="digest-switch").click().run())
    assert "No digest goes out any more" in words(tab)
    assert ":gray-badge[Off]" in words(tab)
    sound(tab.button(key="digest-switch").click().run())
    # The second click of a double click takes nothing back.
    assert (":gray-badge[Off]" in words(tab), "No digest goes out any more" in words(tab)) == (True, True)
    clock.pass_(seconds=3)
    sound(tab.button(key="digest-switch").click().run())
    assert "from the next Monday on" in words(tab)
    assert ":green-badge[On]" in words(tab)
    assert sorted((entry.action, entry.detail) for entry in builders.rows(owner.shop, AuditEntry)) == [
        ("digest", "off"), ("digest", "on")
    ]  # fmt: skip


def test_support_has_no_switch_for_the_digest(visitor: Visitor) -> None:
    visitor.works_as(Role.SUPPORT)
    assert not [button for button in opens(visitor).button if button.key == "digest-switch"]


def framed(tab: AppTest) -> str:
    """The letter in its frame."""
    [frame] = tab.get("iframe")
    return b64decode(frame.proto.src.partition("base64,")[2]).decode()


def test_long_lists_are_leafed(owner: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(letters.page.__kwdefaults__, "size", 1)
    order_id = bought(owner.shop, owner.stripe)
    written(owner, Job.RECEIPT, order_id, LetterState.SENT)
    written(owner, Job.INVITATION, None, LetterState.SENT, minutes=1)
    tab = opens(owner)
    assert "Invitation" in words(tab)
    sound(tab.button(key="leaf-on").click().run())
    assert "Receipt" in words(tab)
    sound(tab.button(key="leaf-back").click().run())
    assert "Invitation" in words(tab)
