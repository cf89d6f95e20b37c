"""The receiver: shows what a shop tells, once each, and whether it was signed as the demo signs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from core.foundation.settings import SANDBOX_RECEIVER_SECRET
from sandbox.pages import receiver_page
from tests.sandbox.running import World


def send(
    world: World, id: str, said: str = '{"type": "order.paid", "data": {"number": "PL-1001"}}', *, secret: str = ""
) -> int:
    now = datetime.now(UTC)
    headers = {"webhook-id": id, "webhook-timestamp": str(int(now.timestamp()))}
    headers["webhook-signature"] = Webhook(secret or SANDBOX_RECEIVER_SECRET).sign(id, now, said)
    return int(world.http.post("/webhooks", content=said, headers=headers).status_code)


def test_what_comes_is_shown_once_however_often_it_comes(world: World) -> None:
    assert [send(world, "msg_1"), send(world, "msg_2", '{"type": "attendee.changed"}'), send(world, "msg_1")] == [
        204
    ] * 3
    found = world.http.get("/webhooks.json").json()
    assert [(each["id"], each["type"], each["signed"], each["times"]) for each in found] == [
        ("msg_1", "order.paid", True, 2), ("msg_2", "attendee.changed", True, 1),
    ]  # fmt: skip
    page = world.http.get("/webhooks").text
    for text in ("order.paid", "attendee.changed", "2 times", "PL-1001", "Good"):
        assert text in page, text


def test_another_signature_is_told_apart_and_markup_stays_text(world: World) -> None:
    assert send(world, "msg_1", json.dumps({"type": "<script>alert(1)</script>"}), secret="whsec_" + "QUJD" * 8) == 204
    page = world.http.get("/webhooks").text
    assert "Not known" in page
    assert "<script>alert" not in page


def test_what_is_no_webhook_is_refused_and_nothing_kept(world: World) -> None:
    assert send(world, "") == 400
    assert send(world, "msg_1", "no json") == 400
    assert world.http.post("/webhooks", content=b"{}").status_code == 400
    assert world.http.get("/webhooks.json").json() == []
    assert "Nothing came yet" in world.http.get("/webhooks").text


def test_the_page_keeps_the_newest_and_is_cleared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_page, "MOST", 3)
    for number in range(5):
        send(world, f"msg_{number}")
    assert [each["id"] for each in world.http.get("/webhooks.json").json()] == ["msg_2", "msg_3", "msg_4"]
    answer = world.http.post("/webhooks/clear")
    assert answer.status_code in (200, 303)
    assert world.http.get("/webhooks.json").json() == []


def test_both_know_the_same_secret() -> None:
    assert receiver_page.SECRET == SANDBOX_RECEIVER_SECRET
