"""Staff who come from an identity provider: with a verified address of somebody who works here, once, and no longer than others."""

from typing import Any

import pytest

from core.foundation.errors import IdentityRefused, WhyRefused
from core.people import identity, second_factor, sign_in, staff
from core.people.audit import AuditEntry
from core.people.second_factor import Standing
from core.people.sign_in import SignIn
from core.people.staff import Role, Staff
from core.shop import Shop
from tests import builders, colleagues
from tests.conftest import Clock

ISSUER = "https://id.example.com"


def claims(shop: Shop, email: str, **changes: Any) -> dict[str, Any]:
    said = {"iss": ISSUER, "sub": email, "email": email, "email_verified": True, "nonce": "n1"}
    return {**said, "iat": int(shop.now().timestamp()), **changes}


def entered(shop: Shop, said: dict[str, Any]) -> str:
    """The sign-in that the ticket leads to."""
    ticket = identity.enter(shop, said)
    with shop.reading() as session:
        return sign_in.redeem(session, ticket, ip="", signing_key=shop.signing_key, now=shop.now())


def who(shop: Shop, sign_in_id: str) -> Staff | None:
    with shop.reading() as session:
        return staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=shop.now())


def refused(shop: Shop, said: dict[str, Any]) -> WhyRefused:
    with pytest.raises(IdentityRefused) as refusal:
        identity.enter(shop, said)
    return refusal.value.why


@pytest.mark.parametrize("role", Role)
def test_staff_come_in_for_twelve_hours_and_it_is_written_down(shop: Shop, clock: Clock, role: Role) -> None:
    colleagues.works_as(shop, role)
    address = colleagues.ADDRESSES[role]
    here = entered(shop, claims(shop, address.upper()))
    found = who(shop, here)
    assert found is not None
    assert found.role is role
    [entry] = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.role, entry.detail) == ("signed_in", role, f"by {ISSUER}")
    clock.pass_(hours=12)
    assert who(shop, here) is None


def test_whoever_is_removed_is_a_stranger_at_once(shop: Shop, clock: Clock) -> None:
    colleagues.works_as(shop, Role.VIEWER)
    here = entered(shop, claims(shop, colleagues.ADDRESSES[Role.VIEWER]))
    with shop.transaction() as session:
        member = next(each.id for each in staff.listed(session, owners=()))
        staff.remove(session, member, now=shop.now())
    assert who(shop, here) is None
    assert refused(shop, claims(shop, colleagues.ADDRESSES[Role.VIEWER], nonce="n2")) is WhyRefused.STRANGER


@pytest.mark.parametrize("verified", [False, None, "false", "", "True"])
def test_an_address_that_is_not_verified_proves_nothing(shop: Shop, verified: object) -> None:
    said = claims(shop, colleagues.OWNER, email_verified=verified)
    if verified is None:
        del said["email_verified"]
    assert refused(shop, said) is WhyRefused.UNVERIFIED
    assert refused(shop, claims(shop, "")) is WhyRefused.UNVERIFIED
    assert builders.rows(shop, SignIn) == []


def test_buyers_and_strangers_are_not_let_in(shop: Shop) -> None:
    assert refused(shop, claims(shop, "nora@lindqvist.example")) is WhyRefused.STRANGER
    assert builders.rows(shop, SignIn) == builders.rows(shop, AuditEntry) == []


def test_a_token_works_once_and_for_ten_minutes(shop: Shop, clock: Clock) -> None:
    said = claims(shop, colleagues.OWNER)
    assert who(shop, entered(shop, said))
    assert refused(shop, said) is WhyRefused.OLD
    later = claims(shop, colleagues.OWNER, nonce="n2")
    clock.pass_(minutes=10, seconds=1)
    for old in (later, claims(shop, colleagues.OWNER, iat=None), claims(shop, colleagues.OWNER, iat=2**40)):
        assert refused(shop, old) is WhyRefused.OLD
    assert entered(shop, claims(shop, colleagues.OWNER))
    assert len(builders.rows(shop, AuditEntry)) == 2


def test_two_tabs_that_come_with_one_token_are_let_in_once(shop: Shop) -> None:
    said = claims(shop, colleagues.OWNER)
    done = builders.at_once(lambda: identity.enter(shop, said), lambda: identity.enter(shop, said))
    assert sorted(type(each).__name__ for each in done) == ["IdentityRefused", "str"]


def test_the_second_factor_is_still_asked(shop: Shop) -> None:
    colleagues.with_device(shop, Role.OWNER)
    here = entered(shop, claims(shop, colleagues.OWNER))
    assert who(shop, here) is None
    with shop.reading() as session:
        assert second_factor.standing(session, session.get_one(SignIn, here)) is Standing.ASKED
