"""Settings: with none the demo runs; each wrong one is named in a readable line, and no secret is printed."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.foundation import settings
from core.foundation.settings import SANDBOX_KEY, SANDBOX_WEBHOOK_SECRET, Settings

LIVE = {"STRIPE_SECRET_KEY": "sk_live_1", "STRIPE_WEBHOOK_SECRET": "whsec_live", "SECRET_KEY": "s" * 32}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def use(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_with_none_set_the_offline_demo_runs() -> None:
    chosen = settings.read()
    assert (chosen.demo, chosen.livemode) == (True, False)
    assert chosen.stripe_secret_key.get_secret_value() == SANDBOX_KEY
    assert [secret.get_secret_value() for secret in chosen.stripe_webhook_secret] == [SANDBOX_WEBHOOK_SECRET]
    assert (chosen.public_url, chosen.stripe_base) == ("http://localhost:8501", "http://127.0.0.1:12111")
    assert (chosen.mail_url, chosen.owners) == ("smtp://127.0.0.1:12125", ("owner@example.com",))


def test_addresses_follow_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, STOREFRONT_PORT="9501", SANDBOX_PORT="9111", SANDBOX_SMTP_PORT="9125")
    chosen = settings.read()
    assert (chosen.public_url, chosen.stripe_base) == ("http://localhost:9501", "http://127.0.0.1:9111")
    assert chosen.mail_url == "smtp://127.0.0.1:9125"


def test_with_a_key_of_ones_own_stripe_itself_is_asked_and_nobody_owns_the_shop_unasked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, STRIPE_SECRET_KEY="sk_test_mine", STRIPE_WEBHOOK_SECRET="whsec_mine")
    chosen = settings.read()
    assert (chosen.demo, chosen.stripe_base, chosen.owners, chosen.mail_url) == (False, None, (), "")


def test_several_secrets_and_owners_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, STRIPE_WEBHOOK_SECRET="whsec_new, whsec_old", OWNER_EMAILS="Ida@Berg.example, ole@berg.example,")
    chosen = settings.read()
    assert [secret.get_secret_value() for secret in chosen.stripe_webhook_secret] == ["whsec_new", "whsec_old"]
    assert chosen.owners == ("Ida@berg.example", "ole@berg.example")


@pytest.mark.parametrize(("key", "live"), [("rk_test_1", False), ("rk_live_1", True), ("sk_test_live_", False)])
def test_the_key_decides_the_mode(monkeypatch: pytest.MonkeyPatch, key: str, live: bool) -> None:
    use(monkeypatch, **LIVE | {"STRIPE_SECRET_KEY": key})
    assert settings.read().livemode is live


WRONG = [
    ({"STRIPE_SECRET_KEY": "pk_test_1"}, "STRIPE_SECRET_KEY: must be a secret or restricted key"),
    ({"STRIPE_SECRET_KEY": ""}, "STRIPE_SECRET_KEY: must be a secret or restricted key"),
    ({"STRIPE_WEBHOOK_SECRET": ""}, "STRIPE_WEBHOOK_SECRET: must be one or several secrets"),
    ({"STRIPE_WEBHOOK_SECRET": "whsec_a,"}, "STRIPE_WEBHOOK_SECRET: must be one or several secrets"),
    ({"APP_URL": "shop.example"}, "APP_URL: must be an address that begins with http"),
    ({"APP_URL": "ftp://shop.example"}, "APP_URL: must be an address that begins with http"),
    ({"APP_URL": "https://shop.example:web"}, "APP_URL: Port could not be cast to integer value"),
    ({"STRIPE_SECRET_KEY": "sk_live_"}, "STRIPE_SECRET_KEY: must be a secret or restricted key"),
    ({"STRIPE_API_BASE": "localhost:12111"}, "STRIPE_API_BASE: must be an address"),
    ({"OPS_WEBHOOK_URL": "ops"}, "OPS_WEBHOOK_URL: must be an address"),
    ({"CRM_WEBHOOK_URL": "crm"}, "CRM_WEBHOOK_URL: must be an address"),
    ({"DATABASE_URL": "mysql://localhost/shop"}, "DATABASE_URL: must begin with sqlite:/// or postgresql://"),
    ({"STORAGE_URL": "var/files"}, "STORAGE_URL: must be an address such as"),
    ({"X_ACCEL_REDIRECT": "sold-files"}, "X_ACCEL_REDIRECT: must be a path such as /sold-files"),
    ({"X_ACCEL_REDIRECT": "/"}, "X_ACCEL_REDIRECT: must be a path such as /sold-files"),
    ({"STRIPE_SECRET_KEY": "sk_test_1\n"}, "STRIPE_SECRET_KEY: must be a secret or restricted key"),
    ({"STRIPE_SECRET_KEY": "pk_live_1"}, "STRIPE_SECRET_KEY: must be a secret or restricted key"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY: must have at least 16 characters"),
    ({"SMTP_URL": "mail.example.com"}, "SMTP_URL: must be an address such as smtps://"),
    ({"SMTP_URL": "http://mail.example.com"}, "SMTP_URL: must be an address such as smtps://"),
    ({"SMTP_URL": "smtp://mail.example.com:mail"}, "SMTP_URL: must be an address such as smtps://"),
    ({"OWNER_EMAILS": "ida"}, "OWNER_EMAILS: holds no mail address: 'ida'"),
    ({"OWNER_EMAILS": "ida@berg.com, ole@berg..com"}, "OWNER_EMAILS: holds no mail address: 'ole@berg..com'"),
    ({"SUPPORT_EMAIL": ""}, "SUPPORT_EMAIL: holds no mail address: ''"),
    ({"SUPPORT_EMAIL": "name@gmail"}, "SUPPORT_EMAIL: holds no mail address"),
    ({"SUPPORT_EMAIL": "a@b@c.com"}, "SUPPORT_EMAIL: holds no mail address"),
    ({"SUPPORT_EMAIL": "help@mail.EXAMPLE.org."}, "SUPPORT_EMAIL: holds no mail address"),
    ({"SUPPORT_EMAIL": "help@shop.invalid"}, "SUPPORT_EMAIL: holds no mail address"),
    ({"SUPPORT_EMAIL": "help@localhost"}, "SUPPORT_EMAIL: holds no mail address"),
    ({"SUPPORT_EMAIL": "help@[127.0.0.1]"}, "SUPPORT_EMAIL: holds no mail address"),
    ({"MAIL_FROM": "Berg & Sons"}, "MAIL_FROM: holds no mail address: 'Berg & Sons'"),
    ({"MAIL_FROM": "A <a@berg.com>, B <b@berg.com>"}, "MAIL_FROM: holds no mail address"),
    ({"MAIL_FROM": "Berg <shöp@berg.com>"}, "MAIL_FROM: holds no mail address"),
    ({"SMTP_URL": "mail.example.com:587"}, "SMTP_URL: must be an address such as"),
    ({"SMTP_URL": "smtp+ssl://mail.example.com"}, "SMTP_URL: must be an address such as"),
    ({"MAIL_FROM": "Berg <shop@berg>"}, "MAIL_FROM: holds no mail address"),
    # Read as a server named "user", as one that has no name, and as one that never answers.
    ({"SMTP_URL": "smtp://user:25/w@mail.berg.com"}, "SMTP_URL: must be an address such as"),
    ({"SMTP_URL": "smtp://user:pass?w@mail.berg.com:587"}, "SMTP_URL: must be an address such as"),
    ({"SMTP_URL": "smtp://mail..berg.com"}, "SMTP_URL: must be an address such as"),
    ({"SMTP_URL": "smtp://mail berg.com"}, "SMTP_URL: must be an address such as"),
    ({"SMTP_URL": "smtp://user:p\xe4ss@berg.com"}, "SMTP_URL: has a user or a password that is not of ASCII"),
    ({"SMTP_URL": "smtp://user:p%C3%A4ss@berg.com"}, "SMTP_URL: has a user or a password that is not of ASCII"),
    ({"SMTP_URL": "smtps://[::1"}, "SMTP_URL: must be an address such as"),
    ({"SMTP_URL": "smtps://berg.com:99999"}, "SMTP_URL: must be an address such as"),
    ({"APP_URL": "https://shop berg.com"}, "APP_URL: must be an address that begins with http"),
    ({"APP_URL": "https://*.berg.com"}, "APP_URL: must be an address that begins with http"),
    ({"APP_URL": "https://shop.berg.com\\shop"}, "APP_URL: must be an address that begins with http"),
    ({"APP_URL": "https://a.com,https://b.com"}, "APP_URL: "),
    ({"OPS_WEBHOOK_URL": "https://ops.berg.com/a b"}, "OPS_WEBHOOK_URL: must be an address"),
    ({"SENTRY_DSN": "https://key@sentry.io:port/1"}, "SENTRY_DSN: must be the DSN of a project"),
    ({"SENTRY_DSN": "https://key@sentry.io/project"}, "SENTRY_DSN: must be the DSN of a project"),
    ({"SENTRY_DSN": "https://[key@sentry.io/1"}, "SENTRY_DSN: must be the DSN of a project"),
    ({"SENTRY_DSN": "ftp://key@sentry.io/1"}, "SENTRY_DSN: must be the DSN of a project"),
    ({"DATABASE_URL": "sqlite:///var/shop.db?mode=ro"}, "DATABASE_URL: must be sqlite:/// and a file"),
    ({"DATABASE_URL": "postgresql://db:port/shop"}, "DATABASE_URL: must be such as postgresql://user:password@host"),
    (
        {"DATABASE_URL": "postgresql://shop:a#b@db:5432/shop"},
        "DATABASE_URL: must be such as postgresql://user:password@host",
    ),
    ({"REDIS_URL": "redis://localhost:port"}, "REDIS_URL: must begin with redis:// or rediss:// and have a number"),
    ({"REDIS_URL": "redis://localhost/counts"}, "REDIS_URL: must begin with redis:// or rediss:// and have the number"),
    ({"STORAGE_URL": "ftp://berg.com/files"}, "STORAGE_URL: must be an address such as"),
    ({"STORAGE_URL": "s3://"}, "STORAGE_URL: must be an address such as"),
    ({"STORAGE_URL": "file://"}, "STORAGE_URL: must be an address such as"),
    ({"STRIPE_WEBHOOK_SECRET": "whsec_one whsec_two"}, "STRIPE_WEBHOOK_SECRET: must be one or several secrets"),
    ({"SHOP_NAME": "Berg\nSons"}, "SHOP_NAME: must be a name in one line"),
    ({"GRACE_DAYS": "inf"}, "GRACE_DAYS: "),
    ({"RETENTION_EVENTS_DAYS": "1e12"}, "RETENTION_EVENTS_DAYS: "),
    ({"WORKER_LOST_SECONDS": "inf"}, "WORKER_LOST_SECONDS: "),
    ({"SWEEP_SECONDS": "nan"}, "SWEEP_SECONDS: "),
    ({"STOREFRONT_PORT": "http"}, "STOREFRONT_PORT: "),
    ({"WEBHOOK_PORT": "70000"}, "WEBHOOK_PORT: "),
    ({"WORKER": "maybe"}, "WORKER: Input should be '' or 'embedded'"),
    ({"SWEEP_SECONDS": "0"}, "SWEEP_SECONDS: "),
]


@pytest.mark.parametrize(("variables", "line"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_variable_is_named_in_a_readable_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], line: str
) -> None:
    use(monkeypatch, **variables)
    with pytest.raises(SystemExit) as refusal:
        settings.read()
    first, *lines = str(refusal.value).splitlines()
    assert first == "Pushcart cannot start, these settings need a look:"
    assert len(lines) == 1
    assert lines[0].startswith(f"  {line}")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTPS://Shop.Berg.COM/", "https://shop.berg.com"),
        ("https://shop.berg.com:443", "https://shop.berg.com"),
        ("http://shop.berg.com:80/", "http://shop.berg.com"),
        ("https://shop.berg.com:8443", "https://shop.berg.com:8443"),
        ("https://shop.berg.com.", "https://shop.berg.com"),
        ("https://k\xe4se.de", "https://xn--kse-qla.de"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        (" https://shop.berg.com\n", "https://shop.berg.com"),
    ],
)
def test_the_shops_address_is_kept_as_browsers_say_it(monkeypatch: pytest.MonkeyPatch, given: str, kept: str) -> None:
    """A browser's Host and Origin are compared with it, and whether cookies are for https alone hangs on its beginning."""
    use(monkeypatch, APP_URL=given)
    assert settings.read().public_url == kept


