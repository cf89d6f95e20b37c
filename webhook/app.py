"""The sidecar: everything that machines call. `uvicorn webhook.app:app` serves it alone, the storefront mounts it at /api."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from core.foundation import logs, outbox
from core.opening import open_shop
from core.shop import Shop
from webhook import checkouts, cookies, downloads, errors, health, products, stripe_events

log = structlog.get_logger()


class Sidecar(FastAPI):
    """Opens the shop before it starts, if it was handed none. What keeps a shop closed is told in lines, not a traceback."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" and self.state.shop is None:
            # A process of its own. Uvicorn has set up its loggers by now, and they are taken over.
            logs.set_up()
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
        await super().__call__(scope, receive, send)


def create_app(shop: Shop | None = None) -> FastAPI:
    """The sidecar for this shop, or for the one that is opened when the app starts.

    A mounted app is never started by itself: whoever mounts it hands it the shop and calls `warm_up`.
    """
    app = Sidecar(
        title="Pushcart", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False, lifespan=_life
    )
    app.state.shop = shop
    errors.register(app)
    for module in (stripe_events, checkouts, products, downloads, cookies):
        app.include_router(module.router)
    health.register(app)
    return app


def warm_up(shop: Shop) -> None:
    """Import and open what the first event needs, so that it is not Stripe who waits for it."""
    import stripe  # noqa: F401

    outbox.open_client(shop.engine)


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    await run_in_threadpool(warm_up, app.state.shop)
    yield
    # Uvicorn ends by the signal that told it to, without what Python does at its end.
    await run_in_threadpool(logs.flush)


app = create_app()
