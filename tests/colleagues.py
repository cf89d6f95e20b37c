"""Colleagues: people of each role who are signed in at the owner's side of a shop of the tests."""

from datetime import datetime, timedelta

import pyotp

from core.foundation.addresses import fold
from core.foundation.records import new_id
from core.people import own_factor, staff
from core.people.deeds import Deed
from core.people.sign_in import SignIn
from core.people.staff import Role
from core.shop import Shop

OWNER = "owner@example.com"
ADDRESSES = {Role.OWNER: OWNER, Role.SUPPORT: "sam@plainwork.example", Role.VIEWER: "vera@plainwork.example"}


def signed_in(shop: Shop, address: str) -> str:
    """The sign-in of somebody as a code leaves it. As many at the same instant as a test likes."""
    now = shop.now()
    row = SignIn(id=new_id("in"), email=fold(address), created_at=now, expires_at=now + timedelta(days=90))
    with shop.transaction() as session:
        session.add(row)
    return row.id


def works_as(shop: Shop, role: Role) -> str:
    """The sign-in of somebody of this role, who was invited unless they own the shop."""
    address = ADDRESSES[role]
    if role is not Role.OWNER:
        with shop.transaction() as session:
            staff.invite(session, address, role, by=OWNER, now=shop.now())
    return signed_in(shop, address)


def deed(sign_in_id: str, token: str = "") -> Deed:
    """A click of theirs: another one each time, unless it is named."""
    return Deed(sign_in_id, token or new_id("do"))


def digits(secret: str, now: datetime) -> str:
    """What a device with this secret shows."""
    return pyotp.TOTP(secret).at(now)


def with_device(shop: Shop, role: Role) -> str:
    """The secret of the device of somebody of this role, who works here; it counts on every sign-in but this first one."""
    sign_in_id = works_as(shop, role)
    device = own_factor.offer(shop, sign_in_id)
    # One that was shown before: what the device shows now is still good.
    earlier = shop.now() - timedelta(seconds=30)
    own_factor.confirm(shop, sign_in_id, digits(device.secret, earlier))
    return device.secret