def test_no_mistake_in_an_address_tells_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {
        "SMTP_URL": "smtp://ida:hidden@berg.com:port", "DATABASE_URL": "postgresql://ida:hid#den@berg.com:port/shop",
        "REDIS_URL": "redis://:hidden@berg.com:port", "SENTRY_DSN": "https://hidden@[berg.com/1",
        "DATABASE_DIRECT_URL": "mysql://ida:hidden@berg.com/shop", "OPS_WEBHOOK_URL": "https://ida:hidden@a..b",
    }  # fmt: skip
    use(monkeypatch, **addresses)
    with pytest.raises(SystemExit) as refusal:
        settings.read()
    assert len(str(refusal.value).splitlines()) == 1 + len(addresses)
    assert "hid" not in str(refusal.value)


def test_all_mistakes_are_named_at_once_and_no_secret_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, STRIPE_SECRET_KEY="pk_hidden", STRIPE_WEBHOOK_SECRET="also_hidden", APP_URL="nowhere")
    with pytest.raises(SystemExit) as refusal:
        settings.read()
    assert len(str(refusal.value).splitlines()) == 4
    assert "hidden" not in str(refusal.value)
    with pytest.raises(ValidationError) as mistakes:
        Settings()
    assert "hidden" not in str(mistakes.value)


