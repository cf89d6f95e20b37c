"""The second factor: nothing opens without it once it is set up, no code works twice, and no stranger locks anybody out."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from core.foundation.errors import FactorWrong, NotPermitted, TooManyTries
from core.foundation.settings import Settings
from core.people import own_factor, second_factor, sign_in, staff, team
from core.people.audit import AuditEntry
from core.people.second_factor import RecoveryCode, SecondFactor, Standing
from core.people.sign_in import SignIn
from core.people.staff import Role, Staff
from core.shop import Shop
from tests import builders, colleagues
from tests.colleagues import deed, digits, signed_in, with_device, works_as
from tests.conftest import Clock
from tests.fakes import SECRET


def who(shop: Shop, sign_in_id: str) -> Staff | None:
    with shop.reading() as session:
        return staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=shop.now())


def standing(shop: Shop, sign_in_id: str) -> Standing | None:
    with shop.reading() as session:
        found = staff.arrived(session, sign_in_id, owners=shop.settings.owners, now=shop.now())
    return found.standing if found else None


def comes_again(shop: Shop, role: Role = Role.OWNER) -> str:
    return signed_in(shop, colleagues.ADDRESSES[role])


@pytest.mark.parametrize("role", Role)
def test_it_counts_once_it_is_confirmed_and_then_on_every_sign_in(shop: Shop, clock: Clock, role: Role) -> None:
    here, elsewhere = works_as(shop, role), comes_again(shop, role)
    device = own_factor.offer(shop, here)
    assert own_factor.offer(shop, here) == device
    assert f"secret={device.secret}" in device.address
    assert who(shop, elsewhere)
    with pytest.raises(FactorWrong):
        own_factor.confirm(shop, here, "000000")
    assert who(shop, here)
    codes = own_factor.confirm(shop, here, digits(device.secret, clock()))
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert who(shop, here)
    # Where somebody was signed in already it is asked as well.
    assert (who(shop, elsewhere), standing(shop, elsewhere)) == (None, Standing.ASKED)
    clock.pass_(seconds=30)
    assert own_factor.give(shop, elsewhere, digits(device.secret, clock())) is None
    assert who(shop, elsewhere)
    said = [(entry.who, entry.role, entry.action, entry.detail) for entry in builders.rows(shop, AuditEntry)]
    assert said == [(colleagues.ADDRESSES[role], role, "second_factor", "set up")]


def test_what_was_shown_on_one_sign_in_is_not_what_is_set_up_on_another(shop: Shop, clock: Clock) -> None:
    """Whoever has read somebody's mail once, and looked at the code to scan, must not know their device."""
    elsewhere, here = works_as(shop, Role.OWNER), comes_again(shop)
    shown = own_factor.offer(shop, elsewhere)
    device = own_factor.offer(shop, here)
    assert device.secret != shown.secret
    for sign_in_id in (elsewhere, here):
        with pytest.raises(FactorWrong):
            own_factor.confirm(shop, sign_in_id, digits(shown.secret, clock()))
    with pytest.raises(FactorWrong):
        own_factor.confirm(shop, elsewhere, digits(device.secret, clock()))
    assert own_factor.confirm(shop, here, digits(device.secret, clock()))


def test_two_tabs_that_begin_at_the_same_instant_are_both_answered(shop: Shop) -> None:
    first, second = works_as(shop, Role.OWNER), comes_again(shop)
    done = builders.at_once(lambda: own_factor.offer(shop, first), lambda: own_factor.offer(shop, second))
    assert [type(each).__name__ for each in done] == ["Device", "Device"]


def test_neither_secret_nor_codes_can_be_read_in_the_database(shop: Shop) -> None:
    here = works_as(shop, Role.OWNER)
    device = own_factor.offer(shop, here)
    codes = own_factor.confirm(shop, here, digits(device.secret, shop.now()))
    kept = str([*builders.rows(shop, SecondFactor), *builders.rows(shop, RecoveryCode)])
    for secret in (device.secret, *codes, *(code.replace("-", "") for code in codes)):
        assert secret not in kept


def test_the_same_code_never_works_twice_nor_an_older_one_after_it(shop: Shop, clock: Clock) -> None:
    secret = with_device(shop, Role.OWNER)
    now = digits(secret, clock())
    first, second = comes_again(shop), comes_again(shop)
    own_factor.give(shop, first, f" {now[:3]} {now[3:]} ")
    for code in (now, digits(secret, clock().fromtimestamp(clock().timestamp() - 30, clock().tzinfo))):
        with pytest.raises(FactorWrong):
            own_factor.give(shop, second, code)
    clock.pass_(seconds=30)
    own_factor.give(shop, second, digits(secret, clock()))
    assert who(shop, second)


