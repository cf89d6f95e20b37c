"""Imports: files of other shops and of our own, first as a dry run; the same file twice changes nothing, and nothing imported
counts as money or opens anything that its line does not say."""

from datetime import UTC, date, datetime

import pytest

from core.foundation.errors import DoneAlready, FileTrouble, FileUnreadable, NothingToRefund, NotPermitted
from core.foundation.money import Money
from core.journeys import refund, revocation
from core.kinds import deliverables
from core.kinds.licenses import LicenseKey
from core.orders.orders import Order
from core.orders.payments import Payment
from core.owner.figures import overview
from core.owner.figures.days import Days
from core.owner.importing import columns, imports
from core.owner.importing.columns import Kind
from core.owner.importing.imports import Outcome, Report
from core.people import address_changes, customers, past, purchases
from core.people.audit import AuditEntry
from core.people.customers import Customer, How
from core.people.past import PastCustomer, PastOrder
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues

CUSTOMERS = "email,name,note\nnora@lindqvist.example,Nora Lindqvist,=HYPERLINK(1)\nada@love.example,Ada,\n"
ORDERS = """external_id,number,date,product,amount,currency,email,name,with_access
s1,100,2024-03-05,Field Guide,29.00,EUR,nora@lindqvist.example,Nora,yes
s2,101,2024-03-06 14:05,Old Course,"1,234.50",usd,ada@love.example,Ada,no
s3,102,2024-03-07T10:00:00+02:00,template,5,eur,ada@love.example,Ada,
"""
GUMROAD = (
    "Purchase ID,Item Name,Buyer Name,Purchase Email,Purchase Date,Purchase Time (UTC timezone),Sale Price ($),"
    "Fully Refunded?,Country\nabc==,Old Course,Ada Love,ada@love.example,2023-01-31,13:45,19.5,false,Sweden\n"
)
LEMON = (
    "Date (UTC),Identifier,Order number,Customer name,Customer email,Product,Variant,Total,Currency,Status\n"
    "2023-05-01 10:00:00,5f2e,1001,Ada Love,ada@love.example,Old Course,Default,12.00,GBP,paid\n"
)
EDD = (
    "Payment ID,Payment Number,Email,Customer ID,First Name,Last Name,Products (Raw),Amount ($),Tax ($),Currency,Date,Status\n"
    "77,EDD-77,ada@love.example,4,Ada,Love,Old Course,19.00,0,USD,2022-11-03 09:12:44,complete\n"
)


def bring(shop: Shop, kind: Kind, text: str) -> Report:
    return imports.apply(shop, kind, text.encode(), deed=None)


def counts(report: Report) -> tuple[int, ...]:
    return tuple(report.count(outcome) for outcome in Outcome)


def wrong(shop: Shop, line: str) -> str:
    """What is wrong with a line of past orders: id, date, product, amount, currency, address, access."""
    report = imports.dry_run(
        shop, Kind.ORDERS, f"external_id,date,product,amount,currency,email,with_access\n{line}\n".encode()
    )
    [result] = report.results
    assert (result.outcome, result.line) == (Outcome.WRONG, 2), result
    return result.detail


def test_customers_are_imported_once_with_what_looks_like_a_formula_as_text(shop: Shop) -> None:
    dry = imports.dry_run(shop, Kind.CUSTOMERS, CUSTOMERS.encode())
    assert (counts(dry), builders.rows(shop, Customer)) == ((2, 0, 0), [])
    assert counts(bring(shop, Kind.CUSTOMERS, CUSTOMERS)) == (2, 0, 0)
    assert counts(bring(shop, Kind.CUSTOMERS, CUSTOMERS)) == (0, 2, 0)
    rows = {row.folded: (row.name, row.note) for row in builders.rows(shop, PastCustomer)}
    assert rows == {"nora@lindqvist.example": ("Nora Lindqvist", "=HYPERLINK(1)"), "ada@love.example": ("Ada", "")}
    assert len(builders.rows(shop, Customer)) == 2
    assert builders.jobs(shop) == []


@pytest.mark.parametrize("text", [CUSTOMERS.replace(",", ";"), CUSTOMERS.replace(",", "\t"), "\ufeff" + CUSTOMERS,
                                  CUSTOMERS.replace("\n", "\r\n"), CUSTOMERS.replace("=HYP", "'=HYP")])  # fmt: skip
def test_separators_marks_and_line_ends_of_all_programs_are_read(shop: Shop, text: str) -> None:
    bring(shop, Kind.CUSTOMERS, text)
    assert sorted(row.note for row in builders.rows(shop, PastCustomer)) == ["", "=HYPERLINK(1)"]


