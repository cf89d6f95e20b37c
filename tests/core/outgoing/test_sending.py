"""Sending: what a receiver gets, what counts as taken, and what becomes of what is not."""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from core.correspondence import drafts
from core.foundation.jobs.kinds import Job, Turn
from core.foundation.settings import Settings
from core.messages.wording import Message
from core.outgoing import destinations, endpoints, messages, posting, sending
from core.outgoing.attempts import WebhookAttempt
from core.outgoing.destinations import PrivateDestination
from core.outgoing.endpoints import Off, WebhookEndpoint
from core.outgoing.messages import DeliveryState, WebhookDelivery
from core.outgoing.posting import Answer
from core.outgoing.sending import WAITS
from core.outgoing.topics import Topic
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.core.outgoing.receiver import Receiver, deliveries, listens, receiving, work
from tests.machine import eventually


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def of_today(clock: Any) -> None:
    """The standard's library goes by the machine's clock."""
    clock.time = datetime.now(UTC)


def announce(shop: Shop, key: str = "1") -> None:
    with shop.transaction() as session:
        messages.announce(session, Topic.ATTENDEE_CHANGED, {"place": key}, key=key, now=shop.now())


def delayed(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if "#" in job]


@builders.on_sqlite
def test_a_receiver_gets_a_signed_message_that_either_secret_opens(shop: Shop, receiver: Receiver) -> None:
    older = listens(shop, receiver.url)
    with shop.transaction() as session:
        newer = endpoints.rotate(session, older.id, now=shop.now())
    announce(shop)
    work(shop)
    for secret in (older.secret, newer.secret):
        (said,) = receiver.verified(secret)
        assert (said["type"], said["data"]) == ("attendee.changed", {"place": "1"})
        assert datetime.fromisoformat(said["timestamp"]) == shop.now()
    with pytest.raises(Exception, match="signature"):
        Webhook("whsec_" + "A" * 44).verify(receiver.heard[0][1], receiver.heard[0][0])
    (row,) = deliveries(shop)
    assert (row.state, row.status, row.attempts) == (DeliveryState.DELIVERED, 204, 1)
    (attempt,) = builders.rows(shop, WebhookAttempt)
    assert attempt.headers["webhook-id"] == row.message_id == receiver.heard[0][0]["webhook-id"]
    work(shop)
    sending.deliver(shop, Turn(Job.WEBHOOK, "twice", 0, (row.id,)))
    assert len(receiver.heard) == 1


@builders.on_sqlite
def test_where_secret_key_was_changed_it_is_said_and_not_that_the_program_is_broken(
    shop: Shop, receiver: Receiver
) -> None:
    made = listens(shop, receiver.url)
    announce(shop)
    key = {"secret_key": SecretStr("another than before, of sixteen letters")}
    work(replace(shop, settings=Settings(**{**dict(shop.settings), **key})))
    (item,) = [each for each in attention.items(shop) if each.topic == "webhook_off"]
    assert "three days" not in item.advice
    assert "SECRET_KEY was changed" in item.advice
    assert f"`pushcart hooks rotate {made.id}`" in item.advice
    assert receiver.heard == []


