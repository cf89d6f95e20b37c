"""Whatever is sent to the sidecar, as its document describes it or not quite so, is answered, and never as a fault of its own."""

import re
from dataclasses import replace

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from core.foundation import signing
from core.foundation.signing import SIGN_IN_COOKIE
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.fakes import FakeStripe
from tests.webhook.conftest import TestClient
from webhook.app import create_app

# What is sent is the same in each run.
FEW = settings(
    max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate], database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(create_app().openapi()).get_all_operations()]


@pytest.fixture
def busy(shop: Shop, stripe: FakeStripe) -> TestClient:
    """An owner at the sidecar of a shop in which something was sold, and whose limits nobody meets."""
    builders.bought(shop, stripe)
    unlimited = replace(shop, settings=shop.settings.model_copy(update={"rate_limits": "off"}))
    client = TestClient(create_app(unlimited), raise_server_exceptions=False, follow_redirects=False)
    who = signing.sign(shop.signing_key, signing.SIGN_IN, colleagues.works_as(shop, Role.OWNER))
    client.cookies.set(SIGN_IN_COOKIE, who)
    return client


@pytest.mark.parametrize(("mode", "most"), [(GenerationMode.POSITIVE, 25), (GenerationMode.NEGATIVE, 10)], ids=str)
def test_nothing_that_is_sent_is_a_fault_of_the_server(busy: TestClient, mode: GenerationMode, most: int) -> None:
    asked = 0
    for operation in OPERATIONS:

        @FEW
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Case) -> None:
            sent = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
            answer = busy.request(str(sent.method), str(sent.url), content=sent.body, headers=dict(sent.headers))
            assert answer.status_code < 500, (sent.method, sent.url, sent.body, answer.status_code, answer.text)

        try:
            send()
        except Unsatisfiable:  # what takes any text at all is never asked wrongly
            continue
        asked += 1
    assert asked >= most


def test_what_no_text_has_is_answered_in_an_address_too(busy: TestClient) -> None:
    for path, methods in busy.get("/openapi.json").json()["paths"].items():
        for strange in ("%00", "%ED%A0%80", "%FF", "..", "%2E%2E%2F%2E%2E", "%0D%0A", "a" * 5000):
            address = re.sub(r"\{\w+\}", strange, path)
            for method, said in methods.items():
                named = "&".join(
                    f"{each['name']}={strange}" for each in said.get("parameters", []) if each["in"] == "query"
                )
                answer = busy.request(method.upper(), f"{address}?{named}")
                assert answer.status_code < 500, (method, address, named, answer.text)


def test_the_document_names_each_call_and_says_what_a_licence_is_asked_with(busy: TestClient) -> None:
    said = busy.get("/openapi.json").json()
    assert {"/licenses/validate", "/checkout", "/products", "/.well-known/jwks.json"} <= set(said["paths"])
    forms = said["paths"]["/licenses/validate"]["post"]["requestBody"]["content"]
    assert set(forms) == {"application/json", "application/x-www-form-urlencoded"}
    assert set(forms["application/json"]["schema"]["required"]) == {"key", "product"}