def test_two_who_give_the_same_code_at_the_same_instant_are_not_both_let_in(shop: Shop, clock: Clock) -> None:
    secret = with_device(shop, Role.OWNER)
    first, second = comes_again(shop), comes_again(shop)

    def give(sign_in_id: str) -> Callable[[], object]:
        return lambda: own_factor.give(shop, sign_in_id, digits(secret, clock()))

    done = builders.at_once(give(first), give(second))
    assert sorted(type(each).__name__ for each in done) == ["FactorWrong", "NoneType"]
    assert [bool(who(shop, each)) for each in (first, second)].count(True) == 1


@pytest.mark.parametrize("late", [31, 61, 3600])
def test_a_code_works_for_its_time_and_a_little_beside_it(shop: Shop, clock: Clock, late: int) -> None:
    secret = with_device(shop, Role.OWNER)
    clock.pass_(minutes=10)
    code, again = digits(secret, clock()), comes_again(shop)
    clock.pass_(seconds=late)
    if late < 60:
        own_factor.give(shop, again, code)
        return
    with pytest.raises(FactorWrong):
        own_factor.give(shop, again, code)


def test_a_recovery_code_works_once_however_it_is_written(shop: Shop) -> None:
    here = works_as(shop, Role.OWNER)
    codes = own_factor.confirm(shop, here, digits(own_factor.offer(shop, here).secret, shop.now()))
    again = comes_again(shop)
    assert own_factor.give(shop, again, codes[0].replace("-", " ").upper()) == 9
    assert who(shop, again)
    with pytest.raises(FactorWrong):
        own_factor.give(shop, comes_again(shop), codes[0])
    assert own_factor.give(shop, comes_again(shop), codes[1]) == 8
    renewed = own_factor.renew_recovery_codes(shop, again)
    with pytest.raises(FactorWrong):
        own_factor.give(shop, comes_again(shop), codes[2])
    assert own_factor.give(shop, comes_again(shop), renewed[9]) == 9
    assert "recovery code used, 9 left" in [entry.detail for entry in builders.rows(shop, AuditEntry)]


def test_five_wrong_codes_end_the_sign_in(shop: Shop, clock: Clock) -> None:
    secret = with_device(shop, Role.OWNER)
    again = comes_again(shop)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(FactorWrong) as refused:
            own_factor.give(shop, again, "nonsense" if left == 2 else "000000")
        assert refused.value.left == left
    assert standing(shop, again) is None
    with pytest.raises(NotPermitted):
        own_factor.give(shop, again, digits(secret, clock()))
    with shop.reading() as session:
        assert sign_in.who(session, again, now=shop.now()) is None


def test_guessing_is_slowed_and_whoever_has_a_recovery_code_comes_in_all_the_same(shop: Shop, clock: Clock) -> None:
    here = works_as(shop, Role.OWNER)
    device = own_factor.offer(shop, here)
    codes = own_factor.confirm(shop, here, digits(device.secret, clock()))
    clock.pass_(minutes=2)
    for _ in range(10):
        with pytest.raises(FactorWrong):
            own_factor.give(shop, comes_again(shop), "000000")
    with pytest.raises(TooManyTries):
        own_factor.give(shop, comes_again(shop), digits(device.secret, clock()))
    assert own_factor.give(shop, comes_again(shop), codes[0]) == 9
    clock.pass_(hours=1)
    own_factor.give(shop, comes_again(shop), digits(device.secret, clock()))


def test_a_stranger_cannot_use_up_anybodys_tries(shop: Shop, clock: Clock) -> None:
    secret = with_device(shop, Role.OWNER)
    for stranger in (signed_in(shop, "eve@example.com"), works_as(shop, Role.VIEWER), "in_of_nobody", ""):
        for _ in range(20):
            with pytest.raises(NotPermitted):
                own_factor.give(shop, stranger, "000000")
    own_factor.give(shop, comes_again(shop), digits(secret, clock()))
    assert [row.tries for row in builders.rows(shop, SecondFactor)] == [0]


def test_a_buyers_library_is_not_concerned(shop: Shop) -> None:
    with_device(shop, Role.OWNER)
    again = comes_again(shop)
    with shop.reading() as session:
        assert sign_in.who(session, again, now=shop.now()) == colleagues.OWNER
    assert who(shop, again) is None


