"""Codes and letters: what they open, how often, for how long, and what a late one still knows."""

import contextlib
from datetime import timedelta

import pytest

from core.foundation.errors import BadInput, LinkExpired, LinkInvalid, TooManyTries
from core.foundation.records import new_id
from core.kinds import license_keys
from core.messages import contents
from core.people import codes, sign_in
from core.people.codes import SignInCode
from core.shop import Shop
from core.traffic import rate_limits
from core.traffic.counting import Sender
from tests import builders
from tests.conftest import Clock
from tests.fakes import FakeStripe

NORA = "nora@lindqvist.example"


def somebody() -> str:
    """An address that asked for nothing yet: asking is limited for each."""
    return f"{new_id('nora')}@lindqvist.example"


def a_code(shop: Shop, email: str) -> str:
    with shop.transaction() as session:
        code = codes.make(session, email, now=shop.now())
    return codes.digits_of(code.id, signing_key=shop.signing_key)


def test_a_receipt_carries_what_was_bought_the_key_and_the_way_to_the_library(shop: Shop, stripe: FakeStripe) -> None:
    order_id = builders.bought(shop, stripe, ("guide-eur", 2), "kit-eur", "clinic-eur")
    letter = contents.about_order(shop, order_id)
    assert (letter.email, letter.total.amount, letter.number) == (NORA, 27700, builders.order(shop, order_id).number)
    told = [(line.name, line.quantity, line.total.amount) for line in letter.lines]
    assert told == [("Field Guide", 2, 5800), ("Template Kit", 1, 7900), ("Clinic", 1, 14000)]
    guide, kit, clinic = letter.deliveries
    assert clinic.starts_at is not None
    assert [file.name for file in guide.files] == ["guide für alle.toml"]
    [license] = kit.licenses
    assert license_keys.is_well_formed(license.key)
    assert (license.most, license.machines, license.hint) == (3, (), license_keys.hint(license.key))
    assert letter.library_url.startswith("http://localhost:8501/purchases?letter=")
    assert NORA not in letter.library_url


def test_a_code_signs_in_once_whatever_the_capitals(shop: Shop) -> None:
    email = somebody()
    digits = a_code(shop, email)
    assert len(digits) == 6
    ticket = sign_in.by_code(shop, email.upper(), f" {digits[:3]}\u00a0{digits[3:]} ")
    with shop.reading() as session:
        cookie = sign_in.redeem(session, ticket, ip="127.0.0.1", signing_key=shop.signing_key, now=shop.now())
        assert sign_in.who(session, cookie, now=shop.now()) == email
    with pytest.raises(LinkExpired):
        sign_in.by_code(shop, email, digits)


@pytest.mark.parametrize("copied", ["{} is your Shop 24 code", " {} ", "Code:{}.", "{}\n\nIt works for 10 minutes."])
def test_a_code_is_found_in_the_line_that_was_copied_with_it(shop: Shop, copied: str) -> None:
    email = somebody()
    assert sign_in.by_code(shop, email, copied.format(a_code(shop, email)))


def test_of_two_codes_in_what_was_copied_none_is_guessed(shop: Shop) -> None:
    email = somebody()
    code = a_code(shop, email)
    with pytest.raises(LinkInvalid):
        sign_in.by_code(shop, email, f"{code} {code}")
    assert codes.read(f"{code[:3]} {code[3:]}", 6) == code


def test_wrong_digits_are_refused_and_the_sixth_try_is_too_late(shop: Shop) -> None:
    email = somebody()
    digits = a_code(shop, email)
    for wrong in ("000000", "", "12345", "１２３４５６", "abcdef"):
        with pytest.raises(LinkInvalid):
            sign_in.by_code(shop, email, wrong if wrong != digits else "111111")
    with pytest.raises(LinkExpired):
        sign_in.by_code(shop, email, digits)


def test_a_strangers_wrong_tries_lock_nobody_out(shop: Shop, clock: Clock) -> None:
    email, owner, stranger = somebody(), Sender("192.0.2.1", "br_1"), Sender("203.0.113.7", "br_2")
    for _ in range(3):
        sign_in.request_code(shop, email, stranger)
    with pytest.raises(TooManyTries):
        sign_in.request_code(shop, email, stranger)
    for _ in range(8):
        with pytest.raises((LinkInvalid, LinkExpired)):
            sign_in.by_code(shop, email, "no digits", stranger)
    with pytest.raises(TooManyTries):
        sign_in.by_code(shop, email, "no digits", stranger)
    clock.pass_(seconds=1)
    sign_in.request_code(shop, email, owner)
    newest = max(builders.rows(shop, SignInCode), key=lambda code: code.created_at)
    with pytest.raises(TooManyTries):
        sign_in.by_code(shop, email, "no digits", stranger)
    assert sign_in.by_code(shop, email, codes.digits_of(newest.id, signing_key=shop.signing_key), owner)


