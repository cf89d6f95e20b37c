"""Rows are written many in a statement, as they are, and after those that they name."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Table
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import aliased, load_only
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session, SQLModel, col, select, update

from core.connections.statements import send
from core.foundation.records import Record
from core.foundation.writes.flush import tell, update_of
from core.foundation.writes.rows import Rows
from core.foundation.writes.selections import Selection
from core.gateway.sessions import CheckoutState
from core.orders.checkouts import Checkout
from core.orders.orders import Order
from core.orders.payments import Payment
from core.shop import Shop
from tests.core.test_statements import statements

NOW = datetime(2026, 11, 23, 10, 24, 0, 5, tzinfo=UTC)
HOURS = timedelta(hours=1)


def order(number: int, **more: object) -> Order:
    return Order(
        id=f"ord_{number}", number=f"PC-{number}", cart_id=f"cart_{number}", currency="eur", amount_expected=5_000_000_000,
        livemode=bool(number % 2), created_at=NOW, updated_at=NOW + number * HOURS, **more,
    )  # fmt: skip


def attempt(number: int, **more: object) -> Checkout:
    return Checkout(
        id=f"co_{number}", order_id=f"ord_{number}", attempt=1, expires_at=NOW, created_at=NOW, ask_after=NOW, **more,
    )  # fmt: skip


def payment(number: int) -> Payment:
    return Payment(
        id=f"pi_{number}", order_id=f"ord_{number}", billing_reason="checkout", amount=1, amount_subtotal=1, amount_discount=0,
        amount_tax=0, currency="eur", paid_at=NOW, lines_known=True,
    )  # fmt: skip


def stored(shop: Shop, rows: Sequence[Record]) -> None:
    with shop.transaction() as session:
        session.add_all(rows)


def orders_in(session: Session) -> list[Order]:
    return list(session.exec(select(Order).order_by(Order.id)))


def test_what_a_row_has_is_read_from_the_row_itself_and_what_it_has_not_from_the_database(shop: Shop) -> None:
    stored(shop, [order(1, email="jane@example.com")])
    with shop.transaction() as session:
        [row] = orders_in(session)
        vars(row)["email"] = "joan@example.com"  # nobody is asked who could know better
        assert row.email == "joan@example.com"
        session.expire(row)
        assert "email" not in vars(row)
        assert row.email == "jane@example.com"
        session.expire(row)
        row.email = "john@example.com"
        assert (row.email, row.number) == ("john@example.com", "PC-1")
        assert {each.email for each in session.dirty} == {"john@example.com"}
    with shop.reading() as session:
        earlier = aliased(Order)
        found = session.exec(select(Order.email, earlier.number).join(earlier, col(earlier.id) == Order.id))
        assert found.all() == [("john@example.com", "PC-1")]
        deferred = session.exec(select(Order).options(load_only(Order.id))).one()  # type: ignore[arg-type]
        assert "number" not in vars(deferred)
        assert deferred.number == "PC-1"


def test_every_table_is_a_plain_one() -> None:
    mappers = SQLModel._sa_registry.mappers
    assert {"orders", "checkouts", "payments"} <= {mapper.local_table.name for mapper in mappers}
    for mapper in mappers:
        table = mapper.local_table
        assert isinstance(table, Table)
        assert [*mapper.columns.keys()] == [column.name for column in table.columns], table.name
        assert not [column.name for column in table.columns if column.server_default or column.onupdate], table.name
        assert not [*mapper.relationships], f"with a row of {table.name} another would have to be added"
        assert table.autoincrement_column is None, f"the database would make the keys of {table.name}"


@pytest.mark.parametrize("number", [1, 3])
def test_new_rows_are_written_as_they_are_and_after_those_that_they_name(shop: Shop, number: int) -> None:
    parameters = {"mode": "payment", "lines": [{"name": "Größe »L«, 100 %"}], "none": None}
    numbers = range(number)
    rows = [[payment(each), attempt(each, parameters=parameters), order(each, paid_at=None)] for each in numbers]
    with statements(shop.engine) as heard:
        stored(shop, [row for each in rows for row in each])
    written = [each.split()[2] for each in heard if each.startswith("insert")]
    assert written == ["orders", "checkouts", "payments"]
    with shop.reading() as session:
        assert orders_in(session) == [order(each, paid_at=None) for each in numbers]
        found = session.exec(select(Checkout).order_by(Checkout.id)).all()
        assert found == [attempt(each, parameters=parameters) for each in numbers]


ODD = ("", "NULL", "null", 'a "b"', "a\\b\\\\", "a\\nb", '\\"', "{a,b}", "[a],[b]", "Größe »L«, 100 %s", "\x7f😀\u2028")
# JSON writes these as nobody else does.
CONTROL = ("a\nb", "a\r\n\tb", "\x01", "\b\f", "\\\n", '\n"')


@pytest.mark.parametrize(
    "texts",
    [ODD, (*ODD, None), (*CONTROL, *ODD), (*CONTROL, None), *((each, "a") for each in (*ODD, *CONTROL))],
    ids=repr,
)
def test_any_text_is_written_as_it_is_beside_others(shop: Shop, texts: Sequence[str | None]) -> None:
    stored(shop, [order(number, external_id=text) for number, text in enumerate(texts)])
    with shop.reading() as session:
        found = {row.id: row.external_id for row in orders_in(session)}
    assert found == {f"ord_{number}": text for number, text in enumerate(texts)}


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    "said", [None, [], {"a": {"b": [1, 2.5, True, None]}}, "half a pair: \ud800", 2**62, 'Größe\n"x"'], ids=repr
)
def test_what_is_kept_as_json_is_read_as_it_was(shop: Shop, number: int, said: object) -> None:
    rows = [[attempt(each, parameters={"said": said}), order(each)] for each in range(number)]
    stored(shop, [row for each in rows for row in each])
    with shop.reading() as session:
        assert [row.parameters for row in session.exec(select(Checkout))] == [{"said": said}] * number
        assert [row.parameters for row in Rows(Checkout, "order_id").of(session, ["ord_0"])] == [{"said": said}]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_text_that_cannot_be_kept_is_refused_and_not_taken_for_two(shop: Shop) -> None:
    with pytest.raises(DataError):
        stored(shop, [order(1, external_id="a\0b"), order(2, seller_reference="c")])


def test_a_row_that_was_written_is_known_and_written_no_more(shop: Shop) -> None:
    with shop.transaction() as session:
        made = order(1)
        session.add(made)
        session.flush()
        assert session.get(Order, "ord_1") is made
        with statements(shop.engine) as heard:
            session.flush()
            made.currency = str(made.currency)
            session.flush()
        assert heard == []


def test_each_row_changes_to_values_of_its_own(shop: Shop) -> None:
    stored(shop, [*map(order, range(4)), attempt(0)])
    with shop.transaction() as session, statements(shop.engine) as heard:
        first, *others = orders_in(session)
        attempts = session.exec(select(Checkout)).all()
        first.email, first.paid_at = "nora@lindqvist.example", NOW
        for each in others:
            each.email, each.attempts = f"{each.id}@lindqvist.example", 2**31 - 1
        attempts[0].parameters, attempts[0].state = {"mode": "changed"}, CheckoutState.EXPIRED
        session.flush()
    # One for each table and what of it has changed.
    assert len([each for each in heard if each.startswith("update")]) == 3
    with shop.reading() as session:
        found = orders_in(session)
        assert [each.email for each in found][1:] == [f"ord_{each}@lindqvist.example" for each in (1, 2, 3)]
        assert [each.paid_at for each in found] == [NOW, None, None, None]
        [row] = session.exec(select(Checkout)).all()
        assert (row.parameters, row.state) == ({"mode": "changed"}, CheckoutState.EXPIRED)


def test_what_goes_goes_before_what_it_names_and_after_what_takes_its_place(shop: Shop) -> None:
    stored(shop, [order(1), attempt(1), order(2)])
    with shop.transaction() as session:
        named, naming = session.get_one(Order, "ord_1"), session.get_one(Checkout, "co_1")
        naming.order_id = "ord_3"
        session.add(order(3))
        session.delete(named)
        session.flush()
        session.delete(naming)
        session.delete(session.get_one(Order, "ord_3"))
        session.flush()
        assert session.get(Order, "ord_3") is None
    with shop.reading() as session:
        assert [each.id for each in orders_in(session)] == ["ord_2"]


def written_in_vain(session: Session, row: Order) -> None:
    session.add(row)
    session.flush()
    raise ZeroDivisionError


def test_what_is_rolled_back_was_never_there(shop: Shop) -> None:
    with pytest.raises(ZeroDivisionError), shop.transaction() as session:
        written_in_vain(session, order(1))
    with shop.transaction() as session:
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            written_in_vain(session, order(2))
        session.add(order(3))
    with shop.reading() as session:
        assert [each.id for each in orders_in(session)] == ["ord_3"]


def test_a_change_of_what_is_gone_is_an_error(shop: Shop) -> None:
    stored(shop, [order(1), order(2)])
    with shop.transaction() as session:
        for row in orders_in(session):
            row.email = "nora@lindqvist.example"
        session.connection().exec_driver_sql("delete from orders where id = 'ord_2'")
        with pytest.raises(StaleDataError):
            session.flush()
        session.rollback()


def test_a_row_may_get_another_key(shop: Shop) -> None:
    stored(shop, [order(1)])
    with shop.transaction() as session:
        session.get_one(Order, "ord_1").id = "ord_9"
    with shop.reading() as session:
        assert [each.id for each in orders_in(session)] == ["ord_9"]


@pytest.mark.parametrize("asked_in_between", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_of_an_update_that_does_not_find_all_of_its_rows_nothing_stays(
    shop: Shop, number: int, asked_in_between: bool
) -> None:
    stored(shop, [order(each) for each in range(number + 1)])
    write = update_of(Order.__table__, ("currency",), only="fulfilled_at is null")  # type: ignore[attr-defined]
    rows = [{"id": f"ord_{each}", "currency": "usd"} for each in range(number)]

    def written() -> None:
        with shop.transaction() as session:
            session.exec(update(Order).where(col(Order.id) == "ord_0").values(fulfilled_at=NOW))
            write(session, rows, LookupError)
            if asked_in_between:
                send(session.connection())

    with pytest.raises(LookupError):
        written()
    with shop.reading() as session:
        assert [each.currency for each in orders_in(session)] == ["eur"] * (number + 1)
    with shop.transaction() as session:
        session.exec(update(Order).where(col(Order.id) == "ord_0").values(fulfilled_at=NOW))
        write(session, rows, None)
    with shop.reading() as session:
        assert [each.currency for each in orders_in(session)] == ["eur", *["usd"] * (number - 1), "eur"]
    with shop.transaction() as session:
        session.exec(update(Order).values(fulfilled_at=None))
        write(session, rows, LookupError)
    with shop.reading() as session:
        assert [each.currency for each in orders_in(session)] == [*["usd"] * number, "eur"]


def test_a_row_says_what_it_has_not_got(shop: Shop) -> None:
    with pytest.raises(TypeError, match="Order has no colour"):
        order(1, colour="red")


def test_what_is_wrong_with_what_was_told_is_raised_before_anything_comes_after_it(shop: Shop) -> None:
    def written(and_then: Callable[[Session], object]) -> None:
        with shop.transaction() as session:
            session.add(payment(9))  # of an order that is not there
            tell(session)
            and_then(session)

    for later in (orders_in, lambda session: session.flush(), lambda session: session.commit()):
        with pytest.raises(IntegrityError, match="insert into payments"):
            written(later)


def test_what_was_told_is_undone_with_its_transaction(shop: Shop) -> None:
    def given_up() -> None:
        with shop.transaction() as session:
            session.add(order(1))
            tell(session)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        given_up()
    with shop.transaction() as session:
        assert orders_in(session) == []


def test_what_was_told_within_a_savepoint_is_undone_with_that_alone(shop: Shop) -> None:
    with shop.transaction() as session:
        session.add(order(1))
        tell(session)
        part = session.begin_nested()
        session.add(order(2))
        tell(session)
        part.rollback()
        session.add(order(3))
    with shop.reading() as session:
        assert [each.id for each in orders_in(session)] == ["ord_1", "ord_3"]


def test_rows_are_read_as_they_are_now_and_stay_the_sessions_own(shop: Shop) -> None:
    stored(shop, [order(each, fulfilled_at=NOW) for each in range(3)])
    with shop.transaction() as session:
        known = session.get_one(Order, "ord_1")
        known.currency = "usd"  # and not written: it is read over
        read = Rows(Order, "id", locked=True).of(session, ["ord_2", "ord_1", "ord_7"])
        assert [each.id for each in read] == ["ord_1", "ord_2"]
        assert (read[0] is known, known.currency, session.is_modified(known)) == (True, "eur", False)
        read[1].email = "mira@example.org"
    with shop.reading() as session:
        every = orders_in(session)
        assert [each.email for each in every] == ["", "", "mira@example.org"]
        assert [vars(each)["fulfilled_at"] for each in Rows(Order, "id").of(session, ["ord_1"])] == [NOW]


PAID = Selection(
    Order, more="payments.id",
    of="from orders left join payments on payments.order_id = orders.id and payments.currency = {}"
    " where orders.id {any} order by orders.id",
)  # fmt: skip


def test_rows_of_several_tables_are_read_as_they_are_now(shop: Shop) -> None:
    stored(shop, [order(1), order(2), payment(1)])
    with shop.transaction() as session:
        known = session.get_one(Order, "ord_2")
        known.email = "mira@example.org"  # written before it is read
        found = PAID.read(session, "eur", ["ord_1", "ord_2", "ord_7"])
        assert [(each.id, each.email, paid) for each, paid in found] == [
            ("ord_1", "", "pi_1"), ("ord_2", "mira@example.org", None),
        ]  # fmt: skip
        assert found[1][0] is known
        assert [paid for _, paid in PAID.read(session, "usd", {"ord_1"})] == [None]
        assert PAID.read(session, "eur", []) == []


def test_what_was_read_ahead_is_read_once_and_anew_after_a_change(shop: Shop) -> None:
    stored(shop, [order(1)])
    ahead = shop.engine.dialect.name == "postgresql"
    with shop.transaction() as session, statements(shop.engine) as heard:
        PAID.ahead(session, "eur", ["ord_1"])
        [found] = Rows(Order, "id").of(session, ["ord_1"])
        for written in (False, True):
            heard.clear()
            if written:
                found.email = "mira@example.org"
                tell(session)
            [(found, _)] = PAID.read(session, "eur", ["ord_1"])
            assert sum("left join payments" in each for each in heard) == (0 if ahead and not written else 1)
            assert found.email == ("mira@example.org" if written else "")