@builders.on_sqlite
def test_what_was_still_kept_when_an_endpoint_was_switched_on_follows_what_it_takes(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = listens(shop, receiver.url)
    with shop.transaction() as session:
        endpoints.switch_off(endpoints.locked(session, made.id), Off.OWNER, now=shop.now())
    for key in "1234":
        announce(shop, key)
    # More than are sent at once, or written by whoever had read before that it was off.
    monkeypatch.setattr(messages, "MOST", 1)
    monkeypatch.setattr(messages, "_FOLLOW", 2)
    with shop.transaction() as session:
        assert messages.switch_on(session, made.id, now=shop.now()) == 1

    def standing() -> list[str]:
        return sorted(row.state for row in deliveries(shop))

    work(shop)
    assert standing() == ["delivered", "held", "waiting", "waiting"]
    work(shop)
    assert standing() == ["delivered", "delivered", "delivered", "waiting"]
    work(shop)
    assert standing() == ["delivered"] * 4
    # One that is off again, and took a test, is sent no more than that.
    with shop.transaction() as session:
        endpoints.switch_off(endpoints.locked(session, made.id), Off.OWNER, now=shop.now())
    announce(shop, "5")
    with shop.transaction() as session:
        messages.ping(session, made.id, now=shop.now())
    work(shop)
    assert standing() == ["delivered"] * 5 + ["held"]


@pytest.mark.parametrize("status", [199 + 100, 301, 400, 404, 500, 503])
@builders.on_sqlite
def test_nothing_but_2xx_is_success_and_no_redirect_is_followed(shop: Shop, receiver: Receiver, status: int) -> None:
    listens(shop, receiver.url)
    receiver.answers = [(status, {"Location": receiver.url})]
    announce(shop)
    work(shop)
    (row,) = deliveries(shop)
    took = status == 299
    assert row.state is (DeliveryState.DELIVERED if took else DeliveryState.WAITING)
    assert (row.status, len(delayed(shop)), len(receiver.heard)) == (status, 0 if took else 1, 1)
    (attempt,) = builders.rows(shop, WebhookAttempt)
    assert attempt.answer == "what it says"
    (endpoint,) = builders.rows(shop, WebhookEndpoint)
    assert (endpoint.failing_since is None) is took


def told_owners(shop: Shop) -> list[Message]:
    """What owners read of endpoints that were switched off, as it would be written now."""
    found = [job for job in builders.jobs(shop) if job.startswith("shop_notice:webhook_off:")]
    drafted = [draft for job in found if (draft := drafts.of_id(job))]
    assert len(drafted) == len(found)
    return [written for draft in drafted if (written := drafts.write(shop, draft))]


@builders.on_sqlite
@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([(500, {})] * (len(WAITS) + 1), "answered 500. It took no message for three days"),
        ([(410, {})], "answered 410. It says that nobody is there any more"),
    ],
)
def test_owners_are_told_once_that_an_endpoint_was_switched_off_until_it_is_on(
    shop: Shop, receiver: Receiver, answers: list[Any], said: str
) -> None:
    made = listens(shop, receiver.url)
    receiver.answers = list(answers)
    announce(shop)
    for number in range(len(answers)):
        assert told_owners(shop) == []
        work(shop, number)
    announce(shop, "2")
    work(shop)
    [letter] = told_owners(shop)
    assert letter.to == "owner@example.com"
    assert said in letter.text
    with shop.transaction() as session:
        messages.switch_on(session, made.id, now=shop.now())
    assert told_owners(shop) == []


@builders.on_sqlite
def test_owners_are_told_that_nothing_can_be_signed_for_an_endpoint(shop: Shop, receiver: Receiver) -> None:
    listens(shop, receiver.url)
    announce(shop)
    announce(shop, "2")
    key = {"secret_key": SecretStr("another than before, of sixteen letters")}
    work(replace(shop, settings=Settings(**{**dict(shop.settings), **key})))
    [letter] = told_owners(shop)
    assert "SECRET_KEY was changed" in letter.text


def test_it_is_tried_for_three_days_and_then_the_endpoint_is_off_with_its_backlog_kept(
    shop: Shop, receiver: Receiver
) -> None:
    assert 3 * 86_400 <= sum(sending.WAITS) <= 3.5 * 86_400
    made = listens(shop, receiver.url)
    receiver.answers = [(500, {})] * (len(sending.WAITS) + 1)
    announce(shop)
    for number in range(len(sending.WAITS) + 1):
        work(shop, number)
    (row,) = deliveries(shop)
    assert (row.state, row.attempts, len(delayed(shop))) == (
        DeliveryState.HELD,
        len(sending.WAITS) + 1,
        len(sending.WAITS),
    )
    (endpoint,) = builders.rows(shop, WebhookEndpoint)
    assert (endpoint.off, endpoint.failure) == (Off.FAILED, "answered 500")
    announce(shop, "2")
    work(shop)
    assert {each.state for each in deliveries(shop)} == {DeliveryState.HELD}
    with shop.transaction() as session:
        messages.ping(session, made.id, now=shop.now())
    work(shop)
    assert [each["type"] for each in receiver.verified(made.secret)][-1] == "test.ping"
    with shop.transaction() as session:
        assert messages.switch_on(session, made.id, now=shop.now()) == 2
    work(shop)
    assert {each.state for each in deliveries(shop)} == {DeliveryState.DELIVERED}
    ids = [headers["webhook-id"] for headers, _ in receiver.heard]
    assert ids.count(ids[0]) == len(sending.WAITS) + 2


