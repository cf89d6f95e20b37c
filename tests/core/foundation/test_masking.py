"""What is masked in texts: secrets that were read, whatever has the shape of one, and people's addresses."""

import json
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core.foundation import masking, signing
from core.foundation.settings import Settings
from core.kinds import license_keys
from tests.fakes import signed

# What may stand around a secret without belonging to it.
AROUND = st.sampled_from(
    ["", " ", "\n", "'", '"', "(", ")", "<", ">", ", ", "; ", ": ", "email='", '{"to": "', "said "]
)
LETTERS = st.characters(categories=("Ll", "Lu", "Lo", "Nd", "Mn"), exclude_characters="\x00")
LOCALS = st.text(st.one_of(LETTERS, st.sampled_from("!#$%&'*+-/=?^_`{|}~.")), min_size=4, max_size=30)
HOSTS = st.lists(st.text(LETTERS, min_size=2, max_size=12), min_size=1, max_size=3).map(".".join)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (("_known", set()), ("_forms", ()), ("_words", None)):
        monkeypatch.setattr(masking, name, value)
    return


@given(LOCALS, HOSTS, AROUND, AROUND)
def test_addresses_of_any_script_are_masked_wherever_they_stand(local: str, host: str, before: str, after: str) -> None:
    for at in ("@", "%40", "＠"):
        text = masking.masked(f"x {before}{local}{at}{host}{after} y")
        assert f"{local}{at}" not in text
        assert f"{at}{host}" not in text
        assert (text[:2], text[-2:]) == ("x ", " y")


@given(LOCALS, HOSTS)
def test_addresses_are_masked_as_url_json_and_python_write_them(local: str, host: str) -> None:
    address = f"{local}@{host}"
    for written in (quote(address), json.dumps(address), repr(address), repr(address.encode()), ascii(address)):
        bare = written.strip("b'\"")
        assert bare not in masking.masked(f"refused {written}: no such mailbox")


@given(st.text(min_size=8, max_size=40), AROUND, AROUND)
def test_a_secret_that_was_read_is_masked_in_every_way_of_writing_it(secret: str, before: str, after: str) -> None:
    masking.know(secret)
    for written in (secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]):
        assert written not in masking.masked(f"{before}{written}{after}") or written in f"{before}***{after}"


@given(st.integers(0, 400), st.sampled_from(["jane@example.com", "whsec_0123456789", "a secret with spaces"]))
def test_nothing_is_cut_in_half_where_a_long_text_is_shortened(at: int, secret: str) -> None:
    masking.know("a secret with spaces")
    text = masking.masked("y" * at + f" {secret} " + "z " * 400 + secret + " " + "y" * (400 - at), most=400)
    assert len(text) < 500
    for half in (secret[:6], secret[-6:]):
        assert half not in text


@pytest.mark.parametrize(
    "secret",
    [
        "sk_test_51Habcdef", "rk_live_51Habcdef", "sk_live_abc_def", "whsec_a+b/c=", "pi_3Pabc_secret_Qwertz12",
        "cs_test_a1_secret_fidabcdef", "Bearer pk_0123456789abcdefghjk", "Basic dXNlcjpwYXNz", "password=hunter2",
        "password='hunter two'", "smtp://mailer:hunter2@mail.example.com", "postgresql://shop:p@ss@db/pushcart",
        "v1=" + "0af" * 20, "v1,dGhpcyBpcyBhIHNpZ25hdHVyZQ==", "https://billing.stripe.com/p/session/test_YWNj",
        "/purchases?letter=InZlcnk", "/downloads/half-a-token", "/sign-in/half-a-token?next=/", "123456 is your code",
        "your code: 123 456", "jane@[192.168.1.1]", "jane&#64;example.com", "root@localhost",
    ],
)  # fmt: skip
def test_what_has_the_shape_of_a_secret_is_masked(secret: str) -> None:
    text = masking.masked(f"before {secret} after")
    assert text.startswith("before ")
    assert text.endswith("after")
    assert text != f"before {secret} after"
    for part in (
        "51H",
        "abc_def",
        "a+b",
        "Qwertz",
        "fid",
        "0123456789",
        "dXN",
        "hunter",
        "p@ss",
        "0af",
        "dGh",
        "YWN",
        "InZ",
    ):
        assert part not in text
    for part in ("half", "123", "456", "jane", "root@"):
        assert part not in text


def test_our_own_tokens_keys_and_signatures_are_masked() -> None:
    key = "a secret of sixteen letters"
    tokens = [signing.sign(key, purpose, ["dl_1", "gr_1"]) for purpose in signing.MAX_AGE]
    for secret in (*tokens, license_keys.make(), license_keys.make().lower()):
        assert secret not in masking.masked(f'GET "{secret}" 200')
    header = signed({"id": "evt_1"})[1]
    assert header.split("v1=")[1] not in masking.masked(f"{{'stripe-signature': '{header}'}}")


def test_ordinary_lines_stay_as_they_are() -> None:
    for line in (
        "receipt:ord_3k9v5t2m8p0q7r4s1w6x could not be sent in 880 attempts",
        'File "/srv/shop/core/stripe_events.py", line 123456, in _remember_and_apply',
        "UNIQUE constraint failed: orders.stripe_checkout_session_id [SQL: insert into orders (id) values (?)]",
        "2026-11-26T12:00:00.123456+00:00 amount 123456 eur at https://example.com/p/guide?id=1",
        "a basic understanding, and 2 @ 3 decorators such as @app.get",
        "0b4c6c1e-5d0f-4f5e-9a7b-2f1d3c4b5a69 sk_test_… and whsec_…",
    ):
        assert masking.masked(line) == line


def test_settings_make_their_secrets_known() -> None:
    Settings(
        database_url="postgresql://shop:p%2Fassword@db/shop", secret_key=SecretStr("sixteen letters and more"),
        smtp_url=SecretStr("smtps://mailer:another%20one@mail.example.com"),
        stripe_webhook_secret="whsec_first_secret,whsec_second_secret",
    )  # fmt: skip
    for secret in (
        "p/assword",
        "p%2Fassword",
        "sixteen+letters+and+more",
        "another one",
        "another%20one",
        "whsec_second",
    ):
        assert secret not in masking.masked(f"before {secret} after")


def test_a_short_secret_is_masked_as_a_word_and_blots_out_no_others() -> None:
    masking.know("shop", "x")
    assert masking.masked("shop workshop 'shop' x") == "*** workshop '***' x"


def test_an_error_that_cannot_say_what_it_is_has_a_description() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert masking.described(Mute()) == "Mute: "
    assert masking.described(ValueError("jane@example.com is known")) == "ValueError: [address] is known"


@pytest.mark.parametrize(
    "piece", ["a", "a.", "a@", "%40", "A2345-", "v1=", "://", "sk_test_", "password=", "code 123456 "]
)
def test_masking_a_megabyte_takes_no_time_to_speak_of(piece: str) -> None:
    text = piece * (1024 * 1024 // len(piece))
    begun = time.process_time()
    masking.masked(text)
    masking.masked(text.replace("a", "a "), most=20_000)
    assert time.process_time() - begun < 0.5
