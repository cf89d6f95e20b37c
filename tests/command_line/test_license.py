"""`pushcart license`, `pushcart import licenses` and `pushcart signing-key`, as a script and as a person use them."""

from pathlib import Path

import pytest

from core.kinds.licenses import LicenseActivation, LicenseKey
from core.people.audit import AuditEntry
from core.shop import Shop
from tests import builders
from tests.command_line.conftest import Run
from tests.core.licensing.asking import sold
from tests.fakes import FakeStripe


def test_a_licence_is_shown_and_cared_for(pushcart: Run, shop: Shop, stripe: FakeStripe) -> None:
    order_id, key = sold(shop, stripe)
    [row] = builders.rows(shop, LicenseKey)
    with shop.transaction() as session:
        now = shop.now()
        session.add(
            LicenseActivation(
                id="act_1", license_key_id=row.id, fingerprint="fp", label="Desk", created_at=now, last_seen_at=now
            )
        )
    found = pushcart("license", key, "--json").json
    assert isinstance(found, dict)
    assert set(found) == {
        "id", "key_hint", "product", "order_id", "origin", "status", "machines", "used", "floating", "on_expiry", "features",
        "expires_at", "updates_until", "activations",
    }  # fmt: skip
    assert (found["order_id"], found["status"], found["machines"], found["used"]) == (order_id, "active", 3, 1)
    assert [each["label"] for each in found["activations"]] == ["Desk"]
    assert pushcart("license", row.hint.lower(), "--disable", "--json").json["status"] == "disabled"
    assert pushcart("license", row.id, "--enable", "--limit", "5", "--release", "Desk", "--json").json == {
        **found, "machines": 5, "used": 0, "activations": [],
    }  # fmt: skip
    new = pushcart("license", key, "--rotate", "--until", "2027-01-31", "--json").json
    assert (new["expires_at"], new["id"]) == ("2027-01-31T23:59:59+00:00", row.id)
    gone = pushcart("license", key)
    assert (gone.status, gone.output) == (1, "")
    assert "no licence with this key" in gone.errors
    said = pushcart("license", new["key"])
    assert said.status == 0
    assert f"Licence {row.id}, its key ends in {new['key_hint']}" in said.output
    nowhere = pushcart("license", new["key"], "--release", "Desk")
    assert (nowhere.status, "on no machine" in nowhere.errors) == (1, True)
    assert {each.detail for each in builders.rows(shop, AuditEntry)} == {
        "switched off", "switched on", "5 machines", "machine removed", "key replaced", "until 2027-01-31",
    }  # fmt: skip


def test_keys_are_imported_from_a_file(pushcart: Run, shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("key,product,fingerprint\nOLD-1,kit,desk\nOLD-2,guide,\n", encoding="utf-8")
    foreseen = pushcart("import", "licenses", str(file), "--dry-run", "--json").json
    assert builders.rows(shop, LicenseKey) == []
    done = pushcart("import", "licenses", str(file), "--json").json
    assert done == {**foreseen, "dry_run": False}
    assert done == {
        "dry_run": False, "keys": 1, "machines": 1, "known": 0,
        "problems": [{"line": 3, "reason": "names guide, which is no licence of this shop"}],
    }  # fmt: skip
    assert "0 new keys and 0 new machines, 1 line of" in pushcart("import", "licenses", str(file)).output
    assert pushcart("import", "licenses", str(tmp_path / "none.csv")).status == 2


@pytest.mark.parametrize("words", [(), ("--dry-run",), ("--json",)])
@builders.on_sqlite
def test_a_file_of_keys_without_the_columns_ends_in_one_line(
    pushcart: Run, shop: Shop, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "keys.csv"
    file.write_text("licence;item\nOLD-1;kit\n", encoding="utf-8")
    said = pushcart("import", "licenses", str(file), *words)
    [line] = said.complaints
    assert (said.status, said.output) == (2, "")
    assert "its first line must name these columns, which are missing: key, product" in line
    assert builders.rows(shop, LicenseKey) == []


def test_the_signing_key_is_shown_and_replaced(pushcart: Run, shop: Shop) -> None:
    [first] = pushcart("signing-key", "--json").json["keys"]
    found = pushcart("signing-key", "--rotate", "--json").json["keys"]
    assert len(found) == 2
    assert first in found
    assert set(first) == {"kty", "crv", "use", "alg", "kid", "x"}
