"""What the shop reads again and again costs the same however many orders there are: no statement reads a whole table."""

import json
import re
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine, UniqueConstraint, event, insert, text

from core.catalog.promotion_codes import PromotionCode, PromotionSum, PromotionUse
from core.correspondence import digest
from core.events import reconciliation
from core.foundation import database, records
from core.foundation.errors import CustomerNotFound
from core.foundation.jobs import outbox, standing
from core.foundation.jobs.standing import Stage
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.integrations import versions
from core.kinds import file_versions
from core.kinds.license_keys import fingerprint
from core.licensing import administration, calls, expiries, holding
from core.licensing.calls import Call, Question
from core.outgoing import attempts, messages
from core.owner import reports, setting_up
from core.owner.accounting import order_list, tax_days
from core.owner.doctor import measures
from core.owner.figures import closing, overview, rows, sums
from core.owner.figures.days import Days
from core.owner.figures.definitions import Figure
from core.owner.needs import attention
from core.owner.order_book import detail, filters, listing, lookup
from core.owner.shelves import announcements, promotions, uploads
from core.owner.shelves import listing as shelf_listing
from core.people import purchases
from core.privacy import erasure, export, retention
from core.registers import (
    customers,
    disputes,
    events,
    files,
    letters,
    licenses,
    machinery,
    refunds,
    subscriptions,
    webhooks,
    withdrawals,
)
from core.registers.paging import Page, Place
from core.rights import reminders
from core.rights import withdrawals as rights
from core.seats import invitations
from core.shop import Shop
from core.traffic import rate_limits
from tests import builders, seed
from tests.conftest import DATABASES, Clock, migrated_database
from tests.fakes import SECRET, FakeStripe

ORDERS = 20_000
Heard = list[tuple[str, Any]]


