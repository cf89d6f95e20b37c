"""The page of the shop's health: events, jobs, checks, and what a click on each does."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from core.events.handlers import EventState
from core.events.inbox import StripeEvent
from core.foundation.signals import heartbeats, milestones
from core.foundation.signals.milestones import Name
from core.owner.doctor import examination, findings
from core.owner.doctor.findings import Finding, Level
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.privacy import retention
from core.registers import events
from core.shop import Shop
from tests import builders
from tests.builders import bought
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, **query: str) -> AppTest:
    return visitor.opens("health", folder="owner_pages", **query)


def keys(tab: AppTest, begin: str) -> list[str]:
    return [button.key for button in tab.button if (button.key or "").startswith(begin)]


def fail_one(visitor: Visitor) -> str:
    """An event of a paid order that failed, though nothing is the matter with it."""
    bought(visitor.shop, visitor.stripe)
    with visitor.shop.transaction() as session:
        session.execute(text("update stripe_events set state = 'failed', error = 'KeyError'"))
    return builders.rows(visitor.shop, StripeEvent)[0].id


def kill_job(visitor: Visitor) -> str:
    order_id = bought(visitor.shop, visitor.stripe)
    with visitor.shop.transaction() as session:
        table = builders.jobs_table(session)
        session.execute(text(f"update {table} set status = 'ERROR' where workflow_uuid = 'receipt:{order_id}'"))
    return f"receipt:{order_id}"


def test_an_empty_shop_is_told_what_there_is_to_see(owner: Visitor) -> None:
    said = words(opens(owner))
    assert "Stripe has not told anything yet." in said
    assert "No pass has ended yet." in said


def test_what_the_doctor_found_is_said_and_what_is_wrong_is_on_the_overview_too(owner: Visitor) -> None:
    assert "Nobody has looked yet." in words(opens(owner))
    wrong = Finding("mail", Level.WRONG, "The mail server does not take letters.", "No receipts.", "Check SMTP_URL.")
    with owner.shop.transaction() as session:
        findings.keep(session, [Finding("clock", Level.FINE, "The clock agrees."), wrong], now=owner.shop.now())
    said = words(opens(owner))
    assert said.index("The mail server does not take letters.") < said.index("The clock agrees.")
    assert "No receipts. Check SMTP\\_URL." in said or "No receipts. Check SMTP_URL." in said
    overview = words(owner.opens("overview", folder="owner_pages"))
    assert "The mail server does not take letters." in overview
    assert "The clock agrees." not in overview


@builders.on_sqlite
def test_how_much_is_kept_and_when_it_was_looked_through_is_said(owner: Visitor, clock: Clock) -> None:
    assert "Nothing was forgotten yet" in words(opens(owner))
    bought(owner.shop, owner.stripe)
    clock.pass_(days=91)
    owner.works_as(Role.OWNER)
    retention.run(owner.shop)
    seen = words(opens(owner))
    assert "forgotten 0 seconds ago: events 1" in seen
    assert "Events of Stripe" in seen


def test_the_doctor_looks_again_at_a_click(owner: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(shop: Shop, *, progress: Callable[[str], object]) -> list[Finding]:
        progress("mail")
        found = [Finding("mail", Level.FINE, "The mail server lets the shop in.")]
        with shop.transaction() as session:
            findings.keep(session, found, now=shop.now())
        return found

    monkeypatch.setattr(examination, "examine", examine)
    tab = sound(opens(owner).button(key="examine").click().run())
    assert "The mail server lets the shop in." in words(tab)
    assert [entry.subject for entry in builders.rows(owner.shop, AuditEntry)] == ["doctor"]


def test_who_only_looks_has_nothing_looked_at(visitor: Visitor) -> None:
    visitor.works_as(Role.VIEWER)
    assert keys(opens(visitor), "examine") == []


def test_events_are_listed_by_what_became_of_them(owner: Visitor) -> None:
    event_id = fail_one(owner)
    assert keys(opens(owner), "payload-") == keys(opens(owner, state="failed"), "payload-") == [f"payload-{event_id}"]
    assert "No event of this state." in words(opens(owner, state="parked"))
    assert keys(opens(owner, state="'; drop"), "payload-") == [f"payload-{event_id}"]
    tab = opens(owner)
    sound(tab.button_group(key="f-state").set_value("applied").run())
    assert tab.query_params["state"] in ("applied", ["applied"])
    assert keys(tab, "payload-") == []


def test_a_failed_event_is_replayed_once(owner: Visitor) -> None:
    event_id = fail_one(owner)
    tab = opens(owner)
    sound(tab.button(key=f"replay-{event_id}").click().run())
    assert "That worked." in words(tab)
    assert keys(tab, "replay-") == []
    assert builders.event_row(owner.shop, event_id).state == "applied"
    assert [(entry.action, entry.subject) for entry in builders.rows(owner.shop, AuditEntry)] == [("mend", event_id)]


def test_a_stale_tab_replays_nothing_a_second_time(owner: Visitor) -> None:
    event_id = fail_one(owner)
    first, second = opens(owner), opens(owner)
    second.session_state["deeds"] = {f"replay-{event_id}-1": "do_same"}
    first.session_state["deeds"] = {f"replay-{event_id}-1": "do_same"}
    sound(first.button(key=f"replay-{event_id}").click().run())
    sound(second.button(key=f"replay-{event_id}").click().run())
    assert "done by an earlier click" in second.warning[0].value
    assert len(builders.rows(owner.shop, AuditEntry)) == 1


def test_an_event_that_cannot_be_applied_says_so_and_keeps_no_other_waiting(owner: Visitor) -> None:
    fail_one(owner)
    payload = '{"id": "evt_broken", "type": "checkout.session.completed", "livemode": false, "data": {"object": {}}}'
    now = owner.shop.now()
    with owner.shop.transaction() as session:
        session.add(
            StripeEvent(
                id="evt_broken", type="checkout.session.completed", created=now, livemode=False, payload=payload,
                state=EventState.FAILED, attempts=1, received_at=now, updated_at=now, retry_after=now,
            )
        )  # fmt: skip
    tab = opens(owner)
    sound(tab.button(key="replay-evt_broken").click().run())
    assert "It failed again: KeyError." in words(tab)
    assert "KeyError" in builders.event_row(owner.shop, "evt_broken").error
    sound(tab.button(key="replay-all").click().run())
    assert "1 event has had an effect. 1 still could not be applied" in words(tab)


def test_what_stripe_sent_is_shown_without_what_is_somebody_s_own(owner: Visitor) -> None:
    bought(owner.shop, owner.stripe)
    event_id = builders.rows(owner.shop, StripeEvent)[0].id
    tab = sound(opens(owner).button(key=f"payload-{event_id}").click().run())
    [shown] = [each.value for each in tab.code]
    assert "nora" not in shown.lower()
    assert '"checkout.session.completed"' in shown
    assert "[masked]" in shown


def test_a_job_that_gave_up_has_its_turn_again(owner: Visitor) -> None:
    job = kill_job(owner)
    tab = opens(owner)
    sound(tab.button(key=f"retry-{job}").click().run())
    assert "It waits for its turn." in words(tab)
    assert keys(tab, "retry-") == []
    with owner.shop.reading() as session:
        table = builders.jobs_table(session)
        columns = "status, queue_name, queue_partition_key is not null"
        row = session.execute(text(f"select {columns} from {table} where workflow_uuid = '{job}'")).one()
    assert tuple(row) == ("ENQUEUED", "buyers", True)


def test_a_pass_is_run_by_a_click_and_says_what_it_found(owner: Visitor) -> None:
    order_id, session_id = builders.opened(owner.shop)
    owner.stripe.pay(session_id)
    tab = opens(owner)
    sound(tab.button(key="reconcile").click().run())
    assert "put right." in words(tab)
    assert builders.status(owner.shop, order_id) == "fulfilled"
    assert "The last pass ended 0 seconds ago" in words(opens(owner))


def test_whether_selling_works_is_said_first(owner: Visitor) -> None:
    event_id = fail_one(owner)
    (said,) = [each.value for each in opens(owner).warning]
    assert "1 event of Stripe had no effect yet." in said
    tab = sound(opens(owner).button(key=f"replay-{event_id}").click().run())
    sound(tab.button(key="reconcile").click().run())
    tab = opens(owner)
    assert "**Selling works.**" in words(tab)
    assert not tab.warning
    builders.pause_worker(owner.shop, hours=3)
    assert "The worker is not at work: buyers can pay" in opens(owner).warning[0].value


@pytest.mark.parametrize(
    ("name", "said", "can_pay"),
    [
        (Name.STRIPE_SILENT, "Stripe unreachable", False),
        (Name.KEY_REFUSED, "Stripe key refused", False),
        (Name.PAYMENT_PAGE_REFUSED, "Stripe key refused", False),
        (Name.PERMISSION_MISSING, "Stripe key refused", True),
        (Name.STORAGE_SILENT, "Storage unreachable", True),
    ],
)
@builders.on_sqlite
def test_it_is_not_said_to_work_where_nobody_can_pay_or_download(
    owner: Visitor, name: Name, said: str, can_pay: bool
) -> None:
    with owner.shop.transaction() as session:
        milestones.record(session, name, at=owner.shop.now(), detail="it said *no*")
    tab = opens(owner)
    (told,) = [each.value for each in tab.warning]
    assert tab.warning[0].proto.title.startswith("Selling works") is can_pay
    assert f"**{said}**" in told
    assert "it said \\*no\\*" in told
    assert "Selling works.**" not in words(tab)


def test_a_worker_that_is_gone_is_shown_with_its_age(owner: Visitor) -> None:
    with owner.shop.transaction() as session:
        now = heartbeats.database_time(session)
        heartbeats.begin(session, heartbeats.Kind.WORKER, host="box", pid=7, now=now)
    assert "box, process 7" in words(opens(owner))
    builders.pause_worker(owner.shop, hours=3)
    assert "last heard of 3 hours ago" in words(opens(owner))


def test_a_viewer_sees_everything_and_does_nothing(visitor: Visitor) -> None:
    event_id = fail_one(visitor)
    with visitor.shop.transaction() as session:
        session.execute(text(f"update {builders.jobs_table(session)} set status = 'ERROR'"))
    visitor.works_as(Role.VIEWER)
    tab = opens(visitor)
    assert keys(tab, "payload-") == [f"payload-{event_id}"]
    assert not {"Replay", "Replay all that wait", "Try again", "Run now"} & set(labels(tab))
    assert "Gave up" in words(tab)


def test_a_role_that_was_lowered_replays_nothing(visitor: Visitor, clock: Clock) -> None:
    event_id = fail_one(visitor)
    visitor.works_as(Role.SUPPORT)
    tab = opens(visitor)
    visitor.works_as(Role.VIEWER)
    with visitor.shop.transaction() as session:
        session.execute(text("update staff set role = 'viewer'"))
    sound(tab.button(key=f"replay-{event_id}").click().run())
    assert "your role doesn't allow this" in tab.warning[0].value
    assert builders.event_row(visitor.shop, event_id).state == "failed"


def test_long_lists_are_leafed(owner: Visitor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(events.page.__kwdefaults__, "size", 2)
    for number in range(3):
        bought(owner.shop, owner.stripe, cart=f"cart_{number}")
        clock.pass_(minutes=1)
    tab = opens(owner)
    shown = keys(tab, "payload-")
    sound(tab.button(key="leaf-on").click().run())
    assert keys(tab, "payload-") not in ([], shown)
    sound(tab.button(key="leaf-back").click().run())
    assert keys(tab, "payload-") == shown
