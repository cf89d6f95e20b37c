"""What mail providers report, in each one's own form, and who may report it."""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from core.mailboxes import reports
from core.mailboxes.marks import Kind
from core.mailboxes.reports import Report

NOW = datetime(2026, 11, 23, 10, 24, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"a secret of the mail provider's.").decode()
PLAIN = {"type": "bounced", "email": "nora@example.com", "reason": "no such user"}


def body(said: Any) -> bytes:
    return orjson.dumps(said)


def mailgun(event: dict[str, Any], *, at: datetime = NOW, key: str = SECRET) -> bytes:
    moment = str(int(at.timestamp()))
    signature = hmac.digest(key.encode(), f"{moment}a-token".encode(), "sha256").hex()
    return body({"signature": {"timestamp": moment, "token": "a-token", "signature": signature}, "event-data": event})


def ses(told: dict[str, Any]) -> bytes:
    return body({"Type": "Notification", "Message": orjson.dumps(told).decode()})


MAIL = {"mail": {"commonHeaders": {"messageId": "<abc@shop.example>"}}}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (body(PLAIN), [Report("nora@example.com", Kind.BOUNCED, True, "no such user")]),
        (
            body([{**PLAIN, "hard": False, "message_id": "<m@x>"}]),
            [Report("nora@example.com", Kind.BOUNCED, False, "no such user", "<m@x>")],
        ),
        (
            body({"RecordType": "Bounce", "Type": "HardBounce", "Email": "a@b.example", "Details": "550 unknown"}),
            [Report("a@b.example", Kind.BOUNCED, True, "550 unknown")],
        ),
        (
            body({"RecordType": "Bounce", "Type": "Transient", "Email": "a@b.example", "Description": "full"}),
            [Report("a@b.example", Kind.BOUNCED, False, "full")],
        ),
        (
            body({"RecordType": "SpamComplaint", "Email": "a@b.example"}),
            [Report("a@b.example", Kind.COMPLAINED, True, "taken for spam")],
        ),
        (
            body(
                {
                    "RecordType": "SubscriptionChange", "SuppressSending": True, "Recipient": "a@b.example",
                    "SuppressionReason": "ManualSuppression",
                }
            ),
            [Report("a@b.example", Kind.UNSUBSCRIBED, True, "")],
        ),
        (body({"RecordType": "Delivery", "Recipient": "a@b.example"}), []),
        (
            mailgun(
                {
                    "event": "failed", "severity": "permanent", "recipient": "a@b.example",
                    "delivery-status": {"message": "5.1.1 unknown"}, "message": {"headers": {"message-id": "m@x"}},
                }
            ),
            [Report("a@b.example", Kind.BOUNCED, True, "5.1.1 unknown", "m@x")],
        ),
        (
            mailgun({"event": "failed", "severity": "temporary", "recipient": "a@b.example", "reason": "greylisted"}),
            [Report("a@b.example", Kind.BOUNCED, False, "greylisted")],
        ),
        (
            mailgun({"event": "complained", "recipient": "a@b.example"}),
            [Report("a@b.example", Kind.COMPLAINED, True, "taken for spam")],
        ),
        (
            mailgun({"event": "unsubscribed", "recipient": "a@b.example"}),
            [Report("a@b.example", Kind.UNSUBSCRIBED, True, "")],
        ),
        (mailgun({"event": "delivered", "recipient": "a@b.example"}), []),
        (
            ses(
                {
                    "notificationType": "Bounce",
                    "bounce": {
                        "bounceType": "Permanent",
                        "bouncedRecipients": [
                            {"emailAddress": "a@b.example", "diagnosticCode": "550"}, {"emailAddress": "c@d.example"},
                        ],
                    },
                    **MAIL,
                }
            ),
            [
                Report("a@b.example", Kind.BOUNCED, True, "550", "<abc@shop.example>"),
                Report("c@d.example", Kind.BOUNCED, True, "", "<abc@shop.example>"),
            ],
        ),
        (
            ses({"eventType": "Complaint", "complaint": {"complainedRecipients": [{"emailAddress": "a@b.example"}]}}),
            [Report("a@b.example", Kind.COMPLAINED, True, "taken for spam")],
        ),
        (ses({"eventType": "Delivery"}), []),
    ],
)  # fmt: skip
def test_each_provider_is_read_in_its_own_form(said: bytes, expected: list[Report]) -> None:
    assert reports.read(said) == expected


def test_what_no_database_keeps_is_left_out_and_the_rest_counts() -> None:
    said = body({"type": "bounced", "email": "a\0@b.example", "reason": "550\0 gone", "message_id": "\0m@x"})
    assert reports.read(said) == [Report("a@b.example", Kind.BOUNCED, True, "550 gone", "m@x")]


ODD = [
    {"hard": "false"},
    {"hard": 0},
    {"email": ["a@b.example"]},
    {"email": None},
    {"type": ["bounced"]},
    {"reason": 550},
]


@pytest.mark.parametrize(
    "said",
    [b"{", b"[1]", b'{"a": 1}', b'{"type": "exploded", "email": "a@b.example"}', *(body(PLAIN | each) for each in ODD)],
)
def test_what_is_in_no_known_form_is_refused(said: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whichever kind
        reports.read(said)


def test_a_message_counts_if_its_sender_knows_the_secret_and_is_of_now() -> None:
    said = body(PLAIN)

    def headers(secret: str, *, at: datetime = NOW, signed: bytes = said) -> dict[str, str]:
        signature = Webhook(secret).sign("msg_1", at, signed.decode())
        return {
            "webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": f"v1,x {signature}",
        }  # fmt: skip

    other = "whsec_" + base64.b64encode(b"another secret that nobody knows").decode()
    good = (
        headers(SECRET),
        {"authorization": f"Bearer {SECRET}"},
        {"authorization": "Basic " + base64.b64encode(f"postmark:{SECRET}".encode()).decode()},
    )
    bad = (
        {}, headers(other), headers(SECRET, at=NOW - timedelta(minutes=6)), headers(SECRET, at=NOW + timedelta(minutes=6)),
        headers(SECRET, signed=b"{}"), {**headers(SECRET), "webhook-timestamp": "now"}, {"authorization": "Bearer x"},
        {"authorization": "Basic x"}, {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"authorization": "Basic é"},
        {"authorization": "Bearer "},
    )  # fmt: skip
    assert [reports.is_authentic(SECRET, each, said, now=NOW) for each in good] == [True] * len(good)
    assert [reports.is_authentic(SECRET, each, said, now=NOW) for each in bad] == [False] * len(bad)


def test_mailgun_signs_by_a_token_of_its_own() -> None:
    event = {"event": "complained", "recipient": "a@b.example"}
    assert reports.is_authentic(SECRET, {}, mailgun(event), now=NOW)
    assert reports.is_authentic(SECRET, {}, mailgun(event, at=NOW - timedelta(hours=8)), now=NOW)
    assert not reports.is_authentic(SECRET, {}, mailgun(event, at=NOW - timedelta(hours=13)), now=NOW)
    assert not reports.is_authentic(SECRET, {}, mailgun(event, key="another"), now=NOW)
