"""The webhook desk: what owners do about outgoing webhooks, each as a click or from a terminal, written into the audit log."""

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlmodel import Session

from core.outgoing import endpoints, messages
from core.outgoing.endpoints import Made, Off
from core.people import audit, deeds
from core.people.deeds import Deed
from core.people.staff import Action, Role
from core.shop import Shop

# Writes down that somebody does something to an endpoint: its id, and what.
_Note = Callable[[str, str], object]


def add(shop: Shop, url: str, *, name: str = "", topics: Iterable[str] = (), deed: Deed | None = None) -> Made:
    """An endpoint at this address. Without a `deed` somebody at a terminal does it, here and below.

    Raises HookUnfit, NotPermitted, DoneAlready.
    """
    with shop.transaction() as session:
        _permit(session, shop, deed)
        made = endpoints.add(session, url, name=name, topics=topics, livemode=shop.settings.livemode, now=shop.now())
        _note(session, shop, deed)(made.id, f"added {url.strip()}")
    return made


def change(
    shop: Shop, endpoint_id: str, *, url: str, name: str, topics: Iterable[str], deed: Deed | None = None
) -> None:
    """Bring an endpoint to this. Raises HookNotFound, HookUnfit, NotPermitted, DoneAlready."""
    with shop.transaction() as session:
        _note(session, shop, deed)(endpoint_id, "changed")
        endpoints.change(session, endpoint_id, url=url, name=name, topics=topics, livemode=shop.settings.livemode)


def rotate(shop: Shop, endpoint_id: str, *, deed: Deed | None = None) -> Made:
    """A new secret; the one before is good for another day. Raises HookNotFound, NotPermitted, DoneAlready."""
    with shop.transaction() as session:
        _note(session, shop, deed)(endpoint_id, "new secret")
        return endpoints.rotate(session, endpoint_id, now=shop.now())


def switch(shop: Shop, endpoint_id: str, *, on: bool, deed: Deed | None = None) -> int:
    """Send an endpoint messages, with those first that waited for it, or none; return how many waited or wait.

    Raises HookNotFound, NotPermitted, DoneAlready.
    """
    with shop.transaction() as session:
        _note(session, shop, deed)(endpoint_id, "switched on" if on else "switched off")
        if on:
            return messages.switch_on(session, endpoint_id, now=shop.now())
        endpoints.switch_off(endpoints.locked(session, endpoint_id), Off.OWNER, now=shop.now())
        return messages.held(session, endpoint_id)


def remove(shop: Shop, endpoint_id: str, *, deed: Deed | None = None) -> str:
    """Forget an endpoint, with what waits for it; return its name. Raises HookNotFound, HookUnfit, NotPermitted, DoneAlready."""
    with shop.transaction() as session:
        _note(session, shop, deed)(endpoint_id, "removed")
        row = endpoints.remove(session, endpoint_id, now=shop.now())
        messages.drop_waiting(session, row.id, now=shop.now())
        return row.name


def ping(shop: Shop, endpoint_id: str, *, deed: Deed | None = None) -> str:
    """Send an endpoint a test; return the id of its delivery. Raises HookNotFound, NotPermitted, DoneAlready."""
    with shop.transaction() as session:
        _note(session, shop, deed)(endpoint_id, "test")
        return messages.ping(session, endpoint_id, now=shop.now())


def send_again(shop: Shop, delivery_id: str, *, deed: Deed | None = None) -> None:
    """Send one message once more. Raises HookNotFound, NotPermitted, DoneAlready."""
    with shop.transaction() as session:
        _note(session, shop, deed)(delivery_id, "sent again")
        messages.send_again(session, delivery_id, now=shop.now())


def send_range_again(
    shop: Shop, endpoint_id: str, *, since: datetime, until: datetime, deed: Deed | None = None
) -> int:
    """Send an endpoint once more what it was to be told between these moments; return how many messages that are.

    Raises HookNotFound, NotPermitted, DoneAlready.
    """
    with shop.transaction() as session:
        _note(session, shop, deed)(endpoint_id, f"sent again from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC")
        return messages.send_range_again(session, endpoint_id, since=since, until=until, now=shop.now())


def _permit(session: Session, shop: Shop, deed: Deed | None) -> None:
    if deed:
        deeds.permit(session, shop.settings, deed, Action.WEBHOOKS, now=shop.now())


def _note(session: Session, shop: Shop, deed: Deed | None) -> _Note:
    def note(subject: str, detail: str) -> None:
        if deed:
            deeds.begin(session, shop.settings, deed, Action.WEBHOOKS, subject=subject, detail=detail, now=shop.now())
        else:
            audit.record(
                session, who=audit.TERMINAL, role=Role.OWNER, action=Action.WEBHOOKS, subject=subject, detail=detail,
                now=shop.now(),
            )  # fmt: skip

    return note
