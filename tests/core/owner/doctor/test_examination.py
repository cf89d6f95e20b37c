"""The doctor: each thing that can be wrong is found by its name, whatever else is, and mended where that was asked for."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError
from sqlmodel import col, update

from core.catalog import seller
from core.catalog.products import Kind, Price, Product, ShopText
from core.events.handlers import HANDLERS
from core.events.inbox import StripeEvent
from core.foundation.errors import EndpointUnfit, PermissionMissing, ShopError, StripeKeyRefused, StripeUnreachable
from core.foundation.settings import SANDBOX_KEY
from core.foundation.storage import Storage
from core.gateway import permissions
from core.gateway.account import Standing
from core.gateway.permissions import Right
from core.journeys import revocation
from core.kinds.downloads import DownloadFile
from core.outgoing import endpoints
from core.owner.doctor import examination, findings, house, ping, stripe_side
from core.owner.doctor.findings import Finding, Level
from core.shop import Shop
from tests import builders
from tests.conftest import Clock
from tests.databases import spoiled
from tests.fakes import FakeStripe
from tests.machine import eventually, free_port
from tests.worker.postbox import mail_server
from webhook.app import create_app

# Where nobody answers, and none is waited for.
PUBLIC = "http://127.0.0.1:9"
URL = f"{PUBLIC}/api/webhooks/stripe"


@dataclass
class FakeAccount:
    """An account at Stripe that is as it must be, until a test spoils it."""

    at: datetime
    live: bool = False
    trouble: ShopError | None = None
    lacks: set[Right] = field(default_factory=set)
    known: list[dict[str, Any]] = field(default_factory=list)
    prices: dict[str, dict[str, Any]] = field(default_factory=dict)
    registered: list[str] = field(default_factory=list)
    tax_unknown: list[str] = field(default_factory=list)
    api_version: str = "2026-01-01.ours"

    def standing(self) -> Standing:
        if self.trouble:
            raise self.trouble
        return Standing(self.at, self.live)

    def try_right(self, right: Right) -> None:
        if right in self.lacks:
            raise PermissionMissing("more_permissions_required", f"no {right}")

    def endpoints(self) -> list[dict[str, Any]]:
        if self.trouble:
            raise self.trouble
        return deepcopy(self.known)

    def make_endpoint(self, url: str, types: Sequence[str], *, shop_id: str) -> dict[str, Any]:
        made = endpoint(url=url, enabled_events=list(types), metadata={"shop_id": shop_id})
        self.known.append(made)
        return made | {"secret": "whsec_made_just_now"}

    def tell_endpoint(self, endpoint: str, types: Sequence[str]) -> dict[str, Any]:
        (found,) = [each for each in self.known if each["id"] == endpoint]
        found.update(enabled_events=list(types), status="enabled")
        return found

    def find_price(self, price: str) -> dict[str, Any] | None:
        found = self.prices.get(price)
        if found and isinstance(found["product"], str):
            return {**found, "product": {"id": found["product"], "active": True}}
        return found

    def tax_countries(self) -> list[str]:
        return self.registered

    def tax_lacks(self) -> list[str]:
        return self.tax_unknown


def endpoint(**changes: Any) -> dict[str, Any]:
    return {
        "id": "we_1", "url": URL, "enabled_events": sorted(HANDLERS), "status": "enabled", "metadata": {},
        "api_version": "2026-01-01.ours", **changes,
    }  # fmt: skip


@pytest.fixture
def account(clock: Clock) -> FakeAccount:
    return FakeAccount(clock(), known=[endpoint()])


@pytest.fixture
def own(shop: Shop) -> Shop:
    """A shop with a test key of its seller's, at a public address."""
    settings = shop.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_test_ours"), "app_url": PUBLIC})
    return replace(shop, settings=settings)


def found(shop: Shop, account: FakeAccount, check: str, *, fix: bool = False) -> list[Finding]:
    return [each for each in examination.examine(shop, account, fix=fix) if each.check == check]


