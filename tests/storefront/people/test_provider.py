"""The identity provider on the pages: offered where one is configured, and what becomes of whoever comes back from one."""

from typing import Any

import pytest

from core.people.staff import Role
from storefront.sign_in import provider
from tests import colleagues
from tests.storefront.conftest import Visitor, labels, left_for, sound, words

SECTION = {
    "redirect_uri": "http://localhost:8501/oauth2callback", "cookie_secret": "x" * 32, "client_id": "pushcart",
    "client_secret": "secret", "server_metadata_url": "https://id.example.com/.well-known/openid-configuration",
    "google": {"client_id": "1", "client_secret": "2"},
}  # fmt: skip


def says(monkeypatch: pytest.MonkeyPatch, visitor: Visitor, email: str, **changes: Any) -> None:
    """A provider has just said this of the visitor."""
    said = {"email": email, "email_verified": True, "iat": int(visitor.shop.now().timestamp()), **changes}
    monkeypatch.setattr(provider, "_section", lambda: SECTION)
    monkeypatch.setattr(provider, "_claims", lambda: said)


def test_a_shop_without_one_offers_none(visitor: Visitor) -> None:
    assert not [label for label in labels(visitor.opens("overview", folder="owner_pages")) if "Sign in" in label]


def test_those_that_are_configured_are_offered_to_staff_alone(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_section", lambda: SECTION)
    monkeypatch.setattr(provider, "_claims", dict)
    shown = labels(visitor.opens("overview", folder="owner_pages"))
    assert [label for label in shown if "Sign in" in label] == ["Sign in with Google", "Sign in by id.example.com"]
    assert not [label for label in labels(visitor.opens("purchases")) if "Sign in" in label]


@pytest.mark.parametrize(("page", "folder"), [("shop", "buyer_pages"), ("overview", "owner_pages")])
def test_whoever_comes_back_goes_on_to_the_owner_s_side(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, page: str, folder: str
) -> None:
    tab = visitor.opens(page, folder=folder)
    says(monkeypatch, visitor, colleagues.OWNER)
    sound(tab.run())
    assert "/api/sign-in/" in left_for(tab)
    assert "?next=/owner" in left_for(tab)
    # Once: the same token does nothing more.
    assert left_for(sound(tab.run())) == ""
    assert not tab.warning


@pytest.mark.parametrize(
    ("email", "changes", "sentence"),
    [("eve@example.com", {}, "nobody who works here"), (colleagues.OWNER, {"email_verified": False}, "is verified")],
)
def test_whoever_is_not_let_in_is_told_so_and_can_still_use_a_code(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, email: str, changes: dict[str, Any], sentence: str
) -> None:
    says(monkeypatch, visitor, email, **changes)
    tab = visitor.opens("overview", folder="owner_pages")
    assert sentence in tab.warning[0].value
    assert [each.key for each in tab.text_input] == ["email"]
    assert left_for(visitor.opens("shop")) == ""


def test_what_is_left_of_an_earlier_sign_in_says_nothing(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, visitor, colleagues.OWNER, iat=int(visitor.shop.now().timestamp()) - 3600)
    tab = visitor.opens("overview", folder="owner_pages")
    assert not tab.warning
    visitor.works_as(Role.OWNER)
    assert "Back office" not in words(visitor.opens("overview", folder="owner_pages"))
