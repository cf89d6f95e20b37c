"""A page that failed: what is said of it, what is logged, and how it comes back once the database does."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

from core.foundation import database
from core.shop import Shop
from storefront import failures
from tests.builders import on_sqlite
from tests.machine import free_port

Draw = Callable[[], AppTest]


@pytest.fixture
def nobody() -> Iterator[Engine]:
    """A database for which nobody answers."""
    engine = database.connect(f"postgresql://127.0.0.1:{free_port()}/shop")
    yield engine
    engine.dispose()


@pytest.fixture
def draw(shop: Shop, nobody: Engine, monkeypatch: pytest.MonkeyPatch) -> Draw:
    """Open a page that asks the database, for which nobody answers the first time."""
    asked = [nobody, shop.engine, shop.engine]

    def page(asked: "list[Engine]") -> None:
        import streamlit as st

        from core.foundation import database
        from storefront import failures

        try:
            with database.reading(asked.pop(0)) as session:
                session.connection()
            st.header("A product")
        except Exception as error:
            failures.on_script_error(error)

    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    return lambda: AppTest.from_function(page, kwargs={"asked": asked}, default_timeout=30).run()


@on_sqlite
def test_a_page_says_that_what_was_clicked_may_have_to_be_clicked_again(draw: Draw) -> None:
    """Also where the database is there again at once, as where only a lock was waited for."""
    tab = draw()
    (said,) = (each.value for each in tab.error)
    assert "if what you clicked is not done then, click it once more" in said
    # Who has just paid, and waits here, is not told to do that again.
    assert "What you paid for stays yours." in said
    assert [each.value for each in tab.header] == []


@on_sqlite
def test_the_page_comes_back_by_itself(draw: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 1000, 5))
    monkeypatch.setattr(failures, "monotonic", lambda: next(seconds))
    tab = draw()
    assert [each.value for each in tab.header] == ["A product"]
    assert not tab.error


@on_sqlite
def test_it_stays_as_it_is_while_nobody_answers(
    draw: Draw, shop: Shop, nobody: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 1000, 5))
    monkeypatch.setattr(failures, "monotonic", lambda: next(seconds))
    monkeypatch.setattr("storefront.process.shop", lambda: replace(shop, engine=nobody))
    tab = draw()
    assert len(tab.error) == 1


def test_what_streamlit_logs_of_it_is_left_out_while_the_database_is_away(nobody: Engine) -> None:
    def logged(error: Exception) -> bool:
        told = (type(error), error, None)
        return failures.is_news(logging.LogRecord("streamlit", logging.ERROR, "", 1, "Uncaught", None, told))

    with pytest.raises(database.TROUBLE) as away, database.reading(nobody) as session:
        session.connection()
    assert not logged(away.value)
    assert logged(ValueError("a fault of ours"))
