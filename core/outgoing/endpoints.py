"""Endpoints: the addresses of the seller's own programs, what each is told of, and the secrets that it checks signatures with.

A secret is shown when it is made and never again. While one is rotated, messages are signed with both.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from sqlalchemy import JSON, event
from sqlalchemy.orm import object_session
from sqlmodel import Field, Session, col, select

from core.foundation import signing
from core.foundation.database import SECRET, lock_names
from core.foundation.errors import HookNotFound, HookUnfit, SealBroken
from core.foundation.records import Record, new_id, text_enum
from core.outgoing import signatures
from core.outgoing.topics import CHOICES

# So long after a rotation the secret before it signs as well.
ROTATION = timedelta(hours=24)
_LISTENING = "pushcart_listening"
# Most shops have no endpoint: that there was none is believed for so many seconds, so that no purchase asks for it. One that is
# added hears of what happens in other processes so much later, and in its own at once.
_BELIEVED = 2.0
_nobody: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


class Off(StrEnum):
    """Why an endpoint gets nothing: an owner says so, it did not take a message for three days, or it said that it is gone."""

    OWNER = "owner"
    FAILED = "failed"
    GONE = "gone"


# What is said of one whose secret was sealed with another SECRET_KEY.
UNREADABLE = "its secret cannot be read with this SECRET_KEY"


class WebhookEndpoint(Record, table=True):
    """One address. `topics` is empty where it is told of everything; `variable` names the setting that it comes from, if any.

    `sealed` is its secret, `sealed_before` the one before, which signs until `both_until`. `failing_since` is the first of the
    attempts that have failed since it took one. A row that was removed stays for its log.
    """

    __tablename__ = "webhook_endpoints"

    id: str = Field(primary_key=True)
    name: str
    url: str
    topics: list[str] = Field(sa_type=JSON)
    variable: str = ""
    sealed: str
    sealed_before: str = ""
    both_until: datetime | None = None
    failing_since: datetime | None = None
    failure: str = ""
    off: Off | None = text_enum(Off, default=None, nullable=True)
    off_at: datetime | None = None
    created_at: datetime
    removed_at: datetime | None = None

    def wants(self, topic: str) -> bool:
        """Whether it is to be told of this. What comes while it is off is kept, unless it said that it is gone."""
        return self.off is not Off.GONE and (not self.topics or topic in self.topics)


@dataclass(frozen=True)
class Made:
    """A new secret of an endpoint: the only time that it is told."""

    id: str
    secret: str


def add(
    session: Session, url: str, *, name: str = "", topics: Iterable[str] = (), livemode: bool, now: datetime
) -> Made:
    """An endpoint at this address from now on. Raises HookUnfit."""
    secret = signatures.new_secret()
    row = WebhookEndpoint(
        id=new_id("we"), url=checked(url, livemode=livemode), name=name.strip() or (urlsplit(url).hostname or ""),
        topics=chosen(topics), sealed=_seal(session, secret), created_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return Made(row.id, secret)


def change(
    session: Session, endpoint_id: str, *, url: str, name: str, topics: Iterable[str], livemode: bool
) -> WebhookEndpoint:
    """Bring an endpoint to this address and these topics. One that comes from a setting keeps its address.

    Raises HookNotFound, HookUnfit.
    """
    row = locked(session, endpoint_id)
    row.url = row.url if row.variable else checked(url, livemode=livemode)
    row.name, row.topics = name.strip() or row.name, chosen(topics)
    session.flush()
    return row


def rotate(session: Session, endpoint_id: str, *, now: datetime) -> Made:
    """A new secret; the one before signs as well for a day. Raises HookNotFound."""
    row, secret = locked(session, endpoint_id), signatures.new_secret()
    row.sealed_before, row.both_until = row.sealed, now + ROTATION
    row.sealed = _seal(session, secret)
    session.flush()
    return Made(row.id, secret)


def switch_off(row: WebhookEndpoint, why: Off, *, now: datetime) -> None:
    """Send it nothing from now on. The endpoint must be locked."""
    row.off, row.off_at = why, now


def remove(session: Session, endpoint_id: str, *, now: datetime) -> WebhookEndpoint:
    """Forget an endpoint; its log stays for as long as any. Raises HookNotFound, HookUnfit for one that a setting makes."""
    row = locked(session, endpoint_id)
    if row.variable:
        raise HookUnfit("setting")
    row.removed_at = now
    session.flush()
    return row


def locked(session: Session, endpoint_id: str) -> WebhookEndpoint:
    """The endpoint, which nobody else changes from now on. Raises HookNotFound."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id, col(WebhookEndpoint.removed_at).is_(None))
    row = session.exec(query.with_for_update().execution_options(populate_existing=True)).first()
    if row is None:
        raise HookNotFound(endpoint=endpoint_id)
    return row


