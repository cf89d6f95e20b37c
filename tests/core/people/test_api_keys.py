"""API keys: shown once and kept as a digest, for what they were made for and nothing else, until they are ended."""

import re

import pytest
from sqlalchemy import event

from core.foundation import masking
from core.foundation.errors import (
    ApiKeyInvalid,
    ApiKeyNotFound,
    DoneAlready,
    NameMissing,
    NotPermitted,
    ScopeMissing,
    UnknownScope,
)
from core.people import api_keys
from core.people.api_keys import ApiKey, Caller, Made, Scope
from core.people.audit import AuditEntry
from core.people.staff import Role
from core.shop import Shop
from tests import builders
from tests.colleagues import OWNER, deed, works_as
from tests.conftest import Clock


def made(shop: Shop, *scopes: Scope) -> Made:
    with shop.transaction() as session:
        return api_keys.make(session, "The app", scopes or (Scope.SEATS,), by=OWNER, now=shop.now())


def checked(shop: Shop, key: str, scope: Scope = Scope.SEATS) -> Caller:
    with shop.reading() as session:
        return api_keys.check(session, key, scope)


def test_a_key_opens_what_it_is_for_and_is_kept_nowhere(shop: Shop) -> None:
    key = made(shop, Scope.SEATS, Scope.ENTITLEMENTS)
    assert re.fullmatch(r"pk_[0-9a-f]{40}", key.key)
    assert (checked(shop, key.key).key_id, checked(shop, key.key).name) == (key.id, "The app")
    assert checked(shop, key.key, Scope.ENTITLEMENTS).noted is None
    with pytest.raises(ScopeMissing) as refused:
        checked(shop, key.key, Scope.LICENSES)
    assert refused.value.scope == "licenses"
    (row,) = builders.rows(shop, ApiKey)
    assert key.key[5:-4] not in str(row)
    assert row.shown == f"{key.key[:7]}…{key.key[-4:]}"
    assert masking.masked(f"refused {key.key} today") == "refused [key] today"


@pytest.mark.parametrize("wrong", ["", "pk_", "pk_test_123", "x" * 5000, "pk_ünïcode"])
def test_what_is_no_key_opens_nothing(shop: Shop, wrong: str) -> None:
    key = made(shop).key
    for each in (wrong, key[:-1], key.upper(), f" {key}"):
        with pytest.raises(ApiKeyInvalid):
            checked(shop, each)


def test_a_key_that_was_ended_opens_nothing_from_then_on_and_is_ended_once(shop: Shop) -> None:
    key, other = made(shop), made(shop)
    with shop.transaction() as session:
        assert api_keys.end(session, key.id, now=shop.now()).name == "The app"
    with pytest.raises(ApiKeyInvalid):
        checked(shop, key.key)
    assert checked(shop, other.key)
    for each in (key.id, "ak_of_nobody"):
        with pytest.raises(ApiKeyNotFound), shop.transaction() as session:
            api_keys.end(session, each, now=shop.now())
    with shop.reading() as session:
        assert [row.id for row in api_keys.listed(session)] == [other.id, key.id]


def test_last_use_is_noted_to_the_minute_and_at_most_once_in_it(shop: Shop, clock: Clock) -> None:
    key = made(shop).key
    writes: list[str] = []

    def executed(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        writes.extend([statement] if statement.lower().startswith("update") else [])

    event.listen(shop.engine, "before_cursor_execute", executed)
    clock.pass_(seconds=42)
    for _ in range(3):
        api_keys.note_use(shop, checked(shop, key))
        clock.pass_(seconds=5)
    event.remove(shop.engine, "before_cursor_execute", executed)
    assert len(writes) == 1
    (row,) = builders.rows(shop, ApiKey)
    assert row.last_used_at == clock().replace(second=0)
    stale = checked(shop, key)
    clock.pass_(minutes=1)
    api_keys.note_use(shop, checked(shop, key))
    newest = clock().replace(second=0)
    # Whoever was slow sets the time back no more.
    clock.time = row.last_used_at
    api_keys.note_use(shop, Caller(stale.key_id, "", None))
    assert builders.rows(shop, ApiKey)[0].last_used_at == newest


@pytest.mark.parametrize(
    ("names", "unknown"), [(("seats", "Money", "files"), ["money", "files"]), (("",), []), ((), [])]
)
def test_scopes_that_there_are_not_are_named(shop: Shop, names: tuple[str, ...], unknown: list[str]) -> None:
    with pytest.raises(UnknownScope) as refused:
        api_keys.scopes_in(names)
    assert (refused.value.unknown, refused.value.known) == (unknown, ["entitlements", "seats", "licenses"])


def test_scopes_are_read_in_any_order_and_capitals() -> None:
    assert api_keys.scopes_in([" Seats", "entitlements", "seats"]) == (Scope.ENTITLEMENTS, Scope.SEATS)


def test_a_key_has_a_name(shop: Shop) -> None:
    with pytest.raises(NameMissing), shop.transaction() as session:
        api_keys.make(session, " ", (Scope.SEATS,), by=OWNER, now=shop.now())


def test_an_owner_makes_and_ends_one_once_and_the_log_has_no_key(shop: Shop) -> None:
    click = deed(works_as(shop, Role.OWNER), "do_1")
    key = api_keys.make_by(shop, "The app", [Scope.SEATS], deed=click)
    with pytest.raises(DoneAlready):
        api_keys.make_by(shop, "The app", [Scope.SEATS], deed=click)
    assert len(builders.rows(shop, ApiKey)) == 1
    api_keys.end_by(shop, key.id, deed=deed(click.sign_in_id))
    said = {(entry.action, entry.subject, entry.detail) for entry in builders.rows(shop, AuditEntry)}
    assert said == {("api_keys", key.id, "made The app for seats"), ("api_keys", key.id, "ended The app")}


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_nobody_else_makes_or_ends_one(shop: Shop, role: Role) -> None:
    key, sign_in_id = made(shop), works_as(shop, role)
    with pytest.raises(NotPermitted):
        api_keys.make_by(shop, "Mine", [Scope.SEATS], deed=deed(sign_in_id))
    with pytest.raises(NotPermitted):
        api_keys.end_by(shop, key.id, deed=deed(sign_in_id))
    assert [row.ended_at for row in builders.rows(shop, ApiKey)] == [None]
    assert builders.rows(shop, AuditEntry) == []
