"""Stripe's own command line against the sandbox: it was written for Stripe, and knows nothing of us."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import stripe

from core.events.handlers import HANDLERS
from docs import stripe_triggers
from tests.sandbox.command_line import CommandLine, Run
from tests.sandbox.running import Endpoint, World, eventually, running

NAMES = {**{name: name for name in stripe_triggers.CAUSED}, **stripe_triggers.ALIASES}
AT_ONCE = 3


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    made = CommandLine(tmp_path_factory.mktemp("stripe"))
    # The first run writes its configuration; those after it run side by side.
    assert made.run("http://127.0.0.1:9", "version").code == 0
    return made


@pytest.fixture(scope="module")
def triggered(cli: CommandLine) -> Iterator[dict[str, Future[tuple[Run, list[str]]]]]:
    """Every trigger, each in a sandbox of its own: what became of it, and what happened there."""
    receiver = Endpoint()

    def trigger(name: str) -> tuple[Run, list[str]]:
        with running(receiver, webhook_url="", settle_seconds=0.05) as world:
            run = cli.run(world.settings.base_url, "trigger", name)
            if run.code == 0:
                eventually(lambda: NAMES[name] in world.kinds())
            return run, world.kinds()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {name: threads.submit(trigger, name) for name in NAMES}
    receiver.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_trigger_causes_the_event_of_its_name(triggered: dict[str, Future[tuple[Run, list[str]]]], name: str) -> None:
    run, kinds = triggered[name].result()
    assert run.code == 0, run.said
    assert "Trigger succeeded" in run.said
    assert NAMES[name] in kinds


def test_of_every_trigger_there_is_it_is_said_whether_it_works(cli: CommandLine) -> None:
    said = cli.run("http://127.0.0.1:9", "trigger", "--help").said
    offered = set(re.findall(r"^  ([a-z0-9_.]+)$", said, re.MULTILINE))
    assert len(offered) > 100
    assert {*NAMES, *stripe_triggers.NOT_CAUSED} == offered
    assert not NAMES.keys() & set(stripe_triggers.NOT_CAUSED)


def test_every_event_the_shop_handles_can_be_triggered_if_the_command_line_knows_it() -> None:
    assert not set(stripe_triggers.NOT_CAUSED) & set(HANDLERS)


def test_a_triggered_checkout_can_be_varied(cli: CommandLine, world: World) -> None:
    run = cli.run(
        world.settings.base_url, "trigger", "checkout.session.completed",
        "--add", "checkout_session:client_reference_id=ord_1",
        "--add", "checkout_session:metadata[order_id]=ord_1",
        "--override", "price:unit_amount=2500",
        "--override", "payment_page_confirm:expected_amount=5000",
        "--remove", "product:description",
    )  # fmt: skip
    assert run.code == 0, run.said
    session = world.events("checkout.session.completed")[0].data.object
    assert (session.client_reference_id, session.metadata.order_id) == ("ord_1", "ord_1")
    assert (session.amount_total, session.payment_status) == (5000, "paid")
    assert world.api.products.list().data[0].description is None


def test_steps_of_a_trigger_can_be_left_out(cli: CommandLine, world: World) -> None:
    run = cli.run(world.settings.base_url, "trigger", "checkout.session.completed", "--skip", "payment_page_confirm")
    assert run.code == 0, run.said
    assert world.api.checkout.sessions.list().data[0].status == "open"


def test_fixtures_of_ones_own_refer_to_each_other(cli: CommandLine, world: World, tmp_path: Path) -> None:
    fixtures = {
        "_meta": {"template_version": 0},
        "fixtures": [
            {"name": "guide", "path": "/v1/products", "method": "post", "params": {"name": "The Quiet Launch"}},
            {
                "name": "price",
                "path": "/v1/prices",
                "method": "post",
                "params": {
                    "product": "${guide:id}",
                    "unit_amount": 2900,
                    "currency": "eur",
                    "metadata": {"of": "${guide:name}"},
                },
            },
            {"name": "again", "path": "/v1/prices/${price:id}", "method": "get"},
            {
                "name": "session",
                "path": "/v1/checkout/sessions",
                "method": "post",
                "params": {
                    "mode": "payment",
                    "success_url": "http://127.0.0.1:9/thanks",
                    "line_items": [{"price": "${again:id}", "quantity": 2}],
                },
            },
        ],
    }
    file = tmp_path / "fixtures.json"
    file.write_text(json.dumps(fixtures))
    run = cli.run(world.settings.base_url, "fixtures", str(file))
    assert run.code == 0, run.said
    assert world.api.checkout.sessions.list().data[0].amount_total == 5800
    assert world.api.prices.list().data[0].metadata.to_dict() == {"of": "The Quiet Launch"}


def test_listening_forwards_what_is_signed_with_the_secret_that_was_shown(
    cli: CommandLine, own_endpoint: Endpoint
) -> None:
    with running(own_endpoint, webhook_url="") as world:
        base = world.settings.base_url
        everything = ("listen", "--skip-update", "--all-snapshot", "--forward-to", own_endpoint.url)
        # Nothing here belongs to a connected account, so nothing is forwarded there.
        with cli.going_on(base, *everything, "--forward-connect-to", "http://127.0.0.1:9/connect") as listen:
            secret = listen.secret()
            session = world.paid()
            headers, body = _received(own_endpoint, "checkout.session.completed")
            event = stripe.Webhook.construct_event(body, headers["Stripe-Signature"], secret)
            assert event.data.object.id == session.id
            eventually(lambda: {e.pending_webhooks for e in world.events()} == {0})
            attempts = world.http.get("/sandbox/deliveries.json", params={"event": event.id}).json()[0]["attempts"]
            assert [(a["status"], a["answer"]) for a in attempts] == [(200, "thank you")]
            assert cli.run(base, "events", "resend", event.id).json()["id"] == event.id
            again = own_endpoint.wait_for("checkout.session.completed", 2)
            assert {each["id"] for each in again} == {event.id}
            assert cli.run(base, "listen", "--print-secret").said.strip() == secret
        world.api.products.create({"name": "nobody listens"})
        eventually(lambda: world.events()[-1].pending_webhooks == 0)
        assert "<--  [200] POST" in listen.said()


def _received(endpoint: Endpoint, kind: str) -> tuple[dict[str, str], bytes]:
    endpoint.wait_for(kind)
    return next((headers, body) for headers, body in endpoint.received if json.loads(body)["type"] == kind)


def test_listening_for_some_events_in_the_latest_version_shows_just_those(
    cli: CommandLine, own_endpoint: Endpoint
) -> None:
    with running(own_endpoint, webhook_url="") as world:
        base = world.settings.base_url
        some = ("listen", "--skip-update", "--events", "price.created", "--latest", "--format", "JSON")
        with cli.going_on(base, *some) as listen, cli.going_on(base, "logs", "tail") as tail:
            listen.secret()
            eventually(lambda: "Ready!" in tail.said(), 20)
            price = world.price()
            eventually(lambda: price.id in listen.said())
            assert '"type":"price.created"' in listen.said()
            assert "product.created" not in listen.said()
            eventually(lambda: "[200] POST /v1/prices" in tail.said())


def test_configured_endpoints_are_loaded_and_forwarded_to(cli: CommandLine, own_endpoint: Endpoint) -> None:
    with running(own_endpoint, webhook_url="") as world:
        given = {"url": "https://shop.example/webhooks/stripe", "enabled_events": ["price.created"]}
        world.api.webhook_endpoints.create(given)
        site = own_endpoint.url.removesuffix("/webhooks/stripe")
        loading = ("listen", "--skip-update", "--all-snapshot", "--use-configured-webhooks", "--forward-to", site)
        with cli.going_on(world.settings.base_url, *loading) as listen:
            listen.secret()
            world.price()
            own_endpoint.wait_for("price.created")
            assert [event["type"] for event in own_endpoint.events()] == ["price.created"]


def test_an_event_is_sent_again_to_the_endpoint_that_was_named(
    cli: CommandLine, world: World, endpoint: Endpoint
) -> None:
    world.api.products.create({"name": "x"})
    event = endpoint.wait_for("product.created")[0]["id"]
    made = world.api.webhook_endpoints.create({"url": endpoint.url, "enabled_events": ["price.created"]})
    resent = cli.run(world.settings.base_url, "events", "resend", event, f"--webhook-endpoint={made.id}")
    assert resent.json()["id"] == event
    endpoint.wait_for("product.created", 2)
    sent = world.http.get("/sandbox/deliveries.json", params={"event": event}).json()
    assert [delivery["endpoint"] for delivery in sent] == [made.id, "we_default"]


def test_objects_are_made_listed_read_and_deleted(cli: CommandLine, world: World) -> None:
    base = world.settings.base_url
    customer = cli.run(base, "customers", "create", "--email=nora@example.com", "-d", "metadata[order_id]=ord_1").json()
    assert (customer["email"], customer["metadata"]) == ("nora@example.com", {"order_id": "ord_1"})
    session = world.paid()
    intent = cli.run(base, "payment_intents", "retrieve", session.payment_intent, "--expand", "latest_charge").json()
    assert intent["latest_charge"]["payment_intent"] == session.payment_intent
    for name in ("one", "two"):
        cli.run(base, "post", "/v1/products", "-d", f"name={name}").json()
    newest = cli.run(base, "products", "list", "--limit", "1").json()
    assert ([product["name"] for product in newest["data"]], newest["has_more"]) == (["two"], True)
    product = newest["data"][0]["id"]
    assert cli.run(base, "get", f"/v1/products/{product}").json()["name"] == "two"
    assert cli.run(base, "delete", f"/v1/products/{product}", "--confirm").json()["deleted"] is True
    events = cli.run(base, "events", "list", "--type", "product.deleted").json()["data"]
    assert [event["data"]["object"]["id"] for event in events] == [product]
    assert cli.run(base, "events", "retrieve", events[0]["id"]).json()["type"] == "product.deleted"
    missing = cli.run(base, "get", f"/v1/products/{product}")
    assert "resource_missing" in missing.said
