"""The shop's door to Stripe: lists of more than one page, and plans that were billed nothing."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
import pytest
import stripe

from core.events.handlers import HANDLERS
from core.foundation.errors import (
    PermissionMissing,
    StripeFaulty,
    StripeKeyRefused,
    StripeRefused,
    StripeTrouble,
    StripeUnreachable,
)
from core.gateway import asking
from core.gateway.account import StripeAccount
from core.gateway.client import StripeApi
from tests.contract.sides import LONG_AGO
from tests.sandbox.running import KEY, Endpoint, running


class PagesOfRefunds(stripe.HTTPClient):
    """Gives a page of refunds for each of these, and is gone afterwards."""

    name = "pages"

    def __init__(self, *pages: list[str]) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._pages = list(pages)

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, dict[str, str]]:
        self.asked.append(url)
        if not self._pages:
            raise stripe.APIConnectionError("nobody there", should_retry=False)
        data = [{"object": "refund", "id": each} for each in self._pages.pop(0)]
        page = {"object": "list", "url": "/v1/refunds", "has_more": True, "data": data}
        return orjson.dumps(page), 200, {}

    def close(self) -> None:
        pass


def test_every_page_of_a_charges_refunds_is_read() -> None:
    pages = PagesOfRefunds(["re_3", "re_2"], ["re_1"])
    with pytest.raises(StripeUnreachable):
        StripeApi("sk_test_pages", base="http://127.0.0.1:9", http_client=pages).refunds_of("ch_1")
    assert ["starting_after=re_2" in url for url in pages.asked] == [False, True, False]
    assert "starting_after=re_1" in pages.asked[-1]


class OneSubscription(PagesOfRefunds):
    """Answers with a subscription whose second item has a discount, or none, and with that item as it was asked for."""

    def __init__(self, *discounts: str) -> None:
        super().__init__()
        self._discounts = discounts

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, dict[str, str]]:
        self.asked.append(unquote(url))
        alone = "subscription_items" in url
        named = [{"id": name, "promotion_code": "promo_1"} if alone else name for name in self._discounts]
        items = [
            {"object": "subscription_item", "id": "si_1", "discounts": []},
            {"object": "subscription_item", "id": "si_2", "discounts": named},
        ]
        page = {"object": "list", "url": "/v1/subscription_items", "has_more": False, "data": items}
        whole = {"object": "subscription", "id": "sub_1", "discounts": [], "items": page}
        return orjson.dumps(items[1] if alone else whole), 200, {}


def test_discounts_of_single_items_are_asked_for_by_themselves_and_only_where_there_are_any() -> None:
    lean, full = OneSubscription(), OneSubscription("di_1")
    for calls in (lean, full):
        api = StripeApi("sk_test_pages", base="http://127.0.0.1:9", http_client=calls)
        found = api.find_subscription("sub_1")
    assert found
    assert [item["discounts"] for item in found["items"]["data"]] == [[], [{"id": "di_1", "promotion_code": "promo_1"}]]
    assert len(lean.asked) == 1
    assert "discounts.source.coupon.applies_to" in full.asked[0]
    assert "=latest_invoice" in full.asked[0]
    assert "/subscription_items/si_2?" in full.asked[1]
    assert "=discounts.source.coupon.applies_to" in full.asked[1]


class LimitedPages(PagesOfRefunds):
    """Says so many times before each page that too much is asked, or something else that is no answer."""

    def __init__(self, *pages: list[str], refusals: int, status: int = 429, code: str = "rate_limit") -> None:
        super().__init__(*pages)
        self._refusals, self._refused = refusals, 0
        self._answer = orjson.dumps({"error": {"type": "invalid_request_error", "code": code}}), status

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, dict[str, str]]:
        self._refused += 1
        if self._refused <= self._refusals:
            return *self._answer, {}
        self._refused = 0
        body, status, found = super().request(method, url, headers, post_data)
        return (body if self._pages else body.replace(b'"has_more":true', b'"has_more":false')), status, found


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited, which takes no time here."""
    found: list[float] = []
    monkeypatch.setattr(asking.time, "sleep", found.append)
    return found


@pytest.mark.parametrize("refusals", [1, 5])
def test_a_page_that_the_limit_on_calls_keeps_back_is_asked_for_again(refusals: int, waits: list[float]) -> None:
    pages = LimitedPages(["re_3"], ["re_2"], ["re_1"], refusals=refusals)
    found = list(StripeApi("sk_test_pages", base="http://127.0.0.1:9", http_client=pages).payouts(since=LONG_AGO))
    assert [each["id"] for each in found] == ["re_3", "re_2", "re_1"]
    assert len(waits) == 3 * refusals
    assert waits[:refusals] == sorted(waits[:refusals])


