"""The overview, the list of orders and the staff, as somebody at a browser meets them."""

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog.products import Kind
from core.kinds import deliverables
from core.orders.orders import Order
from core.owner.needs.set_aside import SetAside
from core.owner.order_book import listing
from core.people.audit import AuditEntry
from core.people.staff import Role
from storefront.back_office import order_rows
from tests import builders, colleagues
from tests.builders import bought
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, joined, labels, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, page: str, **query: str) -> AppTest:
    return visitor.opens(page, folder="owner_pages", **query)


def numbers(tab: AppTest) -> list[str]:
    """The orders that are listed, as links."""
    return [link.label.partition("**")[2].partition("**")[0] for link in tab.page_link if link.label.startswith("**")]


def needing_attention(visitor: Visitor) -> str:
    order_id = bought(visitor.shop, visitor.stripe)
    with visitor.shop.transaction() as session:
        session.get_one(Order, order_id).attention = "paid_twice: pi_2"
    return order_id


def test_an_empty_shop_says_what_comes_next(owner: Visitor) -> None:
    orders = opens(owner, "orders")
    assert "No orders yet" in words(orders)
    assert orders.selectbox(key="f-handed").proto.placeholder == "Any"
    said = words(opens(owner, "overview"))
    assert "Nothing. Every paid order is delivered." in said
    assert "**Use your own Stripe account**" in said


def test_the_address_says_what_is_listed(owner: Visitor, clock: Clock) -> None:
    bought(owner.shop, owner.stripe)
    clock.pass_(minutes=1)
    builders.opened(owner.shop, "kit-eur", cart="cart_2")
    assert numbers(opens(owner, "orders")) == ["SH-1002", "SH-1001"]
    assert numbers(opens(owner, "orders", sort="oldest")) == ["SH-1001", "SH-1002"]
    assert numbers(opens(owner, "orders", status="pending")) == ["SH-1002"]
    assert numbers(opens(owner, "orders", text="nora")) == ["SH-1001"]
    assert numbers(opens(owner, "orders", status="nonsense", after="ord_x", country="'")) == ["SH-1002", "SH-1001"]


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_what_no_text_has_is_nothing_in_an_address(owner: Visitor) -> None:
    bought(owner.shop, owner.stripe)
    for page in ("customers", "refunds", "letters", "health", "selling/licenses", "orders"):
        assert not opens(owner, page, text="\0a", after="\0a", state="\0").exception, page
    for page in ("order", "customer", "selling/license", "selling/product", "selling/file", "selling/workshop"):
        assert not opens(owner, page, id="a\0b").exception, page
    assert not opens(owner, "subscriptions", order="a\0b").exception


def test_the_fields_bring_what_they_say_into_the_address(owner: Visitor, clock: Clock) -> None:
    bought(owner.shop, owner.stripe)
    builders.opened(owner.shop, "kit-eur", cart="cart_2")
    tab = opens(owner, "orders")
    sound(tab.text_input(key="f-text").set_value("nora").run())
    assert tab.query_params["text"] in ("nora", ["nora"])
    assert numbers(tab) == ["SH-1001"]
    sound(tab.selectbox(key="f-product").select("kit").run())
    assert "No orders match" in words(tab)
    sound(tab.button(key="clear-all").click().run())
    assert len(numbers(tab)) == 2


def test_the_fields_say_what_the_address_says_also_after_the_way_back(owner: Visitor) -> None:
    bought(owner.shop, owner.stripe)
    tab = opens(owner, "orders", status="pending", since="2026-11-01", until="2026-11-30")
    assert "No orders match" in words(tab)
    # What the browser's Back does: the address is another one, and what the fields hold is sent along.
    tab.query_params.clear()
    tab.query_params["text"] = "nora"
    sound(tab.run())
    assert numbers(tab) == ["SH-1001"]
    assert (tab.text_input(key="f-text").value, tab.session_state["f-status"]) == ("nora", [])
    assert tab.session_state["f-days"] == ()
    sound(tab.selectbox(key="f-sort").select("oldest").run())
    assert numbers(tab) == ["SH-1001"]


@pytest.mark.parametrize(("page", "state"), [("letters", "sent"), ("refunds", "failed")])
def test_a_choice_is_what_the_address_says_also_after_the_way_back(owner: Visitor, page: str, state: str) -> None:
    tab = opens(owner, page, state=state)
    assert tab.session_state["f-state"] == state
    tab.query_params.clear()
    assert sound(tab.run()).session_state["f-state"] is None


def test_what_the_bar_looks_for_on_the_list_itself_stands_in_its_field(owner: Visitor) -> None:
    for cart in ("cart_1", "cart_2"):
        bought(owner.shop, owner.stripe, cart=cart)
    tab = opens(owner, "orders", status="pending")
    tab.text_input(key="find-text").set_value("nora@")
    sound(next(button for button in tab.button if button.label == "Find").click().run())
    assert len(numbers(tab)) == 2
    assert (tab.text_input(key="f-text").value, tab.session_state["f-status"]) == ("nora@", [])