def without_plans(shop: Shop) -> Shop:
    """The shop once it sells none."""
    with shop.transaction() as session:
        session.exec(update(Product).where(col(Product.kind) == Kind.PLAN).values(active=False))
    return shop


def wrong(shop: Shop, account: FakeAccount, check: str) -> list[str]:
    return [each.what for each in found(shop, account, check) if each.level is Level.WRONG]


@pytest.mark.parametrize(
    ("check", "spoil", "said"),
    [
        ("key", lambda account: setattr(account, "live", True), "The key's mode is not what it looks like."),
        ("clock", lambda account: setattr(account, "at", account.at - timedelta(seconds=90)), "90 seconds off"),
        ("endpoint", lambda account: account.known.clear(), "No webhook endpoint of the Stripe account leads to this shop."),
        ("endpoint", lambda account: account.known[0].update(url="https://other.example/webhooks/stripe"), "No webhook endpoint"),
        ("endpoint", lambda account: account.known[0].update(status="disabled"), "is switched off"),
        ("endpoint", lambda account: account.known[0]["enabled_events"].remove("refund.failed"), "not told of refund.failed."),
        ("permissions", lambda account: account.lacks.add(Right.CHECKOUT), "lacks the permission Checkout Sessions: write."),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_is_wrong_at_stripe_is_found_by_its_name(
    own: Shop, account: FakeAccount, check: str, spoil: Callable[[FakeAccount], object], said: str
) -> None:
    assert wrong(own, account, check) == []
    spoil(account)
    (what,) = wrong(own, account, check)
    assert said in what


@pytest.mark.parametrize("right", Right)
@builders.on_sqlite
def test_each_permission_that_is_missing_is_named(own: Shop, account: FakeAccount, right: Right) -> None:
    invoices = "off" if right is Right.INVOICES else "business"
    own = replace(without_plans(own), settings=own.settings.model_copy(update={"tax": "stripe", "invoices": invoices}))
    account.lacks = {right}
    assert wrong(own, account, "permissions") == [f"The key lacks the permission {right}."]


@builders.on_sqlite
def test_what_only_invoices_and_tax_need_is_asked_of_who_has_them(own: Shop, account: FakeAccount) -> None:
    account.lacks = {*permissions.OF_INVOICES, *permissions.OF_TAX}
    assert wrong(without_plans(own), account, "permissions") == []
    own = replace(own, settings=own.settings.model_copy(update={"tax": "stripe", "invoices": "always"}))
    assert len(wrong(own, account, "permissions")) == len(account.lacks)


@builders.on_sqlite
def test_who_sells_plans_or_has_sold_one_needs_what_corrects_their_invoices(
    own: Shop, account: FakeAccount, stripe: FakeStripe
) -> None:
    """Of plans Stripe writes invoices in any case, which their buyers may have corrected."""
    account.lacks = {*permissions.OF_INVOICES}
    assert len(wrong(own, account, "permissions")) == len(account.lacks)
    assert wrong(without_plans(own), account, "permissions") == []
    with own.transaction() as session:
        session.exec(update(Product).where(col(Product.kind) == Kind.PLAN).values(active=True))
    builders.subscribed(own, stripe)
    assert len(wrong(without_plans(own), account, "permissions")) == len(account.lacks)


@builders.on_sqlite
def test_a_key_that_lacks_something_is_made_anew_with_all_of_it_by_one_link(own: Shop, account: FakeAccount) -> None:
    account.lacks = {Right.COUPONS, Right.PRICES}
    found = [each for each in examination.examine(without_plans(own), account) if each.check == "permissions"]
    [(page, *_), *others] = [re.findall(r"https://\S+", each.how) for each in found]
    asked = parse_qs(urlsplit(page).query)["permissions[]"]
    assert others == [[]]
    assert {"rak_coupon_write", "rak_plan_write", "rak_checkout_session_write"} <= set(asked)
    assert not any("credit_note" in each for each in asked)


@builders.on_sqlite
def test_a_database_that_is_damaged_is_found_while_the_shop_goes_on(
    own: Shop, account: FakeAccount, stripe: FakeStripe
) -> None:
    builders.bought(own, stripe)
    assert [each.level for each in found(own, account, "integrity")] == [Level.FINE]
    spoiled(own.engine, "prices")
    for check in ("integrity", "plans"):
        (what,) = wrong(own, account, check)
        assert what.startswith("The database is damaged: ")
    with own.reading() as session:
        assert "integrity" in [each.check for each in findings.last(session).wrong]


@builders.on_sqlite
def test_an_endpoint_in_another_version_can_wait(own: Shop, account: FakeAccount) -> None:
    account.known[0]["api_version"] = "2020-08-27"
    assert [each.level for each in found(own, account, "endpoint")] == [Level.LATER, Level.FINE]


@pytest.mark.parametrize("spoil", [{"status": "disabled"}, {"enabled_events": ["charge.refunded"]}])
@builders.on_sqlite
def test_an_endpoint_is_mended_where_that_is_asked_for(own: Shop, account: FakeAccount, spoil: dict[str, Any]) -> None:
    account.known[0].update(spoil)
    assert [each.mended for each in found(own, account, "endpoint", fix=True)] == [True]
    assert set(account.known[0]["enabled_events"]) == set(HANDLERS)
    assert account.known[0]["status"] == "enabled"
    assert wrong(own, account, "endpoint") == []


@builders.on_sqlite
def test_plans_and_the_portal_are_brought_to_stripe_where_that_is_asked_for(
    own: Shop, account: FakeAccount, stripe: FakeStripe
) -> None:
    assert [each.level for each in found(own, account, "plans")] == [Level.LATER] * 2
    assert [each.level for each in found(own, account, "portal")] == [Level.LATER]
    assert stripe.prices == {} == stripe.portal_configurations
    mended = [each.check for each in examination.examine(own, account, fix=True) if each.mended]
    assert mended == ["plans", "plans", "portal"]
    for check in ("plans", "portal"):
        assert [each.level for each in found(own, account, check)] == [Level.FINE]
    # Where they are gone again, that is found as well.
    next(iter(stripe.prices.values()))["active"] = False
    next(iter(stripe.portal_configurations.values()))["features"]["subscription_cancel"] = {"enabled": False}
    assert [each.level for each in found(own, account, "plans")] == [Level.LATER]
    (what,) = wrong(own, account, "portal")
    assert "does not offer subscription_cancel" in what
    mended = [each.check for each in examination.examine(own, account, fix=True) if each.mended]
    assert mended == ["plans", "portal"]
    assert [each.level for each in found(own, account, "plans")] == [Level.FINE]
    assert wrong(own, account, "portal") == []


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (None, "unknown to this Stripe account"),
        ({"active": False}, "is archived"),
        ({"product": {"active": False}}, "is archived"),
        ({"unit_amount": 2800}, "costs 2800 eur and not 2900 eur"),
        ({"currency": "usd"}, "costs 2900 usd and not 2900 eur"),
        ({"recurring": {"interval": "month"}}, "is billed every month"),
        ({}, ""),
    ],
)
@builders.on_sqlite
def test_a_price_must_be_what_it_names_at_stripe(
    own: Shop, account: FakeAccount, theirs: dict[str, Any] | None, said: str
) -> None:
    with own.transaction() as session:
        session.get_one(Price, "guide-eur").stripe_price_id = "price_1"
    price = {"unit_amount": 2900, "currency": "eur", "active": True, "product": {"active": True}, "recurring": None}
    account.prices = {} if theirs is None else {"price_1": price | theirs}
    sentences = wrong(own, account, "prices")
    assert (said in "".join(sentences)) if said else sentences == []


