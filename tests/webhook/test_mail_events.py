"""A letter that came back, a complaint, and a click on "no more of these": what becomes of the letters after it."""

import dataclasses
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from core.command_line.words import customer
from core.correspondence import drafts
from core.foundation.jobs.kinds import Job, Turn
from core.foundation.signals import heartbeats
from core.journeys import order_care
from core.mailboxes import confirmations, marks, unsubscribing
from core.mailboxes.marks import Kind, MailMark
from core.messages import mail
from core.messages.letters import Letter, LetterState
from core.owner.needs import attention
from core.people import sign_in
from core.privacy import erasure, retention
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe
from tests.worker.postbox import Postbox, mail_server
from webhook.app import create_app
from worker import sending
from worker.breaker import Breaker
from worker.sending import Post

SECRET = "a secret that the provider knows"
NORA = "nora@lindqvist.example"
HEADERS = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def postbox() -> Any:
    with mail_server() as made:
        yield made


@pytest.fixture
def hooked(shop: Shop, postbox: Postbox) -> Shop:
    settings = shop.settings.model_copy(
        update={"mail_events_secret": SecretStr(SECRET), "smtp_url": SecretStr(postbox.url)}
    )
    return dataclasses.replace(shop, settings=settings)


@pytest.fixture
def client(hooked: Shop) -> TestClient:
    return TestClient(create_app(hooked), raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def send(hooked: Shop) -> Callable[..., LetterState]:
    """Have the worker make one attempt at the letter of a job; how it stands then."""
    with hooked.transaction() as session:
        now = heartbeats.database_time(session)
        run = heartbeats.begin(session, heartbeats.Kind.WORKER, host="tests", pid=2, now=now)
    post = Post(hooked, run, Breaker())

    def sending_(job: Job, *arguments: str) -> LetterState:
        draft = drafts.of(job, arguments)
        sending.send(post, Turn(job, draft.id, 0, arguments), draft)
        return letter(hooked, draft.id).state

    return sending_


def letter(shop: Shop, letter_id: str) -> Letter:
    with shop.reading() as session:
        return session.get_one(Letter, letter_id)


def topics(shop: Shop) -> list[str]:
    return [item.topic for item in attention.items(shop) if item.topic.startswith("mail")]


def test_a_letter_that_came_back_is_told_and_followed_by_none_but_codes(
    hooked: Shop, stripe: FakeStripe, client: TestClient, send: Callable[..., LetterState], clock: Clock
) -> None:
    order_id = builders.bought(hooked, stripe)
    assert send(Job.RECEIPT, order_id) is LetterState.SENT
    said = {
        "type": "bounced", "email": NORA.upper(), "reason": f"550 no {NORA}",
        "message_id": f"<{mail.reference(f'receipt:{order_id}')}@shop>",
    }  # fmt: skip
    for marked in (1, 0):
        answer = client.post("/mail-events", json=said, headers=HEADERS)
        assert (answer.status_code, answer.json()) == (200, {"reports": 1, "marked": marked})
    came_back = letter(hooked, f"receipt:{order_id}")
    assert came_back.state is LetterState.BOUNCED
    assert came_back.error == "came back: 550 no [address]"
    assert topics(hooked) == ["mailbox_gone"]
    assert send(Job.RECEIPT, order_id, "copy1") is LetterState.REFUSED
    assert NORA not in str(vars(builders.rows(hooked, MailMark)[0]))
    # Somebody who signs in by a code that was sent there reads what is sent there.
    sign_in.request_code(hooked, NORA)
    code = builders.rows(hooked, sign_in.codes.SignInCode)[-1]
    assert send(Job.SIGN_IN_CODE, code.id) is LetterState.SENT
    sign_in.by_code(hooked, NORA, sign_in.codes.digits_of(code.id, signing_key=hooked.signing_key))
    assert topics(hooked) == []
    assert send(Job.RECEIPT, order_id, "copy2") is LetterState.SENT


@builders.on_sqlite
@pytest.mark.parametrize("reported", ["nora@lindqvist.example", "Nora@LINDQVIST.example"])
def test_a_letter_that_came_back_is_found_however_its_address_is_reported(
    hooked: Shop, stripe: FakeStripe, client: TestClient, send: Callable[..., LetterState], reported: str
) -> None:
    order_id, paid = builders.opened(hooked)
    stripe.pay(paid, email="NORA@Lindqvist.example")
    builders.deliver(hooked, stripe.event("completed", paid))
    assert send(Job.RECEIPT, order_id) is LetterState.SENT
    client.post("/mail-events", json={"type": "bounced", "email": reported, "reason": "550"}, headers=HEADERS)
    assert letter(hooked, f"receipt:{order_id}").state is LetterState.BOUNCED


@builders.on_sqlite
def test_what_is_said_to_be_done_about_a_mailbox_that_is_gone_mends_it(
    hooked: Shop, stripe: FakeStripe, client: TestClient, send: Callable[..., LetterState]
) -> None:
    order_id = builders.bought(hooked, stripe)
    client.post("/mail-events", json={"type": "bounced", "email": NORA, "reason": "550"}, headers=HEADERS)
    (item,) = attention.items(hooked)
    assert "`pushcart customer EMAIL --change-email NEW`" in item.advice
    order_care.resend(hooked, order_id, to="nora@new.example")
    assert topics(hooked) == ["mailbox_gone"]  # a copy that goes elsewhere corrects nothing
    customer.change(hooked, NORA, "nora@new.example", order="", keep=False, join=False)
    assert topics(hooked) == []
    assert send(Job.RECEIPT, order_id, "copy") is LetterState.SENT


@builders.on_sqlite
def test_a_letter_that_is_late_or_full_marks_nobody(hooked: Shop, stripe: FakeStripe, client: TestClient) -> None:
    builders.bought(hooked, stripe)
    soft = {"type": "bounced", "email": NORA, "hard": False, "reason": "mailbox full"}
    assert client.post("/mail-events", json=soft, headers=HEADERS).json() == {"reports": 1, "marked": 0}
    assert topics(hooked) == []


@builders.on_sqlite
def test_who_does_not_know_the_secret_reports_nothing(hooked: Shop, shop: Shop, client: TestClient) -> None:
    said = {"type": "bounced", "email": NORA}
    assert client.post("/mail-events", json=said).status_code == 401
    assert client.post("/mail-events", json=said, headers={"Authorization": "Bearer guess"}).status_code == 401
    assert client.post("/mail-events", content=b"{", headers=HEADERS).status_code == 400
    assert client.post("/mail-events", content=b"x" * (1024 * 1024 + 1), headers=HEADERS).status_code == 413
    assert TestClient(create_app(shop)).post("/mail-events", json=said, headers=HEADERS).status_code == 404
    assert builders.rows(hooked, MailMark) == []


@builders.on_sqlite
def test_a_subscription_is_confirmed_at_amazon_and_nowhere_else(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Answer:
        status = 200

        def __enter__(self) -> "Answer":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def urlopen(url: str, timeout: float) -> Answer:
        opened.append(url)
        return Answer()

    monkeypatch.setattr(confirmations, "urlopen", urlopen)
    amazon = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    for url, status in (
        (amazon, 200), ("http://sns.eu-central-1.amazonaws.com/", 400), ("https://127.0.0.1/", 400),
        ("https://sns.eu-central-1.amazonaws.com.example.com/", 400), ("https://x@evil.example/sns.a.amazonaws.com", 400),
    ):  # fmt: skip
        said = {"Type": "SubscriptionConfirmation", "SubscribeURL": url, "Message": "You have chosen"}
        assert client.post("/mail-events", json=said, headers=HEADERS).status_code == status
    assert opened == [amazon]


@builders.on_sqlite
def test_news_can_be_ended_with_one_click_and_receipts_go_on(
    hooked: Shop, stripe: FakeStripe, client: TestClient, postbox: Postbox, send: Callable[..., LetterState]
) -> None:
    order_id = builders.bought(hooked, stripe)
    link = unsubscribing.link(hooked, NORA, Kind.NO_NEWS)
    assert NORA not in link
    path = urlsplit(link).path.removeprefix("/api")
    page = client.get(path)
    assert "no more news" in page.text
    # The shop's logo and letters are its own.
    assert "img-src 'self'; font-src 'self'" in page.headers["Content-Security-Policy"]
    assert builders.rows(hooked, MailMark) == []  # a mail program only looked
    one_click = {"Content-Type": "application/x-www-form-urlencoded"}
    for _ in range(2):
        done = client.post(path, content="List-Unsubscribe=One-Click", headers=one_click)
        assert (done.status_code, "Done" in done.text) == (200, True)
    assert client.post(f"{path}x").status_code == 404
    with hooked.reading() as session:
        key = hooked.signing_key
        refused = marks.refusal(session, NORA, Job.NEW_VERSION, Kind.NO_NEWS, signing_key=key)
        assert refused == marks.Refusal("whoever reads there wants none of these", wished=True)
        assert marks.refusal(session, NORA, Job.PLACE_LETTER, Kind.NO_MESSAGES, signing_key=key) is None
        assert marks.refusal(session, NORA, Job.RECEIPT, None, signing_key=key) is None
    assert send(Job.RECEIPT, order_id) is LetterState.SENT
    assert topics(hooked) == []
    # A receipt has no such link: it is no news.
    assert "List-Unsubscribe" not in postbox.letters[-1]


@builders.on_sqlite
def test_letters_that_nobody_needs_say_how_to_get_no_more_of_them(hooked: Shop) -> None:
    assert drafts.of(Job.NEW_VERSION, ("ord_1", "fv_1")).stream is Kind.NO_NEWS
    assert drafts.of(Job.PLACE_LETTER, ("ord_1", "at_1", "message", "am_1")).stream is Kind.NO_MESSAGES
    for job, arguments in (
        (Job.RECEIPT, ("ord_1",)), (Job.PLACE_LETTER, ("ord_1", "at_1", "ticket", "x")), (Job.REFUNDED, ("ord_1", "r")),
        (Job.PLAN_REMINDER, ("ord_1", "sub_1", "renewal", "x")),
    ):  # fmt: skip
        assert drafts.of(job, arguments).stream is None
    plain = drafts.wording.Message(NORA, "New", "Text", "<p>Text</p><!-- seller -->")
    url = unsubscribing.link(hooked, NORA, Kind.NO_NEWS)
    told = drafts.wording.with_way_out(plain, url)
    composed = message_from_bytes(bytes(mail._compose(hooked.settings, told, "new_version:1")), policy=policy.default)
    assert composed["List-Unsubscribe"].replace("\n", "").replace(" ", "") == f"<{url}>"
    assert composed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert url in told.text
    assert url in told.html


@builders.on_sqlite
def test_marks_go_with_whoever_is_forgotten_and_after_a_year(hooked: Shop, stripe: FakeStripe, clock: Clock) -> None:
    builders.bought(hooked, stripe)
    key = hooked.signing_key
    with hooked.transaction() as session:
        for address in (NORA, "ole@berg.example"):
            marks.report(session, address, Kind.BOUNCED, detail="550", signing_key=key, now=hooked.now())
        marks.opt_out(session, marks.mailbox_of("ole@berg.example", signing_key=key), Kind.NO_NEWS, now=hooked.now())
    clock.pass_(days=364)
    assert retention.run(hooked)["mail_marks"] == 0
    erasure.from_terminal(hooked, NORA)
    assert len(builders.rows(hooked, MailMark)) == 2
    clock.pass_(days=2)
    assert retention.run(hooked)["mail_marks"] == 1
    assert [row.kind for row in builders.rows(hooked, MailMark)] == [Kind.NO_NEWS]
