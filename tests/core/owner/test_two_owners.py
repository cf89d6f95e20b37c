"""Two owners who do the same at the same moment: both are done, and the later one is told nothing of the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select, update

from core.catalog.products import Price
from core.foundation.jobs import standing
from core.foundation.jobs.standing import Stage
from core.foundation.records import Record
from core.owner.needs import set_aside
from core.owner.needs.items import Item
from core.owner.needs.set_aside import SetAside
from core.owner.shelves import stripe_prices
from core.owner.shelves.stripe_prices import StripePrice
from core.people import second_factor, team
from core.people.second_factor import StaffRule
from core.people.staff import Role, StaffMember
from core.registers import machinery
from core.shop import Shop
from tests import builders
from tests.colleagues import deed, works_as
from tests.fakes import FakeStripe
from tests.machine import eventually

MIA = "mia@plainwork.example"


def beside(shop: Shop, row: Record, act: Callable[[], object]) -> None:
    """Do this while somebody has written the row that it is about, and has not committed it yet."""
    with ThreadPoolExecutor(1) as later:
        with shop.transaction() as session:
            session.add(row)
            session.flush()
            done = later.submit(act)
            eventually(lambda: done.done() or builders.waiting_for_locks(shop) == 1)
        done.result(60)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_invites_somebody_just_after_another_gives_them_the_role(shop: Shop) -> None:
    owner, now = works_as(shop, Role.OWNER), shop.now()
    first = StaffMember(id="staff_1", email=MIA, folded=MIA, role=Role.VIEWER, invited_by="Ida", invited_at=now)
    beside(shop, first, lambda: team.invite(shop, MIA, Role.SUPPORT, deed=deed(owner)))
    assert [(row.id, row.role) for row in builders.rows(shop, StaffMember)] == [("staff_1", Role.SUPPORT)]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_requires_a_second_factor_just_after_another_has_it_required(shop: Shop) -> None:
    owner, now = works_as(shop, Role.OWNER), shop.now()
    rule = StaffRule(name=second_factor.REQUIRED, since=now, who="Ida")
    beside(shop, rule, lambda: team.require_second_factor(shop, True, deed=deed(owner)))
    assert [row.who for row in builders.rows(shop, StaffRule)] == ["Ida"]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_sets_something_aside_just_after_another_has_it_set_aside(shop: Shop) -> None:
    owner, now = works_as(shop, Role.OWNER), shop.now()
    item = Item("blocked", "SH-1001", None, now, None, "", "")
    first = SetAside(item=set_aside.name(item), since=now, note="first", who="Ida")
    beside(shop, first, lambda: set_aside.put(shop, item, until=None, note="later", deed=deed(owner)))
    assert [row.note for row in builders.rows(shop, SetAside)] == ["later"]


def test_who_has_a_job_tried_again_just_after_another_is_told_that_it_is_not_dead_any_more(
    shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, job = works_as(shop, Role.OWNER), f"receipt:{builders.bought(shop, stripe)}"
    with shop.transaction() as session:
        session.execute(text(f"update {builders.jobs_table(session)} set status = 'ERROR'"))
    look = standing._described

    def look_before_another(*given: Any, **named: Any) -> list[Any]:
        found = look(*given, **named)
        monkeypatch.undo()
        assert machinery.retry_job(shop, job, deed=deed(owner))
        return found

    monkeypatch.setattr(standing, "_described", look_before_another)
    assert machinery.retry_job(shop, job, deed=deed(owner)) is False
    assert [each.id for each in standing.jobs(shop.engine, Stage.WAITING, limit=10)] == [job]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_who_compares_prices_with_stripe_while_the_worker_does_learns_what_was_said_last(
    shop: Shop, stripe: FakeStripe
) -> None:
    owner = works_as(shop, Role.OWNER)
    with shop.transaction() as session:
        one = session.exec(select(Price.id).where(Price.active)).first()
        session.exec(update(Price).where(Price.id == one).values(stripe_price_id="price_1"))
    first = StripePrice(id="price_1", active=True, currency="eur", seen_at=shop.now())
    beside(shop, first, lambda: stripe_prices.compare(shop, deed=deed(owner)))
    assert [row.missing for row in builders.rows(shop, StripePrice)] == [True]
