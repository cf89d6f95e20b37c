"""The identity provider on the pages: offered where one is configured, and what becomes of whoever comes back from one."""

from pathlib import Path
from typing import Any

import pytest
import streamlit as st

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


def test_whom_a_provider_did_not_let_in_is_told_so(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_section", lambda: SECTION)
    monkeypatch.setattr(provider, "_claims", dict)
    tab = visitor.opens("overview", folder="owner_pages", provider="failed")
    assert "did not let you in" in tab.warning[0].value


WHOLE = """
[auth]
redirect_uri = "https://shop.example/oauth2callback"
cookie_secret = "sixteen letters, or more"

[auth.berg]
client_id = "1"
client_secret = "2"
server_metadata_url = "https://id.example/.well-known/openid-configuration"
"""


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one file in which Streamlit looks for providers."""
    path = tmp_path / "secrets.toml"
    told = st.get_option
    monkeypatch.setattr(st, "get_option", lambda name: [str(path)] if name == "secrets.files" else told(name))
    return path


def test_a_file_that_is_whole_or_not_there_or_about_something_else_keeps_nobody_from_starting(secrets: Path) -> None:
    assert provider.mistakes("https://shop.example") == []
    for text in (WHOLE, "[connections]\nurl = 1", WHOLE + "[auth.client_kwargs]\nprompt = 'login'"):
        secrets.write_text(text)
        assert provider.mistakes("https://shop.example") == []


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("[auth]", "[auth", "can't be read: "),
        ("[auth]", "[auth]\nclient_id = '3'", "[auth] lacks client_secret, server_metadata_url"),
        ("https://shop.example/oauth2callback", "https://shop.example/", "must be https://shop.example/oauth2callback"),
        ("sixteen letters, or more", "a long random text", "cookie_secret must be 16 characters or more"),
        ("sixteen letters, or more", "short", "cookie_secret must be 16 characters or more"),
        ('client_secret = "2"', "", "[auth.berg] lacks client_secret"),
        ("auth.berg", "auth.the_berg", "[auth.the_berg]: a provider's name has no underscore"),
        ("[auth.berg]", "[berg]", "[auth] names no provider"),
        (WHOLE, "auth = 1", "auth must be a section"),
    ],
)
def test_what_keeps_a_provider_from_letting_anybody_in_is_said_at_the_start(
    secrets: Path, before: str, after: str, sentence: str
) -> None:
    secrets.write_text(WHOLE.replace(before, after))
    [mistake] = provider.mistakes("https://shop.example")
    assert (mistake.subject, sentence in mistake.sentence) == (str(secrets), True), mistake


def test_the_library_that_it_needs_is_named_where_it_is_missing(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.write_text(WHOLE)
    monkeypatch.setattr(provider, "find_spec", lambda _name: None)
    [mistake] = provider.mistakes("https://shop.example")
    assert "--extra oidc" in mistake.sentence
