"""Files in the fields of a page: Streamlit keeps in memory whatever is sent, so that nothing is taken of a stranger."""

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from core.foundation import database, signing
from core.owner.importing import sheets
from core.owner.shelves.brand import pictures
from core.people import sign_in as sign_ins
from core.people.staff import Role
from core.shop import Shop
from storefront.serving.form_files import FormFiles
from tests import builders, colleagues
from tests.machine import free_port

ADDRESS = "/_stcore/upload_file/a-session/a-file"
SETTINGS = Path(__file__).parents[3] / ".streamlit" / "config.toml"


async def keep(request: Request) -> Response:
    await request.body()
    return Response(status_code=204)


def browser_at(shop: Shop) -> TestClient:
    methods = ["GET", "PUT", "DELETE", "OPTIONS"]
    streamlit = [Route("/{rest:path}", keep, methods=methods)]
    return TestClient(Starlette(routes=streamlit, middleware=[Middleware(FormFiles, shop=shop)]))


@pytest.fixture
def browser(shop: Shop) -> TestClient:
    return browser_at(shop)


def sign_in(browser: TestClient, shop: Shop, sign_in_id: str) -> None:
    cookie = signing.sign(shop.signing_key, signing.SIGN_IN, sign_in_id)
    browser.cookies.set(signing.SIGN_IN_COOKIE, cookie)


def test_a_strangers_file_is_refused(browser: TestClient) -> None:
    for method in ("PUT", "DELETE", "POST"):
        answer = browser.request(method, ADDRESS, content=b"x")
        assert (answer.status_code, answer.json()) == (403, {"error": "NotPermitted"}), method


def test_a_buyers_and_a_forgers_are_refused(browser: TestClient, shop: Shop) -> None:
    sign_in(browser, shop, colleagues.signed_in(shop, "nora@lindqvist.example"))
    assert browser.put(ADDRESS, content=b"x").status_code == 403
    browser.cookies.set(signing.SIGN_IN_COOKIE, signing.sign("x" * 16, signing.SIGN_IN, "in_1"))
    assert browser.put(ADDRESS, content=b"x").status_code == 403


@pytest.mark.parametrize("role", Role)
def test_taken_are_those_of_whoever_has_a_field_for_them(browser: TestClient, shop: Shop, role: Role) -> None:
    sign_in(browser, shop, colleagues.works_as(shop, role))
    taken = 204 if role is Role.OWNER else 403
    assert browser.put(ADDRESS, content=b"x").status_code == taken
    assert browser.delete(ADDRESS).status_code == taken


def test_whoever_signed_out_sends_none_any_more(browser: TestClient, shop: Shop) -> None:
    claimed = colleagues.works_as(shop, Role.OWNER)
    sign_in(browser, shop, claimed)
    with shop.transaction() as session:
        sign_ins.sign_out(session, claimed, now=shop.now())
    assert browser.put(ADDRESS, content=b"x").status_code == 403


def test_all_else_is_streamlits(browser: TestClient) -> None:
    assert browser.get("/_stcore/health").status_code == 204
    assert browser.options(ADDRESS).status_code == 204


@builders.on_sqlite
def test_while_the_database_is_away_nobody_is_known(shop: Shop) -> None:
    away = replace(shop, engine=database.connect(f"postgresql://127.0.0.1:{free_port()}/shop"))
    browser = browser_at(away)
    sign_in(browser, shop, "in_1")
    answer = browser.put(ADDRESS, content=b"x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    away.engine.dispose()


def test_no_more_is_taken_than_the_largest_field_asks_for() -> None:
    most = tomllib.loads(SETTINGS.read_text())["server"]["maxUploadSize"] * 1024**2
    largest = max(sheets.MOST_BYTES, pictures.MOST)
    assert largest <= most < 2 * largest