def test_past_orders_are_imported_once_and_count_nowhere(shop: Shop) -> None:
    dry = imports.dry_run(shop, Kind.ORDERS, ORDERS.encode())
    assert (counts(dry), dry.with_access, builders.rows(shop, PastOrder)) == ((3, 0, 0), 1, [])
    assert counts(bring(shop, Kind.ORDERS, ORDERS)) == (3, 0, 0)
    before = (len(builders.rows(shop, Order)), len(builders.rows(shop, Customer)))
    assert counts(bring(shop, Kind.ORDERS, ORDERS)) == (0, 3, 0)
    assert (len(builders.rows(shop, Order)), len(builders.rows(shop, Customer))) == before == (1, 2)
    rows = {row.number: row for row in builders.rows(shop, PastOrder)}
    assert (rows["101"].amount, rows["101"].currency, rows["101"].placed_at) == (
        123450, "usd", datetime(2024, 3, 6, 14, 5, tzinfo=UTC),
    )  # fmt: skip
    assert rows["102"].placed_at == datetime(2024, 3, 7, 8, tzinfo=UTC)
    assert builders.rows(shop, Payment) == []
    with shop.reading() as session:
        days = Days(date(2024, 3, 1), shop.now().date(), shop.settings.zone)
        found = overview.of_days(session, days, livemode=False, now=shop.now())
    assert found.currencies == ()
    assert builders.jobs(shop) == []


def test_only_a_line_with_access_to_a_product_of_ours_opens_it(shop: Shop) -> None:
    bring(shop, Kind.ORDERS, ORDERS)
    assert builders.seen(shop, "ada@love.example") == []
    [order_id] = builders.seen(shop, "nora@lindqvist.example")
    order = builders.order(shop, order_id)
    assert (order.status, order.amount_total, order.paid_at, order.external_id) == (
        "fulfilled", 0, None, "own:s1:field guide",
    )  # fmt: skip
    assert builders.grants(shop, order_id) == [("guide", "active")]
    [row] = [each for each in builders.rows(shop, PastOrder) if each.order_id]
    assert (row.order_id, row.product_id) == (order_id, "guide")
    with shop.reading() as session:
        [purchase] = purchases.library(session, "nora@lindqvist.example", livemode=False, signing_key=shop.signing_key)
        [delivery] = deliverables.deliveries(session, order_id, signing_key=shop.signing_key)
    assert (purchase.total, purchase.placed_at) == (Money(0, "eur"), datetime(2024, 3, 5, tzinfo=UTC))
    assert delivery.files


def test_what_was_opened_by_an_import_can_be_closed_and_opened_but_not_refunded(shop: Shop) -> None:
    bring(shop, Kind.ORDERS, ORDERS)
    [order_id] = builders.seen(shop, "nora@lindqvist.example")
    revocation.revoke(shop, order_id, reason="mistake", actor="owner")
    assert builders.grants(shop, order_id) == [("guide", "revoked")]
    revocation.restore(shop, order_id, actor="owner")
    assert (builders.grants(shop, order_id), builders.status(shop, order_id)) == ([("guide", "active")], "fulfilled")
    with pytest.raises(NothingToRefund):
        refund.request(shop, order_id, actor="owner")
    assert not [job for job in builders.jobs(shop) if job.startswith("receipt")]