def test_a_limit_that_lasts_ends_the_listing(waits: list[float]) -> None:
    pages = LimitedPages(["re_1"], refusals=6)
    with pytest.raises(StripeUnreachable):
        list(StripeApi("sk_test_pages", base="http://127.0.0.1:9", http_client=pages).payouts(since=LONG_AGO))
    assert 15 < sum(waits) < 20


def test_nothing_else_is_waited_for(waits: list[float]) -> None:
    pages = LimitedPages(["re_1"], refusals=1, status=401, code="api_key_expired")
    with pytest.raises(StripeKeyRefused):
        list(StripeApi("sk_test_pages", base="http://127.0.0.1:9", http_client=pages).payouts(since=LONG_AGO))
    assert waits == []


class Refusal(PagesOfRefunds):
    """Answers every request like this."""

    def __init__(self, status: int, error: dict[str, str]) -> None:
        super().__init__()
        self._answer = orjson.dumps({"error": error}), status, {"request-id": "req_1"}

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, dict[str, str]]:
        self.asked.append(url)
        return self._answer


LACKING = (
    "The provided key 'rk_test_***abc' does not have the required permissions for this endpoint on account 'acct_1'."
)


@pytest.mark.parametrize(
    ("status", "refused"), [(403, PermissionMissing), (401, StripeKeyRefused), (400, StripeRefused)]
)
def test_a_key_that_lacks_a_permission_is_told_from_other_refusals(status: int, refused: type[Exception]) -> None:
    door = Refusal(status, {"type": "invalid_request_error", "message": LACKING})
    api = StripeApi("rk_test_1", base="http://127.0.0.1:9", http_client=door)
    with pytest.raises(StripeTrouble, match="does not have the required permissions") as told:
        list(api.payouts(since=datetime(2026, 11, 23, tzinfo=UTC)))
    assert type(told.value) is refused
    assert len(door.asked) == 1


def test_an_invoice_that_was_covered_by_a_credit_was_paid_by_no_payment() -> None:
    receiver = Endpoint()
    with running(receiver, webhook_url="") as world:
        api = StripeApi(KEY, base=world.settings.base_url)
        plan = world.subscribed()
        (invoice,) = world.api.invoices.list({"subscription": plan.id}).data
        first = api.payment_intent_of_invoice(invoice.id)
        assert first
        assert world.api.payment_intents.retrieve(first).amount == 1000
        assert api.payments_of_invoice(invoice.id) == {first: 1000}
        world.api.customers.update(plan.customer, {"balance": -1000})
        world.act("renew", plan.id)
        covered, _ = world.api.invoices.list({"subscription": plan.id}).data
        assert (covered.amount_paid, api.payment_intent_of_invoice(covered.id)) == (0, None)
        assert api.payments_of_invoice(covered.id) == {}
        assert api.payment_intent_of_invoice(invoice.id) == first
    receiver.close()


def test_an_invoice_that_is_still_to_be_paid_was_paid_by_no_payment() -> None:
    """Nor was one that is void: what was to pay it never succeeded, and no refund may name it."""
    receiver = Endpoint()
    with running(receiver, webhook_url="") as world:
        api = StripeApi(KEY, base=world.settings.base_url)
        plan = world.subscribed()
        world.act("fail-next", plan.id)
        world.act("renew", plan.id)
        owed, _ = world.api.invoices.list({"subscription": plan.id}).data
        (promised,) = world.api.invoice_payments.list({"invoice": owed.id}).data
        assert (owed.status, promised.status, api.payment_intent_of_invoice(owed.id)) == ("open", "open", None)
        assert api.payments_of_invoice(owed.id) == {}
        world.api.invoices.void_invoice(owed.id)
        (given_up,) = world.api.invoice_payments.list({"invoice": owed.id}).data
        assert (given_up.status, api.payment_intent_of_invoice(owed.id)) == ("canceled", None)
    receiver.close()


