"""Staff who sign in by an identity provider, in a browser: there and back, let in once, and out again."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.journeys import identity_provider
from tests.journeys.buyer import Buyer
from tests.journeys.identity_provider import CLIENT, SECRET, IdentityProvider
from tests.journeys.stand import CHECKOUT, LINES, ROOT, Stand

SECRETS = """
[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "a secret of thirty-two letters...."

[auth.berg]
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider.at_work() as found:
        yield found


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider, schema: Path) -> Iterator[Stand]:
    """A shop whose staff may come by this provider."""
    folder = tmp_path_factory.mktemp("with-provider")
    checkout = [name for name in CHECKOUT if name != ".streamlit"]
    stand = Stand(folder, checkout=checkout, schema=schema, sweep_seconds=3600)
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
    said = SECRETS.format(url=stand.url, provider=provider.url, client=CLIENT, secret=SECRET)
    (folder / ".streamlit" / "secrets.toml").write_text(said)
    try:
        stand.start("sandbox", "storefront")
        yield stand
        assert not stand.complaints()
    finally:
        stand.stop(*LINES)


@pytest.fixture
def owner(browser: Browser, stand: Stand) -> Iterator[Buyer]:
    found = Buyer(browser, stand, email="owner@example.com")
    yield found
    found.leaves()
    assert not found.troubles


def goes_to_provider(owner: Buyer) -> None:
    owner.opens("/owner")
    owner.sees_heading("Back office")
    owner.clicks(re.compile("Sign in with Berg"))


def test_an_owner_goes_there_and_comes_back_signed_in_and_leaves_for_good(
    owner: Buyer, provider: IdentityProvider
) -> None:
    provider.email, provider.verified = "Owner@example.com", True
    goes_to_provider(owner)
    owner.page.wait_for_url(re.compile("/owner$"))
    owner.sees_heading("Overview")
    owner.clicks("Sign out")
    owner.sees_heading("Back office")
    # What is left of it in the browser signs nobody in, here or in the shop.
    owner.opens("/")
    owner.opens("/owner")
    owner.sees_heading("Back office")
    goes_to_provider(owner)
    owner.sees_heading("Overview")


@pytest.mark.parametrize(
    ("email", "verified", "sentence"),
    [("eve@example.com", True, "nobody who works here"), ("owner@example.com", False, "is verified")],
)
def test_whoever_is_not_let_in_is_told_why(
    owner: Buyer, provider: IdentityProvider, email: str, verified: bool, sentence: str
) -> None:
    provider.email, provider.verified = email, verified
    goes_to_provider(owner)
    owner.page.wait_for_url(re.compile("/$"))
    owner.opens("/owner")
    owner.sees_heading("Back office")
    owner.sees(re.compile(sentence))
