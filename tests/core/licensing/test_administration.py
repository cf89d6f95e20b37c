"""What owners and buyers do about one licence, and what an app hears of it at its very next question."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from core.foundation.errors import LicenseNotFound, MachineNotFound, NoLicenseProduct, NotPermitted, ReplacedLately
from core.foundation.records import new_id
from core.journeys import refund
from core.kinds.grants import Machine
from core.kinds.licenses import LicenseActivation, LicenseKey, Origin
from core.licensing import administration, holding
from core.orders.orders import Order
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.staff import MAY, Action, Role
from core.registers import licenses
from core.registers.paging import Place
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock
from tests.core.licensing.asking import App, sold
from tests.fakes import FakeStripe
from webhook.app import create_app

NORA, EVE = "nora@lindqvist.example", "eve@berg.example"
HERE = Place()


@pytest.fixture
def app(shop: Shop, stripe: FakeStripe) -> App:
    return App(TestClient(create_app(shop)), sold(shop, stripe)[1])


def owner(shop: Shop) -> Callable[[], Deed]:
    sign_in_id = colleagues.works_as(shop, Role.OWNER)
    return lambda: Deed(sign_in_id, new_id("do"))


def only(shop: Shop) -> LicenseKey:
    [row] = builders.rows(shop, LicenseKey)
    return row


def test_another_key_ends_the_first_and_keeps_the_machines(shop: Shop, app: App) -> None:
    app.ask("activate", fingerprint="fp", label="Laptop")
    new = holding.replace(shop, NORA, only(shop).id)
    assert app.code("validate", fingerprint="fp") == "NOT_FOUND"
    assert App(app._client, new).ask("validate", fingerprint="fp")["activation"]["label"] == "Laptop"
    [order] = builders.rows(shop, Order)
    assert builders.deliveries(shop, order.id)[0].licenses[0].key == new


def test_buyers_replace_a_key_once_a_day(shop: Shop, app: App, clock: Clock) -> None:
    license_id = only(shop).id
    holding.replace(shop, NORA, license_id)
    clock.pass_(hours=23)
    with pytest.raises(ReplacedLately) as refused:
        holding.replace(shop, NORA, license_id)
    assert refused.value.again == shop.now() + timedelta(hours=1)
    clock.pass_(hours=1)
    assert holding.replace(shop, NORA, license_id)


def test_nobody_else_s_licence_is_touched(shop: Shop, app: App) -> None:
    activation = app.ask("activate", fingerprint="fp")["activation"]["id"]
    license_id = only(shop).id
    for stranger in (EVE, "", "nora"):
        with pytest.raises(LicenseNotFound):
            holding.replace(shop, stranger, license_id)
        with pytest.raises(LicenseNotFound):
            holding.release(shop, stranger, license_id, activation)
    with pytest.raises(MachineNotFound):
        holding.release(shop, NORA, license_id, "act_of_another")
    assert app.code("validate", fingerprint="fp") == "VALID"
    assert holding.release(shop, NORA, license_id, activation) == "fp"
    assert app.code("validate", fingerprint="fp") == "NOT_ACTIVATED"


def test_what_went_back_or_was_switched_off_is_not_the_buyer_s_to_replace(
    shop: Shop, stripe: FakeStripe, app: App
) -> None:
    license_id = only(shop).id
    with shop.transaction() as session:
        administration.disable(session, administration.hold(session, license_id), now=shop.now())
    with pytest.raises(LicenseNotFound):
        holding.replace(shop, NORA, license_id)
    with shop.transaction() as session:
        administration.enable(session, administration.hold(session, license_id))
    order_id, _ = sold(shop, stripe, cart="cart_2")
    refund.request(shop, order_id, actor="owner", key="r")
    other = next(row.id for row in builders.rows(shop, LicenseKey) if row.id != license_id)
    with pytest.raises(LicenseNotFound):
        holding.replace(shop, NORA, other)


def test_each_thing_that_staff_do_is_heard_at_once_and_written_down(shop: Shop, app: App) -> None:
    app.ask("activate", fingerprint="fp", label="Laptop")
    deed, license_id = owner(shop), only(shop).id
    licenses.disable(shop, license_id, deed=deed())
    assert app.code("validate", fingerprint="fp") == "DISABLED"
    licenses.enable(shop, license_id, deed=deed())
    assert app.code("validate", fingerprint="fp") == "VALID"
    licenses.change_terms(shop, license_id, machines=1, until=shop.now() + timedelta(days=2), deed=deed())
    said = app.ask("activate", fingerprint="fp-2")
    assert (said["code"], said["license"]["activations"]) == ("ACTIVATION_LIMIT", {"used": 1, "limit": 1})
    assert said["license"]["expires_at"] == "2026-11-25T10:24:00Z"
    [machine] = licenses.sheet(shop, license_id).machines
    assert isinstance(machine, Machine)
    assert licenses.release(shop, license_id, machine.id, deed=deed()) == "Laptop"
    assert app.code("activate", fingerprint="fp-2") == "VALID"
    # The buyer finds it: it is not shown to whoever replaced it.
    assert licenses.replace(shop, license_id, deed=deed()) == ""
    assert app.code("validate") == "NOT_FOUND"
    done = [(each.subject, each.detail) for each in builders.rows(shop, AuditEntry)]
    assert sorted(done) == sorted(
        (license_id, detail)
        for detail in (
            "switched off",
            "switched on",
            "1 machines, 2026-11-25",
            f"machine {machine.id} removed",
            "key replaced",
        )
    )
    assert {each.action for each in licenses.sheet(shop, license_id).done} == {Action.LICENSE, Action.LICENSE_TERMS}


def test_a_key_that_nobody_bought_works_and_is_its_holder_s(shop: Shop, stripe: FakeStripe, app: App) -> None:
    deed = owner(shop)
    license_id, key = licenses.issue(shop, "kit", holder=EVE.upper(), machines=7, deed=deed())
    said = App(app._client, key).ask("activate", fingerprint="fp")
    assert (said["code"], said["license"]["activations"]["limit"], said["license"]["id"]) == ("VALID", 7, license_id)
    with shop.reading() as session:
        [(product, license)] = holding.given(session, EVE, livemode=False, signing_key=shop.signing_key)
        assert holding.given(session, NORA, livemode=False, signing_key=shop.signing_key) == ()
    assert (product, license.key, license.used(shop.now())) == ("kit", key, 1)
    assert licenses.replace(shop, license_id, deed=deed()) == ""
    assert holding.release(shop, EVE, license_id, said["activation"]["id"]) == "fp"
    with pytest.raises(LicenseNotFound):
        holding.release(shop, NORA, license_id, said["activation"]["id"])
    nobodys, _ = licenses.issue(shop, "kit", holder="", machines=None, deed=deed())
    assert App(app._client, licenses.replace(shop, nobodys, deed=deed())).code("validate") == "VALID"
    for product in ("guide", "nothing"):
        with pytest.raises(NoLicenseProduct):
            licenses.issue(shop, product, holder="", machines=None, deed=deed())


@pytest.mark.parametrize("text", ["Eve@BÜCHER.example", "eve@xn--bcher-kva.example"])
@builders.on_sqlite
def test_a_key_that_was_given_is_found_by_its_holders_address_however_it_is_written(shop: Shop, text: str) -> None:
    license_id, _ = licenses.issue(shop, "kit", holder="eve@bücher.example", machines=None, deed=owner(shop)())
    assert [each.id for each in licenses.page(shop, text, "", place=HERE).rows] == [license_id]
    assert licenses.page(shop, "straße@bücher.example", "", place=HERE).rows == ()


@pytest.mark.parametrize("role", Role)
def test_each_role_does_what_it_may(shop: Shop, app: App, role: Role) -> None:
    app.ask("activate", fingerprint="fp")
    license_id, sign_in_id = only(shop).id, colleagues.works_as(shop, role)
    [machine] = licenses.sheet(shop, license_id).machines

    def deed() -> Deed:
        return colleagues.deed(sign_in_id)

    care: list[Callable[[], object]] = [
        lambda: licenses.disable(shop, license_id, deed=deed()),
        lambda: licenses.enable(shop, license_id, deed=deed()),
        lambda: licenses.release(shop, license_id, machine.id, deed=deed()),
        lambda: licenses.replace(shop, license_id, deed=deed()),
    ]
    terms: list[Callable[[], object]] = [
        lambda: licenses.change_terms(shop, license_id, machines=9, until=None, deed=deed()),
        lambda: licenses.issue(shop, "kit", holder="", machines=None, deed=deed()),
        lambda: licenses.bring(shop, "key,product\nX,kit\n", dry_run=True, deed=deed()),
        lambda: licenses.bring(shop, "key,product\nX,kit\n", dry_run=False, deed=deed()),
    ]
    before = [row.model_dump() for row in builders.rows(shop, LicenseKey)]
    for action, things in ((Action.LICENSE, care), (Action.LICENSE_TERMS, terms)):
        for do in things:
            if action in MAY[role]:
                do()
            else:
                with pytest.raises(NotPermitted):
                    do()
    if role is Role.VIEWER:
        assert [row.model_dump() for row in builders.rows(shop, LicenseKey)] == before


def test_licences_are_found_by_key_end_order_and_address(shop: Shop, stripe: FakeStripe, app: App) -> None:
    row = only(shop)
    deed = owner(shop)
    given, key = licenses.issue(shop, "kit", holder=EVE, machines=None, deed=deed())
    licenses.disable(shop, given, deed=deed())
    number = builders.rows(shop, Order)[0].number

    def ids(text: str = "", only: str = "") -> set[str]:
        return {each.id for each in licenses.page(shop, text, only, place=HERE).rows}

    assert ids() == {row.id, given}
    for text in (app._known["key"], app._known["key"].lower(), row.hint, row.id, number, NORA):
        assert ids(text) == {row.id}, text
    for text in (key, EVE, EVE.upper()):
        assert ids(text) == {given}, text
    assert ids("nothing") == ids("x' or 1=1") == set()
    assert ids(only="disabled") == ids(only="given") == {given}
    assert ids(only="timed") == set()
    assert ids(only="nonsense") == {row.id, given}
    [bought] = licenses.page(shop, row.hint, "", place=HERE).rows
    assert bought.order
    assert (bought.order.number, bought.product, bought.used, bought.machines) == (number, "Template Kit", 0, 3)


def test_offline_tokens_that_are_out_are_told(shop: Shop, app: App, clock: Clock) -> None:
    app.ask("offline", fingerprint="a", ttl=3600)
    app.ask("offline", fingerprint="b", ttl=86400)
    found = licenses.sheet(shop, only(shop).id)
    assert (found.tokens, found.tokens_until) == (2, shop.now() + timedelta(days=1))
    clock.pass_(hours=2)
    assert licenses.sheet(shop, only(shop).id).tokens == 1


FILE = """\ufeffLicense Key;Product;User Email;Activation Limit;Expires At;Status;Instance Name;created_at
OLD-1;kit;Eve@Berg.example;2;2027-01-31;active;Desk;2026-01-01
OLD-1;kit;;;;;Laptop;
OLD-1;kit;;;;;Third;
old2-aBc;kit;;;;disabled;;
;kit;;;;;;
OLD-3;guide;;;;;;
OLD-4;kit;;many;;;;
OLD-5;kit;;;soon;;;
OLD-6;kit;eve@;;;;;
"""


def test_keys_of_another_shop_come_with_their_machines_once(shop: Shop, stripe: FakeStripe, app: App) -> None:
    deed = owner(shop)
    foreseen = licenses.bring(shop, FILE, dry_run=True, deed=deed())
    assert len(builders.rows(shop, LicenseKey)) == 1
    done = licenses.bring(shop, FILE, dry_run=False, deed=deed())
    assert done == foreseen
    assert (done.keys, done.machines) == (2, 2)
    assert done.problems == [
        (4, "is one machine more than the 2 that the key allows"),
        (6, "has no key that can be kept"),
        (7, "names guide, which is no licence of this shop"),
        (8, "allows 'many' machines, which is no number of them"),
        (9, "says 'soon', which is no date such as 2027-01-31"),
        (10, "has an address that no mail can reach"),
    ]
    old = App(app._client, "old-1")
    said = old.ask("validate", fingerprint="Desk")
    assert (said["code"], said["license"]["activations"], said["license"]["expires_at"]) == (
        "VALID", {"used": 2, "limit": 2}, "2027-01-31T00:00:00Z",
    )  # fmt: skip
    assert App(app._client, "OLD2ABC").code("validate") == "DISABLED"
    again = licenses.bring(shop, FILE, dry_run=False, deed=deed())
    assert (again.keys, again.machines, again.known) == (0, 0, 3)
    rows = [row for row in builders.rows(shop, LicenseKey) if row.origin is Origin.IMPORT]
    assert {(row.holder, row.machines) for row in rows} == {(EVE, 2), ("", 3)}
    assert len(builders.rows(shop, LicenseActivation)) == 2


@pytest.mark.parametrize("text", ["", "nothing", "key\nX", "product\nkit"])
def test_a_file_without_keys_says_so(shop: Shop, text: str) -> None:
    found = licenses.bring(shop, text, dry_run=True, deed=owner(shop)())
    assert "are missing" in found.problems[0][1]
