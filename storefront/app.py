"""The composition root: one origin for the pages, their pictures and, under /api, the sidecar.

Run by `streamlit run storefront/app.py`. Opens the shop once for everything in this process.
"""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Mount

from core.settings import Settings
from core.shop import Shop
from storefront import counter, front_door, ui
from storefront.doorman import Doorman
from webhook.app import create_app, warm_up

shop = counter.shop()


@asynccontextmanager
async def _open_for_business(_app: st.App) -> AsyncIterator[None]:
    await run_in_threadpool(warm_up, shop)
    with _embedded_worker(shop):
        sys.stdout.write(_where_to_click(shop.settings))
        sys.stdout.flush()
        yield


@contextmanager
def _embedded_worker(shop: Shop) -> Iterator[None]:
    """With WORKER=embedded, run the worker in this process for as long as it serves."""
    if shop.settings.worker != "embedded":
        yield
        return
    from worker.app import start

    with start(shop):
        yield


def _where_to_click(settings: Settings) -> str:
    places = {"Shop": "/", "Cart": "/cart", "Your purchases": "/purchases"}
    lines = [f"  {name:<16}{settings.public_url}{path}" for name, path in places.items()]
    if settings.demo:
        sandbox = f"http://127.0.0.1:{settings.sandbox_port}"
        lines += [f"  {'Sandbox':<16}{sandbox}/", f"  {'Mailbox':<16}{sandbox}/inbox"]
    return "\n".join(["", f"{settings.shop_name} is open:", *lines, "", ""])


app = st.App(
    Path(__file__).with_name("pages.py"),
    lifespan=_open_for_business,
    routes=[Mount("/api", app=create_app(shop)), *front_door.routes(shop.settings)],
    middleware=[Middleware(Doorman, shop=shop)],
    on_script_error=ui.own_up,
)
