"""Storefront processes: several on one database know the same carts, and each knows how many pages are open at it."""

import asyncio
from pathlib import Path

import httpx
from streamlit.proto.ClientState_pb2 import ClientState

from tests.bench.shoppers import connected, cookie_of, storefront

ROOT = Path(__file__).parents[2]
SECRET = "the same for every process"
PRODUCT = "quiet-launch"


def test_a_cart_that_is_made_at_one_process_is_there_at_another(database_url: str, tmp_path: Path) -> None:
    shared = {"database_url": database_url, "secret_key": SECRET, "storage_url": f"file://{tmp_path}/files"}
    with storefront(ROOT, forked=True, **shared) as (one, _), storefront(ROOT, forked=True, **shared) as (other, _):
        cookie = asyncio.run(_fill_a_cart(one))
        assert "Go to payment" in asyncio.run(_buttons_of_the_cart(other, cookie))
        # By its cookie, and not because everybody's is the same.
        assert "Go to payment" not in asyncio.run(_buttons_of_the_cart(other, ""))


def test_a_process_with_another_key_knows_no_cookie_of_the_first(tmp_path: Path) -> None:
    shared = {"database_url": f"sqlite:///{tmp_path}/shop.db", "storage_url": f"file://{tmp_path}/files"}
    with (
        storefront(ROOT, forked=True, **shared, secret_key=SECRET) as (one, _),
        storefront(ROOT, forked=True, **shared, secret_key="another, by mistake") as (other, _),
    ):
        cookie = asyncio.run(_fill_a_cart(one))
        assert "Go to payment" in asyncio.run(_buttons_of_the_cart(one, cookie))
        assert "Go to payment" not in asyncio.run(_buttons_of_the_cart(other, cookie))


def test_a_page_that_is_open_keeps_a_session_and_one_that_is_closed_frees_it() -> None:
    async def look(url: str) -> None:
        async with httpx.AsyncClient(verify=False, timeout=60) as browser:
            cookie = await cookie_of(url, browser)
            async with connected(url, cookie) as tab:
                await tab.clicks(ClientState())
                assert 'id="root"' not in (await browser.get(url)).text
                assert 'id="root"' in (await browser.get(f"{url}/cart")).text
                # Looking at the cart was counted, and whoever is given a page counts for some seconds.
                assert 'id="root"' not in (await browser.get(url)).text
            async with asyncio.timeout(60):
                while 'id="root"' not in (await browser.get(url)).text:
                    await asyncio.sleep(0.1)

    with storefront(ROOT, forked=True, most_sessions=1) as (url, _):
        asyncio.run(look(url))


async def _fill_a_cart(url: str) -> str:
    """The cookie of a new browser that has put something in its cart."""
    async with httpx.AsyncClient(verify=False, timeout=60) as browser:
        cookie = await cookie_of(url, browser)
    async with connected(url, cookie) as tab:
        await tab.clicks(ClientState())
        await tab.opens("product", f"p={PRODUCT}")
        await tab.adds(PRODUCT)
    return cookie


async def _buttons_of_the_cart(url: str, cookie: str) -> set[str]:
    async with connected(url, cookie) as tab:
        await tab.clicks(ClientState())
        await tab.opens("cart")
        return set(tab.drawn.buttons)
