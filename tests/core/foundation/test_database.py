"""Units of work that the database gives up for others' sake, and that are done again."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core.foundation.database import repeatable
from core.shop import Shop
from tests import builders


class GivenUp(Exception):
    """What a driver raises for a transaction that the database ended."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(("sqlstate", "times"), [("40P01", 3), ("40001", 3), ("23505", 1)])
def test_what_was_given_up_is_tried_again_and_nothing_else_is(sqlstate: str, times: int) -> None:
    tries = []

    @repeatable
    def work(answer: str) -> str:
        tries.append(answer)
        if len(tries) < 3:
            raise DBAPIError("update", {}, GivenUp(sqlstate))
        return answer

    if times == 1:
        with pytest.raises(DBAPIError):
            work("done")
    else:
        assert work("done") == "done"
    assert len(tries) == times


def test_it_is_not_tried_for_ever() -> None:
    tries = []

    @repeatable
    def work() -> None:
        tries.append(1)
        raise DBAPIError("update", {}, GivenUp("40P01"))

    with pytest.raises(DBAPIError):
        work()
    assert len(tries) == 6


def test_transactions_that_lock_the_same_rows_crosswise_all_come_to_their_end(shop: Shop) -> None:
    @repeatable
    def work(first: str, second: str) -> None:
        with shop.transaction() as session:
            for product in (first, second):
                session.execute(
                    text("update products set max_quantity = max_quantity + 1 where id = :id"), {"id": product}
                )

    pairs = [("guide", "kit"), ("kit", "guide")] * 4
    results = builders.at_once(*[lambda pair=pair: work(*pair) for pair in pairs])
    assert results == [None] * 8
    with shop.reading() as session:
        counts = session.execute(text("select max_quantity from products where id in ('guide', 'kit') order by id"))
        assert list(counts.scalars()) == [5 + 8, 1 + 8]
