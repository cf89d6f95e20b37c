"""Views of the orders that somebody keeps, from however many tabs."""

from functools import partial

import pytest

from core.foundation.addresses import fold
from core.owner.order_book import views
from core.owner.order_book.filters import Filters
from core.owner.order_book.views import SavedView
from core.people.staff import Role
from core.shop import Shop
from tests import colleagues
from tests.builders import at_once
from tests.core.owner.test_two_owners import beside


def test_tabs_that_keep_one_of_the_same_name_at_once_keep_one_and_none_fails(shop: Shop) -> None:
    sign_in_id = colleagues.works_as(shop, Role.OWNER)
    wanted = [Filters(text=word) for word in ("one", "two", "three", "four")]
    done = at_once(*(partial(views.save, shop, "Mine", each, sign_in_id=sign_in_id) for each in wanted))
    assert done == [None] * 4
    with shop.reading() as session:
        [kept] = views.of(session, colleagues.OWNER)
    assert kept.filters in wanted


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_one_that_is_kept_while_another_tab_keeps_it_replaces_that(shop: Shop) -> None:
    sign_in_id = colleagues.works_as(shop, Role.OWNER)
    theirs = SavedView(
        id="view_1", folded=fold(colleagues.OWNER), name="Mine", query={"text": "one"}, created_at=shop.now()
    )
    wanted = Filters(text="two")
    beside(shop, theirs, partial(views.save, shop, "Mine", wanted, sign_in_id=sign_in_id))
    with shop.reading() as session:
        [kept] = views.of(session, colleagues.OWNER)
    assert kept.filters == wanted


def test_tabs_that_keep_the_last_there_is_room_for_keep_no_more(shop: Shop) -> None:
    sign_in_id = colleagues.works_as(shop, Role.OWNER)
    for number in range(views.MOST - 1):
        views.save(shop, f"View {number}", Filters(), sign_in_id=sign_in_id)
    at_once(*(partial(views.save, shop, name, Filters(), sign_in_id=sign_in_id) for name in "abcd"))
    with shop.reading() as session:
        assert len(views.of(session, colleagues.OWNER)) == views.MOST