def test_settings_do_not_print_their_secrets() -> None:
    hidden = {
        "secret_key": "hidden" * 4,
        "stripe_webhook_secret": "whsec_hidden",
        "stripe_secret_key": "sk_test_hidden",
    }
    assert "hidden" not in repr(Settings(**hidden))


def test_the_demos_secret_is_made_once_and_kept_to_its_owner(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = settings.read().signing_key, settings.read().signing_key
    assert first == second
    assert len(first) > 30
    assert os.stat("var/secret_key").st_mode & 0o077 == 0


@pytest.mark.parametrize("left", ["", "\n", "half a key"])
def test_a_kept_secret_that_was_lost_signs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left: str) -> None:
    """A full disk or a lost write left the file: with an empty key anybody could sign themselves in as the owner."""
    monkeypatch.chdir(tmp_path)
    Path("var").mkdir()
    Path("var/secret_key").write_text(left)
    with pytest.raises(SystemExit, match="SECRET_KEY: is not set, and var/secret_key is empty or was cut off"):
        settings.read().signing_key  # noqa: B018 - it is made when it is asked for
    assert Path("var/secret_key").read_text() == left


def test_proxies_are_addresses_or_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [str(each) for each in settings.read().trusted_proxies] == ["127.0.0.0/8", "::1/128"]
    use(monkeypatch, TRUSTED_PROXIES="10.0.0.0/8, 2001:db8::7,")
    assert [str(each) for each in settings.read().trusted_proxies] == ["10.0.0.0/8", "2001:db8::7/128"]
    use(monkeypatch, TRUSTED_PROXIES="everybody")
    with pytest.raises(SystemExit, match="TRUSTED_PROXIES: must be addresses or networks"):
        settings.read()


