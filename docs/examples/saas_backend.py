"""The backend of something that is sold as a plan: `python saas_backend.py`. It lets in whoever may use it, and nobody else.

It needs `fastapi`, `uvicorn` and `standardwebhooks`. SHOP is the shop's `{APP_URL}/api`, SHOP_KEY an API key for entitlements,
SHOP_SECRET the secret of the endpoint that leads to `/hooks` here, SHOP_PRODUCT the plan's id, PORT where this listens.
"""

import json
import os
import time
from contextlib import suppress
from threading import Lock, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request as Question
from urllib.request import urlopen

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from standardwebhooks import Webhook, WebhookVerificationError

SHOP, KEY, PRODUCT = os.environ["SHOP"], os.environ["SHOP_KEY"], os.environ["SHOP_PRODUCT"]
SECRET, PORT = os.environ["SHOP_SECRET"], int(os.environ.get("PORT", "8080"))
# An answer of the shop's may be used for so long without asking, in seconds; and all is gone through once a night.
FRESH, NIGHT = 60, 24 * 3600
app, lock = FastAPI(openapi_url=None), Lock()
# What is known of each person, and when that was heard; by the shop's id of them and by ours. A real backend keeps both, and
# the cursor, in its database.
known: dict[str, dict[str, Any]] = {}
heard: dict[str, float] = {}


def learn(said: dict[str, Any]) -> None:
    """Keep what is newer than what is known. What comes late or twice has a version that is not."""
    with lock:
        for name in filter(None, (said["person"], said["external_id"])):
            if said["version"] >= known.get(name, {"version": 0})["version"]:
                known[name], heard[name] = said, time.monotonic()


def ask(path: str, etag: str = "") -> dict[str, Any] | None:
    """What the shop answers; None if nothing has changed. Raises OSError where it does not answer."""
    headers = {"Authorization": f"Bearer {KEY}", "If-None-Match": etag}
    try:
        with urlopen(Question(f"{SHOP}/{path}", headers=headers), timeout=10) as answer:
            return dict(json.load(answer))
    except HTTPError as error:
        if error.code == 304:
            return None
        raise


def may_use(user: str) -> bool:
    """Whether somebody may use the plan: by a fresh answer, by a new one, or while the shop is away by the last."""
    said = known.get(user)
    if said is None or time.monotonic() - heard[user] > FRESH:
        try:
            new = ask(f"entitlements/{quote(user, safe='')}", f'"{said["version"]}"' if said else "")
        except OSError:  # nobody of that name, or the shop is away
            new = None
        if new:
            learn(new)
        said = new or said
        heard[user] = time.monotonic()
    return any(
        each["product"] == PRODUCT and each["state"] == "active" for each in (said or {"products": []})["products"]
    )


def reconcile(cursor: str = "") -> str:
    """Ask about whoever has changed since the cursor, page by page; return the one for the next time."""
    while True:
        page = ask(f"entitlements?{urlencode({'changed_since': cursor})}") or {}
        for said in page["data"]:
            learn(said)
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return str(cursor)


def every_night(cursor: str = "") -> None:
    """Reconcile at the start and once a night: no message is ever needed for things to be right the next morning."""
    while True:
        with suppress(OSError):  # the shop is away: the next night will tell
            cursor = reconcile(cursor)
        time.sleep(NIGHT)


@app.get("/work/{user}")
def work(user: str) -> dict[str, Any]:
    """What is sold. A real backend knows who is signed in."""
    if not may_use(user):
        raise HTTPException(402, "This needs a seat of the plan.")
    return {"done": True, "version": known[user]["version"]}


@app.post("/hooks", status_code=204)
async def hooks(request: Request) -> None:
    """What the shop tells: signed, perhaps twice, perhaps late."""
    try:
        said = Webhook(SECRET).verify(await request.body(), dict(request.headers))
    except WebhookVerificationError:
        raise HTTPException(400, "not signed by the shop") from None
    if said["type"] == "entitlement.changed":
        learn(said["data"])


@app.post("/reconcile")
def now() -> int:
    """Reconcile at once, over everybody; how many names are known."""
    reconcile()
    return len(known)


if __name__ == "__main__":
    Thread(target=every_night, daemon=True).start()
    uvicorn.run(app, port=PORT, log_level="warning")
