"""Nothing grows of which nobody knows when it goes: every table has a lifetime, and each that is named is one."""

from datetime import UTC, datetime

from sqlmodel import SQLModel, select

from core import tables
from core.foundation.records import new_id
from core.kinds.places.waiting_list import Waiting, WaitingEntry
from core.kinds.workshops import WorkshopDate
from core.people.sign_in import SignIn
from core.privacy import retention
from core.privacy.lifetimes import LIFETIMES, Aged, Cleared, With
from core.shop import Shop
from tests import builders
from tests.colleagues import signed_in
from tests.conftest import Clock


def test_every_table_has_a_lifetime_and_no_other() -> None:
    assert tables
    assert set(SQLModel.metadata.tables) == set(LIFETIMES)


def test_what_a_lifetime_names_is_there() -> None:
    parts = {each.part for each in LIFETIMES.values() if isinstance(each, Aged)}
    assert parts <= set(retention.PARTS)
    for table, lifetime in LIFETIMES.items():
        match lifetime:
            case With(owner):
                assert owner in LIFETIMES, table
            case Cleared(by):
                assert by.__doc__, table


def test_every_part_of_retention_is_some_tables(shop: Shop) -> None:
    # These forget a part of rows that stay.
    reducing = {"downloads", "sign_ins", "unpaid"}
    assert set(retention.PARTS) - reducing == {each.part for each in LIFETIMES.values() if isinstance(each, Aged)}


def test_sign_ins_and_waiting_entries_go_when_they_are_over(shop: Shop, clock: Clock) -> None:
    signed_in(shop, "nora@lindqvist.example")
    with shop.transaction() as session:
        date = session.exec(select(WorkshopDate).order_by(WorkshopDate.starts_at)).first()
        assert date
        begins = date.starts_at
        session.add(
            WaitingEntry(
                id=new_id("wt"), date_id=date.id, email="ole@berg.example", folded="ole@berg.example", places=1,
                state=Waiting.WAITING, since=shop.now(),
            )
        )  # fmt: skip
    clock.time = datetime(begins.year, begins.month, begins.day, tzinfo=UTC)
    clock.pass_(days=29)
    assert retention.run(shop)["waiting"] == 0
    clock.pass_(days=4)
    assert retention.run(shop)["waiting"] == 1
    assert builders.rows(shop, WaitingEntry) == []
    assert len(builders.rows(shop, SignIn)) == 1
    clock.pass_(days=90 + 120)
    assert retention.run(shop)["sign_ins_over"] == 1
    assert builders.rows(shop, SignIn) == []