def test_what_is_sent_again_while_it_waits_is_tried_in_one_chain(shop: Shop, receiver: Receiver, clock: Any) -> None:
    listens(shop, receiver.url)
    receiver.answers = [(500, {})] * 4
    announce(shop)
    work(shop)
    work(shop, 1)
    (row,) = deliveries(shop)
    older = Turn(Job.WEBHOOK, f"webhook:{row.id}", 2, (row.id,))
    with shop.transaction() as session:
        messages.send_again(session, row.id, now=shop.now())
    sending.deliver(shop, older)
    assert len(receiver.heard) == 2
    again = f"webhook:{row.id}:2:again"
    sending.deliver(shop, Turn(Job.WEBHOOK, again, 0, (row.id,)))
    sending.deliver(shop, Turn(Job.WEBHOOK, again, 1, (row.id,)))
    assert (len(receiver.heard), len(delayed(shop))) == (4, 4)
    clock.pass_(seconds=60)
    sending.deliver(shop, older)
    assert (len(receiver.heard), len(delayed(shop))) == (4, 4)
    clock.pass_(minutes=10)
    sending.deliver(shop, older)
    assert len(receiver.heard) == 4
    sending.deliver(shop, Turn(Job.WEBHOOK, again, 2, (row.id,)))
    assert [each.state for each in deliveries(shop)] == [DeliveryState.DELIVERED]


def test_of_two_chains_whose_turns_are_due_together_the_later_one_s_alone_goes_out(
    shop: Shop, receiver: Receiver, clock: Any
) -> None:
    listens(shop, receiver.url)
    receiver.answers = [(500, {})] * 9
    announce(shop)
    work(shop)
    (row,) = deliveries(shop)
    for again in ("again", "once more"):
        sending.deliver(shop, Turn(Job.WEBHOOK, again, 0, (row.id,)))
    assert len(receiver.heard) == 3
    clock.pass_(seconds=6)
    for chain in (f"webhook:{row.id}", "again", "once more"):
        sending.deliver(shop, Turn(Job.WEBHOOK, chain, 1, (row.id,)))
    assert len(receiver.heard) == 4
    # As a process of before has left it.
    with shop.transaction() as session:
        session.get_one(WebhookDelivery, row.id).chain = None
    clock.pass_(seconds=WAITS[1])
    sending.deliver(shop, Turn(Job.WEBHOOK, "once more", 2, (row.id,)))
    assert len(receiver.heard) == 5


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_sends_a_message_again_and_who_notes_what_came_of_it_do_not_wait_for_each_other(shop: Shop) -> None:
    made = listens(shop, "http://127.0.0.1:9/")
    with shop.transaction() as session:
        messages.ping(session, made.id, now=shop.now())
    [delivery] = deliveries(shop)

    def again() -> DeliveryState:
        with shop.transaction() as session:
            return messages.send_again(session, delivery.id, now=shop.now()).state

    with ThreadPoolExecutor(1) as owner:
        with shop.transaction() as session:
            endpoints.locked(session, made.id)  # as whoever notes it, who has the delivery next
            waiting = owner.submit(again)
            eventually(lambda: builders.waiting_for_locks(shop) == 1)
            session.get_one(WebhookDelivery, delivery.id, with_for_update=True)
        assert waiting.result(60) is DeliveryState.WAITING


def test_410_ends_the_endpoint(shop: Shop, receiver: Receiver) -> None:
    listens(shop, receiver.url)
    receiver.answers = [(410, {})]
    announce(shop)
    announce(shop, "2")
    work(shop)
    announce(shop, "3")
    assert [each.state for each in deliveries(shop)] == [DeliveryState.DROPPED] * 2
    assert [each.off for each in builders.rows(shop, WebhookEndpoint)] == [Off.GONE]
    assert len(receiver.heard) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("Sat, 01 Jan 2000 00:02:00 GMT", 120),
        ("9" * 40, 999999999),
        ("Sat, 01 Jan 2000 00:02:00 +" + "9" * 20, 0),
    ],
)
def test_how_long_it_asks_to_be_left_alone_is_read(said: str, seconds: float) -> None:
    assert Answer(503, retry_after=said).wait(now=946684800.0) == seconds


@builders.on_sqlite
def test_retry_after_is_honoured(shop: Shop, receiver: Receiver) -> None:
    listens(shop, receiver.url)
    receiver.answers = [(429, {"Retry-After": "3600"})]
    announce(shop)
    work(shop)
    (row,) = deliveries(shop)
    assert row.next_at
    assert (row.next_at - shop.now()).total_seconds() == 3600


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.8", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "::1", "fe80::1",
        "fd00::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "::127.0.0.1",
        "224.0.0.1", "255.255.255.255",
    ],
)  # fmt: skip
def test_private_addresses_are_known_in_every_disguise(address: str) -> None:
    assert not destinations.is_public(address)


