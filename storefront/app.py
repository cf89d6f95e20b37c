"""The composition root: one origin for the pages, their pictures and, under /api, the sidecar.

Run by `streamlit run storefront/app.py`. Opens the shop once for everything in this process.
"""

import gc
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from threading import Thread

import streamlit as st
import streamlit.error_util
import streamlit.logger
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from streamlit.watcher.polling_path_watcher import PollingPathWatcher

from core.catalog.looks import brand
from core.foundation import settings
from core.foundation.settings import Settings
from core.foundation.signals.heartbeats import Kind
from core.foundation.telemetry import logs
from storefront import failures, process, stylesheets
from storefront.serving import addresses, first_html
from storefront.serving.addresses import DeadEnds
from storefront.serving.crowd import CountCrowd, Crowd
from storefront.serving.form_files import FormFiles
from storefront.serving.headers import PageHeaders
from storefront.serving.hosts import OneHost
from storefront.serving.packed_files import AsTheyAre, PackedFiles
from storefront.serving.plain_html import PlainPages
from storefront.serving.providers import BackFromProvider
from storefront.serving.spoken import SpeakAsAsked
from storefront.serving.while_away import WhileAway
from storefront.sign_in import provider
from webhook.app import create_app

# Streamlit gives each of its loggers a handler of its own, some of them only when they are first used.
streamlit.logger.setup_formatter = logs.adopt
logs.set_up()
streamlit.logger.get_logger(streamlit.error_util.__name__).addFilter(failures.is_news)
# It looks at each file of its settings five times a second, for as long as it runs: they are read when it starts.
PollingPathWatcher._schedule = lambda _watcher: None  # type: ignore[assignment, method-assign]
stylesheets.tell_kept_theme()
shop = process.shop()
settings.refuse(provider.mistakes(shop.settings.public_url))
sidecar = create_app(shop)
crowd = Crowd(shop.settings.most_sessions)


@asynccontextmanager
async def _life(_app: st.App) -> AsyncIterator[None]:
    logs.set_up()  # once more: the server has set up its own loggers since
    sidecar.instruct_server()
    with ExitStack() as closing:
        # In a thread: what starts here blocks, and the worker refuses to start beside a running event loop.
        await run_in_threadpool(_get_ready, closing)
        sys.stdout.write(_where_to_click(shop.settings, await run_in_threadpool(_name)))
        sys.stdout.flush()
        yield
        await run_in_threadpool(closing.close)
    # The server ends by the signal that told it to, without what Python does at its end.
    await run_in_threadpool(logs.flush)


def _get_ready(closing: ExitStack) -> None:
    """Warm up the sidecar and, with WORKER=embedded, run the worker in this process for as long as it serves."""
    sidecar.warm_up()
    if shop.settings.worker == "embedded":
        from worker.app import start

        closing.enter_context(start(shop, kind=Kind.EMBEDDED))
    Thread(target=_settle, name="settle", daemon=True).start()


def _settle() -> None:
    """Leave what this process will hold to its end out of all later garbage collections, once everything is imported.

    Each of them would look through it, 0.15 s in which nobody's click is answered.
    """
    sidecar.wait_until_warm()
    gc.collect()
    gc.freeze()


def _name() -> str:
    with shop.reading() as session:
        return brand.named(session, shop.settings).shop_name


def _where_to_click(settings: Settings, name: str) -> str:
    places = {"Shop": "/", "Cart": "/cart", "Your purchases": "/purchases", "Back office": "/owner"}
    lines = [f"  {name:<16}{settings.public_url}{path}" for name, path in places.items()]
    if settings.demo:
        sandbox = f"http://127.0.0.1:{settings.sandbox_port}"
        lines += [f"  {'Sandbox':<16}{sandbox}/", f"  {'Mailbox':<16}{sandbox}/inbox"]
    return "\n".join(["", f"{name} is open:", *lines, "", ""])


plain, closed = PlainPages(shop), WhileAway(shop)
routes: list[BaseRoute] = [
    Mount("/api", app=sidecar),
    *addresses.of_letters(sidecar),
    *first_html.routes(plain, crowd, closed),
    *addresses.routes(shop, plain, closed),
]
app = st.App(
    Path(__file__).with_name("pages.py"),
    lifespan=_life,
    routes=routes,
    middleware=[
        Middleware(OneHost, settings=shop.settings),
        Middleware(SpeakAsAsked),
        Middleware(PageHeaders, shop=shop),
        Middleware(PackedFiles),
        Middleware(AsTheyAre),
        Middleware(BackFromProvider),
        Middleware(DeadEnds, known=routes, plain=plain),
        Middleware(FormFiles, shop=shop),
        Middleware(CountCrowd, crowd=crowd, limited=shop.settings.rate_limits == "on"),
    ],
    on_script_error=failures.on_script_error,
)