def test_long_lists_are_leafed(owner: Visitor, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setitem(listing.page.__kwdefaults__, "size", 2)
    for number in range(3):
        builders.opened(owner.shop, cart=f"cart_{number}")
        clock.pass_(minutes=1)
    tab = opens(owner, "orders")
    assert tab.button(key="leaf-back").disabled
    sound(tab.button(key="leaf-on").click().run())
    assert numbers(tab) == ["SH-1001"]
    assert tab.button(key="leaf-on").disabled
    sound(tab.button(key="leaf-back").click().run())
    assert numbers(tab) == ["SH-1003", "SH-1002"]


def test_the_search_leads_to_the_order_or_to_those_it_may_be(owner: Visitor) -> None:
    bought(owner.shop, owner.stripe)
    tab = opens(owner, "overview")
    tab.text_input(key="find-text").set_value("sh-1001")
    sound(next(button for button in tab.button if button.label == "Find").click().run())
    assert tab.title[0].value == "SH-1001"
    bought(owner.shop, owner.stripe, cart="cart_2")
    tab.text_input(key="find-text").set_value("nora@")
    sound(next(button for button in tab.button if button.label == "Find").click().run())
    assert tab.title[0].value == "Orders"
    assert sorted(numbers(tab)) == ["SH-1001", "SH-1002"]


def test_the_only_order_that_is_found_is_opened(owner: Visitor) -> None:
    bought(owner.shop, owner.stripe)
    tab = opens(owner, "overview")
    tab.text_input(key="find-text").set_value("nora@")
    sound(next(button for button in tab.button if button.label == "Find").click().run())
    assert tab.title[0].value == "SH-1001"


def test_what_needs_somebody_is_counted_on_every_page_and_listed_on_the_first(owner: Visitor) -> None:
    order_id = needing_attention(owner)
    assert "1 needs you" in labels(opens(owner, "orders"))
    (on_its_page,) = [each.value for each in opens(owner, "order", id=order_id).warning]
    assert on_its_page.startswith("**Paid twice** pi")
    assert "Send this payment back with `pushcart refund SH-1001 --payment pi_2`" in on_its_page
    tab = opens(owner, "overview")
    assert "**Paid twice**" in words(tab)
    assert "Open SH-1001" in labels(tab)
    # The list is on this very page: the count leads down to it.
    assert "[1 needs you](#needs-you)" in words(tab)


def test_it_is_set_aside_with_a_note_until_a_day(owner: Visitor, clock: Clock) -> None:
    needing_attention(owner)
    tab = opens(owner, "overview")
    sound(tab.button(key="aside-paid_twice:SH-1001").click().run())
    sound(tab.button(key="aside-do").click().run())
    assert [each.value for each in tab.warning] == ["Say why."]
    tab.text_input(key="aside-note").set_value("Wrote to them")  # left by the click itself
    sound(tab.button(key="aside-do").click().run())
    assert "**Paid twice**" not in words(tab)
    said = words(opens(owner, "overview"))
    assert "Nothing beside what was set aside." in said
    assert "Every paid order is delivered" not in said
    (entry,) = builders.rows(owner.shop, AuditEntry)
    assert (entry.action, entry.subject) == ("set_aside", "paid_twice:SH-1001")
    assert entry.detail.endswith(": Wrote to them")
    clock.pass_(days=4)
    owner.comes_with(colleagues.signed_in(owner.shop, colleagues.OWNER))
    assert "**Paid twice**" in words(opens(owner, "overview"))


def test_what_happens_anew_is_shown_though_it_was_dismissed(owner: Visitor, clock: Clock) -> None:
    order_id = needing_attention(owner)
    tab = sound(opens(owner, "overview").button(key="aside-paid_twice:SH-1001").click().run())
    sound(tab.selectbox(key="aside-days").select(0).run())
    sound(tab.text_input(key="aside-note").set_value("fine").run())
    sound(tab.button(key="aside-do").click().run())
    assert [row.until for row in builders.rows(owner.shop, SetAside)] == [None]
    clock.pass_(hours=1)
    with owner.shop.transaction() as session:
        session.get_one(Order, order_id).updated_at = owner.shop.now()
    assert "**Paid twice**" in words(opens(owner, "overview"))


def test_an_event_that_failed_is_tried_again_by_a_click(owner: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id, session_id = builders.opened(owner.shop)
    owner.stripe.pay(session_id)
    with monkeypatch.context() as broken:
        broken.setitem(deliverables.KINDS, Kind.DOWNLOAD, builders.Broken)  # type: ignore[arg-type]
        with pytest.raises(OSError, match="no more keys"):
            builders.deliver(owner.shop, owner.stripe.event("completed", session_id))
        tab = opens(owner, "overview")
        (button,) = [each for each in tab.button if each.label == "Try again now"]
        sound(button.click().run())
        assert "It failed again: OSError" in tab.warning[0].value
    (button,) = [each for each in tab.button if each.label == "Try again now"]
    sound(button.click().run())
    assert "That worked" in tab.success[0].value
    assert builders.status(owner.shop, order_id) == "fulfilled"
    assert [entry.action for entry in builders.rows(owner.shop, AuditEntry)] == ["mend", "mend"]


def test_a_viewer_mends_and_sets_aside_nothing(visitor: Visitor) -> None:
    needing_attention(visitor)
    visitor.works_as(Role.VIEWER)
    tab = opens(visitor, "overview")
    assert "**Paid twice**" in words(tab)
    assert not {"Try again now", "Set aside"} & set(labels(tab))


def test_somebody_is_invited_and_removed(owner: Visitor) -> None:
    tab = opens(owner, "staff")
    sound(next(button for button in tab.button if button.label == "Send invitation").click().run())
    assert [each.value for each in tab.warning] != []
    tab.text_input(key="invite-email").set_value("sam@berg.example")
    tab.selectbox(key="invite-role").select(Role.SUPPORT)
    sound(next(button for button in tab.button if button.label == "Send invitation").click().run())
    assert "An invitation is on its way to" in tab.success[0].value
    assert "**sam@berg.example**" in words(tab)
    assert tab.text_input(key="invite-email").value == ""
    (remove,) = [button for button in tab.button if button.label == "Remove"]
    sound(remove.click().run())
    sound(tab.button(key="remove-do").click().run())
    assert "**sam@berg.example**" not in words(tab).partition("What was done")[0]
    assert [entry.action for entry in builders.rows(owner.shop, AuditEntry)] == ["staff", "staff"]
    assert "invited sam@berg.example as support" in words(tab)


def test_an_owner_limits_what_somebody_of_the_support_sends_back(owner: Visitor) -> None:
    colleagues.works_as(owner.shop, Role.VIEWER)
    assert "Limit" not in labels(opens(owner, "staff"))
    colleagues.works_as(owner.shop, Role.SUPPORT)
    tab = opens(owner, "staff")
    assert "May send back up to €100.00 or ¥10,000 or KWD" in words(tab)
    assert "cents" not in words(tab)
    for typed, said in (("50,00", "€50.00"), ("0", "€0.00"), ("1.2345", ""), ("", "")):
        (button,) = [button for button in tab.button if button.label == "Limit"]
        sound(button.click().run())
        tab.radio(key="limit-own").set_value("So much").run()
        sound(tab.text_input(key="limit-amount").set_value(typed).run())
        sound(tab.button(key="limit-do").click().run())
        assert bool(tab.warning) is not said
        if said:
            assert f"May send back up to {said} or ¥" in words(tab)
    own = tab.radio(key="limit-own")
    sound(own.set_value(own.options[0]).run())
    sound(tab.button(key="limit-do").click().run())
    assert "May send back up to €100.00 or ¥10,000 or KWD" in words(tab)


def test_what_a_click_came_to_is_still_said_after_the_second_of_two(owner: Visitor, clock: Clock) -> None:
    tab = opens(owner, "staff")
    tab.text_input(key="invite-email").set_value("sam@berg.example")
    for _ in range(2):
        sound(next(button for button in tab.button if button.label == "Send invitation").click().run())
        assert ["on its way to sam" in joined(each.value) for each in tab.success] == [True]
    assert len(builders.rows(owner.shop, AuditEntry)) == 1
    sound(next(button for button in tab.button if button.label == "Remove").click().run())
    sound(tab.button(key="remove-do").click().run())
    # The dialog has closed by the first click, and the second finds the page alone.
    assert ["was removed" in each.value for each in sound(tab.run()).success] == [True]
    tab.switch_page("owner_pages/orders.py")
    assert not sound(tab.run()).success
    tab.switch_page("owner_pages/staff.py")
    clock.pass_(seconds=2)
    assert not sound(tab.run()).success


def test_receipts_of_chosen_orders_go_out_again(owner: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    bought(owner.shop, owner.stripe)
    builders.opened(owner.shop, cart="cart_2")
    # As if both rows of the table were chosen, which is drawn on a canvas.
    monkeypatch.setattr(order_rows, "draw", lambda rows: tuple(rows))
    tab = opens(owner, "orders")
    sound(tab.button(key="resend-chosen").click().run())
    assert "1 receipt goes out again" in tab.success[0].value
    assert "SH-1002: Nothing was ever paid" in tab.warning[0].value
    # The second click of a double click finds the first one done, and says what that came to.
    sound(tab.button(key="resend-chosen").click().run())
    assert "1 receipt goes out again" in tab.success[0].value
    assert len([job for job in builders.jobs(owner.shop) if job.startswith("receipt:")]) == 2
    sound(tab.run())
    sound(tab.button(key="resend-chosen").click().run())
    assert len([job for job in builders.jobs(owner.shop) if job.startswith("receipt:")]) == 3