def test_whoever_has_not_given_it_can_neither_take_it_off_nor_set_up_another(shop: Shop) -> None:
    with_device(shop, Role.OWNER)
    again = comes_again(shop)
    for act in (own_factor.offer, own_factor.remove, own_factor.renew_recovery_codes, own_factor.look):
        with pytest.raises(NotPermitted):
            act(shop, again)
    with pytest.raises(NotPermitted):
        own_factor.confirm(shop, again, "000000")
    with pytest.raises(NotPermitted):
        team.reset_second_factor(shop, colleagues.OWNER, deed=deed(again))
    assert standing(shop, again) is Standing.ASKED


def test_whoever_takes_it_off_is_asked_no_more(shop: Shop, clock: Clock) -> None:
    secret = with_device(shop, Role.SUPPORT)
    again = comes_again(shop, Role.SUPPORT)
    own_factor.give(shop, again, digits(secret, clock()))
    assert own_factor.look(shop, again) == own_factor.Own(is_set=True, recovery_codes=10, required=False)
    own_factor.remove(shop, again)
    assert who(shop, comes_again(shop, Role.SUPPORT))
    assert builders.rows(shop, SecondFactor) == builders.rows(shop, RecoveryCode) == []


def test_an_owner_asks_it_of_everybody_from_the_next_click_on(shop: Shop, clock: Clock) -> None:
    owner, viewer = works_as(shop, Role.OWNER), works_as(shop, Role.VIEWER)
    team.require_second_factor(shop, True, deed=deed(owner))
    assert (who(shop, owner), who(shop, viewer)) == (None, None)
    assert standing(shop, viewer) is Standing.TO_SET_UP
    device = own_factor.offer(shop, viewer)
    own_factor.confirm(shop, viewer, digits(device.secret, clock()))
    assert who(shop, viewer)
    own_factor.confirm(shop, owner, digits(own_factor.offer(shop, owner).secret, clock()))
    team.require_second_factor(shop, False, deed=deed(owner))
    assert who(shop, works_as(shop, Role.SUPPORT))
    # Whoever has one keeps it.
    assert standing(shop, comes_again(shop, Role.VIEWER)) is Standing.ASKED


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_require_it_and_reset_anothers(shop: Shop, role: Role) -> None:
    sign_in_id = works_as(shop, role)
    with pytest.raises(NotPermitted):
        team.require_second_factor(shop, True, deed=deed(sign_in_id))
    with pytest.raises(NotPermitted):
        team.reset_second_factor(shop, colleagues.OWNER, deed=deed(sign_in_id))


def test_an_owner_resets_the_one_of_somebody_who_lost_the_device(shop: Shop) -> None:
    with_device(shop, Role.VIEWER)
    owner = works_as(shop, Role.OWNER)
    with shop.reading() as session:
        assert {each.email: each.second_factor for each in staff.listed(session, owners=shop.settings.owners)} == {
            colleagues.OWNER: False, colleagues.ADDRESSES[Role.VIEWER]: True,
        }  # fmt: skip
    team.reset_second_factor(shop, colleagues.ADDRESSES[Role.VIEWER].upper(), deed=deed(owner))
    assert who(shop, comes_again(shop, Role.VIEWER))


def test_under_another_secret_key_no_code_works_but_a_recovery_code(shop: Shop, clock: Clock) -> None:
    here = works_as(shop, Role.OWNER)
    device = own_factor.offer(shop, here)
    codes = own_factor.confirm(shop, here, digits(device.secret, clock()))
    clock.pass_(minutes=1)
    rotated = Settings(
        database_url=shop.settings.database_url, storage_url=shop.settings.storage_url, stripe_webhook_secret=SECRET,
        secret_key="another secret of letters", app_url=shop.settings.app_url,
    )  # fmt: skip
    other = replace(shop, settings=rotated)
    again = comes_again(shop)
    with pytest.raises(FactorWrong):
        own_factor.give(other, again, digits(device.secret, clock()))
    assert own_factor.give(other, again, codes[0]) == 9


def test_a_letters_link_and_an_old_sign_in_do_not_even_get_to_be_asked(shop: Shop, clock: Clock) -> None:
    with_device(shop, Role.OWNER)
    again = comes_again(shop)
    with shop.transaction() as session:
        session.get_one(SignIn, again).letter = "a letter"
    assert standing(shop, again) is None
    old = comes_again(shop)
    clock.pass_(hours=12)
    assert standing(shop, old) is None