def test_rate_limits_are_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.read().rate_limits == "on"
    use(monkeypatch, RATE_LIMITS="maybe")
    with pytest.raises(SystemExit, match="RATE_LIMITS"):
        settings.read()


@pytest.mark.parametrize(
    ("address", "ok"),
    [
        ("https://shop.example.com", True), ("https://shop.example.com/", True), ("http://localhost:8501", True),
        ("https://example.com/shop", False), ("https://example.com/?shop", False), ("https://u:p@example.com", False),
    ],
)  # fmt: skip
def test_the_shop_stands_at_the_root_of_a_host(monkeypatch: pytest.MonkeyPatch, address: str, ok: bool) -> None:
    use(monkeypatch, APP_URL=address)
    if ok:
        assert settings.read().public_url == address.rstrip("/")
        return
    with pytest.raises(SystemExit, match=r"APP_URL: must be a scheme and a host name alone, such as https://shop"):
        settings.read()


def test_a_platform_says_in_port_where_the_storefront_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, PORT="9700")
    assert settings.read().public_url == "http://localhost:9700"
    use(monkeypatch, STOREFRONT_PORT="9501")
    assert settings.read().public_url == "http://localhost:9501"
    monkeypatch.delenv("STOREFRONT_PORT")
    # Honcho gives each process another one, and none of them listens there.
    use(monkeypatch, HONCHO_PROCESS_NAME="worker.1")
    assert settings.read().public_url == "http://localhost:8501"


def test_redis_is_said_by_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, REDIS_URL="localhost:6379")
    with pytest.raises(SystemExit, match="REDIS_URL: must begin with redis://"):
        settings.read()


def test_a_question_needs_both_of_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, CHALLENGE="turnstile", CHALLENGE_SITE_KEY="site")
    with pytest.raises(SystemExit, match="CHALLENGE: needs CHALLENGE_SITE_KEY and CHALLENGE_SECRET_KEY"):
        settings.read()
    use(monkeypatch, CHALLENGE_SECRET_KEY="secret")
    assert settings.read().challenge == "turnstile"