@pytest.mark.parametrize("trouble", [StripeUnreachable("api_connection_error"), StripeKeyRefused("api_key_expired")])
@builders.on_sqlite
def test_what_stripe_does_not_answer_keeps_nothing_else_from_being_looked_at(
    own: Shop, account: FakeAccount, trouble: ShopError
) -> None:
    account.trouble = trouble
    checks = {each.check: each.level for each in examination.examine(own, account)}
    assert (checks["key"], checks["endpoint"]) == (Level.WRONG, Level.WRONG)
    assert (checks["permissions"], checks["storage"]) == (Level.FINE, Level.FINE)


@builders.on_sqlite
def test_that_stripe_cannot_be_reached_is_said_in_one_line(own: Shop, account: FakeAccount) -> None:
    account.trouble = StripeUnreachable(
        "APIConnectionError", "Unexpected error.\n\n(Network error: Max retries exceeded)"
    )
    assert wrong(own, account, "endpoint") == ["Stripe could not be reached."]


@builders.on_sqlite
def test_another_secret_key_than_before_is_found_by_what_it_does_not_open(
    own: Shop, account: FakeAccount, stripe: FakeStripe
) -> None:
    assert found(own, account, "secret") == []
    builders.bought(own, stripe, "kit-eur")
    assert [each.level for each in found(own, account, "secret")] == [Level.FINE]
    settings = own.settings.model_copy(update={"secret_key": SecretStr("another than before")})
    vars(settings).pop("signing_key")  # which was worked out before
    other = replace(own, settings=settings)
    [finding] = found(other, account, "secret")
    assert (finding.level, finding.what) == (Level.LATER, "SECRET_KEY does not open licence keys.")
    with own.transaction() as session:
        endpoints.add(session, "http://127.0.0.1:9/", livemode=False, now=own.now())
    [finding] = found(other, account, "secret")
    assert finding.what == "SECRET_KEY does not open secrets of outgoing webhooks, licence keys."
    assert finding.level is Level.WRONG


