"""What the audit log says of whoever makes or removes the season: an owner by a click, or somebody at a terminal."""

from sqlmodel import Session

from core.people import audit, deeds
from core.people.deeds import Deed
from core.people.staff import Action, Role
from core.shop import Shop


def write(session: Session, shop: Shop, deed: Deed | None, what: str) -> None:
    """Write it down, in the transaction of what is done. Raises NotPermitted or DoneAlready."""
    now = shop.now()
    if deed:
        deeds.begin(session, shop.settings, deed, Action.SEASON, subject="season", detail=what, now=now)
        return
    audit.record(
        session, who=audit.TERMINAL, role=Role.OWNER, action=Action.SEASON, subject="season", detail=what, now=now
    )