def test_nothing_is_listed_of_what_stripe_does_not_have() -> None:
    """Stripe refuses such a list rather than to leave it empty."""
    receiver = Endpoint()
    with running(receiver, webhook_url="") as world:
        with pytest.raises(stripe.InvalidRequestError):
            world.api.refunds.list({"charge": "ch_nobody"})
        api = StripeApi(KEY, base=world.settings.base_url)
        assert api.refunds_of("ch_nobody") == []
        assert api.find_checkout_of(subscription="sub_nobody") is None
        assert api.find_invoice_of("pi_nobody") is None
        assert api.invoices_of_subscription("sub_nobody") == []
        assert api.payment_intent_of_invoice("in_nobody") is None
        assert (api.line_items_of("cs_nobody"), api.lines_of_invoice("in_nobody")) == ([], [])
    receiver.close()


class Answers(stripe.HTTPClient):
    """Gives one answer to every question, and keeps what was asked."""

    name = "answers"

    def __init__(self, status: int, body: object) -> None:
        super().__init__()
        self.asked: list[dict[str, list[str]]] = []
        self._answer = (orjson.dumps(body), status, {})

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> tuple[bytes, int, dict[str, str]]:
        self.asked.append(parse_qs(urlsplit(url).query))
        return self._answer

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "api_key_expired", StripeKeyRefused),
        (401, None, StripeKeyRefused),
        (400, "api_key_expired", StripeKeyRefused),
        (403, "more_permissions_required", PermissionMissing),
        (403, None, PermissionMissing),
        (400, "parameter_unknown", StripeRefused),
        (404, "resource_missing", StripeRefused),
        (429, "rate_limit", StripeUnreachable),
        (429, "lock_timeout", StripeFaulty),
        (409, None, StripeFaulty),
        (500, None, StripeFaulty),
    ],
)
def test_an_error_of_stripes_is_the_member_of_the_family_that_says_what_to_do(
    status: int, code: str | None, kind: type[StripeTrouble]
) -> None:
    error = {"error": {"type": "invalid_request_error", "message": "No", **({"code": code} if code else {})}}
    api = StripeApi("sk_test_answers", base="http://127.0.0.1:9", http_client=Answers(status, error))
    with pytest.raises(StripeTrouble) as said:
        api.refund({"payment_intent": "pi_1"}, key="rf_1")
    assert type(said.value) is kind


def test_what_is_no_answer_at_all_is_a_fault() -> None:
    api = StripeApi("sk_test_answers", base="http://127.0.0.1:9", http_client=Answers(502, "<html>Bad gateway</html>"))
    with pytest.raises(StripeFaulty):
        api.find_charge("ch_1")


def test_events_are_asked_for_by_twenty_types_at_a_time_and_come_newest_first() -> None:
    types = [f"kind.{number}" for number in range(38)]
    receiver = Endpoint()
    answers = Answers(200, {"object": "list", "url": "/v1/events", "has_more": False, "data": []})
    api = StripeApi("sk_test_answers", base="http://127.0.0.1:9", http_client=answers)
    assert list(api.events(since=LONG_AGO, types=types)) == []
    assert list(api.undelivered_events(since=LONG_AGO, types=types)) == []
    wanted = [
        sorted(text for name, texts in asked.items() if name.startswith("types") for text in texts)
        for asked in answers.asked
    ]
    assert [len(each) for each in wanted] == [20, 18, 20, 18]
    assert sorted(wanted[0] + wanted[1]) == sorted(types)
    assert [asked.get("delivery_success") for asked in answers.asked] == [None, None, ["false"], ["false"]]
    with running(receiver, webhook_url="") as world:
        world.subscribed()
        found = list(StripeApi(KEY, base=world.settings.base_url).events(since=LONG_AGO, types=tuple(HANDLERS)))
        moments = [event["created"] for event in found]
        assert moments == sorted(moments, reverse=True)
        assert {"customer.subscription.created", "invoice.paid"} <= {event["type"] for event in found} <= set(HANDLERS)
        with pytest.raises(StripeKeyRefused):
            StripeApi("pk_test_of_nobody", base=world.settings.base_url).find_charge("ch_1")
    receiver.close()


@pytest.mark.parametrize(
    ("status", "details", "lacks"),
    [
        ("active", {"active": {}}, []),
        ("pending", {"pending": {"missing_fields": ["head_office", "defaults.tax_code"]}}, ["head_office", "defaults.tax_code"]),
        ("pending", {}, ["head_office"]),
    ],
)  # fmt: skip
def test_what_stripe_says_that_it_lacks_for_tax_is_read(status: str, details: dict[str, Any], lacks: list[str]) -> None:
    answer = {"object": "tax.settings", "status": status, "status_details": details, "livemode": False}
    answers = Answers(200, answer)
    assert StripeAccount("sk_test_ours", base="http://127.0.0.1:9", http_client=answers).tax_lacks() == lacks
