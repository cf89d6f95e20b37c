"""The shop's door to Stripe: lists of more than one page, and plans that were billed nothing."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import stripe

from core.foundation.errors import KeyLacksPermission, StripeRefused, StripeUnreachable
from core.gateway.client import StripeApi
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


@pytest.mark.parametrize(("status", "refused"), [(403, KeyLacksPermission), (401, StripeRefused), (400, StripeRefused)])
def test_a_key_that_lacks_a_permission_is_told_from_other_refusals(status: int, refused: type[Exception]) -> None:
    door = Refusal(status, {"type": "invalid_request_error", "message": LACKING})
    api = StripeApi("rk_test_1", base="http://127.0.0.1:9", http_client=door)
    with pytest.raises(StripeRefused, match="does not have the required permissions") as told:
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
        world.api.customers.update(plan.customer, {"balance": -1000})
        world.act("renew", plan.id)
        covered, _ = world.api.invoices.list({"subscription": plan.id}).data
        assert (covered.amount_paid, api.payment_intent_of_invoice(covered.id)) == (0, None)
        assert api.payment_intent_of_invoice(invoice.id) == first
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
