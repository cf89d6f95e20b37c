"""What a key of one's own asks of a shop's settings: each remnant of the demo in a sentence, and all of them at once."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from core.foundation.settings import SANDBOX_KEY, SANDBOX_WEBHOOK_SECRET, Settings
from core.owner import live_mode

LIVE: dict[str, str] = {
    "stripe_secret_key": "sk_live_1", "stripe_webhook_secret": "whsec_of_a_shop", "secret_key": "s" * 32,
    "shop_name": "Berg & Sons", "support_email": "help@berg-and-sons.com", "owner_emails": "ida@berg-and-sons.com",
    "mail_from": "Berg & Sons <shop@berg-and-sons.com>", "app_url": "https://shop.berg-and-sons.com",
    "smtp_url": "smtps://user:password@mail.berg-and-sons.com", "storage_url": "file:///srv/shop/files",
}  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without a demo, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def subjects(**changes: str) -> list[str]:
    """The variables that are complained of."""
    return [mistake.subject for mistake in live_mode.mistakes(Settings(**changes))]  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1"])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"owner_emails": "ida@berg-and-sons.com, ole@other.org"},
        {"mail_from": "shop@berg-and-sons.com"},
        {"smtp_url": "smtp://127.0.0.1:25"},
        {"smtp_url": "smtp://localhost"},
        {"smtp_url": "smtp+tls://mail:587"},
        {"app_url": "https://93.184.215.14"},
        {"app_url": "https://contest.example-shop.com/"},
        {"storage_url": "s3://bucket/files"},
        {"stripe_webhook_secret": "whsec_new, whsec_old"},
    ],
)
def test_a_shop_that_is_all_its_own_may_take_real_money(key: str, change: dict[str, str]) -> None:
    assert subjects(**LIVE | change | {"stripe_secret_key": key}) == []


REMNANTS = [
    ("SHOP_NAME", "shop_name", [None, "Plainwork", " plainwork ", "", "  "]),
    (
        "SUPPORT_EMAIL", "support_email",
        [None, "hello@plainwork.example", "HELLO@Plainwork.Example", "help@shop.example", "help@example.com",
         "help@mail.EXAMPLE.org", "help@shop.test"],
    ),
    ("OWNER_EMAILS", "owner_emails", [None, "", "owner@example.com", "ida@berg-and-sons.com, owner@example.com"]),
    ("MAIL_FROM", "mail_from", [None, "", "Plainwork <hello@plainwork.example>", "Berg <shop@berg.test>"]),
    (
        "APP_URL", "app_url",
        [None, "http://shop.berg-and-sons.com", "https://localhost", "https://localhost.:8501", "https://shop.localhost",
         "https://127.0.0.1", "https://127.1", "https://2130706433", "https://[::1]", "https://[::ffff:127.0.0.1]",
         "https://0.0.0.0", "https://10.0.0.4", "https://192.168.1.7", "https://169.254.1.1", "https://[fd00::1]",
         "https://shop", "https://shop.local", "https://shop.internal", "https://shop.example", "https://www.example.com",
         "https://shop.test", "https://shop.invalid"],
    ),
    (
        "SMTP_URL", "smtp_url",
        [None, "smtp://127.0.0.1:12125", "smtp://localhost:12125", "smtp://[::1]:12125", "smtp://127.1:12125",
         "smtps://mail.example.com", "smtp://mail.invalid"],
    ),
    ("SECRET_KEY", "secret_key", [None]),
    (
        "STRIPE_WEBHOOK_SECRET", "stripe_webhook_secret",
        [None, SANDBOX_WEBHOOK_SECRET, f"whsec_new,{SANDBOX_WEBHOOK_SECRET}", f"{SANDBOX_WEBHOOK_SECRET}, whsec_new"],
    ),
    ("RATE_LIMITS", "rate_limits", ["off"]),
    ("STRIPE_API_BASE", "stripe_api_base", ["http://127.0.0.1:12111", "https://api.stripe.com"]),
    ("STORAGE_URL", "storage_url", [None, "file://var/files", "file://var/files/", "memory://"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "field", "value"),
    [(variable, field, value) for variable, field, values in REMNANTS for value in values],
)
def test_each_remnant_of_the_demo_keeps_a_live_shop_closed(variable: str, field: str, value: str | None) -> None:
    changed = {name: text for name, text in LIVE.items() if name != field}
    found = subjects(**changed if value is None else changed | {field: value})
    assert set(found) == {variable}


def test_the_sandboxs_mailbox_is_known_on_whatever_port_it_stands() -> None:
    moved = LIVE | {"sandbox_smtp_port": "2525", "smtp_url": "smtp://127.0.0.1:2525"}
    assert subjects(**moved) == ["SMTP_URL"]


def test_the_secret_and_the_files_that_the_demo_made_here_are_not_a_live_shops(tmp_path: Path) -> None:
    made = Settings().signing_key
    assert subjects(**LIVE | {"secret_key": made}) == ["SECRET_KEY"]
    assert subjects(**LIVE | {"storage_url": f"file://{tmp_path}/var/files"}) == ["STORAGE_URL"]


def test_a_folder_that_this_user_may_not_look_into_holds_no_secret_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied", "var/secret_key")

    # As it is for whoever types a command where somebody else is at home. Root may look anywhere, so a test can't be kept out.
    monkeypatch.setattr(
        live_mode, "KEPT_SECRET", SimpleNamespace(is_file=refused, read_text=refused, parent=Path("var"))
    )
    assert subjects(**LIVE) == []


def test_all_that_is_left_of_the_demo_is_named_at_once_and_no_secret_with_it() -> None:
    found = live_mode.mistakes(Settings(stripe_secret_key="sk_live_hidden"))  # type: ignore[arg-type]
    expected = {variable for variable, field, values in REMNANTS if None in values}
    assert {mistake.subject for mistake in found} == expected
    assert all("hidden" not in mistake.sentence and SANDBOX_WEBHOOK_SECRET not in mistake.sentence for mistake in found)
    assert all("\n" not in mistake.sentence for mistake in found)


@pytest.mark.parametrize("key", ["sk_test_of_a_shop", "rk_test_of_a_shop"])
def test_a_test_key_of_ones_own_bears_the_demos_defaults_but_never_its_webhook_secret(key: str) -> None:
    assert subjects(stripe_secret_key=key, stripe_webhook_secret="whsec_of_a_shop") == []
    assert subjects(stripe_secret_key=key) == ["STRIPE_WEBHOOK_SECRET"]
    both = f"whsec_of_a_shop, {SANDBOX_WEBHOOK_SECRET}"
    assert subjects(stripe_secret_key=key, stripe_webhook_secret=both) == ["STRIPE_WEBHOOK_SECRET"]


@pytest.mark.parametrize(
    ("base", "refused"),
    [
        ("http://127.0.0.1:9111", False),
        ("http://localhost:9111", False),
        ("http://sandbox:12111", False),
        ("http://10.1.2.3:12111", False),
        ("http://sandbox.example.net", False),
        ("https://api.stripe.com", True),
        ("http://93.184.215.14", True),
    ],
)
def test_with_the_key_that_everybody_knows_nobody_elsewhere_says_what_is_paid(base: str, refused: bool) -> None:
    assert subjects(stripe_secret_key=SANDBOX_KEY, stripe_api_base=base) == (["STRIPE_API_BASE"] if refused else [])
