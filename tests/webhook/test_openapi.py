"""Whatever is sent to the sidecar, as its document describes it or not quite so, is answered, and never as a fault of its own."""

import re
from contextlib import suppress
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any

import pytest
import requests
import schemathesis
from anyio.from_thread import BlockingPortal
from hypothesis import Phase, given, settings
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

FEW = settings(max_examples=6, phases=[Phase.generate])
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(create_app().openapi()).get_all_operations()]


@pytest.fixture
def busy(shop: Shop, stripe: FakeStripe, portal: BlockingPortal) -> TestClient:
    """An owner at the sidecar of a shop in which something was sold, and whose limits nobody meets."""
    builders.bought(shop, stripe)
    unlimited = replace(shop, settings=shop.settings.model_copy(update={"rate_limits": "off"}))
    client = TestClient(create_app(unlimited), raise_server_exceptions=False, follow_redirects=False)
    client.portal = portal
    who = signing.sign(shop.signing_key, signing.SIGN_IN, colleagues.works_as(shop, Role.OWNER))
    client.cookies.set(SIGN_IN_COOKIE, who)
    return client


def _takes_any_text(operation: Any) -> bool:
    """Whether it is never asked wrongly: its address alone says what it is about, in any letters."""
    raw = operation.definition.raw
    said = [(each["in"], {name for name in each["schema"] if name != "title"}) for each in raw.get("parameters", [])]
    return "requestBody" not in raw and all(each == ("path", {"type"}) for each in said)


@cache
def _cases(mode: GenerationMode) -> list[list[Case]]:
    """What each operation is asked, on both databases alike."""
    rightly = mode is GenerationMode.POSITIVE
    return [*filter(None, (_drawn(each, mode) for each in OPERATIONS if rightly or not _takes_any_text(each)))]


def _drawn(operation: Any, mode: GenerationMode) -> list[Case]:
    cases: list[Case] = []

    @FEW
    @given(case=operation.as_strategy(generation_mode=mode))
    def draw(case: Case) -> None:
        cases.append(case)

    with suppress(Unsatisfiable):
        draw()
    return cases


@pytest.mark.parametrize(("mode", "most"), [(GenerationMode.POSITIVE, 25), (GenerationMode.NEGATIVE, 10)], ids=str)
def test_nothing_that_is_sent_is_a_fault_of_the_server(busy: TestClient, mode: GenerationMode, most: int) -> None:
    asked = _cases(mode)
    for case in chain(*asked):
        sent = requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()
        answer = busy.request(str(sent.method), str(sent.url), content=sent.body, headers=dict(sent.headers))
        # On a busy machine it is long ago that the worker, which these tests have none of, was heard of.
        unready = answer.status_code == 503 and str(sent.path_url).startswith("/readyz")
        assert unready or answer.status_code < 500, (sent.method, sent.url, sent.body, answer.status_code, answer.text)
    assert len(asked) >= most


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
