"""Listeners: every running `stripe listen` is an endpoint of its own. It keeps a WebSocket open, is handed each event
over it, posts what it wants to where it was told, and says what came back. `stripe logs tail` hears of requests so.

A listener that hangs up may come back in a while, with the id it has; what it was not handed by then is given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

from sandbox.account.http_client import Unanswered
from sandbox.ground import ids
from sandbox.ground.errors import invalid
from sandbox.protocol.spec import API_VERSION

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.requests import Call
    from sandbox.protocol.spec import Object

SUBPROTOCOL = "stripecli-devproxy-v1"
EVENTS, LOGS = "webhooks", "request_logs"
# The command line hangs up and comes back after so long, for no other reason; nothing here needs it to.
RECONNECT_SECONDS = 3600
# Sessions that were only asked for their secret never connect.
UNUSED_SECONDS = 600
# By this sentence the command line knows that it must ask for a new session.
UNKNOWN = {"error": {"message": "Unknown WebSocket ID.", "type": "invalid_request_error"}}
# What it says when it is told to stop, and does not mean to come back.
FAREWELL = "Connection Done"
TAKEN = "taken, but not forwarded anywhere that answered"


# A body, and the headers that are posted with it.
Letter = tuple[bytes, dict[str, str]]


@dataclass
class Talk:
    """An event on its way through a listener: what was sent, whether it arrived, and what came of it."""

    frames: list[str]
    answer: asyncio.Future[tuple[int | None, str]]
    taken: bool = False


@dataclass
class Listener:
    """One session of Stripe's command line. `forward_to` is where it posts; empty when it only shows what happens."""

    id: str
    secret: str
    feature: str
    device: str
    forward_to: str
    socket: WebSocket | None = None
    # It is an endpoint from its first connection on.
    known: bool = False
    farewell: asyncio.TimerHandle | None = None
    talks: dict[str, Talk] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where its deliveries end, for people."""
        return f"{self.forward_to} (stripe listen on {self.device})".lstrip()

    async def post(self, letter: Letter, latest: Letter, seconds: float) -> tuple[int | None, str]:
        """Hand over an event as the account's own version has it, and as the latest has it.

        Returns status and text of what it was forwarded to, or no status when that is all there is to know. Raises
        Unanswered when the listener does not take it, or leaves.
        """
        conversation = ids.short("wc")
        frames = [_frame(letter, conversation, None), _frame(latest, conversation, API_VERSION)]
        talk = self.talks[conversation] = Talk(frames, asyncio.get_running_loop().create_future())
        try:
            async with asyncio.timeout(seconds):
                await self._hand_over(talk)
                return await talk.answer
        except TimeoutError:
            # Whether it was filtered out or nobody answered there, the command line does not say.
            if talk.taken:
                return None, TAKEN
            raise Unanswered(f"not taken within {seconds:g} seconds") from None
        finally:
            del self.talks[conversation]

    async def attend(self, socket: WebSocket) -> str:
        """Hear what comes over a connection until it ends. Returns why it did."""
        for talk in [talk for talk in self.talks.values() if not talk.taken]:
            await self._hand_over(talk)
        try:
            while True:
                self._hear(await socket.receive_text())
        except WebSocketDisconnect as end:
            return end.reason

    async def tell(self, text: str) -> None:
        """Send a frame, if it is there."""
        if self.socket:
            # When it has just hung up, whoever attends to it will notice.
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self.socket.send_text(text)

    async def _hand_over(self, talk: Talk) -> None:
        for frame in talk.frames:
            await self.tell(frame)

    def _hear(self, text: str) -> None:
        said = _read(text)
        talk = self.talks.get(str(said.get("webhook_conversation_id")))
        if talk is None:
            return
        if said.get("type") == "event_ack":
            talk.taken = True
            if not self.forward_to:
                self._settle(talk, (None, "taken"))
        elif said.get("type") == "webhook_response":
            status = said.get("status")
            self._settle(talk, (status if isinstance(status, int) else None, str(said.get("body", ""))))

    def _settle(self, talk: Talk, answer: tuple[int | None, str]) -> None:
        if not talk.answer.done():
            talk.answer.set_result(answer)

    def hang_up(self) -> None:
        """It is gone for good, and so is whatever it has not answered."""
        for talk in self.talks.values():
            if not talk.answer.done():
                talk.answer.set_exception(Unanswered("the listener has gone"))


class Listeners:
    """All sessions by their ids."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[str, Listener] = {}

    def get(self, id: str) -> Listener | None:
        """The listener, or None once it is gone."""
        return self._known.get(id)

    def here(self) -> list[str]:
        """The ids of those who want events."""
        return [each.id for each in self._known.values() if each.known and each.feature == EVENTS]

    def add(self, listener: Listener) -> None:
        """A session that may now connect."""
        self._known[listener.id] = listener
        self._expect(listener, UNUSED_SECONDS)

    async def connect(self, socket: WebSocket) -> None:
        """The WebSocket at /ws."""
        listener = self._known.get(socket.headers.get("websocket-id", ""))
        if listener is None:
            await socket.send_denial_response(JSONResponse(UNKNOWN, 400))
            return
        await socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
        if listener.farewell:
            listener.farewell.cancel()
        before, listener.socket = listener.socket, None
        if before:
            await before.close()
        listener.socket, listener.known = socket, True
        reason = ""
        try:
            reason = await listener.attend(socket)
        finally:
            # Unless another connection of the same listener has taken over.
            if listener.socket is socket:
                listener.socket = None
                self._expect(listener, 0 if reason == FAREWELL else self._account.settings.listener_seconds)

    async def report(self, record: Object) -> None:
        """Tell those who tail the log about a request."""
        frame = {"type": "request_log_event", "request_log_id": record["request_id"]}
        for each in list(self._known.values()):
            if each.feature == LOGS:
                await each.tell(orjson.dumps({**frame, "event_payload": orjson.dumps(record).decode()}).decode())

    def _expect(self, listener: Listener, seconds: float) -> None:
        """Wait so long for it to connect, then no longer."""
        listener.farewell = asyncio.get_running_loop().call_later(seconds, self._forget, listener)

    def _forget(self, listener: Listener) -> None:
        self._known.pop(listener.id, None)
        listener.hang_up()
        self._account.deliveries.give_up(listener.id)


