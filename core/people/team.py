"""The team as its owners change it: whoever is invited may work here, and whoever is removed is a stranger from then on."""

from core.foundation import addresses
from core.foundation.errors import NotPermitted
from core.people import deeds, staff
from core.people.deeds import Deed
from core.people.staff import Action, Role
from core.shop import Shop


def invite(shop: Shop, address: str, role: Role, *, deed: Deed) -> None:
    """Invite somebody, or give them this role from now on. Raises AddressUnfit, NotPermitted or DoneAlready."""
    address = addresses.checked(address, reachable=shop.settings.livemode)
    now = shop.now()
    with shop.transaction() as session:
        detail = f"invited {address} as {role}"
        who = deeds.begin(session, shop.settings, deed, Action.STAFF, subject="staff", detail=detail, now=now)
        staff.invite(session, address, role, by=who.email, now=now)


def remove(shop: Shop, member_id: str, *, deed: Deed) -> None:
    """Let somebody work here no longer, at once. Raises NotPermitted, also for nobody who works here, or DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        deeds.permit(session, shop.settings, deed, Action.STAFF, now=now)
        member = staff.remove(session, member_id, now=now)
        if member is None:
            raise NotPermitted(Action.STAFF)
        detail = f"removed {member.email}"
        deeds.begin(session, shop.settings, deed, Action.STAFF, subject=member_id, detail=detail, now=now)
