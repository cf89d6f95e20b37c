"""While the database is away: each page of the storefront is 503 and says so, and is itself again when it is back."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from core.foundation import database
from core.shop import Shop
from storefront.serving import first_html, while_away
from storefront.serving.crowd import Crowd
from storefront.serving.plain_html import PlainPages
from tests import builders
from tests.machine import free_port


def browser(shop: Shop, monkeypatch: pytest.MonkeyPatch, *, full: bool = False) -> tuple[TestClient, list[str]]:
    """A browser, and the addresses of all pages. Whether the database is there is looked at each time."""
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    monkeypatch.setattr(while_away, "_FRESH", 0)
    crowd = Crowd(most=1 if full else 0)
    crowd.enter()
    routes: list[Route] = first_html.routes(PlainPages(shop), crowd, while_away.WhileAway(shop))
    return TestClient(Starlette(routes=routes)), [route.path for route in routes if "{" not in route.path]


@builders.on_sqlite
@pytest.mark.parametrize("full", [False, True])
def test_every_page_asks_to_come_back(shop: Shop, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    away = replace(shop, engine=database.connect(f"postgresql://127.0.0.1:{free_port()}/shop"))
    client, paths = browser(away, monkeypatch, full=full)
    assert len(paths) > 20
    answers = {path: client.get(path) for path in paths}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 503)
    assert answers["/"].headers["retry-after"] == "5"
    assert "Nothing is lost" in answers["/owner"].text
    away.engine.dispose()


@builders.on_sqlite
def test_what_goes_away_in_between_is_no_fault_and_comes_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = browser(shop, monkeypatch, full=True)
    with monkeypatch.context() as gone:

        def none_left(*_: object, **__: object) -> None:
            raise PoolTimeout("QueuePool limit reached")

        gone.setattr("core.kinds.offers.shelf", none_left)
        assert client.get("/").status_code == 503
    assert client.get("/").status_code == 200
