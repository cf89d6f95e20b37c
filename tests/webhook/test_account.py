"""An account over HTTP: all that is held about whoever is signed in, and nothing for anybody else."""

from core.foundation import signing
from core.foundation.signing import SIGN_IN_COOKIE
from core.shop import Shop
from tests import builders
from tests.colleagues import signed_in
from tests.fakes import FakeStripe
from tests.webhook.conftest import TestClient


@builders.on_sqlite
def test_the_data_of_whoever_is_signed_in_is_a_file(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    order_id = builders.bought(shop, stripe)
    assert client.get("/account/data.json").status_code == 403
    for email, orders in (("nora@lindqvist.example", [order_id]), ("ole@berg.example", [])):
        cookie = signing.sign(shop.signing_key, signing.SIGN_IN, signed_in(shop, email))
        client.cookies.set(SIGN_IN_COOKIE, cookie)
        answer = client.get("/account/data.json")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
        assert answer.headers["cache-control"] == "no-store"
        assert [row["id"] for row in answer.json()["orders"]] == orders