def test_one_sender_has_no_codes_mailed_to_forty_strangers_and_what_is_refused_counts_for_nobody_else(
    shop: Shop,
) -> None:
    sent = 0
    for number in range(40):
        with contextlib.suppress(TooManyTries):
            sign_in.request_code(shop, f"stranger-{number}@berg.example", Sender("203.0.113.7"))
            sent += 1
    assert sent == 20
    assert rate_limits_of(shop)["codes in all"] == 20
    sign_in.request_code(shop, somebody(), Sender("192.0.2.1"))


def rate_limits_of(shop: Shop) -> dict[str, int]:
    """How often everybody was counted."""
    with shop.reading() as session:
        row = rate_limits.standing(session, codes._ASKING_IN_ALL, "everybody")
        return {codes._ASKING_IN_ALL.name: row.hits if row else 0}


def test_a_second_letter_does_not_kill_the_first_and_one_use_ends_both(shop: Shop, clock: Clock) -> None:
    email = somebody()
    older = a_code(shop, email)
    clock.pass_(minutes=2)
    newer = a_code(shop, email)
    assert sign_in.by_code(shop, email, older)
    with pytest.raises(LinkExpired):
        sign_in.by_code(shop, email, newer)


def test_each_of_several_codes_has_its_own_tries_and_its_own_end(shop: Shop, clock: Clock) -> None:
    email = somebody()
    older = a_code(shop, email)
    clock.pass_(minutes=6)
    for _ in range(3):
        with pytest.raises(LinkInvalid):
            sign_in.by_code(shop, email, "no digits")
    newer = a_code(shop, email)
    for _ in range(2):
        with pytest.raises(LinkInvalid):
            sign_in.by_code(shop, email, "no digits")
    with pytest.raises(LinkInvalid):  # five were wrong since it was sent
        sign_in.by_code(shop, email, older)
    clock.pass_(minutes=5)
    assert sign_in.by_code(shop, email, newer)


def test_a_browser_knows_the_code_that_it_waits_for_until_it_is_used_or_late(shop: Shop, clock: Clock) -> None:
    email, browser = somebody(), Sender("192.0.2.1", new_id("br"))

    def awaited(sender: Sender = browser) -> codes.Awaited | None:
        with shop.reading() as session:
            return codes.awaited(session, sender.browser, now=shop.now())

    assert awaited() is None
    sign_in.request_code(shop, email, browser, veiled=True)
    until = shop.now() + timedelta(minutes=10)
    assert awaited() == codes.Awaited(email, until, veiled=True)
    assert awaited(Sender("192.0.2.1", "br_another")) is awaited(Sender()) is None
    clock.pass_(minutes=11)
    assert awaited() is None
    sign_in.request_code(shop, email, browser)
    with shop.transaction() as session:
        codes.await_no_more(session, browser.browser)
    assert awaited() is None
    newest = max(builders.rows(shop, SignInCode), key=lambda code: code.created_at)
    assert sign_in.by_code(shop, email, codes.digits_of(newest.id, signing_key=shop.signing_key))


@builders.on_sqlite
def test_a_code_works_for_ten_minutes(shop: Shop, clock: Clock) -> None:
    email = somebody()
    digits = a_code(shop, email)
    clock.pass_(minutes=11)
    with pytest.raises(LinkExpired):
        sign_in.by_code(shop, email, digits)


def test_asking_for_a_code_owes_one_letter_and_three_are_enough(shop: Shop) -> None:
    email = somebody()
    for _ in range(3):
        sign_in.request_code(shop, email)
    with pytest.raises(TooManyTries):
        sign_in.request_code(shop, email)
    assert builders.jobs(shop) == sorted(f"sign_in_code:{code.id}" for code in builders.rows(shop, SignInCode))
    assert len(builders.jobs(shop)) == 3


@pytest.mark.parametrize(
    "address", ["", "nora", "a@b", "a b@c.de", "a@b.c, d@e.f", "no\x00ra@c.de", "a" * 250 + "@b.de"]
)
@builders.on_sqlite
def test_what_is_no_address_is_refused(shop: Shop, address: str) -> None:
    with pytest.raises(BadInput):
        sign_in.request_code(shop, address)
