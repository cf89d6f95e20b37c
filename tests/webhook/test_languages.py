"""The sidecar's pages in the language that a browser asks for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.foundation import signing
from core.orders.payments import Payment
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues, pseudo
from tests.core.attendance.conftest import Clinic
from tests.fakes import FakeStripe

pytestmark = builders.on_sqlite

OWN = ("Nora Lindqvist", "Copenhagen", "nora@lindqvist.example")


@pytest.fixture
def pseudo_language(tmp_path: Path) -> Iterator[None]:
    with pseudo.spoken(tmp_path):
        yield


def untranslated(shop: Shop, client: TestClient, *paths: str, status: int = 200) -> dict[str, list[str]]:
    own = (*OWN, shop.settings.shop_name, shop.settings.support_email)
    found = {}
    for path in paths:
        answer = client.get(path, headers={"Accept-Language": "eo"})
        assert answer.status_code == status, path
        assert "⟦" in answer.text
        assert "lang=" in answer.text
        if left := pseudo.untranslated(pseudo.seen(answer.text), own):
            found[path] = left
    return found


def test_tickets_are_translated_whole(
    shop: Shop, stripe: FakeStripe, client: TestClient, pseudo_language: None
) -> None:
    clinic = Clinic(shop, stripe)
    ticket = clinic.tickets(clinic.sell())[0]
    assert untranslated(shop, client, f"/ticket/{ticket}", f"/join/{ticket}") == {}
    assert untranslated(shop, client, "/ticket/nothing", "/waiting/nothing", status=404) == {}


def test_receipts_are_translated_whole(
    shop: Shop, stripe: FakeStripe, client: TestClient, pseudo_language: None
) -> None:
    builders.bought(shop, stripe, ("guide-eur", 2), "kit-eur")
    [payment] = builders.rows(shop, Payment)
    client.cookies.set(signing.BROWSER_COOKIE, signing.sign(shop.signing_key, signing.BROWSER, "br_1"))
    assert untranslated(shop, client, f"/receipts/{payment.id}") == {}


def test_refusals_are_translated_whole(shop: Shop, client: TestClient, pseudo_language: None) -> None:
    assert untranslated(shop, client, "/downloads/nothing", status=403) == {}
    assert untranslated(shop, client, "/unsubscribe/nothing", status=404) == {}
    answer = client.post("/checkout/form", data={"product": "no-such"}, headers={"Accept-Language": "eo"})
    assert pseudo.untranslated(pseudo.seen(answer.text)) == []


def test_machines_read_the_same_in_every_language(shop: Shop, client: TestClient) -> None:
    german, english = (client.get("/products", headers={"Accept-Language": each}).json() for each in ("de", "en"))
    for each in (*german, *english):
        del each["consents"]
    assert german == english


def test_a_receipt_of_staff_is_english(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    builders.bought(shop, stripe, "guide-eur")
    [payment] = builders.rows(shop, Payment)
    cookie = signing.sign(shop.signing_key, signing.SIGN_IN, colleagues.works_as(shop, Role.OWNER))
    client.cookies.set(signing.SIGN_IN_COOKIE, cookie)
    page = client.get(f"/owner/receipts/{payment.id}", headers={"Accept-Language": "de"}).text
    assert '<html lang="en">' in page
    assert "€29.00" in page