@pytest.mark.parametrize(
    ("text", "source", "number", "amount", "currency", "at"),
    [
        (GUMROAD, "gumroad", "abc==", 1950, "usd", datetime(2023, 1, 31, 13, 45, tzinfo=UTC)),
        (LEMON, "lemon squeezy", "1001", 1200, "gbp", datetime(2023, 5, 1, 10, tzinfo=UTC)),
        (EDD, "edd", "EDD-77", 1900, "usd", datetime(2022, 11, 3, 9, 12, 44, tzinfo=UTC)),
    ],
)
def test_files_of_other_shops_are_understood_as_they_are(
    shop: Shop, text: str, source: str, number: str, amount: int, currency: str, at: datetime
) -> None:
    report = bring(shop, Kind.ORDERS, text)
    assert (report.source, counts(report)) == (source, (1, 0, 0))
    [row] = builders.rows(shop, PastOrder)
    assert (row.number, row.amount, row.currency, row.placed_at) == (number, amount, currency, at)
    assert (row.name, row.email, row.product, row.order_id) == ("Ada Love", "ada@love.example", "Old Course", None)
    assert counts(bring(shop, Kind.ORDERS, text)) == (0, 1, 0)
    # Its customers are in it too.
    assert counts(bring(shop, Kind.CUSTOMERS, text)) == (1, 0, 0)
    assert [each.name for each in builders.rows(shop, PastCustomer)] == ["Ada Love"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",2024-01-01,Guide,5,eur,a@b.example,", "no id or number"),
        ("1,2024-01-01,,5,eur,a@b.example,", "names no product"),
        ("1,05/01/2024,Guide,5,eur,a@b.example,", "“05/01/2024” is no date: write it like 2026-11-27"),
        ("1,0001-01-01,Guide,5,eur,a@b.example,", "no date of a sale"),
        ("1,0001-01-01T00:00+10:00,Guide,5,eur,a@b.example,", "no date of a sale"),
        ("1,9999-12-31T23:59-05:00,Guide,5,eur,a@b.example,", "no date of a sale"),
        ("1,2062-11-23,Guide,5,eur,a@b.example,", "no date of a sale"),
        ("1,2026-11-25,Guide,5,eur,a@b.example,", "no date of a sale"),
        ("1,2024-01-01,Guide,five,eur,a@b.example,", "“five” is not clearly an amount in EUR"),
        ("1,2024-01-01,Guide,-5,eur,a@b.example,", "not clearly an amount"),
        ("1,2024-01-01,Guide,5.001,eur,a@b.example,", "not clearly an amount"),
        ("1,2024-01-01,Guide,5,xyz,a@b.example,", "“xyz” is no currency"),
        ("1,2024-01-01,Guide,5,,a@b.example,", "it says no currency"),
        ("1,2024-01-01,Guide,5,eur,,", "it has no address"),
        ("1,2024-01-01,Guide,5,eur,nobody,", "“nobody” is no address"),
        ("1,2024-01-01,Guide,5,eur,a@b.example,maybe", "“maybe” is neither yes nor no"),
        ("1,2024-01-01,Nothing of ours,5,eur,a@b.example,yes", "“Nothing of ours” is no product of this shop"),
        ("1,2024-01-01,clinic,5,eur,a@b.example,yes", "a workshop can't be given by an import"),
        ("1,2024-01-01,plan,5,eur,a@b.example,yes", "a plan can't be given by an import"),
    ],
)
def test_a_line_that_is_wrong_is_named_with_the_reason(shop: Shop, line: str, reason: str) -> None:
    assert reason in wrong(shop, line)


def test_the_good_lines_of_a_file_are_imported_without_the_wrong_ones(shop: Shop) -> None:
    text = ORDERS + "s4,103,never,Field Guide,5,eur,ada@love.example,Ada,\n"
    seen: list[tuple[int, int]] = []
    report = imports.apply(shop, Kind.ORDERS, text.encode(), deed=None, progress=lambda *how: seen.append(how))
    assert counts(report) == (3, 0, 1)
    assert [(each.line, "is no date" in each.detail) for each in report.wrong] == [(5, True)]
    assert seen == [(1, 4), (4, 4)]
    assert len(builders.rows(shop, PastOrder)) == 3


def test_what_was_imported_with_a_test_key_opens_once_it_is_imported_for_real(shop: Shop) -> None:
    text = f"{ORDERS}s4,103,2024-03-05,kit,29.00,EUR,nora@lindqvist.example,Nora,yes\n".replace(".example", ".se")
    bring(shop, Kind.ORDERS, text)
    real = builders.live(shop)
    assert builders.seen(real, "nora@lindqvist.se") == []
    # Without access there is nothing to be had again.
    assert counts(imports.dry_run(real, Kind.ORDERS, text.encode())) == (2, 2, 0)
    assert counts(bring(real, Kind.ORDERS, text)) == (2, 2, 0)
    assert len(builders.seen(real, "nora@lindqvist.se")) == 2
    [key] = builders.rows(shop, LicenseKey)
    assert key.livemode
    assert len(builders.rows(shop, PastOrder)) == 4
    assert counts(bring(real, Kind.ORDERS, text)) == counts(bring(shop, Kind.ORDERS, text)) == (0, 4, 0)
    assert builders.jobs(shop) == []


def test_while_orders_are_imported_that_open_something_others_get_numbers(shop: Shop) -> None:
    text = ORDERS.splitlines()[0] + "\n" + "".join(
        f"s{number},{number},2024-01-05,guide,5,eur,buyer{number}@many.example,Ada,yes\n" for number in range(3)
    )  # fmt: skip
    written: list[int] = []

    def look(*_: int) -> None:
        written.append(len(builders.rows(shop, Order)))

    assert counts(imports.apply(shop, Kind.ORDERS, text.encode(), deed=None, progress=look)) == (3, 0, 0)
    assert written == [1, 2, 3]


