"""Views of the orders that somebody keeps, from however many tabs."""

from functools import partial

from core.owner.order_book import views
from core.owner.order_book.filters import Filters
from core.people.staff import Role
from core.shop import Shop
from tests import colleagues
from tests.builders import at_once


def test_tabs_that_keep_one_of_the_same_name_at_once_keep_one_and_none_fails(shop: Shop) -> None:
    sign_in_id = colleagues.works_as(shop, Role.OWNER)
    wanted = [Filters(text=word) for word in ("one", "two", "three", "four")]
    done = at_once(*(partial(views.save, shop, "Mine", each, sign_in_id=sign_in_id) for each in wanted))
    assert done == [None] * 4
    with shop.reading() as session:
        [kept] = views.of(session, colleagues.OWNER)
    assert kept.filters in wanted


def test_tabs_that_keep_the_last_there_is_room_for_keep_no_more(shop: Shop) -> None:
    sign_in_id = colleagues.works_as(shop, Role.OWNER)
    for number in range(views.MOST - 1):
        views.save(shop, f"View {number}", Filters(), sign_in_id=sign_in_id)
    at_once(*(partial(views.save, shop, name, Filters(), sign_in_id=sign_in_id) for name in "abcd"))
    with shop.reading() as session:
        assert len(views.of(session, colleagues.OWNER)) == views.MOST
