"""What of Stripe's objects is a person's, and what stays of them."""

import pytest

from core.gateway import personal_parts

HER = {"name": "Nora", "email": "n@b.com", "phone": "1", "address": {"line1": "Storgatan", "country": "SE"}}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"customer_details": {**HER, "tax_ids": [{"value": "SE1"}]}},
         {"customer_details": {"address": {"country": "SE"}, "tax_ids": [{"value": "SE1"}]}}),
        ({"billing_details": HER, "amount": 5}, {"billing_details": {"address": {"country": "SE"}}, "amount": 5}),
        ({"object": "customer", "id": "cus_1", **HER}, {"object": "customer", "id": "cus_1", "address": {"country": "SE"}}),
        ({"data": [{"customer_email": "n@b.com", "name": "Guide"}]}, {"data": [{"name": "Guide"}]}),
        ({"payment_method_details": {"type": "card", "card": {"last4": "4242", "country": "SE", "brand": "visa"}}},
         {"payment_method_details": {"type": "card", "card": {"country": "SE", "brand": "visa"}}}),
        ({"shipping": HER, "customer_address": None}, {"customer_address": None}),
        ({"cancellation_details": {"reason": "x", "feedback": "unused", "comment": "I am ill."}},
         {"cancellation_details": {"reason": "x", "feedback": "unused"}}),
        ({"customer_address": {"city": "Umeå", "country": "SE"}}, {"customer_address": {"country": "SE"}}),
    ],
)  # fmt: skip
def test_who_somebody_is_goes_and_what_the_books_need_stays(said: object, kept: object) -> None:
    assert personal_parts.removed(said) == kept
    assert personal_parts.removed(kept) == kept