def test_a_file_of_many_lines_is_looked_at_and_imported_in_parts(shop: Shop) -> None:
    text = "email\n" + "".join(f"buyer{number}@many.example\n" for number in range(1203))
    assert counts(imports.dry_run(shop, Kind.CUSTOMERS, text.encode())) == (1203, 0, 0)
    seen: list[int] = []
    imports.apply(shop, Kind.CUSTOMERS, text.encode(), deed=None, progress=lambda done, _: seen.append(done))
    assert (seen[0], seen[-1], len(seen)) == (100, 1203, 13)
    assert counts(imports.dry_run(shop, Kind.CUSTOMERS, text.encode())) == (0, 1203, 0)


def test_lines_are_numbered_as_in_the_file_also_after_a_cell_of_several_lines(shop: Shop) -> None:
    report = imports.dry_run(shop, Kind.CUSTOMERS, b'email,note\na@b.example,"one\ntwo"\n\nwrong,\n')
    assert [(each.line, each.outcome) for each in report.results] == [(3, Outcome.NEW), (5, Outcome.WRONG)]


def test_the_same_line_twice_in_one_file_is_one(shop: Shop) -> None:
    line = ORDERS.splitlines()[2]
    assert counts(bring(shop, Kind.ORDERS, f"{ORDERS}{line}\n")) == (3, 1, 0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", FileTrouble.EMPTY), (b"\xff\xfe\x00a", FileTrouble.NOT_UTF8), (b"email\n\0", FileTrouble.NOT_CSV),
        (b'email\n"a', FileTrouble.NOT_CSV), (b"name\nAda\n", FileTrouble.COLUMNS_MISSING),
        (b"email\n" + b"x" * 5_000_000, FileTrouble.TOO_BIG), (b"email\n" + b"x\n" * 20_001, FileTrouble.TOO_LONG),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_as_a_whole(shop: Shop, data: bytes, why: FileTrouble) -> None:
    with pytest.raises(FileUnreadable) as refused:
        imports.dry_run(shop, Kind.CUSTOMERS, data)
    assert refused.value.why is why


def test_missing_columns_are_named() -> None:
    assert columns.read(Kind.ORDERS, ["email", "Amount (€)"]).missing == ("external_id", "date", "product")
    assert columns.read(Kind.ORDERS, ["Amount (€)"]).currency == "eur"


def test_of_the_same_file_at_once_each_line_is_imported_once(shop: Shop) -> None:
    reports = builders.at_once(*[lambda: bring(shop, Kind.ORDERS, ORDERS)] * 3)
    assert all(isinstance(each, Report) for each in reports), reports
    assert sum(each.count(Outcome.NEW) for each in reports if isinstance(each, Report)) == 3
    assert (len(builders.rows(shop, PastOrder)), len(builders.rows(shop, Order))) == (3, 1)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_import(shop: Shop, role: Role) -> None:
    sign_in = colleagues.works_as(shop, role)
    with pytest.raises(NotPermitted):
        imports.apply(shop, Kind.CUSTOMERS, CUSTOMERS.encode(), deed=colleagues.deed(sign_in))
    assert builders.rows(shop, PastCustomer) == []


def test_an_owners_click_imports_once_and_stands_in_the_log(shop: Shop) -> None:
    owner = colleagues.works_as(shop, Role.OWNER)
    click = colleagues.deed(owner, "do_1")
    imports.apply(shop, Kind.CUSTOMERS, CUSTOMERS.encode(), deed=click)
    with pytest.raises(DoneAlready):
        imports.apply(shop, Kind.CUSTOMERS, CUSTOMERS.encode(), deed=click)
    [entry] = builders.rows(shop, AuditEntry)
    assert (entry.action, entry.subject, entry.detail) == ("import", "customers", "2 lines, own")


def test_two_customers_who_are_one_keep_the_past_of_both(shop: Shop) -> None:
    bring(shop, Kind.CUSTOMERS, CUSTOMERS)
    bring(shop, Kind.ORDERS, ORDERS)
    with shop.transaction() as session:
        customer = address_changes.change(
            session, "nora@lindqvist.example", "ada@love.example", how=How.OWNER, keep=True, join=True, actor="owner",
            now=shop.now(),
        )  # fmt: skip
        assert customers.whose(session, "ada@love.example") == customer
        assert len(past.orders_of(session, customer)) == 3
        assert len(past.known_of(session, customer)) == 2