@pytest.fixture(scope="module", params=DATABASES)
def old_shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop with a long past, for all tests of this module."""
    folder = tmp_path_factory.mktemp("old")
    with migrated_database(request, request.param, folder, stocked=True) as url:
        settings = Settings(
            database_url=url, storage_url=f"file://{folder}/files", secret_key="a secret of sixteen letters",
            stripe_webhook_secret=SECRET, app_url="http://localhost:8501",
        )  # fmt: skip
        clock = Clock()
        shop = Shop(settings, database.connect(url), FakeStripe(clock), Storage(settings.storage_url), clock)
        seed.seed(shop.engine, ORDERS)
        database.keep_statistics(shop.engine)  # as the worker does
        yield shop
        shop.engine.dispose()


@pytest.fixture
def heard(old_shop: Shop) -> Iterator[Heard]:
    """The statements that reach the database, each with its values."""
    found: Heard = []

    def executed(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.lower().startswith(("select", "update", "delete", "with")):
            found.append((statement, parameters[0] if many else parameters))

    event.listen(old_shop.engine, "before_cursor_execute", executed)
    yield found
    event.remove(old_shop.engine, "before_cursor_execute", executed)


def test_what_needs_a_person_is_found_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    topics = {item.topic for item in attention.items(old_shop)}
    assert {"sold_out", "event_failed", "refund_failed", "letter"} <= topics
    assert _whole_tables(old_shop.engine, heard) == []


def test_lists_and_one_order_are_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    with old_shop.reading() as session:
        assert len(reports.order_list(session)) == len(reports.event_list(session)) == 100
        assert reports.order_list(session, status="pending")
        assert reports.event_list(session, state="failed")
        assert reports.order_detail(session, "SEED-77")["id"] == "ord_77"
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"sort": "oldest"},
        {"status": "pending"},
        {"status": "refunded,fulfilled"},
        {"country": "DK"},
        {"currency": "usd"},
        {"handed": "missing"},
        {"handed": "on_hold"},
        {"handed": "ended"},
        {"handed": "delivered"},
        {"handed": "nothing"},
        {"product": "nothing"},
        {"product": "guide", "status": "fulfilled"},
        {"text": "buyer77"},
        {"text": "Ada"},
        {"text": "buyer99@example.org"},
        {"text": "SEED-77"},
        {"since": "2025-01-02", "until": "2025-01-02"},
        {"mode": "other"},
        {"ids": "ord_77,ord_78"},
    ],
    ids=str,
)
def test_the_list_of_orders_is_read_without_reading_tables(old_shop: Shop, heard: Heard, said: dict[str, str]) -> None:
    wanted = filters.read(said)
    with old_shop.reading() as session:
        page = listing.page(session, wanted, old_shop.settings.zone, livemode=False)
        if page.after:
            later = listing.page(session, wanted, old_shop.settings.zone, livemode=False, after=page.after)
            assert (
                listing.page(session, wanted, old_shop.settings.zone, livemode=False, before=later.rows[0].id).rows
                == page.rows
            )
    assert heard
    assert _whole_tables(old_shop.engine, heard) == []


def test_what_is_for_sale_is_listed_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    now, zone = datetime(2025, 1, 8, 10, tzinfo=UTC), old_shop.settings.zone
    closing.keep_all(replace(old_shop, now=lambda: now))
    heard.clear()
    with old_shop.reading() as session:
        assert shelf_listing.rows(session, livemode=False, zone=zone, now=now)
    assert _whole_tables(old_shop.engine, [each for each in heard if not _of_the_catalogue(each)]) == []


def _of_the_catalogue(said: tuple[str, Any]) -> bool:
    """Whether it reads what is sold, of which there is as much as somebody has written, however long the shop is open."""
    return "from products" in said[0].lower() or "from applied_entries" in said[0].lower()


def test_promotion_codes_and_uploads_are_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    with old_shop.transaction() as session:
        names = [f"promo_{number}" for number in range(3000)]
        now, taken = old_shop.now(), {"currency": "eur", "taken": 100, "uses": 1}
        use = {"order_id": "ord_1", "currency": "eur", "amount": 100, "created_at": now}
        uses = [{"stripe_checkout_session_id": f"cs_{name}", "stripe_id": name, **use} for name in names]
        codes = [PromotionCode(id=name, stripe_id=name, livemode=False, created_at=now).model_dump() for name in names]
        sums = [{"stripe_id": name, **taken} for name in names]
        for table, found in ((PromotionUse, uses), (PromotionCode, codes), (PromotionSum, sums)):
            session.execute(insert(table), found)
        session.execute(text("update promotion_codes set seen_at = created_at where id != 'promo_7'"))
    with old_shop.transaction() as session:
        # Those alone: SQLite, which no shop has look at its tables, would choose otherwise for all of them.
        for table in ("promotion_codes", "promotion_uses", "promotion_sums"):
            session.execute(text(f"analyze {table}"))
    heard.clear()
    with old_shop.reading() as session:
        assert len(promotions.listed(session, livemode=False, now=old_shop.now())) == promotions.MOST
    assert promotions.look(old_shop) == 1
    assert uploads.clean(old_shop) == 0
    assert _whole_tables(old_shop.engine, heard) == []


def test_who_has_which_file_and_who_is_told_is_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    new = file_versions.NewFile("g.pdf", "PDF", "application/pdf", "ab/g.pdf", 5, "ab")
    with old_shop.transaction() as session:
        # All of the past is of one product, whatever it is.
        product = session.execute(text("select product_id from grants limit 1")).scalar_one()
        file = file_versions.put_up(session, product, new, position=0, now=old_shop.now())
    heard.clear()
    first = files.sheet(old_shop, file.id, place=Place())
    assert first.holders.after
    files.sheet(old_shop, file.id, place=Place(after=first.holders.after))
    with old_shop.reading() as session:
        version = file_versions.current(session, file.id)
        assert version
        version.released_at = old_shop.now() + timedelta(days=9000)
        grants = announcements._next(session, file.product_id, "", version, livemode=False)
        after = announcements._next(session, file.product_id, grants[-1].id, version, livemode=False)
        assert announcements._letters(session, [*grants, *after], file, version)
        session.rollback()
    assert _whole_tables(old_shop.engine, heard) == []


def test_one_order_in_full_is_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    with old_shop.reading() as session:
        named = ("SEED-77", "cs_77", "pi_77", "re_77", "dp_77", "evt_77", "ch_77", "sub_77", "ord_77")
        assert {lookup.exactly(session, name) for name in named} == {"ord_77", None}
    assert detail.sheet(old_shop, "ord_77").row.number == "SEED-77"
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("text", ["", "H77", "SEED-77", "buyer99@example.org", "nobody@example.org", "x" * 26])
def test_licences_are_read_without_reading_tables(old_shop: Shop, heard: Heard, text: str) -> None:
    for only in ("", "disabled", "timed", "given"):
        first = licenses.page(old_shop, text, only, place=Place())
        licenses.page(old_shop, text, only, place=Place(after=first.after))
    assert licenses.sheet(old_shop, "lic_77").row.hint == "H77"
    assert heard
    assert _whole_tables(old_shop.engine, heard) == []


def test_what_software_and_buyers_ask_of_licences_reads_no_table(old_shop: Shop, heard: Heard) -> None:
    with old_shop.transaction() as session:
        assert administration.find(session, "H77") == "lic_77"
        session.execute(
            text("update license_keys set key_hash = :hash where id = 'lic_77'"), {"hash": fingerprint("K")}
        )
        session.commit()
        holding.given(session, "buyer99@example.org", livemode=False, signing_key=old_shop.signing_key)
        rate_limits.forget(session, now=old_shop.now())
    for call in (Call.VALIDATE, Call.ACTIVATE, Call.OFFLINE, Call.DEACTIVATE):
        asked = calls.reply(old_shop, call, Question("K", "kit", fingerprint="fp"), address="192.0.2.1")
        assert asked.status == 200, asked.body
    assert _whole_tables(old_shop.engine, heard) == []


def test_withdrawals_reminders_and_what_is_due_to_be_forgotten_are_found_without_reading_tables(
    old_shop: Shop, heard: Heard
) -> None:
    late = replace(old_shop, now=lambda: datetime(2026, 6, 1, tzinfo=UTC))
    with late.reading() as session:
        for state in ("", "open", "declined"):
            withdrawals.page(session, state, livemode=False, zone=late.settings.zone, place=Place())
        assert reports.withdrawal_list(session, every=False) == []
        assert reminders.due(session, livemode=False, now=late.now()) == []
        zone, now = late.settings.zone, late.now()
        for reference in ("SEED-77", ""):
            email = "buyer77@example.org"
            assert rights.meant(session, reference=reference, email=email, livemode=False, zone=zone, now=now)
    assert retention.due(late)["events"] == retention.BATCH
    assert heard
    assert _whole_tables(old_shop.engine, heard) == []


def test_the_weekly_digest_is_written_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    now = datetime(2025, 1, 6, 9, tzinfo=UTC)  # the Monday after most of them
    monday = replace(old_shop, now=lambda: now)
    closing.keep_all(monday)
    heard.clear()
    digest.owe_due(monday)
    letter = digest.of_week(monday, "2025-W01")
    assert letter
    assert letter.sold[0].orders > 1000
    assert _whole_tables(old_shop.engine, heard) == []


def test_what_is_to_be_set_up_is_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    assert {step.name for step in setting_up.steps(old_shop) if step.done} >= {"sale", "mail", "webhook"}
    assert _whole_tables(old_shop.engine, heard) == []


def test_a_customers_purchases_are_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    with old_shop.reading() as session:
        theirs = purchases.library(session, "buyer99@example.org", livemode=False, signing_key=old_shop.signing_key)
    assert [(each.order_id, len(each.lines), len(each.deliveries)) for each in theirs] == [("ord_99", 1, 1)]
    assert _whole_tables(old_shop.engine, heard) == []


def test_the_shop_is_measured_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    found = {(each.name, *each.labels): each.value for each in measures.take(old_shop)}
    assert found["pushcart_database_up",] == 1
    assert found["pushcart_letters", "refused"] == found["pushcart_events_unfinished", "failed"] == 20
    assert standing.unknown(old_shop.engine, limit=10) == []
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("state", ["", "applied", "failed"])
def test_events_are_read_without_reading_tables(old_shop: Shop, heard: Heard, state: str) -> None:
    with old_shop.reading() as session:
        leafed(lambda place: events.page(session, state, place=place))
        assert events.waiting(session)["failed"] == 20
    assert machinery.look(old_shop).checks
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("state", ["", "succeeded", "failed"])
def test_refunds_are_read_without_reading_tables(old_shop: Shop, heard: Heard, state: str) -> None:
    now = old_shop.now()
    with old_shop.reading() as session:
        leafed(lambda place: refunds.page(session, state, livemode=False, now=now, place=place))
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("state", ["", "won", "answer"])
def test_disputes_are_read_without_reading_tables(old_shop: Shop, heard: Heard, state: str) -> None:
    with old_shop.reading() as session:
        leafed(lambda place: disputes.page(session, state, livemode=False, place=place))
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("text", ["", "buyer77", "buyer99@example.org", "SEED-77"])
def test_customers_are_read_without_reading_tables(old_shop: Shop, heard: Heard, text: str) -> None:
    with old_shop.reading() as session:
        leafed(lambda place: customers.page(session, text, livemode=False, place=place))
    assert customers.sheet(old_shop, "cus_77").orders[0].number == "SEED-77"
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("email", ["buyer99@example.org", "nobody@example.org"])
def test_what_a_terminal_says_of_a_customer_is_read_without_reading_tables(
    old_shop: Shop, heard: Heard, email: str
) -> None:
    with old_shop.reading() as session:
        known = email != "nobody@example.org"
        with nullcontext() if known else pytest.raises(CustomerNotFound):
            assert reports.customer_detail(session, email)["orders"][0]["number"] == "SEED-99"
    assert _whole_tables(old_shop.engine, heard) == []


def test_all_that_is_about_a_person_is_found_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    said = b"".join(export.from_terminal(old_shop, "buyer99@example.org"))
    assert b'"number":"SEED-99"' in said
    assert erasure.preview(old_shop, "cus_99").takes.orders == 1
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("state", ["", "sent", "refused"])
def test_letters_are_read_without_reading_tables(old_shop: Shop, heard: Heard, state: str) -> None:
    with old_shop.reading() as session:
        leafed(lambda place: letters.page(session, state, place=place))
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("state", ["", "held", "delivered"])
def test_what_endpoints_were_told_is_read_without_reading_tables(old_shop: Shop, heard: Heard, state: str) -> None:
    with old_shop.reading() as session:
        for endpoint in ("", "we_1"):
            of_endpoint = partial(webhooks.page, session, endpoint=endpoint, state=state)
            leafed(lambda place, page=of_endpoint: page(place=place))
        assert messages.held(session, "we_1") == 20
        assert webhooks.sheet(session, "whd_77")
    with old_shop.transaction() as session:
        assert attempts.forget(session, now=datetime(2020, 1, 1, tzinfo=UTC)) == 0
        messages.forget_person(session, "cus_77")
        messages.drop_waiting(session, "we_none", now=old_shop.now())
    assert _whole_tables(old_shop.engine, heard) == []


def test_what_people_may_use_is_found_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    assert [each.product for each in versions.of(old_shop, "cus_99").found.products]
    assert versions.of_address(old_shop, "buyer98@example.org").person == "cus_98"
    page = versions.changed_since(old_shop, size=5)
    assert (len(page.people), page.more) == (5, True)
    assert len(versions.changed_since(old_shop, page.cursor, size=5).people) == 5
    # Before any of them ended: what is told of all those would be jobs that other tests find.
    assert expiries.tell(replace(old_shop, now=lambda: datetime(2020, 1, 1, tzinfo=UTC))) == 0
    with old_shop.reading() as session:
        assert len(invitations.held_by(session, "buyer97@example.org", livemode=False)) == 1
    assert _whole_tables(old_shop.engine, [each for each in heard if not _of_the_catalogue(each)]) == []


@pytest.mark.parametrize("state", ["", "active"])
def test_subscriptions_are_read_without_reading_tables(old_shop: Shop, heard: Heard, state: str) -> None:
    with old_shop.reading() as session:
        leafed(lambda place: subscriptions.page(session, state, livemode=False, place=place))
    assert _whole_tables(old_shop.engine, heard) == []


def test_renewals_are_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    before = datetime(2025, 1, 1, tzinfo=UTC)
    with old_shop.reading() as session:
        leafed(lambda place: subscriptions.renewals(session, livemode=False, now=before, place=place))
    assert _whole_tables(old_shop.engine, heard) == []


def test_what_ended_and_why_is_read_without_reading_tables(old_shop: Shop, heard: Heard) -> None:
    days = Days(date(2024, 12, 1), date(2025, 1, 8), old_shop.settings.zone)
    with old_shop.reading() as session:
        found = subscriptions.reasons(session, days, livemode=False)
        for why in ("", *found):
            leafed(lambda place, why=why: subscriptions.ended(session, days, why, livemode=False, place=place))
        leafed(lambda place: subscriptions.ending(session, livemode=False, place=place))
    assert _whole_tables(old_shop.engine, heard) == []


@pytest.mark.parametrize("stage", Stage)
def test_jobs_are_found_among_those_that_are_done(old_shop: Shop, heard: Heard, stage: Stage) -> None:
    names = {"waiting": ("ENQUEUED", "DELAYED"), "running": ("PENDING",), "dead": ("ERROR",)}[stage]
    _do_jobs(old_shop, stage, names)
    heard.clear()
    found = standing.jobs(old_shop.engine, stage, limit=100)
    # Other tests leave what they owe to endpoints.
    assert {job.id for job in found if not job.id.startswith("webhook:")} == {f"{stage}_{name}" for name in names}
    system = outbox.open_client(old_shop.engine)._sys_db
    with system.engine.connect() as connection:
        at_hand = standing.at_hand(connection, system.tables.workflow_status)
    assert "buyers" in at_hand.queues or stage is not Stage.WAITING
    if stage is Stage.WAITING:
        assert standing.is_waiting(system.engine, system.tables.workflow_status, "buyers")
    assert ("a worker" in standing.executors(old_shop.engine)) or stage is not Stage.RUNNING
    assert _whole_tables(old_shop.engine, heard, {"workflow_status"}) == []


def _do_jobs(shop: Shop, stage: Stage, left: Sequence[str]) -> None:
    """Very many jobs that are done, and one of each of these statuses."""
    with shop.transaction() as session:
        table = builders.jobs_table(session)
        insert = f"insert into {table} (workflow_uuid, status, name, queue_name, priority, created_at, updated_at)"
        done = f"select '{stage}_' || i, 'SUCCESS', 'receipt', 'buyers', 0, i, i from n"
        session.execute(
            text(f"{insert} with recursive n(i) as (select 1 union all select i + 1 from n where i < {ORDERS}) {done}")
        )
        for name in left:
            session.execute(text(f"{insert} values ('{stage}_{name}', '{name}', 'receipt', 'buyers', 0, 1, 1)"))
            session.execute(text(f"update {table} set executor_id = 'a worker' where workflow_uuid = '{stage}_{name}'"))
    if shop.engine.dialect.name == "postgresql":
        with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("analyze dbos.workflow_status"))


def leafed(page: Callable[[Place], Page[Any]]) -> None:
    """The first page of a list that is not empty, the next one if there is one, and back again."""
    first = page(Place())
    assert first.rows
    if first.after:
        later = page(Place(after=first.after))
        assert page(Place(before=later.rows[0].id)).rows == first.rows


def test_the_overview_of_a_long_past_is_read_from_the_sums_of_its_days(old_shop: Shop, heard: Heard) -> None:
    now = datetime(2025, 1, 8, 10, tzinfo=UTC)  # an hour after the last of them
    closing.keep_all(replace(old_shop, now=lambda: now))
    heard.clear()
    with old_shop.reading() as session:
        month = Days(date(2024, 12, 10), date(2025, 1, 8), old_shop.settings.zone)
        found = overview.of_days(session, month, livemode=False, now=now)
        (eur,) = found.currencies
        assert eur.sales.orders == ORDERS
        assert (eur.sales.gross, eur.recurring.active) == (eur.sales.orders * 2900, eur.sales.orders // 10)
        assert [product.quantity for product in found.products] == [eur.sales.orders]
        page = rows.of_figure(session, Figure.NET, month, livemode=False, now=now, currency="eur", limit=10)
        assert len(page.rows) == 10
        assert rows.of_figure(
            session, Figure.NET, month, livemode=False, now=now, currency="eur", limit=10, after=page.next
        ).rows
    assert _whole_tables(old_shop.engine, heard) == []


def test_the_taxes_of_a_long_past_are_read_from_its_days_and_opened_day_by_day(
    old_shop: Shop, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2025, 1, 8, 10, tzinfo=UTC)
    closing.keep_all(replace(old_shop, now=lambda: now))
    monkeypatch.setattr(tax_days, "_TURN", timedelta(milliseconds=1))
    times = iter([now] * 3)
    # As long as one day takes: to count all of them would take this test too long, and a page no longer.
    tax_days.keep(replace(old_shop, now=lambda: next(times, now + timedelta(seconds=1))))
    heard.clear()
    year = Days(date(2024, 1, 9), date(2025, 1, 8), old_shop.settings.zone)
    with old_shop.reading() as session:
        asked = sums.ask(session, year.zone, livemode=False)
        found = tax_days.of_days(session, year, asked)
        asked_of_payments = [each for each in heard if "from payments" in each[0].lower()]
        ((_, key), taxed), = found.taxes.items()  # fmt: skip
        page = tax_days.rows(session, Days(date(2025, 1, 7), date(2025, 1, 7), year.zone), asked, key, limit=10)
    assert taxed.rows > 2000
    assert len(page.rows) == 10
    assert [(each.first, each.last) for each in found.left_out] == [
        (date(2025, 1, 1), date(2025, 1, 6)), (date(2025, 1, 8), date(2025, 1, 8)),
    ]  # fmt: skip
    assert len(asked_of_payments) == len(found.left_out)  # whether they are few, and nothing more
    assert _whole_tables(old_shop.engine, heard) == []


def test_a_file_of_many_rows_takes_no_more_memory_than_one_of_few(old_shop: Shop) -> None:
    zone, peaks = old_shop.settings.zone, []
    with old_shop.reading() as session:  # the first time statements are put together
        assert list(order_list.lines(session, Days(date(2025, 1, 1), date(2025, 1, 1), zone), livemode=False))
    for last in (date(2025, 1, 2), date(2025, 1, 3)):
        tracemalloc.start()
        with old_shop.reading() as session:
            count = sum(1 for _ in order_list.lines(session, Days(date(2025, 1, 2), last, zone), livemode=False))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert count == 2 * 2880 + 1
    assert peaks[1] < 1.2 * peaks[0]


def test_a_pass_of_the_worker_reads_no_whole_table(old_shop: Shop, heard: Heard) -> None:
    reconciliation.sweep(old_shop)
    said = "\n".join(statement for statement, _ in heard)
    for table in ("stripe_events", "checkouts", "refunds", "payments", "subscriptions", "balance_entries"):
        assert f"FROM {table}" in said, table
    assert _whole_tables(old_shop.engine, heard) == []


def test_a_whole_table_is_noticed(old_shop: Shop, heard: Heard) -> None:
    with old_shop.reading() as session:
        session.connection().exec_driver_sql("select count(*) from orders where tax_id = 'Ada'").all()
    assert _whole_tables(old_shop.engine, heard)


def _whole_tables(engine: Engine, heard: Heard, growing: AbstractSet[str] = seed.GROWING) -> list[str]:
    """The statements among these that read the whole of a table that grows with the orders, each with its plan."""
    look = _scanned_by_postgres if engine.dialect.name == "postgresql" else _scanned_by_sqlite
    found = []
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            # Of several ways that one is to be seen which it takes by itself.
            connection.exec_driver_sql("set local enable_seqscan = on")
        for statement, parameters in dict(reversed(heard)).items():
            # The values of one row, which drivers take as a list, SQLAlchemy takes as a tuple alone.
            given = tuple(parameters) if isinstance(parameters, list) else parameters
            if tables := look(connection, statement, given, growing):
                found.append(f"{tables}: {' '.join(statement.split())}")
        connection.rollback()
    return found


def _scanned_by_postgres(connection: Any, statement: str, parameters: Any, growing: AbstractSet[str]) -> list[str]:
    plan = connection.exec_driver_sql(f"explain (format json) {statement}", parameters).scalar_one()
    nodes = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]]
    found = []
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in growing:
            found.append(node["Relation Name"])
    return found


def _scanned_by_sqlite(connection: Any, statement: str, parameters: Any, growing: AbstractSet[str]) -> list[str]:
    plan = connection.exec_driver_sql(f"explain query plan {statement}", parameters).all()
    partial = set(
        connection.exec_driver_sql(
            "select name from sqlite_master where type = 'index' and sql like '% WHERE %'"
        ).scalars()
    )
    found = []
    for *_, step in plan:
        if _is_of_nothing(connection, statement, step) or _is_of_all(statement, step):
            found.append(step)
            continue
        verb, table, *rest = step.split()
        # DBOS names the schema that its tables are in.
        if verb != "SCAN" or table.removeprefix("main.").rstrip("_0123456789") not in growing:
            continue
        # In the order of an index, and no further than is asked for; or only the few rows that an index is of.
        if not ("USING" in rest and (rest[-1] in partial or "LIMIT" in statement)):
            found.append(step)
    return found


def _is_of_nothing(connection: Any, statement: str, step: str) -> bool:
    """Whether it goes by an index to all rows without a value, where those are nearly the whole table."""
    by = re.match(r"SEARCH (\w+) USING INDEX \w+ \((\w+)=\?\)$", step)
    if not by or f"{by[1]}.{by[2]} IS NULL" not in statement:
        return False
    count = f"select count(*) from (select 1 from {by[1]} where {by[2]} is null limit {ORDERS // 10})"
    return bool(connection.exec_driver_sql(count).scalar_one() == ORDERS // 10)


def _is_of_all(statement: str, step: str) -> bool:
    """Whether it goes to all orders of a mode, and not in the order in which a few of them are wanted."""
    few = "LIMIT" in statement and not re.search(r"orders\.(id|customer_id) (=|IN)", statement)
    return step.endswith("(livemode=?)") and not few


def test_whatever_names_a_growing_table_is_found_by_that_name() -> None:
    """A row that is deleted is looked for in all that may name it: without an index, in every row there is."""
    missing = []
    for table in records.metadata.tables.values():
        keys = [index.columns.keys()[0] for index in table.indexes] + [column.name for column in table.primary_key][:1]
        keys += [next(iter(each.columns)).name for each in table.constraints if isinstance(each, UniqueConstraint)]
        named = [key for key in table.foreign_keys if key.column.table.name in seed.GROWING]
        missing += [f"{table.name}.{key.parent.name}" for key in named if key.parent.name not in keys]
    assert missing == []


@builders.on_sqlite
def test_before_sqlite_knows_how_rows_are_spread_nothing_is_looked_for_by_what_all_orders_have(
    shop: Shop, stripe: FakeStripe
) -> None:
    """It would take an index of their mode for as good as one of their buyer."""
    buyer = builders.order(shop, builders.bought(shop, stripe)).email
    heard: Heard = []
    event.listen(
        shop.engine, "before_cursor_execute",
        lambda _c, _cursor, words, values, *_: heard.append((words, values)) if words.lower().startswith("select") else None,
    )  # fmt: skip
    reconciliation.sweep(shop)
    attention.items(shop)
    with shop.reading() as session:
        purchases.library(session, buyer, livemode=False, signing_key=shop.signing_key)
    reminders.owe(shop)
    found = []
    with shop.engine.connect() as connection:
        for words, values in heard:
            plan = connection.exec_driver_sql(f"explain query plan {words}", values).all()
            by_mode = any(re.search(r"INDEX ix_orders_livemode\w* \(livemode=\?\)$", row.detail) for row in plan)
            sorts = any("TEMP B-TREE" in row.detail for row in plan)
            # But for the first few of a mode, which are at an end of its index.
            if by_mode and (sorts or "LIMIT" not in words):
                found.append(words)
    assert len(heard) > 50
    assert found == []
