"""The team as its owners change it: whoever is invited may work here, and whoever is removed is a stranger from then on."""

from core.foundation import addresses
from core.foundation.errors import NotPermitted
from core.people import deeds, second_factor, staff
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


def limit(shop: Shop, member_id: str, most: int | None, *, deed: Deed) -> None:
    """Let somebody of the support send back so much of one order, in minor units; None for as much as the shop lets everybody.

    Raises NotPermitted, also for nobody who works here as support, or DoneAlready.
    """
    now = shop.now()
    with shop.transaction() as session:
        deeds.permit(session, shop.settings, deed, Action.STAFF, now=now)
        member = staff.limit(session, member_id, most)
        if member is None:
            raise NotPermitted(Action.STAFF)
        detail = f"{member.email} may refund {'as much as everybody' if most is None else most}"
        deeds.begin(session, shop.settings, deed, Action.STAFF, subject=member_id, detail=detail, now=now)


def reset_second_factor(shop: Shop, address: str, *, deed: Deed) -> None:
    """Take off the device of somebody who has lost it: the mailed code alone lets them in until they have another.

    Raises NotPermitted or DoneAlready.
    """
    now = shop.now()
    with shop.transaction() as session:
        detail = f"second factor of {address} reset"
        deeds.begin(session, shop.settings, deed, Action.STAFF, subject="staff", detail=detail, now=now)
        second_factor.remove(session, addresses.fold(address))


def require_second_factor(shop: Shop, required: bool, *, deed: Deed) -> None:
    """Ask a second factor of everybody who works here, or leave it to each. Raises NotPermitted or DoneAlready."""
    now = shop.now()
    with shop.transaction() as session:
        detail = f"second factor {'required' if required else 'left to each'}"
        who = deeds.begin(session, shop.settings, deed, Action.STAFF, subject="staff", detail=detail, now=now)
        if required:
            second_factor.require(session, who=who.email, now=now)
        else:
            second_factor.require_no_more(session)
