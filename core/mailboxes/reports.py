"""Reports of mail providers: what became of letters after they were taken, in the form of Postmark, Mailgun or Amazon SES, or in
the plain one of this shop. Each counts only if it shows that it knows MAIL_EVENTS_SECRET."""

import base64
import binascii
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from core.mailboxes.marks import Kind

# A message that was signed longer ago than this, or will be, is somebody's copy.
_TOLERANCE = timedelta(minutes=5)
# Mailgun tries for eight hours, and signs once.
_MAILGUN_TRIES = timedelta(hours=12)


@dataclass(frozen=True)
class Report:
    """What a provider says of one address. `for_good` if no letter will ever get there."""

    address: str
    kind: Kind
    for_good: bool
    reason: str
    message_id: str = ""


def is_authentic(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Whether whoever sent this knows the secret: by a signature of Standard Webhooks, by Mailgun's, or as a bearer token or the
    password of Basic authentication, which is all that Postmark and Amazon SNS can show."""
    if "webhook-signature" in headers:
        return _is_signed(secret, headers, body, now=now)
    if "authorization" in headers:
        return _is_told(secret, headers["authorization"])
    return _is_signed_by_mailgun(secret, body, now=now)


def read(body: bytes) -> list[Report]:
    """What a request reports; nothing where it is about letters that arrived. Raises ValueError for what is no JSON, or of none of
    these forms."""
    said = orjson.loads(body)
    found: list[Report] = []
    for each in said if isinstance(said, list) else [said]:
        if not isinstance(each, dict):
            raise ValueError("a report is an object")
        found += _of(each)
    return [each for each in map(_storable, found) if each.address]


def _storable(report: Report) -> Report:
    """Without the character that PostgreSQL takes in no text: of what else came with it, nothing would be kept either."""
    address, reason, message_id = (
        text.replace("\0", "") for text in (report.address, report.reason, report.message_id)
    )
    return replace(report, address=address, reason=reason, message_id=message_id)


def subscription_to_confirm(body: bytes) -> str:
    """The address by which Amazon SNS wants to have a subscription confirmed, if that is what it asks for."""
    said = orjson.loads(body)
    if isinstance(said, dict) and said.get("Type") == "SubscriptionConfirmation":
        return str(said.get("SubscribeURL", ""))
    return ""


# What texts a report in our own form has.
_TEXTS = ("email", "reason", "message_id")


def _of(said: dict[str, Any]) -> Iterator[Report]:
    if "RecordType" in said:
        yield from _postmark(said)
    elif "event-data" in said:
        yield from _mailgun(said["event-data"])
    elif "Message" in said and "Type" in said:
        yield from _ses(orjson.loads(said["Message"])) if said["Type"] == "Notification" else ()
    elif "type" in said and "email" in said:
        left_out: dict[str, Any] = {"hard": True, "reason": "", "message_id": ""}
        told = left_out | {name: value for name, value in said.items() if value is not None}
        if not isinstance(told["hard"], bool) or not all(isinstance(told.get(name), str) for name in _TEXTS):
            raise ValueError("a report of which a field is not what it should be")
        yield Report(told["email"], Kind(told["type"]), told["hard"], told["reason"], told["message_id"])
    else:
        raise ValueError("a report in no known form")


_POSTMARK_FOR_GOOD = ("HardBounce", "BadEmailAddress", "ManuallyDeactivated")


def _postmark(said: dict[str, Any]) -> Iterator[Report]:
    match said["RecordType"]:
        case "Bounce":
            hard = said.get("Type") in _POSTMARK_FOR_GOOD
            reason = str(said.get("Details") or said.get("Description") or "")
            yield Report(str(said.get("Email", "")), Kind.BOUNCED, hard, reason)
        case "SpamComplaint":
            yield Report(str(said.get("Email", "")), Kind.COMPLAINED, True, "taken for spam")
        case "SubscriptionChange" if (
            said.get("SuppressSending") and said.get("SuppressionReason") == "ManualSuppression"
        ):
            yield Report(str(said.get("Recipient", "")), Kind.UNSUBSCRIBED, True, "")


def _mailgun(event: dict[str, Any]) -> Iterator[Report]:
    address = str(event.get("recipient", ""))
    message_id = str(((event.get("message") or {}).get("headers") or {}).get("message-id", ""))
    match event.get("event"):
        case "failed":
            status = event.get("delivery-status") or {}
            reason = str(status.get("message") or status.get("description") or event.get("reason") or "")
            yield Report(address, Kind.BOUNCED, event.get("severity") == "permanent", reason, message_id)
        case "complained":
            yield Report(address, Kind.COMPLAINED, True, "taken for spam", message_id)
        case "unsubscribed":
            yield Report(address, Kind.UNSUBSCRIBED, True, "", message_id)


def _ses(told: dict[str, Any]) -> Iterator[Report]:
    mail = told.get("mail") or {}
    message_id = str((mail.get("commonHeaders") or {}).get("messageId", ""))
    match told.get("notificationType") or told.get("eventType"):
        case "Bounce":
            bounce = told["bounce"]
            for each in bounce.get("bouncedRecipients", ()):
                reason = str(each.get("diagnosticCode") or bounce.get("bounceSubType") or "")
                hard = bounce.get("bounceType") == "Permanent"
                yield Report(str(each.get("emailAddress", "")), Kind.BOUNCED, hard, reason, message_id)
        case "Complaint":
            for each in told["complaint"].get("complainedRecipients", ()):
                yield Report(str(each.get("emailAddress", "")), Kind.COMPLAINED, True, "taken for spam", message_id)


def _is_signed(secret: str, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    moment = headers.get("webhook-timestamp", "")
    if not _is_near(moment, _TOLERANCE, now=now):
        return False
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return False
    content = f"{headers.get('webhook-id', '')}.{moment}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return any(_same(expected, each) for each in headers["webhook-signature"].split())


def _is_told(secret: str, authorization: str) -> bool:
    kind, _, said = authorization.partition(" ")
    if kind.casefold() == "basic":
        try:
            said = base64.b64decode(said).decode().partition(":")[2]
        except ValueError:  # it is not Base64, or not UTF-8 below it
            return False
    return _same(secret, said.strip())


def _is_signed_by_mailgun(secret: str, body: bytes, *, now: datetime) -> bool:
    try:
        signature = orjson.loads(body)["signature"]
        moment, token, given = (str(signature[name]) for name in ("timestamp", "token", "signature"))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return False
    expected = hmac.digest(secret.encode(), f"{moment}{token}".encode(), "sha256").hex()
    return _is_near(moment, _MAILGUN_TRIES, now=now) and _same(expected, given)


def _is_near(moment: str, tolerance: timedelta, *, now: datetime) -> bool:
    is_number = moment.isascii() and moment.isdecimal() and len(moment) < 12
    return is_number and abs(now.timestamp() - int(moment)) <= tolerance.total_seconds()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