def test_public_addresses_are_public() -> None:
    assert all(map(destinations.is_public, ("93.184.215.14", "2606:4700::1111", "64:ff9b::5db8:d70e")))


def test_a_name_is_looked_up_once_and_its_machine_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look_up(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    called: list[Any] = []

    def connect(address: tuple[str, int], *_: object) -> socket.socket:
        called.append(address)
        raise OSError("not today")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert posting.post("http://rebind.example/", b"{}", {}, private=False).error == "OSError: not today"
    assert (asked, called) == (["rebind.example"], [("93.184.215.14", 80)])
    assert "private network" in posting.post("http://rebind.example/", b"{}", {}, private=False).error
    assert len(called) == 1


def test_one_private_machine_behind_a_name_is_enough_to_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(0, 0, 0, "", ("93.184.215.14", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(PrivateDestination):
        destinations.find("http://two.example/", private=False)


def test_an_address_is_asked_for_with_its_own_letters_and_what_is_written_so_already(receiver: Receiver) -> None:
    for path in ("/bestellungen/für?ort=köln", "/a%20b?c=%C3%BC&d=/e"):
        assert posting.post(receiver.url.rstrip("/") + path, b"{}", {}, private=True).took_it
    there = destinations.find("http://127.0.0.1/für?ort=köln&b=%C3%BC%2F", private=True)
    assert there.path == "/f%C3%BCr?ort=k%C3%B6ln&b=%C3%BC%2F"


@builders.on_sqlite
def test_private_addresses_are_refused_unless_a_setting_allows_them(shop: Shop, receiver: Receiver) -> None:
    own = builders.replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": builders.OWN_KEY}))
    listens(own, receiver.url)
    announce(own)
    work(own)
    assert receiver.heard == []
    (attempt,) = builders.rows(own, WebhookAttempt)
    assert "PRIVATE_WEBHOOKS=allow" in attempt.error
    work(builders.replace(own, settings=own.settings.model_copy(update={"private_webhooks": "allow"})))
    assert len(receiver.heard) == 1


def test_what_trickles_in_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"H")
                        connection.settimeout(0.05)
                        try:
                            if not connection.recv(4096):
                                return
                        except TimeoutError:
                            continue
                except OSError:
                    return

        thread = Thread(target=trickle, daemon=True)
        thread.start()
        answer = posting.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, private=True)
        thread.join(timeout=5)
    assert answer.error.startswith("no answer within")
    assert answer.took < 2


def test_who_is_slow_to_show_who_they_are_has_no_more_time_to_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT", 0.5)
    shaken = Event()

    class Slow:
        """A TLS library whose other side takes all the time there is to shake hands, and then answers byte by byte."""

        def wrap_socket(self, plain: socket.socket, **_: object) -> socket.socket:
            shaken.wait(posting.TIMEOUT + 0.2)
            return plain

    monkeypatch.setattr(ssl, "create_default_context", Slow)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for _ in range(50):
                    connection.sendall(b"H")
                    shaken.wait(0.1)

        thread = Thread(target=trickle, daemon=True)
        thread.start()
        answer = posting.post(f"https://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, private=True)
        thread.join(timeout=10)
    assert answer.error.startswith("no answer within")
    assert answer.took < 2


@pytest.mark.parametrize("final", [200, 503])
def test_what_only_says_that_an_answer_is_coming_is_no_answer(final: int) -> None:
    said = (
        b"HTTP/1.1 102 Processing\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nRetry-After: 900\r\n\r\n",
        f"HTTP/1.1 {final} Whatever\r\nContent-Length: 4\r\nRetry-After: 7\r\n\r\nsaid".encode(),
    )
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"".join(said))

        thread = Thread(target=answer, daemon=True)
        thread.start()
        found = posting.post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, private=True)
        thread.join(timeout=5)
    assert (found.status, found.text, found.retry_after, found.took_it) == (final, "said", "7", final == 200)


def test_what_no_database_keeps_is_left_out_of_what_is_said_of_an_answer(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak_another_language() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"\x15\x03\x01\x00\x02\x02P\r\n")  # that of TLS, where none is expected

        thread = Thread(target=speak_another_language, daemon=True)
        thread.start()
        listens(shop, f"http://127.0.0.1:{server.getsockname()[1]}/")
        announce(shop)
        work(shop)
        thread.join(timeout=5)
    (attempt,) = builders.rows(shop, WebhookAttempt)
    assert attempt.error.startswith("BadStatusLine")
    assert deliveries(shop)[0].state is DeliveryState.WAITING
