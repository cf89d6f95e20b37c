"""What a question about a licence costs: one transaction, and no more statements than it needs."""

import pytest
from starlette.testclient import TestClient

from core.shop import Shop
from tests.core.licensing.asking import App, sold
from tests.core.test_statements import statements
from tests.fakes import FakeStripe
from webhook.app import create_app

# The hit of the limit by address, the licence with its grant and its places, and the machine that is seen. Activating an
# existing machine: the limits by address and by key, the licence, the machine as it is, and as it is from now on.
MOST = {"validate": 3, "activate": 5, "deactivate": 3, "offline": 8}


@pytest.mark.parametrize("call", MOST)
def test_a_call_takes_one_transaction_and_few_statements(shop: Shop, stripe: FakeStripe, call: str) -> None:
    app = App(TestClient(create_app(shop)), sold(shop, stripe)[1])
    app.ask("activate", fingerprint="fp")
    shop.now.pass_(hours=1)  # type: ignore[attr-defined]
    with statements(shop.engine) as heard:
        assert app.code(call, fingerprint="fp") == "VALID"
    assert [each for each in heard if each in ("BEGIN", "COMMIT", "ROLLBACK")] == ["BEGIN", "COMMIT"]
    asked = [each for each in heard if each not in ("BEGIN", "COMMIT", "begin immediate")]
    assert len(asked) <= MOST[call], "\n".join(asked)
