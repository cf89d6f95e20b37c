"""What owners do about endpoints: each written down, and allowed to owners alone."""

import pytest

from core.foundation.errors import DoneAlready, NotPermitted
from core.integrations import webhook_desk
from core.outgoing import endpoints
from core.outgoing.messages import DeliveryState
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.registers import webhooks
from core.registers.paging import Place
from core.shop import Shop
from tests import builders, colleagues
from tests.core.outgoing.receiver import deliveries, listens

NOWHERE = "http://127.0.0.1:9/"


@builders.on_sqlite
def test_an_owner_does_all_of_it_and_the_log_says_so(shop: Shop) -> None:
    owner = colleagues.works_as(shop, Role.OWNER)
    made = webhook_desk.add(shop, NOWHERE, name="App", topics=["order.paid"], deed=colleagues.deed(owner, "1"))
    webhook_desk.change(shop, made.id, url=NOWHERE, name="The app", topics=[], deed=colleagues.deed(owner, "2"))
    assert webhook_desk.rotate(shop, made.id, deed=colleagues.deed(owner, "3")).secret != made.secret
    delivery = webhook_desk.ping(shop, made.id, deed=colleagues.deed(owner, "4"))
    with pytest.raises(DoneAlready):
        webhook_desk.ping(shop, made.id, deed=colleagues.deed(owner, "4"))
    webhook_desk.send_again(shop, delivery, deed=colleagues.deed(owner, "5"))
    assert webhook_desk.switch(shop, made.id, on=False, deed=colleagues.deed(owner, "6")) == 0
    with shop.reading() as session:
        (row,) = webhooks.listed(session)
        page = webhooks.page(session, endpoint=made.id, state="waiting", place=Place())
        sheet = webhooks.sheet(session, delivery)
    assert (row.name, row.topics, row.off) == ("The app", (), "owner")
    assert [each.topic for each in page.rows] == ["test.ping"]
    assert sheet
    assert '"test.ping"' in sheet.body
    assert webhook_desk.remove(shop, made.id, deed=colleagues.deed(owner, "7")) == "The app"
    said = [each.detail for each in sorted(builders.rows(shop, AuditEntry), key=lambda each: each.token or "")]
    assert said == [f"added {NOWHERE}", "changed", "new secret", "test", "sent again", "switched off", "removed"]
    # Nobody waits for what is never sent.
    assert [each.state for each in deliveries(shop)] == [DeliveryState.DROPPED]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
@builders.on_sqlite
def test_nobody_else_does_any_of_it(shop: Shop, role: Role) -> None:
    made = listens(shop, NOWHERE)
    deed = colleagues.deed(colleagues.works_as(shop, role))
    for act in (
        lambda: webhook_desk.add(shop, NOWHERE, deed=deed),
        lambda: webhook_desk.rotate(shop, made.id, deed=deed),
        lambda: webhook_desk.switch(shop, made.id, on=False, deed=deed),
        lambda: webhook_desk.ping(shop, made.id, deed=deed),
        lambda: webhook_desk.remove(shop, made.id, deed=deed),
    ):
        with pytest.raises(NotPermitted):
            act()
    with shop.reading() as session:
        (row,) = endpoints.everything(session)
    assert (row.off, row.both_until) == (None, None)
    assert deliveries(shop) == []
