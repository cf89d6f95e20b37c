"""Any catalogue that is applied, exported and applied to an empty shop gives the very same shelves there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from core.foundation.storage import Storage
from core.owner import publishing
from core.owner.shelves import entries, export
from core.shop import Shop
from tests import builders
from tests.core.owner.shelves.brand.test_pictures import picture
from tests.core.owner.test_catalogue_export import emptied

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=40)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)
# Whatever a document holds has more than one word, or it would be an address.
DOCUMENTS = WORDS.map(lambda words: f"## Terms\n\n{words} and so on")


def prices(kind: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    interval = {"interval": st.sampled_from(["month", "year"])} if kind == "plan" else {}
    return st.lists(
        st.fixed_dictionaries({"amount": st.integers(5000, 99_999), "currency": st.sampled_from(["eur", "usd"]), **interval}),
        min_size=1, max_size=2, unique_by=lambda price: price["currency"],
    )  # fmt: skip


def product(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    date = st.fixed_dictionaries({"in_days": st.integers(1, 400), "capacity": st.integers(1, 90)})
    own = {
        "license": {"license": st.fixed_dictionaries({"machines": st.integers(1, 9), "floating": st.booleans()})},
        "plan": {"plan": st.fixed_dictionaries({"trial_days": st.integers(0, 60)})},
        "workshop": {"dates": st.lists(date, min_size=1, max_size=2)},
    }  # fmt: skip
    return st.fixed_dictionaries(
        {
            "kind": st.just(kind), "name": NAMES, "summary": WORDS, "description": WORDS, "group": WORDS, "facts": WORDS,
            "active": st.booleans(), "max_quantity": st.integers(1, 99), "prices": prices(kind), **own[kind],
        },
        optional={
            "image": st.just("cover.png"), "image_alt": WORDS, "faq": st.lists(st.tuples(NAMES, WORDS).map(list), max_size=2),
            "on_refund": st.just("keep"), "consent": WORDS,
            "features": st.dictionaries(NAMES, st.booleans() | st.integers(0, 99), max_size=2),
        },
    )  # fmt: skip


SHOPS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES, "company": NAMES, "headline": WORDS, "accent": st.sampled_from(["#fd0", "#0b6b4b"]),
        "logo": st.just("logo.png"), "icon": st.just("logo.png"), "terms": DOCUMENTS, "privacy": st.just("https://berg.example/privacy"),
        "consent_terms": WORDS,
    },
)  # fmt: skip
PRODUCTS = st.lists(st.sampled_from(["license", "plan", "workshop"]).flatmap(product), min_size=1, max_size=3)


def written(folder: Path, shop: dict[str, Any], found: list[dict[str, Any]]) -> Path:
    named = [
        {
            **each,
            "id": f"p{place}",
            "prices": [{**price, "id": f"p{place}-{price['currency']}"} for price in each["prices"]],
        }
        for place, each in enumerate(found)
    ]
    path = folder / "shop.toml"
    path.write_text(tomli_w.dumps({"shop": shop, "products": named}), encoding="utf-8")
    return path


@builders.on_sqlite
@settings(max_examples=8)
@given(said=SHOPS, found=PRODUCTS)
def test_what_is_exported_makes_the_same_of_an_empty_shop(
    bare_shop: Shop, tmp_path_factory: Any, said: dict[str, Any], found: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("shelves")
    (folder / "logo.png").write_bytes(picture())
    (folder / "cover.png").write_bytes(picture(size=(60, 40)))
    emptied(bare_shop)
    publishing.apply(bare_shop, written(folder, said, found))
    with bare_shop.reading() as session:
        before = entries.catalogue(session)
        export.lay_out(session, bare_shop, folder / "exported" / "shop.toml")
    elsewhere = replace(bare_shop, storage=Storage(f"file://{folder}/elsewhere"))
    emptied(elsewhere)
    publishing.apply(elsewhere, folder / "exported" / "shop.toml")
    with elsewhere.reading() as session:
        assert entries.catalogue(session) == before
    shown = [each["image"] for each in before["products"]] + [before["shop"].get("logo", "")]
    assert all(elsewhere.storage.has(key) for key in shown if key)