def open_session(account: Account, call: Call) -> Object:
    """POST /v1/stripecli/sessions: somebody wants to listen. The same device and key always get the same secret."""
    features, device = call.params.get("websocket_features", [EVENTS]), call.params.get("device_name", "")
    feature = next((each for each in (EVENTS, LOGS) if each in features), None)
    if feature is None:
        raise invalid("The sandbox sends snapshot events and request logs, no thin events.", param="websocket_features")
    if feature == LOGS and call.params.get("filters", "{}") != "{}":
        raise invalid("The sandbox does not filter request logs.", param="filters")
    secret = hmac.new(call.key.encode(), device.encode(), hashlib.sha256).hexdigest()
    listener = Listener(ids.short("cliws"), f"whsec_{secret}", feature, device, call.params.get("forward_to_url", ""))
    account.listeners.add(listener)
    return {
        "default_version": account.settings.api_version,
        "display_connect_filter_warning": False,
        "latest_version": API_VERSION,
        "reconnect_delay": RECONNECT_SECONDS,
        "secret": listener.secret,
        "websocket_authorized_feature": feature,
        "websocket_id": listener.id,
        "websocket_url": f"ws://127.0.0.1:{account.settings.port}/ws",
    }


def _frame(letter: Letter, conversation: str, version: str | None) -> str:
    """An event as it is handed over: once for the account's own version (null) and once for the latest. The command
    line acknowledges both, and goes on with the one it was started for."""
    payload, headers = letter
    frame = {
        "type": "webhook_event",
        "endpoint": {"api_version": version},
        "event_payload": payload.decode(),
        "http_headers": headers,
        "webhook_conversation_id": conversation,
        "webhook_id": ids.short("wh"),
    }
    return orjson.dumps(frame).decode()


def _read(text: str) -> dict[str, Any]:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
