"""The sidecar: everything that machines call. `uvicorn webhook.app:app` serves it alone, the storefront mounts it at /api."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from core.events.intake import Intake
from core.foundation.jobs import outbox
from core.foundation.telemetry import logs
from core.languages import asked, sentences
from core.opening import open_shop
from core.shop import Shop
from core.traffic import senders
from webhook import (
    backends,
    checkouts,
    downloads,
    exports,
    health,
    licenses,
    mail_events,
    metrics,
    pictures,
    products,
    server,
    stripe_events,
    uploads,
)
from webhook.attendance import tickets, waiting
from webhook.buyers import account, checkout_form, order_page, person, receipts, withdrawal_form
from webhook.requests import bodies, cookies, errors, telemetry

log = structlog.get_logger()


class Sidecar(FastAPI):
    """Opens the shop before it starts, if it was handed none. What keeps a shop closed is told in lines, not a traceback."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and self.state.shop is None:
            # A process of its own. Uvicorn has set up its loggers by now, and they are taken over.
            logs.set_up()
            self.state.alone = True
            try:
                self.state.shop = await run_in_threadpool(open_shop)
            except SystemExit as refusal:
                await send({"type": "lifespan.startup.failed", "message": str(refusal)})
                return
            except Exception as error:
                # Raised here, Uvicorn would take it for an app without a lifespan, and serve it without a shop.
                log.error("shop_not_opened", exc_info=error)
                await send({"type": "lifespan.startup.failed", "message": ""})
                return
        if stripe_events.is_meant(scope):
            await telemetry.observe(self._take_event, scope, receive, send)
        elif scope["type"] == "http":
            senders.look_through(scope, self.state.shop.settings.trusted_proxies)
            with sentences.spoken(asked.of_request(scope)):
                await telemetry.observe(self._answer, scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _take_event(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._be_warm()
        await stripe_events.receive(self.state.shop, self.state.intake, scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _holds_what_no_text_has(scope):
            await JSONResponse({"error": "BadInput"}, 400)(scope, receive, send)
            return
        if _writes(scope):
            await self._be_warm()
        await super().__call__(scope, bodies.bounded(scope, receive), send)

    def instruct_server(self) -> None:
        """Have the server that runs this end in time, and believe no proxies but those of TRUSTED_PROXIES."""
        server.instruct()

    def warm_up(self) -> None:
        """Import and open what the first event needs, while the process answers already what needs none of it."""
        self.state.warming = Thread(
            target=_warm_up, args=(self.state.shop,), kwargs={"alone": self.state.alone}, name="warm-up", daemon=True
        )
        self.state.warming.start()

    def wait_until_warm(self) -> None:
        """Return once that is done, or at once where it never began."""
        warming: Thread | None = self.state.warming
        if warming is not None:
            warming.join()

    async def _be_warm(self) -> None:
        warming: Thread | None = self.state.warming
        if warming is not None and warming.is_alive():
            await run_in_threadpool(warming.join)


def create_app(shop: Shop | None = None) -> Sidecar:
    """The sidecar for this shop, or for the one that is opened when the app starts.

    A mounted app is never started by itself: whoever mounts it hands it the shop and calls its `warm_up`.
    """
    app = Sidecar(title="Pushcart", docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_life)
    app.state.shop = shop
    app.state.intake = Intake(lambda: app.state.shop)
    app.state.warming = None
    app.state.alone = False
    errors.register(app)
    bodies.register(app)
    for module in (
        account, backends, checkouts, checkout_form, order_page, person, products, downloads, licenses, cookies, exports,
        receipts, uploads, pictures, tickets, waiting, mail_events, withdrawal_form,
    ):  # fmt: skip
        app.include_router(module.router)
    health.register(app)
    metrics.register(app)
    return app


def _holds_what_no_text_has(scope: Scope) -> bool:
    """Whether an address holds a character that PostgreSQL takes in no text: whatever is looked up by it, there is none."""
    return scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"])


def _writes(scope: Scope) -> bool:
    """Whether the request may owe a job: it waits at the door, not in a transaction that others would wait for in turn.

    Who asks whether the shop is ready hears it when it is.
    """
    return scope["type"] == "http" and (scope["method"] == "POST" or "/readyz" in scope["path"])


def _warm_up(shop: Shop, *, alone: bool) -> None:
    try:
        outbox.open_client(shop.engine)
        import stripe  # noqa: F401
    except Exception as error:  # the request that needs it will fail for the same reason, and be told so
        log.error("not_warmed_up", exc_info=error)
    if alone:
        # What is there by now stays to the end. Looking through it for garbage takes longer than twenty events do.
        gc.collect()
        gc.freeze()


@asynccontextmanager
async def _life(app: Sidecar) -> AsyncIterator[None]:
    app.instruct_server()
    app.warm_up()
    yield
    # Uvicorn ends by the signal that told it to, without what Python does at its end.
    await run_in_threadpool(logs.flush)


app = create_app()