@builders.on_sqlite
def test_a_database_that_takes_nothing_keeps_nothing_else_from_being_said(
    own: Shop, account: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Iterator[Finding]:
        trouble = sqlite3.OperationalError("database or disk is full")
        trouble.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise OperationalError("insert", {}, trouble)

    monkeypatch.setattr(findings, "keep", full)
    monkeypatch.setattr(house, "trials", full)
    found = {each.check: each for each in examination.examine(own, account)}
    assert found["database"].what == "The database takes nothing: database or disk is full."
    assert found["trials"].what == "The database does not answer: database or disk is full."
    assert found["key"].level is Level.FINE


@builders.on_sqlite
def test_where_files_cannot_be_kept_or_are_gone(own: Shop, account: FakeAccount, tmp_path: Path) -> None:
    assert wrong(own, account, "storage") == []
    file = builders.rows(own, DownloadFile)[0]
    own.storage.put(file.key, b"cut", media_type=file.media_type)
    assert "is not whole" in wrong(own, account, "storage")[0]
    own.storage.remove(file.key)
    assert wrong(own, account, "storage") == [f"{file.product_id} sells {file.name}, and its file is gone."]
    (tmp_path / "no-folder").write_text("a file where a folder is to be")
    away = replace(own, storage=Storage(f"file://{tmp_path}/no-folder"))
    assert wrong(away, account, "storage") == ["No file can be kept at STORAGE_URL: File exists (os error 17)."]


def test_mail_that_goes_and_mail_that_does_not(own: Shop, account: FakeAccount) -> None:
    with mail_server() as postbox:
        there = replace(own, settings=own.settings.model_copy(update={"smtp_url": SecretStr(postbox.url)}))
        assert wrong(there, account, "mail") == []
        assert postbox.letters == []
        examination.examine(there, account, letter_to="ida@lindqvist.example")
        assert len(postbox.to("ida@lindqvist.example")) == 1
    assert "does not take letters" in wrong(there, account, "mail")[0]


def test_a_shop_whose_worker_is_away_is_told_so(bare_shop: Shop, account: FakeAccount) -> None:
    assert wrong(bare_shop, account, "worker") == ["No worker is at work."]


def test_what_was_found_is_kept_in_place_of_what_was_before(own: Shop, account: FakeAccount, clock: Clock) -> None:
    account.known.clear()
    examination.examine(own, account)
    clock.pass_(hours=1)
    account.at = clock()
    account.known = [endpoint()]
    made = examination.examine(own, account)
    with own.reading() as session:
        last = findings.last(session)
    assert last is not None
    assert last.at == clock()
    # What is kept names no address.
    assert [(each.check, each.level) for each in last.findings] == [(each.check, each.level) for each in made]
    assert not any("hello@" in each.what for each in last.findings)
    assert "endpoint" not in {each.check for each in last.wrong}


def test_two_who_look_at_once_leave_one_examination(own: Shop, account: FakeAccount) -> None:
    def look() -> int:
        return len(examination.examine(own, account))

    (count, *others) = builders.at_once(look, look, look)
    assert set(others) == {count}
    assert len(builders.rows(own, findings.KeptFinding)) == count


def test_an_endpoint_is_registered_once_and_only_where_the_shop_listens(own: Shop, account: FakeAccount) -> None:
    account.known.clear()
    made = stripe_side.register(own, URL, account)
    assert made["secret"].startswith("whsec_")
    assert set(made["enabled_events"]) == set(HANDLERS)
    refused = {URL: "there", "https://shop.example.org/webhook": "address", "ftp://shop/webhooks/stripe": "address"}
    for url, why in refused.items():
        with pytest.raises(EndpointUnfit) as unfit:
            stripe_side.register(own, url, account)
        assert unfit.value.why == why
    live = own.settings.model_copy(update={"stripe_secret_key": SecretStr("sk_live_ours")})
    with pytest.raises(EndpointUnfit, match="plain"):
        stripe_side.register(replace(own, settings=live), "http://shop.example.org/webhooks/stripe", account)
    assert len(account.known) == 1


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address at which the app answers, until the block is left."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(("path", "said"), [("/webhooks/stripe", ""), ("/nothing-here", "was answered 404")])
def test_a_ping_arrives_and_leaves_no_trace(shop: Shop, path: str, said: str) -> None:
    with serving(create_app(shop)) as address:
        (one,) = ping.send(shop, f"{address}{path}")
        assert (one.level, said in one.what) == (Level.WRONG if said else Level.FINE, True)
        other = shop.settings.model_copy(update={"stripe_webhook_secret": (SecretStr("whsec_another"),)})
        (refused,) = ping.send(replace(shop, settings=other), f"{address}/webhooks/stripe")
        assert "was answered 400" in refused.what
    (unanswered,) = ping.send(shop, f"{address}{path}")
    assert "was not answered" in unanswered.what
    assert builders.rows(shop, StripeEvent) == []


def test_what_no_endpoint_took_is_found(own: Shop, account: FakeAccount, stripe: FakeStripe, clock: Clock) -> None:
    assert wrong(own, account, "deliveries") == []
    _, session_id = builders.opened(own)
    stripe.undelivered.append(stripe.event("completed", session_id))
    assert wrong(own, account, "deliveries") == []  # it may still be on its way
    clock.pass_(minutes=6)
    account.at = clock()
    assert "1 were not taken by each endpoint" in wrong(own, account, "deliveries")[0]
    clock.pass_(days=2)
    assert wrong(own, account, "deliveries") == []


def test_what_the_endpoint_of_another_program_did_not_take_is_no_fault_of_the_shops(
    own: Shop, account: FakeAccount, stripe: FakeStripe, clock: Clock
) -> None:
    account.known.append(endpoint(id="we_2", url="https://other.example/hooks", enabled_events=["*"]))
    _, session_id = builders.opened(own)
    stripe.undelivered.append(stripe.event("completed", session_id))
    clock.pass_(minutes=6)
    account.at = clock()
    assert "1 were not taken" in wrong(own, account, "deliveries")[0]  # nothing of late shows that ours takes anything
    _, another = builders.opened(own, cart="another")
    stripe.pay(another)
    builders.deliver(own, stripe.event("completed", another))
    [finding] = found(own, account, "deliveries")
    assert (finding.level, finding.why) == (
        Level.LATER,
        "It may be that of another program: https://other.example/hooks.",
    )
    account.known[1]["status"] = "disabled"
    assert "1 were not taken" in wrong(own, account, "deliveries")[0]


def test_places_that_trials_hold_are_found_once_money_is_real(
    own: Shop, account: FakeAccount, stripe: FakeStripe
) -> None:
    order_id = builders.bought(own, stripe, ("clinic-eur", 2))
    assert found(own, account, "trials") == []
    real = builders.live(own)
    number = builders.order(own, order_id).number
    assert wrong(real, account, "trials") == [f"Trial orders hold 2 places: {number}."]
    revocation.revoke(real, order_id, reason="trial", actor="owner")
    assert [each.level for each in found(real, account, "trials")] == [Level.FINE]


def test_the_public_address_must_lead_here(own: Shop, account: FakeAccount) -> None:
    assert "was not answered" in wrong(own, account, "address")[0]
    outside = FastAPI()
    outside.mount("/api", create_app(own))
    outside.get("/other/api/healthz")(lambda: {"status": "another"})
    with serving(outside) as address:
        for path, said in (("", None), ("/other", "answered by something else"), ("/none", "was answered 404")):
            here = replace(own, settings=own.settings.model_copy(update={"app_url": f"{address}{path}"}))
            found = wrong(here, account, "address")
            assert (said in found[0]) if said else found == []


def test_the_demo_knows_where_its_webhook_is(shop: Shop, account: FakeAccount) -> None:
    demo = replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": SecretStr(SANDBOX_KEY)}))
    assert examination.addresses(demo, account) == [f"http://127.0.0.1:{shop.settings.webhook_port}/webhooks/stripe"]


@pytest.mark.parametrize(("live", "level"), [(False, Level.LATER), (True, Level.WRONG)])
@builders.on_sqlite
def test_tax_without_a_registration_is_found(own: Shop, account: FakeAccount, live: bool, level: Level) -> None:
    changes = {"tax": "stripe", **({"stripe_secret_key": SecretStr("sk_live_ours")} if live else {})}
    taxed = replace(own, settings=own.settings.model_copy(update=changes))
    assert found(own, account, "tax") == []
    assert [each.level for each in stripe_side.registrations(taxed, account)] == [level]
    account.registered = ["DE", "AT", "DE"]
    assert [each.what for each in stripe_side.registrations(taxed, account)] == ["Stripe takes tax in AT, DE."]


@builders.on_sqlite
def test_what_stripe_must_know_before_it_reckons_tax_is_found(own: Shop, account: FakeAccount) -> None:
    taxed = replace(own, settings=own.settings.model_copy(update={"tax": "stripe"}))
    account.registered, account.tax_unknown = ["DE"], ["head_office"]
    [finding] = stripe_side.registrations(taxed, account)
    assert (finding.level, finding.what) == (
        Level.WRONG,
        "Stripe is to reckon tax, and does not know what it needs for that: head_office.",
    )


@builders.on_sqlite
def test_a_shop_that_does_not_say_who_sells_is_found(own: Shop, account: FakeAccount) -> None:
    [lacking] = found(own, account, "seller")
    assert lacking.what == "The shop does not say its name, address, terms, privacy, imprint."
    with own.transaction() as session:
        session.add_all(ShopText(key=key, text="https://plain.example") for key in seller.REQUIRED)
    assert [each.level for each in found(own, account, "seller")] == [Level.FINE]
