"""The demo's goods: marked as such, gone once a catalogue of one's own is there, and never sold for real money."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from core.catalog.demo import catalogue as demo
from core.catalog.products import Product, ShopText
from core.foundation import database, migration
from core.foundation.errors import CatalogInvalid
from core.foundation.settings import Settings
from core.foundation.storage import Storage
from core.kinds import offers
from core.owner import live_mode, publishing
from core.shop import Shop
from tests import builders
from tests.builders import GUIDE
from tests.fakes import FakeStripe

DEMO = (
    "contract-shelf", "first-launch", "market-prints", "nine-week-plan", "onboarding-lab", "pricing-clinic", "proposal-kit",
    "quiet-launch", "tally",
)  # fmt: skip
# What it has begun to sell since what is the demo's is marked as such.
SINCE = {"first-launch", "market-prints", "nine-week-plan"}


@pytest.fixture
def demo_shop(bare_shop: Shop) -> Shop:
    """A demo that was started once."""
    publishing.fill_demo(bare_shop)
    return bare_shop


@pytest.fixture
def live_shop(demo_shop: Shop) -> Shop:
    """The same database, opened with a live key."""
    return builders.live(demo_shop)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A catalogue of one's own."""
    (tmp_path / "guide.txt").write_text("words", encoding="utf-8")
    path = tmp_path / "own.toml"
    path.write_text(GUIDE, encoding="utf-8")
    return path


def on_sale(shop: Shop) -> set[str]:
    with shop.reading() as session:
        return {offer.id for offer in offers.shelf(session, now=shop.now())}


def remnants(shop: Shop) -> list[str]:
    with shop.reading() as session:
        return [mistake.sentence for mistake in live_mode.demo_goods(session)]


def test_what_came_with_the_demo_bears_its_mark(demo_shop: Shop) -> None:
    assert {row.id for row in builders.rows(demo_shop, Product) if row.from_demo} == set(DEMO)
    assert all(row.from_demo for row in builders.rows(demo_shop, ShopText))
    products, *words = remnants(demo_shop)
    assert all(product in products for product in DEMO)
    assert {word.partition(" ")[0] for word in words} == {f"shop.{key}" for key in demo.catalogue().shop.said}


def test_the_demo_shows_a_sale_that_lasts_for_days_and_a_price_that_buyers_choose(demo_shop: Shop) -> None:
    with demo_shop.reading() as session:
        tags = {offer.id: offer.prices[0] for offer in offers.shelf(session, now=demo_shop.now())}
    (reduced,) = [tag for tag in tags.values() if tag.before]
    assert reduced == tags["contract-shelf"]
    assert reduced.until
    assert reduced.until - demo_shop.now() > timedelta(days=10)
    assert [product for product, tag in tags.items() if tag.least] == ["market-prints"]


def test_a_catalogue_of_ones_own_takes_the_demos_goods_off_the_shelves_and_orders_keep_them(
    demo_shop: Shop, stripe: FakeStripe, own: Path
) -> None:
    order_id = builders.bought(demo_shop, stripe, "quiet-launch-eur")
    applied = publishing.apply(demo_shop, own)
    assert (applied.products, applied.taken_off, applied.left_alone) == (1, DEMO, ())
    assert on_sale(demo_shop) == {"guide"}
    assert remnants(demo_shop) == []
    assert builders.detail(demo_shop, order_id)["lines"][0]["product"] == "quiet-launch"
    assert builders.grants(demo_shop, order_id) == [("quiet-launch", "active")]
    assert builders.deliveries(demo_shop, order_id)[0].files
    again = publishing.apply(demo_shop, own)
    assert (again.taken_off, again.left_alone) == ((), ())


def test_starting_the_demo_again_puts_nothing_back_beside_a_catalogue_of_ones_own(demo_shop: Shop, own: Path) -> None:
    publishing.apply(demo_shop, own)
    publishing.fill_demo(demo_shop)
    assert on_sale(demo_shop) == {"guide"}


def test_a_demo_that_starts_while_a_catalogue_is_applied_never_stands_beside_it(bare_shop: Shop, own: Path) -> None:
    actions = [lambda: publishing.fill_demo(bare_shop), lambda: publishing.apply(bare_shop, own)] * 3
    assert not [answer for answer in builders.at_once(*actions) if isinstance(answer, Exception)]
    assert on_sale(bare_shop) == {"guide"}


def test_the_demos_own_catalogue_applied_once_more_takes_nothing_off(demo_shop: Shop) -> None:
    applied = publishing.apply(demo_shop, demo.PATH)
    assert (applied.taken_off, applied.left_alone) == ((), ())
    assert on_sale(demo_shop) == set(DEMO)


