"""Outgoing webhooks as owners see them."""

import pytest

from core.outgoing import attempts, endpoints, messages
from core.outgoing.messages import WebhookMessage
from core.outgoing.posting import Answer
from core.people.staff import Role
from tests import builders
from tests.core.outgoing.receiver import deliveries, listens
from tests.storefront.conftest import Visitor, labels, sound, words
from tests.storefront.owner_pages.test_who import opens


@builders.on_sqlite
def test_an_endpoint_is_added_tested_and_its_secret_shown_once(visitor: Visitor) -> None:
    visitor.works_as(Role.OWNER)
    tab = opens(visitor, "programs/webhooks")
    tab.text_input(key="hook-url").set_value("ftp://app.example")
    sound(tab.form_submit_button[1].click().run())
    assert "no address that messages can be sent to" in tab.warning[0].value
    assert tab.text_input(key="hook-url").value == "ftp://app.example"
    tab.text_input(key="hook-url").set_value("https://app.example/hooks")
    sound(tab.form_submit_button[1].click().run())
    (made,) = builders.rows(visitor.shop, endpoints.WebhookEndpoint)
    assert tab.text_input(key="hook-url").value == ""
    secret = next(each.value for each in tab.code if each.value.startswith("whsec_"))
    tab.text_input(key="hook-url").set_value("https://app.example/hooks")
    sound(tab.form_submit_button[1].click().run())
    assert len(builders.rows(visitor.shop, endpoints.WebhookEndpoint)) == 1  # two clicks in a row are one
    sound(tab.button(key="secret-kept").click().run())
    assert secret not in words(tab)
    assert not any(each.value == secret for each in tab.code)
    sound(tab.button(key=f"ping-{made.id}").click().run())
    (row,) = deliveries(visitor.shop)
    sound(tab.button(key=f"open-message-{row.id}").click().run())
    (message,) = builders.rows(visitor.shop, WebhookMessage)
    assert message.id in words(tab)
    sound(
        opens(visitor, "programs/webhooks")
        .button(key=f"open-rotate-{made.id}")
        .click()
        .run()
        .button(key="rotate-do")
        .click()
        .run()
    )
    (after,) = builders.rows(visitor.shop, endpoints.WebhookEndpoint)
    assert after.sealed != made.sealed
    assert after.both_until


@builders.on_sqlite
@pytest.mark.parametrize("role", Role)
def test_what_may_be_a_secret_in_an_address_is_for_owners_alone(visitor: Visitor, role: Role) -> None:
    # Zapier, Make and Slack take whatever comes to an address that nobody guesses.
    endpoint = listens(visitor.shop, "https://hooks.zapier.example/hooks/catch/123/9f3kq/?key=never-told").id
    with visitor.shop.transaction() as session:
        message = messages.ping(session, endpoint, now=visitor.shop.now())
        attempts.note(
            session, message, "https://hooks.zapier.example/hooks/catch/123/9f3kq/?key=never-told", {}, Answer(200),
            now=visitor.shop.now(),
        )  # fmt: skip
    visitor.works_as(role)
    tab = opens(visitor, "programs/webhooks")
    seen = words(tab) + words(sound(tab.button(key=f"open-message-{message}").click().run()))
    assert seen.count("https://hooks.zapier.example/") >= 2
    for secret in ("9f3kq/", "never-told"):
        assert (secret in seen) is (role is Role.OWNER), secret


@builders.on_sqlite
def test_support_sees_them_and_changes_nothing(visitor: Visitor) -> None:
    listens(visitor.shop, "https://app.example/hooks")
    visitor.works_as(Role.SUPPORT)
    tab = opens(visitor, "programs/webhooks")
    assert "app.example" in words(tab)
    assert not {"Send a test", "New secret", "Add", "Remove"} & set(labels(tab))
