"""The shelves as owners arrange them: what a file said is remembered, amounts are never edited, and every change is a deed."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.catalog.products import Price, Product
from core.foundation.errors import (
    CatalogInvalid,
    DoneAlready,
    NotPermitted,
    PlacesTaken,
    ProductChanged,
    ProductNotFound,
    ProductUnfit,
    ShopError,
    StripeUnreachable,
    UnknownDate,
    UnknownPrice,
)
from core.foundation.money import Money
from core.kinds import offers
from core.kinds.offers import Availability, Offer
from core.kinds.workshops import WorkshopDate
from core.owner import publishing
from core.owner.shelves import applied, checking, dates, editing, entries, listing, pricing, stripe_prices
from core.people.audit import AuditEntry
from core.people.deeds import Deed
from core.people.staff import Role
from core.shop import Shop
from tests import builders, colleagues
from tests.builders import GUIDE
from tests.conftest import CATALOGUE, Clock
from tests.fakes import FakeStripe

EUROS = Money(3500, "eur")


@pytest.fixture
def owner(shop: Shop) -> str:
    """The sign-in of an owner."""
    return colleagues.works_as(shop, Role.OWNER)


@pytest.fixture
def deed(owner: str) -> Deed:
    return colleagues.deed(owner)


def another(deed: Deed) -> Deed:
    return colleagues.deed(deed.sign_in_id)


def offer_of(shop: Shop, product_id: str) -> Offer:
    with shop.reading() as session:
        found = offers.of_product(session, product_id, now=shop.now())
    assert found
    return found


def costs(shop: Shop, product_id: str) -> list[tuple[str, int]]:
    return [(tag.id, tag.amount.amount) for tag in offer_of(shop, product_id).prices]


def drift_of(shop: Shop, product_id: str) -> list[tuple[str, str | None, str | None]]:
    with shop.reading() as session:
        found = applied.drift(session, [product_id])
    return [(each.field, each.before, each.after) for each in found[product_id].differences]


def seen(shop: Shop, product_id: str = "guide") -> datetime:
    return next(row.updated_at for row in builders.rows(shop, Product) if row.id == product_id)


def jobs(shop: Shop) -> list[str]:
    return [job for job in builders.jobs(shop) if job.startswith("archive_price")]


# -- what the file said


def test_what_a_file_said_is_remembered_and_nothing_differs_from_it_at_first(shop: Shop) -> None:
    with shop.reading() as session:
        found = applied.drift(session, ["guide", "plan", "clinic", "kit"])
    assert {(drift.file, drift.differences) for drift in found.values()} == {("catalogue.toml", ())}
    assert len(found) == 4


def test_what_is_edited_drifts_field_by_field_until_the_file_is_applied_again(shop: Shop, deed: Deed) -> None:
    editing.save(shop, "guide", {"name": "Another Guide"}, seen=seen(shop), deed=deed)
    pricing.replace(shop, "guide-eur", EUROS, deed=another(deed))
    assert drift_of(shop, "guide") == [
        ("name", "Field Guide", "Another Guide"),
        ("price guide-eur", "€29.00", None),
        ("price guide-eur-2", None, "€35.00"),
    ]
    publishing.apply(shop, CATALOGUE)
    assert drift_of(shop, "guide") == []
    assert costs(shop, "guide") == [("guide-eur", 2900)]


def test_places_that_are_sold_are_no_drift_and_more_places_are(shop: Shop, deed: Deed) -> None:
    builders.opened(shop, ("clinic-eur", 2))
    assert drift_of(shop, "clinic") == []
    dates.resize(shop, "clinic/1", 9, deed=deed)
    ((field, before, after),) = drift_of(shop, "clinic")
    assert (field, "capacity 5" in str(before), "capacity 9" in str(after)) == ("date 1", True, True)


def test_a_price_that_the_file_changes_is_another_price_and_the_same_file_finds_it_again(
    bare_shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "guide.txt").write_text("words")
    path = tmp_path / "shop.toml"
    for amount, price in ((2900, "guide-eur"), (3900, "guide-eur-2"), (3900, "guide-eur-2"), (4900, "guide-eur-3")):
        path.write_text(GUIDE.replace("2900", str(amount)))
        publishing.apply(bare_shop, path)
        assert costs(bare_shop, "guide") == [(price, amount)]
    path.write_text(GUIDE)
    publishing.apply(bare_shop, path)
    assert costs(bare_shop, "guide") == [("guide-eur", 2900)]
    assert {row.id: row.amount for row in builders.rows(bare_shop, Price)} == {
        "guide-eur": 2900, "guide-eur-2": 3900, "guide-eur-3": 4900,
    }  # fmt: skip


def test_a_file_s_new_amount_is_never_charged_by_the_price_that_stripe_keeps_for_the_old_one(
    bare_shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    (tmp_path / "guide.txt").write_text("words")
    path, old = tmp_path / "shop.toml", stripe.sell(2900)
    text = GUIDE.replace('currency = "eur"', f'currency = "eur", stripe_price_id = "{old}"')
    for amount in (2900, 3900):
        path.write_text(text.replace("2900", str(amount)))
        publishing.apply(bare_shop, path)
    assert jobs(bare_shop) == [f"archive_price:guide-eur:{old}:guide-eur-2"]
    stripe_prices.archive(bare_shop, "guide-eur", "guide-eur-2")
    publishing.apply(bare_shop, path)
    known = {row.id: row.stripe_price_id for row in builders.rows(bare_shop, Price)}
    assert known["guide-eur"] == old
    assert stripe.prices[str(known["guide-eur-2"])]["unit_amount"] == 3900
    builders.bought(bare_shop, stripe, "guide-eur-2")


def test_a_price_of_the_other_mode_is_refused_before_anything_is_changed(
    bare_shop: Shop, stripe: FakeStripe, tmp_path: Path
) -> None:
    (tmp_path / "guide.txt").write_text("words")
    path = tmp_path / "shop.toml"
    path.write_text(GUIDE.replace('currency = "eur"', 'currency = "eur", stripe_price_id = "price_of_live"'))
    for act in (publishing.preview, publishing.apply):
        with pytest.raises(CatalogInvalid) as refused:
            act(bare_shop, path)
        assert refused.value.problems == [
            "guide-eur: price_of_live is not at Stripe for this key, or in the other mode"
        ]
    assert builders.rows(bare_shop, Price) == []
    stripe.trouble.append(StripeUnreachable("timeout"))
    publishing.apply(bare_shop, path)
    assert [row.stripe_price_id for row in builders.rows(bare_shop, Price)] == ["price_of_live"]


def test_what_of_the_demo_has_made_room_differs_from_nothing(bare_shop: Shop, tmp_path: Path) -> None:
    publishing.fill_demo(bare_shop)
    (tmp_path / "guide.txt").write_text("words")
    (tmp_path / "shop.toml").write_text(GUIDE)
    taken_off = publishing.apply(bare_shop, tmp_path / "shop.toml").taken_off
    with bare_shop.reading() as session:
        assert set(applied.drift(session, [*taken_off, "guide"])) == {"guide"}
    assert taken_off


# -- deeds


def test_a_product_is_written_completed_and_sold(shop: Shop, deed: Deed) -> None:
    fields = {"id": "talk", "name": "The Talk", "kind": "workshop", "summary": "An hour"}
    product_id = editing.create(shop, fields, costs=EUROS, deed=deed)
    assert offer_of(shop, product_id).availability is Availability.WITHDRAWN
    with pytest.raises(ProductUnfit) as refusal:
        editing.put_on_shelf(shop, product_id, deed=another(deed))
    assert [each.sentence for each in refusal.value.problems] == ["a workshop needs a date"]
    begins = shop.now() + timedelta(days=9)
    date = checking.date({"starts_at": begins, "hours": 1, "timezone": "Europe/Berlin", "capacity": 8})
    assert dates.add(shop, product_id, date, deed=another(deed)) == "talk/1"
    editing.put_on_shelf(shop, product_id, deed=another(deed))
    offer = offer_of(shop, product_id)
    assert (offer.availability, offer.left, costs(shop, product_id)) == (Availability.ON_SALE, 8, [("talk-eur", 3500)])
    with shop.reading() as session:
        assert list(entries.of_products(session))[-1] == "talk"
    assert {entry.subject for entry in builders.rows(shop, AuditEntry)} == {"talk"}
    assert len(builders.rows(shop, AuditEntry)) == 3


def test_spaces_around_what_was_pasted_are_not_kept(shop: Shop, deed: Deed) -> None:
    gets = [["check", " 38 pages "]]
    said = {"name": "  Field Guide \t", "summary": " Short. ", "group": "Downloads ", "facts": " PDF", "gets": gets}
    editing.save(shop, "guide", said, seen=seen(shop), deed=deed)
    with shop.reading() as session:
        kept = entries.of_products(session, ["guide"])["guide"]
    assert {name: kept[name] for name in said} == {
        "name": "Field Guide",
        "summary": "Short.",
        "group": "Downloads",
        "facts": "PDF",
        "gets": [["check", "38 pages"]],
    }


def test_an_archived_product_comes_back_as_it_was(shop: Shop, deed: Deed) -> None:
    before = offer_of(shop, "guide")
    editing.archive(shop, "guide", deed=deed)
    assert offer_of(shop, "guide").availability is Availability.WITHDRAWN
    editing.put_on_shelf(shop, "guide", deed=another(deed))
    assert offer_of(shop, "guide") == before


def test_two_who_edit_at_once_do_not_undo_each_other(shop: Shop, deed: Deed, clock: Clock) -> None:
    opened = seen(shop)
    clock.pass_(minutes=1)
    editing.save(shop, "guide", {"name": "First"}, seen=opened, deed=deed)
    with pytest.raises(ProductChanged):
        editing.save(shop, "guide", {"name": "Second"}, seen=opened, deed=another(deed))
    with pytest.raises(DoneAlready):
        editing.save(shop, "guide", {"name": "First"}, seen=opened, deed=deed)
    assert offer_of(shop, "guide").name == "First"


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"name": ""}, [("name", "is empty")]),
        ({"name": " \t "}, [("name", "is empty")]),
        ({"max_quantity": 0, "name": "x" * 251}, [("name", "is longer than 250 letters"), ("max_quantity", "must be at least 1")]),
        ({"license": {"machines": 0}}, [("license.machines", "must be at least 1")]),
        ({"plan": {"trial_days": 800}}, [("", "trial_days is a whole number from 0 to 730")]),
        ({"gets": [["a"]]}, [("gets", "is empty")]),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_kept_is_told_field_by_field_and_changes_nothing(
    shop: Shop, deed: Deed, fields: dict[str, object], problems: list[tuple[str, str]]
) -> None:
    before = builders.rows(shop, Product)
    with pytest.raises(ProductUnfit) as refusal:
        editing.save(shop, "kit", fields, seen=seen(shop, "kit"), deed=deed)
    assert [(each.field, each.sentence) for each in refusal.value.problems] == problems
    assert builders.rows(shop, Product) == before
    assert builders.rows(shop, AuditEntry) == []


def test_an_id_that_is_taken_or_cannot_stand_in_an_address_is_refused(shop: Shop, deed: Deed) -> None:
    for product_id, sentence in (("guide", "is that of another product"), ("The Guide", "may have lower-case")):
        with pytest.raises(ProductUnfit) as refusal:
            editing.create(shop, {"id": product_id, "name": "x", "kind": "plan"}, costs=None, deed=another(deed))
        assert refusal.value.problems[0].sentence.startswith(sentence)
    assert checking.slug("Die größte Übersicht, live!") == "die-grosste-ubersicht-live"
    assert checking.slug("Æblegrød fra Łódź") == "aeblegrod-fra-lodz"


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_only_owners_arrange_the_shelves(shop: Shop, role: Role) -> None:
    before = builders.rows(shop, Product), builders.rows(shop, Price), builders.rows(shop, WorkshopDate)
    sign_in, begins = colleagues.works_as(shop, role), shop.now() + timedelta(days=1)
    date = checking.date({"starts_at": begins, "hours": 1, "capacity": 8})
    for act in (
        lambda deed: editing.create(shop, {"id": "x", "name": "x", "kind": "plan"}, costs=None, deed=deed),
        lambda deed: editing.save(shop, "guide", {"name": "x"}, seen=seen(shop), deed=deed),
        lambda deed: editing.archive(shop, "guide", deed=deed),
        lambda deed: editing.put_on_shelf(shop, "old", deed=deed),
        lambda deed: pricing.replace(shop, "guide-eur", EUROS, deed=deed),
        lambda deed: pricing.offer(shop, "guide", Money(3500, "usd"), deed=deed),
        lambda deed: pricing.end(shop, "plan-year", deed=deed),
        lambda deed: dates.add(shop, "clinic", date, deed=deed),
        lambda deed: dates.resize(shop, "clinic/1", 9, deed=deed),
        lambda deed: dates.take_off(shop, "clinic/1", deed=deed),
        lambda deed: stripe_prices.compare(shop, deed=deed),
    ):
        with pytest.raises(NotPermitted):
            act(colleagues.deed(sign_in))
    assert (builders.rows(shop, Product), builders.rows(shop, Price), builders.rows(shop, WorkshopDate)) == before
    assert builders.rows(shop, AuditEntry) == []


# -- prices


def test_a_new_price_takes_the_place_of_the_old_one_and_a_double_click_makes_one(shop: Shop, deed: Deed) -> None:
    assert pricing.replace(shop, "plan-month", Money(1100, "eur"), deed=deed) == "plan-month-2"
    with pytest.raises((DoneAlready, UnknownPrice)):
        pricing.replace(shop, "plan-month", Money(1100, "eur"), deed=deed)
    assert costs(shop, "plan") == [("plan-month-2", 1100), ("plan-year", 9000)]
    assert pricing.replace(shop, "plan-month-2", Money(1200, "eur"), deed=another(deed)) == "plan-month-3"
    assert jobs(shop) == []


def test_a_price_beside_the_others_is_in_another_currency_or_for_another_interval(shop: Shop, deed: Deed) -> None:
    assert pricing.offer(shop, "guide", Money(3500, "usd"), deed=deed) == "guide-usd"
    with pytest.raises(ProductUnfit):
        pricing.offer(shop, "guide", Money(3600, "usd"), deed=another(deed))
    with pytest.raises(ProductUnfit):
        pricing.offer(shop, "guide", Money(3600, "gbp"), interval="month", deed=another(deed))
    with pytest.raises(ProductUnfit):
        pricing.offer(shop, "guide", Money(3, "gbp"), deed=another(deed))
    pricing.end(shop, "guide-usd", deed=another(deed))
    with pytest.raises(ProductUnfit):
        pricing.end(shop, "guide-eur", deed=another(deed))
    assert costs(shop, "guide") == [("guide-eur", 2900)]


def test_what_is_not_there_is_told(shop: Shop, deed: Deed) -> None:
    refused: list[tuple[type[ShopError], object]] = [
        (UnknownPrice, lambda: pricing.replace(shop, "nothing", EUROS, deed=another(deed))),
        (ProductNotFound, lambda: pricing.offer(shop, "nothing", EUROS, deed=another(deed))),
        (ProductNotFound, lambda: editing.archive(shop, "nothing", deed=another(deed))),
        (UnknownDate, lambda: dates.take_off(shop, "nothing/1", deed=another(deed))),
        (ProductUnfit, lambda: pricing.replace(shop, "guide-eur", Money(2900, "eur"), deed=another(deed))),
    ]
    for kind, act in refused:
        with pytest.raises(kind):
            act()  # type: ignore[operator]
    assert builders.rows(shop, AuditEntry) == []


def at_stripe(shop: Shop, stripe: FakeStripe, price_id: str, amount: int) -> str:
    name = stripe.sell(amount)
    with shop.transaction() as session:
        session.get_one(Price, price_id).stripe_price_id = name
    return name


def test_the_old_price_is_archived_at_stripe_after_the_new_one_was_made_there(
    shop: Shop, stripe: FakeStripe, deed: Deed
) -> None:
    old = at_stripe(shop, stripe, "guide-eur", 2900)
    pricing.replace(shop, "guide-eur", EUROS, deed=deed)
    assert jobs(shop) == [f"archive_price:guide-eur:{old}:guide-eur-2"]
    stripe.trouble.append(StripeUnreachable("down"))
    with pytest.raises(StripeUnreachable):
        stripe_prices.archive(shop, "guide-eur", "guide-eur-2")
    for _ in range(2):
        stripe_prices.archive(shop, "guide-eur", "guide-eur-2")
    known = {row.id: row.stripe_price_id for row in builders.rows(shop, Price)}
    new = stripe.prices[known["guide-eur-2"]]
    assert (new["unit_amount"], new["active"], new["product"]) == (3500, True, stripe.prices[old]["product"])
    assert not stripe.prices[old]["active"]
    assert len(stripe.prices) == 2
    builders.bought(shop, stripe, "guide-eur-2")


def test_what_differs_at_stripe_is_seen_once_it_was_asked(shop: Shop, stripe: FakeStripe, deed: Deed) -> None:
    name = at_stripe(shop, stripe, "guide-eur", 3100)
    at_stripe(shop, stripe, "kit-eur", 7900)
    with shop.transaction() as session:
        session.get_one(Price, "yen-jpy").stripe_price_id = "price_of_live"
        assert stripe_prices.differing(session) == []
    assert stripe_prices.compare(shop, deed=deed) == 3
    stripe.prices[name]["active"] = False

    def told() -> dict[str, str]:
        with shop.reading() as session:
            return {each.price_id: each.sentence for each in stripe_prices.differing(session)}

    assert told()["guide-eur"] == f"{name} costs €31.00 at Stripe, which is what buyers pay"
    assert told()["yen-jpy"] == "price_of_live is not at Stripe, or in the other mode"
    stripe_prices.look(shop)
    assert told()["guide-eur"] == f"{name} is archived at Stripe, so nobody can pay it"


# -- dates


def test_places_are_never_fewer_than_are_taken(shop: Shop, deed: Deed) -> None:
    builders.opened(shop, ("clinic-eur", 2))
    with pytest.raises(PlacesTaken) as refusal:
        dates.resize(shop, "clinic/1", 1, deed=deed)
    assert refusal.value.taken == 2
    dates.resize(shop, "clinic/1", 2, deed=another(deed))
    assert offer_of(shop, "clinic").availability is Availability.SOLD_OUT


def test_a_date_on_which_somebody_has_a_place_stays_and_one_without_buyers_goes(shop: Shop, deed: Deed) -> None:
    builders.add_date(shop, "clinic/2", in_days=24)
    builders.opened(shop, "clinic-eur")
    with pytest.raises(PlacesTaken):
        dates.take_off(shop, "clinic/1", deed=deed)
    dates.take_off(shop, "clinic/2", deed=another(deed))
    with pytest.raises(UnknownDate):
        dates.resize(shop, "clinic/2", 8, deed=another(deed))
    with pytest.raises(ProductUnfit):
        dates.take_off(shop, "clinic/1", deed=another(deed))
    assert [date.id for date in offer_of(shop, "clinic").dates] == ["clinic/1"]


def test_a_date_that_has_passed_is_not_offered(shop: Shop, deed: Deed) -> None:
    date = checking.date({"starts_at": shop.now() - timedelta(hours=1), "hours": 3, "capacity": 8})
    with pytest.raises(ProductUnfit):
        dates.add(shop, "clinic", date, deed=deed)


# -- the list


def test_the_list_tells_what_was_sold_of_each_in_each_currency(shop: Shop, stripe: FakeStripe) -> None:
    builders.bought(shop, stripe, ("guide-eur", 2))
    builders.bought(shop, stripe, "yen-jpy", cart="cart_2")
    with shop.reading() as session:
        rows = listing.rows(session, livemode=False, zone=shop.settings.zone, now=shop.now())
    sold = {row.offer.id: [(each.quantity, each.amount.format()) for each in row.sold] for row in rows if row.sold}
    assert sold == {"guide": [(2, "€58.00")], "yen": [(1, "¥500")]}
    assert rows[-1].offer.id == "old"
    assert len(rows) == 9


@builders.on_sqlite
def test_a_price_that_takes_anothers_place_is_taxed_as_that_one_was(shop: Shop, deed: Deed) -> None:
    with shop.transaction() as session:
        session.get_one(Price, "guide-eur").tax_behavior = "exclusive"
    new = pricing.replace(shop, "guide-eur", EUROS, deed=deed)
    other = pricing.offer(shop, "guide", Money(3500, "usd"), deed=another(deed))
    with shop.reading() as session:
        assert [session.get_one(Price, each).tax_behavior for each in (new, other)] == ["exclusive", "exclusive"]
