"""The sandbox as a web application: the API, the buyer's pages, the panel, the mailbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from sandbox.account import timers
from sandbox.account.account import Account
from sandbox.account.settings import Settings
from sandbox.api.dispatch import Api
from sandbox.api.operations import HANDLERS, TIMERS
from sandbox.pages import flash_messages, rendering
from sandbox.pages.challenge_page import ChallengePage
from sandbox.pages.hosted_page import HostedPage
from sandbox.pages.invoice_page import InvoicePage
from sandbox.pages.portal_page import PortalPage
from sandbox.pages.receiver_page import ReceiverPage
from sandbox.pages.recovery_page import RecoveryPage
from sandbox.panel import catalogue_actions, scenarios
from sandbox.panel.control_api import Control
from sandbox.panel.fault_page import FaultPage
from sandbox.panel.mailbox import Mailbox
from sandbox.panel.object_pages import EventPages, ObjectPage
from sandbox.panel.panel_page import Panel

# The API answers all of them in its own words, even if it is only that there is no such thing.
METHODS = ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "PUT", "TRACE"]


def make(settings: Settings) -> FastAPI:
    """The application; its state is opened when it starts and written out when it stops."""
    account = Account(settings, {**TIMERS, **scenarios.TIMERS})
    catalogue_actions.provide_codes(account)
    api, mailbox = Api(account, HANDLERS), Mailbox(account)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        letters = await mailbox.open()
        account.deliveries.open()
        watch = asyncio.create_task(timers.watch(account.timers))
        try:
            yield
        finally:
            api.closing.set()
            account.changes.close()
            watch.cancel()
            letters.close()
            await account.deliveries.close()
            account.store.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.state.api, app.state.account, app.state.messages = api, account, flash_messages.Messages()
    _route(app, account, api, mailbox)
    app.mount("/static", StaticFiles(directory=rendering.STATIC))
    return app


def _route(app: FastAPI, account: Account, api: Api, mailbox: Mailbox) -> None:
    page, portal, panel, control = HostedPage(account), PortalPage(account), Panel(account), Control(account)
    challenge, about_events, faults = ChallengePage(account, page), EventPages(account), FaultPage(account)
    for path in ("/v1", "/v1/{path:path}", "/v2", "/v2/{path:path}"):
        app.add_route(path, api.answer, METHODS)
    app.add_route("/c/pay/{id}", page.show, ["GET"])
    app.add_route("/c/pay/{id}", page.pay, ["POST"])
    papers = InvoicePage(account)
    app.add_route("/invoice/{id}", papers.show, ["GET"])
    app.add_route("/credit-note/{id}", papers.show_note, ["GET"])
    app.add_route("/r/{token}", RecoveryPage(account).open, ["GET"])
    app.add_route("/challenge/{id}", challenge.show, ["GET"])
    app.add_route("/challenge/{id}", challenge.answer, ["POST"])
    app.add_route("/p/session/{id}", portal.show, ["GET"])
    app.add_route("/p/session/{id}/{action}", portal.act, ["POST"])
    app.add_route("/inbox", mailbox.show, ["GET"])
    app.add_route("/inbox", mailbox.clear, ["DELETE"])
    app.add_route("/inbox/clear", mailbox.clear, ["POST"])
    app.add_route("/inbox.json", mailbox.as_json, ["GET"])
    app.add_route("/inbox/{id}", mailbox.show, ["GET"])
    app.add_route("/inbox/{id}", mailbox.delete, ["DELETE"])
    app.add_route("/inbox/{id}/delete", mailbox.delete, ["POST"])
    app.add_route("/inbox/{id}/source", mailbox.source, ["GET"])
    app.add_route("/inbox/{id}/attachments/{number:int}", mailbox.attachment, ["GET"])
    app.add_route("/inbox/{id}/html", mailbox.html, ["GET"])
    receiver = ReceiverPage(account)
    app.add_route("/webhooks", receiver.take, ["POST"])
    app.add_route("/webhooks", receiver.show, ["GET"])
    app.add_route("/webhooks.json", receiver.as_json, ["GET"])
    app.add_route("/webhooks/clear", receiver.clear, ["POST"])
    app.add_route("/sandbox/faults", control.faults, ["GET"])
    app.add_route("/sandbox/faults", control.set_faults, ["POST"])
    app.add_route("/sandbox/reset", control.reset, ["POST"])
    app.add_route("/sandbox/deliveries.json", control.deliveries, ["GET"])
    app.add_route("/sandbox/settle", control.settle, ["POST"])
    app.add_route("/sandbox/clock", control.clock, ["GET"])
    app.add_route("/sandbox/clock", control.move_clock, ["POST"])
    app.add_route("/sandbox/act/{name}", control.act, ["POST"])
    app.add_api_websocket_route("/ws", account.listeners.connect)
    app.add_route("/healthz", _healthy, ["GET"])
    app.add_route("/favicon.ico", _icon, ["GET"])
    app.add_route("/", panel.show, ["GET"], name="panel")
    app.add_route("/panel/act/{name}", panel.act, ["POST"])
    app.add_route("/panel/promotion-codes", panel.make_code, ["POST"])
    app.add_route("/panel/changes", account.changes.answer, ["GET"])
    app.add_route("/panel/events", about_events.list, ["GET"])
    app.add_route("/panel/events/{id}", about_events.show, ["GET"])
    app.add_route("/panel/faults", faults.show, ["GET"])
    app.add_route("/panel/faults", faults.set, ["POST"])
    app.add_route("/panel/faults/disarm", faults.disarm, ["POST"])
    app.add_route("/panel/objects/{id}", ObjectPage(account).show, ["GET"])


async def _icon(request: Request) -> Response:
    """For what is not a page: there the browser asks by itself."""
    return FileResponse(rendering.STATIC / "icon.svg")


async def _healthy(request: Request) -> Response:
    return JSONResponse({"status": "ok"})