def everything(session: Session) -> Sequence[WebhookEndpoint]:
    """The endpoints there are, oldest first."""
    query = select(WebhookEndpoint).where(col(WebhookEndpoint.removed_at).is_(None))
    return session.exec(query.order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))).all()


def listening(session: Session) -> Sequence[WebhookEndpoint]:
    """The same, read once in a transaction, and not at all where there was none a moment ago."""
    found: Sequence[WebhookEndpoint] | None = session.info.get(_LISTENING)
    if found is None:
        here = session.get_bind()
        if monotonic() < _nobody.get(here, 0):
            return ()
        found = session.info[_LISTENING] = everything(session)
        if not found:
            _nobody[here] = monotonic() + _BELIEVED
    return found


@event.listens_for(WebhookEndpoint, "after_insert")
def _somebody(_mapper: object, _connection: object, row: WebhookEndpoint) -> None:
    session = object_session(row)
    assert session
    here = session.get_bind()
    # Once others can read it: until then they remember that there is none.
    event.listen(session, "after_commit", lambda _: _nobody.pop(here, None), once=True)


def secrets_of(session_secret: str, row: WebhookEndpoint, *, now: datetime) -> list[str]:
    """The secrets that sign what it is sent now, the newest first. Raises SealBroken where the newest is from before a change of
    SECRET_KEY; an older one is left out then, or nobody could rotate it away."""
    found = [signing.unseal(session_secret, signing.WEBHOOK, row.sealed)]
    if row.both_until and row.both_until > now:
        with suppress(SealBroken):
            found.append(signing.unseal(session_secret, signing.WEBHOOK, row.sealed_before))
    return found


def chosen(topics: Iterable[str]) -> list[str]:
    """The topics of these names in their own order. None, or all of them, is everything. Raises HookUnfit."""
    asked = {topic.strip() for topic in topics if topic.strip()}
    if asked - set(CHOICES):
        raise HookUnfit("topic")
    return [] if asked == set(CHOICES) else [topic.value for topic in CHOICES if topic in asked]


def checked(url: str, *, livemode: bool) -> str:
    """The address, if messages can be sent there: where its name leads is looked at each time. Raises HookUnfit."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except ValueError:  # a port that is no number
        fit = False
    if not fit or " " in url:
        raise HookUnfit("address")
    if parts.username or parts.password or parts.fragment:
        raise HookUnfit("credentials")
    if livemode and parts.scheme != "https":
        raise HookUnfit("plain")
    return url


def of_setting(session: Session, variable: str, url: str, *, secret: str = "", now: datetime) -> None:
    """Have the one endpoint that a setting names, at its address of today; without an address there is none any more. What is
    sent there is signed by this `secret` if one is known already."""
    # Processes that start at once would each find none: the later one waits for the earlier one, and then finds its endpoint.
    lock_names(session, f"endpoint of {variable}")
    query = select(WebhookEndpoint).where(
        WebhookEndpoint.variable == variable, col(WebhookEndpoint.removed_at).is_(None)
    )
    oldest_first = query.order_by(col(WebhookEndpoint.created_at), col(WebhookEndpoint.id))
    found = session.exec(oldest_first.with_for_update()).all()
    row = found[0] if found else None
    for doubled in found[1:]:  # as versions of before made them
        doubled.removed_at = now
    if row is None and url:
        session.add(
            WebhookEndpoint(
                id=new_id("we"), url=url, name=variable.partition("_")[0], topics=[], variable=variable,
                sealed=_seal(session, secret or signatures.new_secret()), created_at=now,
            )
        )  # fmt: skip
    elif row is not None and not url:
        row.removed_at = now
    elif row is not None:
        row.url = url
        row.sealed = _seal(session, secret) if secret else row.sealed
    session.flush()


def _seal(session: Session, secret: str) -> str:
    return signing.seal(session.info[SECRET], signing.WEBHOOK, secret)
