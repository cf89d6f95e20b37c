"""Who works at the owner's side: asked of the database each time, over after 12 hours, and at once for whoever is removed."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from core.foundation.errors import AddressUnfit, DoneAlready, NotPermitted
from core.people import audit, deeds, sign_in, staff, team
from core.people.audit import AuditEntry
from core.people.staff import MAY, Action, Role, Staff
from core.shop import Shop
from tests import builders, colleagues
from tests.colleagues import deed, signed_in, works_as
from tests.conftest import Clock

NORA = "nora@lindqvist.example"


def who(shop: Shop, sign_in_id: str) -> Staff | None:
    with shop.reading() as session:
        return staff.of_sign_in(session, sign_in_id, owners=shop.settings.owners, now=shop.now())


@pytest.mark.parametrize("role", Role)
def test_whoever_works_here_is_known_by_a_code(shop: Shop, role: Role) -> None:
    found = who(shop, works_as(shop, role))
    assert found == Staff(colleagues.ADDRESSES[role], role)
    assert {action for action in Action if found.may(action)} == MAY[role]


def test_owners_may_everything_and_viewers_nothing() -> None:
    assert MAY[Role.OWNER] == set(Action)
    assert MAY[Role.VIEWER] == set()
    assert {Action.TAKE_BACK, Action.STAFF, Action.READDRESS}.isdisjoint(MAY[Role.SUPPORT])


def test_an_owner_is_known_in_whatever_capitals(shop: Shop) -> None:
    found = who(shop, signed_in(shop, "Owner@Example.com"))
    assert found is not None
    assert found.role is Role.OWNER


def test_buyers_and_strangers_are_nobody(shop: Shop) -> None:
    assert who(shop, signed_in(shop, NORA)) is None
    assert who(shop, "in_of_nobody") is None


def test_without_a_sign_in_nothing_is_asked_of_the_database(shop: Shop) -> None:
    said: list[str] = []
    with shop.reading() as session:
        event.listen(shop.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
        assert staff.of_sign_in(session, "", owners=shop.settings.owners, now=shop.now()) is None
    assert said == []


def test_a_sign_in_opens_the_owner_s_side_for_twelve_hours(shop: Shop, clock: Clock) -> None:
    sign_in_id = works_as(shop, Role.OWNER)
    clock.pass_(hours=11, minutes=59)
    assert who(shop, sign_in_id)
    clock.pass_(minutes=1)
    assert who(shop, sign_in_id) is None
    with shop.reading() as session:
        assert sign_in.who(session, sign_in_id, now=shop.now()) == colleagues.OWNER


def test_what_a_letter_signs_in_opens_a_library_and_not_the_owner_s_side(shop: Shop) -> None:
    with shop.transaction() as session:
        ticket = sign_in.begin(session, shop, colleagues.OWNER, letter="of a seat")
    with shop.reading() as session:
        sign_in_id = sign_in.redeem(session, ticket, ip="", signing_key=shop.signing_key, now=shop.now())
    assert who(shop, sign_in_id) is None


def test_whoever_signs_out_is_nobody(shop: Shop) -> None:
    sign_in_id = works_as(shop, Role.SUPPORT)
    with shop.transaction() as session:
        sign_in.sign_out(session, sign_in_id, now=shop.now())
    assert who(shop, sign_in_id) is None


def test_whoever_is_removed_is_nobody_at_once_and_may_come_again(shop: Shop, clock: Clock) -> None:
    owner, sign_in_id = works_as(shop, Role.OWNER), works_as(shop, Role.SUPPORT)
    member = the_member(shop)
    team.remove(shop, member, deed=deed(owner))
    assert who(shop, sign_in_id) is None
    clock.pass_(seconds=1)
    # Nor with a sign-in of later: it is the person who was removed.
    assert who(shop, signed_in(shop, colleagues.ADDRESSES[Role.SUPPORT])) is None
    with pytest.raises(NotPermitted):
        team.remove(shop, member, deed=deed(owner))
    clock.pass_(seconds=1)
    assert who(shop, works_as(shop, Role.SUPPORT))


def the_member(shop: Shop) -> str:
    with shop.reading() as session:
        return next(each.id for each in staff.listed(session, owners=()))


def test_an_invitation_is_owed_with_the_row_and_a_second_one_changes_the_role(shop: Shop, clock: Clock) -> None:
    owner = works_as(shop, Role.OWNER)
    for role in (Role.VIEWER, Role.SUPPORT):
        team.invite(shop, "sam@plainwork.example", role, deed=deed(owner))
        clock.pass_(seconds=1)
    owed = [job for job in builders.jobs(shop) if job.startswith("invitation:")]
    assert len(owed) == 2
    with shop.reading() as session:
        found = staff.listed(session, owners=shop.settings.owners)
    assert [(each.email, each.role, each.invited_by) for each in found] == [
        (colleagues.OWNER, Role.OWNER, "OWNER_EMAILS"),
        ("sam@plainwork.example", Role.SUPPORT, colleagues.OWNER),
    ]
    assert found[0].signed_in_at is not None
    assert found[1].signed_in_at is None


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_invite_and_remove(shop: Shop, role: Role) -> None:
    sign_in_id = works_as(shop, role)
    with pytest.raises(NotPermitted):
        team.invite(shop, "eve@example.com", Role.OWNER, deed=deed(sign_in_id))
    with pytest.raises(NotPermitted):
        team.remove(shop, the_member(shop), deed=deed(sign_in_id))
    assert who(shop, sign_in_id)
    assert builders.rows(shop, AuditEntry) == []


def test_an_invitation_to_what_is_no_address_is_refused(shop: Shop) -> None:
    with pytest.raises(AddressUnfit):
        team.invite(shop, "sam", Role.VIEWER, deed=deed(works_as(shop, Role.OWNER)))


def test_what_is_done_is_written_once_with_who_and_about_what(shop: Shop) -> None:
    owner = deed(works_as(shop, Role.OWNER), "do_1")
    for _ in range(2):
        try:
            team.invite(shop, "sam@plainwork.example", Role.VIEWER, deed=owner)
        except DoneAlready:
            again = True
    assert again
    (entry,) = builders.rows(shop, AuditEntry)
    assert (entry.who, entry.role, entry.action) == (colleagues.OWNER, "owner", "staff")
    assert entry.detail == "invited sam@plainwork.example as viewer"
    assert len([job for job in builders.jobs(shop) if job.startswith("invitation:")]) == 1


def test_two_clicks_at_the_same_instant_do_it_once(shop: Shop) -> None:
    owner = deed(works_as(shop, Role.OWNER), "do_1")

    def click() -> None:
        team.invite(shop, "sam@plainwork.example", Role.VIEWER, deed=owner)

    done = builders.at_once(click, click)
    assert sorted(type(each).__name__ for each in done) == ["DoneAlready", "NoneType"]
    assert len(builders.rows(shop, AuditEntry)) == 1


def test_the_log_is_read_from_its_end_page_by_page(shop: Shop, clock: Clock) -> None:
    owner = works_as(shop, Role.OWNER)
    for number in range(5):
        with shop.transaction() as session:
            deeds.begin(session, shop.settings, deed(owner), Action.NOTE, subject=f"ord_{number}", now=shop.now())
        if number != 2:  # two of them at the same moment
            clock.pass_(seconds=1)
    with shop.reading() as session:
        first = audit.newest(session, limit=2)
        rest = audit.newest(session, before=first[-1])
        assert [each.subject for each in audit.about(session, "ord_3")] == ["ord_3"]
    subjects = [each.subject for each in first + rest]
    assert [subjects[0], sorted(subjects[1:3]), *subjects[3:]] == ["ord_4", ["ord_2", "ord_3"], "ord_1", "ord_0"]


def test_the_demo_lets_anybody_in_as_its_owner_and_no_other_shop_does(shop: Shop) -> None:
    ticket = sign_in.as_demo_owner(shop)
    with shop.reading() as session:
        sign_in_id = sign_in.redeem(session, ticket, ip="", signing_key=shop.signing_key, now=shop.now())
    assert who(shop, sign_in_id) == Staff(colleagues.OWNER, Role.OWNER)
    for other in (builders.live(shop), with_own_key(shop)):
        with pytest.raises(NotPermitted):
            sign_in.as_demo_owner(other)


def with_own_key(shop: Shop) -> Shop:
    return replace(shop, settings=shop.settings.model_copy(update={"stripe_secret_key": builders.OWN_KEY}))