def test_products_of_ones_own_are_never_taken_off_for_not_being_named(demo_shop: Shop, own: Path) -> None:
    publishing.apply(demo_shop, own)
    own.write_text(GUIDE.replace('"guide"', '"other"').replace("guide-eur", "other-eur"), encoding="utf-8")
    applied = publishing.apply(demo_shop, own)
    assert (applied.taken_off, applied.left_alone) == ((), ("guide",))
    assert on_sale(demo_shop) == {"guide", "other"}


def test_a_product_written_anew_under_a_demos_id_is_ones_own(demo_shop: Shop, own: Path) -> None:
    own.write_text(GUIDE.replace('id = "guide"', 'id = "quiet-launch"'), encoding="utf-8")
    applied = publishing.apply(demo_shop, own)
    assert applied.taken_off == tuple(product for product in DEMO if product != "quiet-launch")
    assert on_sale(demo_shop) == {"quiet-launch"}
    assert remnants(demo_shop) == []


def test_the_demos_product_at_another_price_is_still_the_demos(demo_shop: Shop, own: Path) -> None:
    known = next(product for product in demo.catalogue().products if product.id == "tally")
    entry = f"""[[products]]\nid = "tally"\nname = "{known.name}"\nsummary = "{known.summary}"\nkind = "plan"
prices = [{{ id = "tally-eur", amount = 100, currency = "eur", interval = "month" }}]\n"""
    own.write_text(GUIDE + entry, encoding="utf-8")
    publishing.apply(demo_shop, own)
    assert on_sale(demo_shop) == {"guide", "tally"}
    (sentence,) = remnants(demo_shop)
    assert "tally" in sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('image = "covers/quiet-launch.svg"', "guide shows the demo's covers/quiet-launch.svg"),
        ('[shop]\nseller = "Plainwork ApS, Copenhagen. Prices include VAT."', "shop.seller is the demo's"),
        ("", "guide sells the demo's guide.txt"),
    ],
)
def test_with_a_live_key_a_catalogue_with_anything_of_the_demos_is_refused_and_nothing_changes(
    live_shop: Shop, own: Path, line: str, sentence: str
) -> None:
    if not line:
        (own.parent / "guide.txt").write_bytes((demo.PATH.parent / "files" / "the-quiet-launch.pdf").read_bytes())
    own.write_text(f"{GUIDE}{line}\n", encoding="utf-8")
    before = on_sale(live_shop)
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(live_shop, own)
    assert [problem.startswith(sentence) for problem in refusal.value.problems] == [True]
    assert on_sale(live_shop) == before


def test_with_a_live_key_the_demos_own_catalogue_is_refused_and_ones_own_makes_the_shop_fit(
    live_shop: Shop, own: Path
) -> None:
    with pytest.raises(CatalogInvalid, match="holds the demo's quiet-launch"):
        publishing.apply(live_shop, demo.PATH)
    assert publishing.apply(live_shop, own).taken_off == DEMO
    assert remnants(live_shop) == []


def test_a_database_from_before_the_mark_is_marked_where_nothing_was_changed(
    unmigrated_url: str, stripe: FakeStripe, tmp_path: Path
) -> None:
    engine = database.connect(unmigrated_url)
    migration.ensure(engine, unmigrated_url)
    shop = Shop(Settings(database_url=unmigrated_url), engine, stripe, Storage(f"file://{tmp_path}/files"))
    publishing.fill_demo(shop)
    with shop.transaction() as session:
        session.execute(text("update products set name = 'Ours' where id = 'tally'"))
        session.execute(text("update shop_texts set text = 'Ours' where key = 'seller'"))
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    command.downgrade(config, "0002")
    command.upgrade(config, "head")
    assert {row.id for row in builders.rows(shop, Product) if row.from_demo} == set(DEMO) - SINCE - {"tally"}
    assert {row.key for row in builders.rows(shop, ShopText) if row.from_demo} == {"name", "headline", "intro"}
    engine.dispose()


@builders.on_sqlite
def test_what_the_migration_knows_of_the_demo_is_what_the_demo_sells(demo_shop: Shop) -> None:
    script = (Path(migration.__file__).parent / "migrations/versions/0004_what_came_with_the_demo.py").read_text()
    for product in (each for each in demo.catalogue().products if each.id not in SINCE):
        assert f'("{product.id}", "{product.name}", "{product.summary}")' in script
    # What the demo has begun to say since stood in no database that lacked the mark.
    then = ("name", "headline", "intro", "seller")
    assert all(demo.catalogue().shop.said[key] in script for key in then)
