"""What is owed to endpoints: in the transaction that caused it, once, to those that want it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest
from pydantic import SecretStr
from sqlmodel import update

from core.foundation import database
from core.foundation.errors import HookNotFound, HookUnfit
from core.foundation.jobs import outbox
from core.foundation.settings import SANDBOX_RECEIVER_SECRET, Settings
from core.journeys import refund
from core.kinds.licenses import LicenseKey
from core.licensing import administration
from core.outgoing import attempts, endpoints, environment, messages
from core.outgoing.endpoints import Off, WebhookEndpoint
from core.outgoing.messages import DeliveryState, WebhookMessage
from core.outgoing.topics import Topic
from core.owner.needs import attention
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.core.outgoing.receiver import deliveries, listens
from tests.fakes import FakeStripe
from tests.machine import eventually

NOWHERE = "http://127.0.0.1:9/"


def told(shop: Shop) -> list[tuple[str, dict]]:
    rows = sorted(builders.rows(shop, WebhookMessage), key=lambda row: (row.created_at, row.topic))
    return [(row.topic.value, orjson.loads(row.body)["data"]) for row in rows]


def test_a_payment_and_its_refund_are_told_once_and_name_nobody(shop: Shop, stripe: FakeStripe, clock: Clock) -> None:
    made = listens(shop, NOWHERE, "order.paid", "order.refunded")
    order_id, paid = builders.opened(shop, "guide-eur")
    assert told(shop) == []
    stripe.pay(paid)
    completed = stripe.event("completed", paid)
    builders.deliver(shop, completed)
    clock.pass_(minutes=1)
    builders.deliver(shop, completed)
    clock.pass_(minutes=1)
    done = refund.request(shop, order_id, amount=900, actor="owner", key="1")
    builders.deliver(shop, stripe.tell("refund.updated", next(reversed(stripe.refunds.values()))))
    assert done
    ((topic, said), (later, after)) = told(shop)
    assert (later, after["amount_refunded"], after["status"]) == ("order.refunded", 900, "partially_refunded")
    order = builders.order(shop, order_id)
    assert topic == "order.paid"
    assert said == {
        "order": order_id, "number": order.number, "status": "fulfilled", "person": order.customer_id, "currency": "eur",
        "amount_total": 2900, "amount_refunded": 0, "livemode": False, "paid_at": said["paid_at"],
        "lines": [{"product": "guide", "kind": "download", "quantity": 1, "unit_amount": 2900}],
    }  # fmt: skip
    assert order.email
    assert order.email not in orjson.dumps(said).decode()
    for row in deliveries(shop):
        assert (row.endpoint_id, row.state) == (made.id, DeliveryState.WAITING)
        assert f"webhook:{row.id}" in builders.jobs(shop)


def test_what_is_rolled_back_was_never_told(shop: Shop) -> None:
    listens(shop, NOWHERE)

    def fail() -> None:
        with shop.transaction() as session:
            messages.announce(session, Topic.ATTENDEE_CHANGED, {"place": "1"}, key="1", now=shop.now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert builders.rows(shop, WebhookMessage) == []


@builders.on_sqlite
def test_what_is_made_up_is_told_to_nobody(shop: Shop) -> None:
    listens(shop, NOWHERE)
    with shop.transaction() as session:
        outbox.silence(session)
        messages.announce(session, Topic.ATTENDEE_CHANGED, {"place": "1"}, key="1", now=shop.now())
    assert builders.rows(shop, WebhookMessage) == []


def test_each_endpoint_is_told_what_it_wants_and_the_same_key_once(shop: Shop) -> None:
    everything, one = listens(shop, NOWHERE), listens(shop, NOWHERE, "attendee.changed")
    listens(shop, NOWHERE, "order.paid")
    for _ in range(2):
        with shop.transaction() as session:
            for key in ("1", "1", "2"):
                messages.announce(session, Topic.ATTENDEE_CHANGED, {"place": key}, key=key, now=shop.now())
    assert sorted(row.endpoint_id for row in deliveries(shop)) == sorted([everything.id, one.id] * 2)
    assert {said["place"] for _, said in told(shop)} == {"1", "2"}


def test_licences_are_told_when_they_are_bought_and_when_an_owner_changes_them(
    shop: Shop, stripe: FakeStripe, clock: Clock
) -> None:
    listens(shop, NOWHERE, "license.changed")
    order_id = builders.bought(shop, stripe, "kit-eur")
    clock.pass_(minutes=1)
    with shop.transaction() as session:
        (name,) = [row.id for row in builders.rows(shop, LicenseKey)]
        administration.disable(session, administration.hold(session, name), now=shop.now())
    first, second = told(shop)
    assert (first[1]["status"], second[1]["status"]) == ("active", "disabled")
    assert first[1]["license"] == name
    assert first[1]["order"] == order_id
    assert builders.license_key(shop, order_id) not in str(first)


@builders.on_sqlite
def test_an_endpoint_that_cannot_be_is_refused(shop: Shop) -> None:
    for url, why in (
        ("ftp://app.example", "address"), ("https://app.example:port/", "address"), ("app", "address"),
        ("https://user:word@app.example/", "credentials"), ("https://app.example/a b", "address"),
    ):  # fmt: skip
        with pytest.raises(HookUnfit) as refused, shop.transaction() as session:
            endpoints.add(session, url, livemode=False, now=shop.now())
        assert refused.value.why == why
    with pytest.raises(HookUnfit), shop.transaction() as session:
        endpoints.add(session, "http://app.example/", livemode=True, now=shop.now())
    with pytest.raises(HookUnfit), shop.transaction() as session:
        endpoints.add(session, NOWHERE, topics=["order.made"], livemode=False, now=shop.now())
    assert builders.rows(shop, WebhookEndpoint) == []


@builders.on_sqlite
def test_secrets_are_kept_sealed_and_two_are_good_for_a_day(shop: Shop, clock: Clock) -> None:
    made = listens(shop, NOWHERE)
    with shop.transaction() as session:
        newer = endpoints.rotate(session, made.id, now=shop.now())
    (row,) = builders.rows(shop, WebhookEndpoint)
    assert made.secret.startswith("whsec_")
    assert not any(secret in row.model_dump_json() for secret in (made.secret, newer.secret))
    assert endpoints.secrets_of(shop.signing_key, row, now=shop.now()) == [newer.secret, made.secret]
    clock.pass_(hours=25)
    assert endpoints.secrets_of(shop.signing_key, row, now=shop.now()) == [newer.secret]


@builders.on_sqlite
def test_a_secret_of_before_a_change_of_secret_key_is_rotated_away_at_once(shop: Shop) -> None:
    made = listens(shop, NOWHERE)
    with database.transaction(shop.engine, now=shop.now, secret="another SECRET_KEY") as session:
        newer = endpoints.rotate(session, made.id, now=shop.now())
    (row,) = builders.rows(shop, WebhookEndpoint)
    assert endpoints.secrets_of("another SECRET_KEY", row, now=shop.now()) == [newer.secret]


@builders.on_sqlite
def test_the_environment_makes_two_endpoints_follows_them_and_takes_them_away(shop: Shop) -> None:
    def opened(**urls: str) -> dict[str, str]:
        environment.follow(builders.replace(shop, settings=shop.settings.model_copy(update=urls)))
        with shop.reading() as session:
            return {row.variable: row.url for row in endpoints.everything(session)}

    both = {"ops_webhook_url": "https://ops.example/a", "crm_webhook_url": "https://crm.example/a"}
    first = opened(**both)
    assert first == {"OPS_WEBHOOK_URL": "https://ops.example/a", "CRM_WEBHOOK_URL": "https://crm.example/a"}
    assert opened(**both) == first
    assert len(builders.rows(shop, WebhookEndpoint)) == 2
    assert opened(ops_webhook_url="https://ops.example/b") == {"OPS_WEBHOOK_URL": "https://ops.example/b"}
    ops = next(row for row in builders.rows(shop, WebhookEndpoint) if row.variable == "OPS_WEBHOOK_URL")
    with pytest.raises(HookUnfit), shop.transaction() as session:
        endpoints.remove(session, ops.id, now=shop.now())


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_processes_that_start_at_once_make_one_endpoint_of_a_setting(shop: Shop) -> None:
    url = "https://ops.example/a"
    set_ = builders.replace(shop, settings=shop.settings.model_copy(update={"ops_webhook_url": url}))
    with ThreadPoolExecutor(1) as another:
        with shop.transaction() as session:
            endpoints.of_setting(session, "OPS_WEBHOOK_URL", url, now=shop.now())
            session.flush()
            opens = another.submit(environment.follow, set_)
            eventually(lambda: opens.done() or builders.waiting_for_locks(shop) == 1)
        opens.result(60)
    assert [row.removed_at for row in builders.rows(shop, WebhookEndpoint)] == [None]


@builders.on_sqlite
def test_of_two_endpoints_that_were_made_of_one_setting_the_first_stays(shop: Shop) -> None:
    for number in (2, 1):
        listens(shop, f"https://ops.example/{number}")
    with shop.transaction() as session:
        session.exec(update(WebhookEndpoint).values(variable="OPS_WEBHOOK_URL", url="https://ops.example/a"))
    first, _ = sorted(row.id for row in builders.rows(shop, WebhookEndpoint))
    for url, left in (("https://ops.example/a", [first]), ("", [])):
        settings = shop.settings.model_copy(update={"ops_webhook_url": url})
        environment.follow(builders.replace(shop, settings=settings))
        with shop.reading() as session:
            assert [row.id for row in endpoints.everything(session)] == left


@builders.on_sqlite
def test_a_demo_that_names_nobody_tells_the_sandbox_with_a_secret_that_it_knows(shop: Shop) -> None:
    def follows(**said: str) -> list[str]:
        chosen = Settings(database_url=shop.settings.database_url, secret_key=SecretStr(shop.signing_key), **said)  # type: ignore[arg-type]
        environment.follow(builders.replace(shop, settings=chosen))
        with shop.reading() as session:
            return [row.url for row in endpoints.everything(session)]

    assert follows() == ["http://127.0.0.1:12111/webhooks"]
    (row,) = builders.rows(shop, WebhookEndpoint)
    assert endpoints.secrets_of(shop.signing_key, row, now=shop.now()) == [SANDBOX_RECEIVER_SECRET]
    assert follows(ops_webhook_url="") == []
    assert follows(ops_webhook_url="https://ops.example/a") == ["https://ops.example/a"]
    assert follows(stripe_secret_key="sk_test_ours") == []


def test_what_waits_for_an_endpoint_that_is_off_is_kept_and_sent_when_it_is_on(shop: Shop, clock: Clock) -> None:
    made = listens(shop, NOWHERE)
    with shop.transaction() as session:
        endpoints.switch_off(endpoints.locked(session, made.id), Off.FAILED, now=shop.now())
    with shop.transaction() as session:
        messages.announce(session, Topic.ATTENDEE_CHANGED, {}, key="1", now=shop.now())
    assert [row.state for row in deliveries(shop)] == [DeliveryState.HELD]
    (item,) = [each for each in attention.items(shop) if each.topic == "webhook_off"]
    assert "1 messages wait" in item.detail
    before = builders.jobs(shop)
    clock.pass_(minutes=1)
    with shop.transaction() as session:
        assert messages.switch_on(session, made.id, now=shop.now()) == 1
    assert len(builders.jobs(shop)) == len(before) + 1
    assert [row.state for row in deliveries(shop)] == [DeliveryState.WAITING]
    assert [each for each in attention.items(shop) if each.topic == "webhook_off"] == []


def test_a_range_is_owed_again(shop: Shop, clock: Clock) -> None:
    made, begun = listens(shop, NOWHERE), shop.now()
    for key in ("1", "2", "3"):
        with shop.transaction() as session:
            messages.announce(session, Topic.ATTENDEE_CHANGED, {}, key=key, now=shop.now())
        clock.pass_(hours=1)
    with shop.transaction() as session:
        again = messages.send_range_again(
            session, made.id, since=begun + timedelta(minutes=30), until=shop.now(), now=shop.now()
        )
    assert again == 2
    with pytest.raises(HookNotFound), shop.transaction() as session:
        messages.send_again(session, "whd_none", now=shop.now())


def test_the_log_is_forgotten_after_a_month(shop: Shop, clock: Clock) -> None:
    listens(shop, NOWHERE)
    with shop.transaction() as session:
        messages.announce(session, Topic.ATTENDEE_CHANGED, {}, key="1", now=shop.now())
    clock.pass_(days=29)
    with shop.transaction() as session:
        messages.announce(session, Topic.ATTENDEE_CHANGED, {}, key="2", now=shop.now())
        assert attempts.forget(session, now=shop.now()) == 0
    clock.pass_(days=2)
    with shop.transaction() as session:
        assert attempts.forget(session, now=shop.now()) == 1
    assert len(deliveries(shop)) == len(builders.rows(shop, WebhookMessage)) == 1


@builders.on_sqlite
def test_what_was_told_of_somebody_who_is_erased_loses_the_sellers_id(shop: Shop) -> None:
    listens(shop, NOWHERE)
    said = {"person": "cus_1", "external_id": "user-77", "products": []}
    with shop.transaction() as session:
        messages.announce(session, Topic.ENTITLEMENT_CHANGED, said, key="1", person="cus_1", now=shop.now())
    with shop.transaction() as session:
        messages.forget_person(session, "cus_1")
    assert told(shop) == [("entitlement.changed", said | {"external_id": None})]
