"""The catalogue file: applied whole or not at all, as often as one likes, and refused in sentences."""

from pathlib import Path

import pytest

from core.catalog import catalog_lines, products, seller
from core.catalog.products import Price, Product
from core.foundation.errors import CatalogInvalid
from core.kinds import offers
from core.kinds.downloads import DownloadFile
from core.kinds.offers import Availability
from core.kinds.workshops import WorkshopDate
from core.owner import publishing
from core.owner.publishing import Applied
from core.owner.shelves import export
from core.shop import Shop
from tests import builders
from tests.builders import GUIDE
from tests.conftest import CATALOGUE, Clock
from tests.fakes import FakeStripe

CLINIC = """
[[products]]
id = "clinic"
name = "Clinic"
kind = "workshop"
prices = [{ id = "clinic-eur", amount = 14000, currency = "eur" }]
dates = [{ in_days = 3, capacity = 5 }]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file to sell."""
    (tmp_path / "guide.txt").write_text("words", encoding="utf-8")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "shop.toml"
    path.write_text(text, encoding="utf-8")
    return path


def stock(shop: Shop) -> list:
    tables = (Product, Price, DownloadFile, WorkshopDate)
    return [sorted(row.model_dump_json() for row in builders.rows(shop, table)) for table in tables]


def test_applying_the_file_again_changes_nothing(shop: Shop) -> None:
    before = stock(shop)
    applied = publishing.apply(shop, CATALOGUE)
    assert stock(shop) == before
    assert (applied.products, applied.prices, applied.left_alone) == (9, 10, ())


def test_products_that_the_file_does_not_name_are_left_alone_and_named(shop: Shop, folder: Path) -> None:
    applied = publishing.apply(shop, write(folder, GUIDE))
    assert applied == Applied(1, 1, 1, ("clinic", "dinar", "full", "gift", "kit", "old", "plan", "yen"))
    assert len(builders.rows(shop, Product)) == 9


def test_a_price_that_the_file_drops_is_no_longer_sold_and_its_orders_keep_it(
    shop: Shop, stripe: FakeStripe, folder: Path
) -> None:
    order_id = builders.bought(shop, stripe, "guide-eur")
    publishing.apply(shop, write(folder, GUIDE.replace("guide-eur", "guide-new").replace("2900", "3900")))
    with shop.reading() as session:
        offer = offers.of_product(session, "guide", now=shop.now())
    assert [(tag.id, tag.amount.amount) for tag in offer.prices] == [("guide-new", 3900)]
    assert builders.detail(shop, order_id)["lines"][0]["unit_amount"] == 2900


def test_a_new_version_of_a_file_reaches_those_who_bought_before(shop: Shop, stripe: FakeStripe, folder: Path) -> None:
    publishing.apply(shop, write(folder, GUIDE))
    order_id = builders.bought(shop, stripe, "guide-eur")
    (folder / "guide.txt").write_text("better words", encoding="utf-8")
    publishing.apply(shop, write(folder, GUIDE))
    (file,) = builders.deliveries(shop, order_id)[0].files
    assert (file.name, file.size) == ("guide.txt", len("better words"))


def test_places_that_are_held_or_sold_stay_counted(shop: Shop) -> None:
    builders.opened(shop, ("clinic-eur", 2))
    publishing.apply(shop, CATALOGUE)
    assert {date.id: date.taken for date in builders.rows(shop, WorkshopDate)} == {"clinic/1": 2, "full/1": 3}


def test_a_product_without_stock_of_its_own_can_be_withdrawn_and_come_back(shop: Shop, folder: Path) -> None:
    withdrawn = GUIDE.replace('kind = "download"', 'kind = "download"\nactive = false')
    for text, availability in ((withdrawn, Availability.WITHDRAWN), (GUIDE, Availability.ON_SALE)):
        publishing.apply(shop, write(folder, text))
        with shop.reading() as session:
            assert offers.of_product(session, "guide", now=shop.now()).availability is availability


def test_one_file_sold_under_two_names_keeps_both(bare_shop: Shop, folder: Path) -> None:
    second = (
        GUIDE.replace('"guide"', '"other"')
        .replace("guide-eur", "other-eur")
        .replace('name = "guide.txt"', 'name = "o.txt"')
    )
    publishing.apply(bare_shop, write(folder, GUIDE + second))
    keys = {file.name: file.key.rpartition("/")[2] for file in builders.rows(bare_shop, DownloadFile)}
    assert keys == {"guide.txt": "guide.txt", "o.txt": "o.txt"}


FILE = '{ path = "guide.txt", name = "guide.txt", label = "Text", media_type = "text/plain" }'
WRONG = [
    ("", "`products` is missing"),
    ("products = []", "Line 1: `products` must have at least 1, and has 0"),
    ("[[products]\n", "Line 1, column 11: shop.toml is not TOML: expected"),
    (GUIDE.replace('id = "guide"', 'id = "The Guide"'), "Line 3: product “Field Guide”: `id` may have small letters, digits"),
    (GUIDE.replace('name = "Field Guide"', ""), "Line 2: product “guide”: `name` is missing"),
    (GUIDE.replace('"download"', '"poem"'), "`kind` must be one of download, license, plan or workshop"),
    (GUIDE.replace('kind = "download"', 'kind = "download"\nprize = 1'), "`prize` is not known here. Did you mean `prices`?"),
    (GUIDE.replace("2900", "49"), "Line 6: price “guide-eur” of product “Field Guide”: Stripe charges no less than €0.50"),
    (GUIDE.replace('2900, currency = "eur"', '12345, currency = "kwd"'), "of product “Field Guide”: Stripe does not"),
    (GUIDE.replace('2900, currency = "eur"', '12345, currency = "kwd"'), "make it KWD12.340 (12340) or KWD12.350 (12350)"),
    (GUIDE.replace('2900, currency = "eur"', '550, currency = "isk"'), "Stripe does not charge ISK5.50: make it ISK5.00 (500) or"),
    (GUIDE.replace('"eur"', '"xau"'), "price “guide-eur” of product “Field Guide”: Stripe charges nothing in XAU"),
    (GUIDE.replace('"eur"', '"xau"').replace("2900", "0"), "Stripe charges nothing in XAU"),
    (GUIDE.replace("2900", "100000000"), "`amount` must be at most 99999999, and is 100000000"),
    (GUIDE.replace("2900", "-1"), "`amount` must be at least 0, and is -1"),
    (GUIDE.replace("2900", "29.5"), "`amount` must be a whole number of minor units, 2900 for 29.00, and is 29.5"),
    (GUIDE.replace('"eur"', '"EUR"'), "`currency` must be a code of three small letters such as eur, and is “EUR”"),
    (GUIDE.replace('"eur" }', '"eur", interval = "month" }'), "price guide-eur: plans have an interval, and nothing else has"),
    (GUIDE.replace('"download"', '"plan"'), "price guide-eur: plans have an interval, and nothing else has"),
    (GUIDE.replace(FILE, ""), "a download needs at least one file"),
    (GUIDE.replace("guide.txt", "gone.txt"), "`path` names gone.txt, and there is no such file in /"),
    (GUIDE.replace('name = "guide.txt"', 'name = "../guide.txt"'), "file “../guide.txt” of product “Field Guide”: `name`"),
    (GUIDE.replace("text/plain", "text"), "`media_type` must be a media type such as application/pdf, and is “text”"),
    (GUIDE.replace(FILE, f"{FILE}, {FILE}"), "file name guide.txt stands in the file more than once"),
    (
        CLINIC.replace("{ in_days = 3, capacity = 5 }", ", ".join(['{ id = "a", in_days = 3, capacity = 5 }'] * 2)),
        "product “Clinic”: date a stands in the file more than once",
    ),
    (GUIDE + GUIDE, "Lines 3 and 10: product “guide” stands in the file more than once"),
    (GUIDE + GUIDE.replace('"guide"', '"other"'), "Lines 6 and 13: price “guide-eur” stands in the file more than once"),
    (GUIDE + "download = { downloads = -1 }", "`download.downloads` must be at least 1, and is -1"),
    (GUIDE + 'license = { machines = "three" }', "`license.machines` must be a whole number, and is “three”"),
    (GUIDE + "license = { machines = 0 }", "`license.machines` must be at least 1, and is 0"),
    (GUIDE + "max_quantity = 0", "`max_quantity` must be at least 1, and is 0"),
    (GUIDE + 'features = { sso = 1.5 }', "`features.sso` must be true, false, a whole number of up to 15 digits or text"),
    (GUIDE + f"features = {{ rows = {10**20} }}", "`features.rows` must be true, false, a whole number of up to 15 digits or text"),
    (GUIDE + f"license = {{ features = {{ rows = -{10**20} }} }}", "`license.features.rows` must be true, false, a whole number"),
    (GUIDE + f"download = {{ downloads = {10**20} }}", "`download.downloads` must be at most 100000"),
    (GUIDE + 'license = { valid_for = "9000 years" }', "`license.valid_for`: 9000 years are too many: the most are 1000 years"),
    (GUIDE + 'license = { updates_for = "99999 months" }', "`license.updates_for`: 99999 months are too many: the most are 12000"),
    (GUIDE + 'summary = "a\\u0000b"', "product “Field Guide”: it holds a character zero, which no text has"),
    (GUIDE + 'gets = [["star", "a\\u0000b"]]', "product “Field Guide”: it holds a character zero"),
    (
        GUIDE.replace('"eur" }', '"eur", sale = { amount = 100, until = 9999-12-31T23:00:00-10:00 } }'),
        "`sale.until`: the year 9999 is none that can be reckoned with",
    ),
    (GUIDE + 'gets = [["star"]]', "`gets.1.2` is missing"),
    (GUIDE + 'on_refund = "maybe"', "`on_refund` must be one of keep or revoke, and is “maybe”"),
    (GUIDE + "currency = 'eur'", "`currency` is not known here. It belongs to [[products.prices]]"),
    (GUIDE + GUIDE.replace('"guide"', '"other"').partition("prices")[0] + "prices = 7", "`prices` must be a list"),
    ("a = 1\na = 2\n", "shop.toml is not TOML: this key stands there already"),
    (CLINIC.replace("dates = [", "# ["), "a workshop needs a date"),
    (CLINIC.replace("in_days = 3, ", ""), "give either starts_at or in_days"),
    (CLINIC.replace("in_days = 3", "in_days = 3, starts_at = 2027-01-01T09:00:00Z"), "give either starts_at or in_days"),
    (CLINIC.replace("capacity = 5", "capacity = 5, taken = 6"), "more places are taken than there are"),
    (CLINIC.replace("capacity = 5", 'capacity = 5, timezone = "Mars/Phobos"'), "there is no time zone 'Mars/Phobos'"),
    (CLINIC.replace("capacity = 5", 'capacity = 5, timezone = "Europe"'), "there is no time zone 'Europe'"),
    (CLINIC.replace("capacity = 5", f'capacity = 5, timezone = "{"a" * 5000}"'), "there is no time zone 'aaaa"),
    (CLINIC.replace("capacity = 5", "capacity = 3000000000"), "`capacity` must be at most 100000, and is 3000000000"),
    (CLINIC.replace("capacity = 5", "capacity = 5, hours = inf"), "`hours` must be at most 100000.0, and is inf"),
    (CLINIC.replace("in_days = 3", "in_days = 9999999"), "`in_days` must be at most 3650, and is 9999999"),
    (CLINIC.replace("in_days = 3", "in_days = -9999999"), "`in_days` must be at least -3650, and is -9999999"),
    (CLINIC.replace("in_days = 3", "starts_at = 0001-01-01T00:00:00"), "`starts_at`: the year 1 is none"),
    (CLINIC.replace("in_days = 3", "starts_at = 9999-12-31T23:30:00-10:00"), "`starts_at`: the year 9999 is none"),
    (CLINIC.replace("capacity = 5", 'capacity = 5, at = "25:00"'), "`at` must be a time such as \"17:00\", and is “25:00”"),
    (
        CLINIC.replace("in_days = 3", "starts_at = 2027-01-02T09:00:00Z, ends_at = 2027-01-01T09:00:00Z"),
        "it ends before it begins",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
@builders.on_sqlite
def test_a_mistake_is_told_in_a_sentence_and_nothing_changes(
    bare_shop: Shop, folder: Path, text: str, sentence: str
) -> None:
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(bare_shop, write(folder, text))
    assert any(sentence in problem for problem in refusal.value.problems), refusal.value.problems
    assert all("\n" not in problem for problem in refusal.value.problems)
    assert stock(bare_shop) == [[], [], [], []]


@builders.on_sqlite
def test_all_mistakes_are_told_at_once(bare_shop: Shop, folder: Path) -> None:
    text = GUIDE.replace("2900", "49").replace('name = "Field Guide"', "").replace('"text/plain"', '"?"')
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(bare_shop, write(folder, text))
    assert len(refusal.value.problems) == 3
    text = (GUIDE + GUIDE).replace("guide.txt", "gone.txt", 1).replace("2900", "29.0", 1)
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(bare_shop, write(folder, text))
    assert [problem.partition(": ")[2].partition(" of")[0] for problem in refusal.value.problems] == [
        "price “guide-eur”", "product “guide” stands in the file more than once",
        "price “guide-eur” stands in the file more than once", "file “guide.txt”",
    ]  # fmt: skip


@builders.on_sqlite
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(bare_shop: Shop, folder: Path) -> None:
    with pytest.raises(CatalogInvalid, match="there is no file"):
        publishing.apply(bare_shop, folder / "nowhere.toml")
    with pytest.raises(CatalogInvalid, match="cannot be read"):
        publishing.apply(bare_shop, folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("capacity = 5", "capacity = 1"), "clinic/1: 2 places are taken, capacity cannot become 1"),
        (('kind = "workshop"', 'kind = "license"'), "clinic is a workshop and cannot become a license"),
    ],
)
def test_what_was_sold_cannot_be_taken_back_by_a_file(
    shop: Shop, folder: Path, change: tuple[str, str], sentence: str
) -> None:
    builders.opened(shop, ("clinic-eur", 2))
    before = stock(shop)
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(shop, write(folder, GUIDE.replace("2900", "9900") + CLINIC.replace(*change)))
    assert sentence in refusal.value.problems[0]
    assert stock(shop) == before


def clinic(*dates: str) -> str:
    return CLINIC.replace("{ in_days = 3, capacity = 5 }", ", ".join(f"{{ {date} }}" for date in dates))


def at(day: int, more: str = "capacity = 5") -> str:
    return f"starts_at = 2026-12-{day:02}T17:00:00Z, ends_at = 2026-12-{day:02}T19:00:00Z, {more}"


def timetable(shop: Shop) -> dict[str, tuple[int, bool]]:
    """On which day of the month each date is, and whether it is offered."""
    found = builders.rows(shop, WorkshopDate)
    return {date.id: (date.starts_at.day, date.active) for date in sorted(found, key=lambda date: date.id)}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([at(4)], [at(9)], {"clinic/1": (9, True)}),
        ([at(4), at(9)], [at(9)], {"clinic/1": (4, False), "clinic/2": (9, True)}),
        ([at(4), at(9)], [at(9), at(16)], {"clinic/1": (4, False), "clinic/2": (9, True), "clinic/3": (16, True)}),
        ([at(4), at(9)], [at(9), at(4)], {"clinic/1": (4, True), "clinic/2": (9, True)}),
        ([at(4), at(9)], [at(4), at(16)], {"clinic/1": (4, True), "clinic/2": (16, True)}),
        ([at(4), at(4)], [at(4), at(4)], {"clinic/1": (4, True), "clinic/2": (4, True)}),
        (
            [at(4, 'id = "a", capacity = 5'), at(9, 'id = "b", capacity = 5')],
            [at(16, 'id = "b", capacity = 5'), at(9, 'id = "a", capacity = 5')],
            {"clinic/a": (9, True), "clinic/b": (16, True)},
        ),
    ],
    ids=["moved", "dropped", "one dropped, one added", "swapped", "the second moved", "at the same time", "by id"],
)
def test_a_date_is_known_again_when_dates_move_come_and_go(
    bare_shop: Shop, folder: Path, before: list[str], after: list[str], expected: dict
) -> None:
    publishing.apply(bare_shop, write(folder, clinic(*before)))
    for _ in range(2):
        publishing.apply(bare_shop, write(folder, clinic(*after)))
        assert timetable(bare_shop) == expected


def test_a_dropped_date_is_no_longer_offered_and_keeps_its_buyers(
    bare_shop: Shop, stripe: FakeStripe, folder: Path
) -> None:
    publishing.apply(bare_shop, write(folder, clinic(at(4), at(9))))
    order_id = builders.bought(bare_shop, stripe, "clinic-eur")
    publishing.apply(bare_shop, write(folder, clinic(at(9))))
    with bare_shop.reading() as session:
        offer = offers.of_product(session, "clinic", now=bare_shop.now())
    assert offer is not None
    assert [date.id for date in offer.dates] == ["clinic/2"]
    assert builders.taken(bare_shop) == {"clinic/1": 1, "clinic/2": 0}
    (delivery,) = builders.deliveries(bare_shop, order_id)
    assert delivery.starts_at is not None
    assert delivery.starts_at.day == 4


def test_a_date_that_has_begun_is_never_moved(bare_shop: Shop, clock: Clock, folder: Path) -> None:
    named = 'id = "spring", capacity = 5'
    publishing.apply(bare_shop, write(folder, clinic(at(4, named))))
    clock.pass_(days=12)
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(bare_shop, write(folder, clinic(at(16, named))))
    assert refusal.value.problems == ["clinic/spring has begun and cannot be moved: give the new date an id of its own"]
    publishing.apply(bare_shop, write(folder, clinic(at(16))))
    assert timetable(bare_shop) == {"clinic/1": (16, True), "clinic/spring": (4, False)}
    clock.pass_(days=12)
    publishing.apply(bare_shop, write(folder, clinic(at(30))))
    assert timetable(bare_shop) == {"clinic/1": (16, False), "clinic/2": (30, True), "clinic/spring": (4, False)}


SELLER = """
[shop]
name = "Berg & Co"
address = \"\"\"
Storgata 1
0155 Oslo\"\"\"
vat_id = "NO 923456783 MVA"
register = "Org. 923 456 783"
support = "hello@berg.example"
terms = "https://berg.example/terms"
privacy = "We keep what you bought, and nothing else."
"""


@builders.on_sqlite
def test_who_sells_is_kept_said_beforehand_and_written_out_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "guide.txt").write_text("A guide.")
    path = tmp_path / "catalogue.toml"
    path.write_text(SELLER + builders.GUIDE)
    said = {each.field: each.after for each in publishing.preview(shop, path) if not each.product}
    assert said["shop.vat_id"] == "NO 923456783 MVA"
    with shop.reading() as session:
        assert "vat_id" not in products.texts(session)
    publishing.apply(shop, path)
    with shop.reading() as session:
        who = seller.of(products.texts(session), shop.settings)
        exported = export.write(session, shop)
    assert who.lines == ("Berg & Co", "Storgata 1", "0155 Oslo", "VAT id NO 923456783 MVA", "Org. 923 456 783")
    assert (who.support, who.terms, who.imprint) == ("hello@berg.example", "https://berg.example/terms", "")
    assert who.missing == ("imprint",)
    (tmp_path / "exported.toml").write_text(exported)
    assert publishing.preview(shop, tmp_path / "exported.toml") == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('vat = "NO1"', "Line 2: [shop]: `vat` is not known here. Did you mean `vat_id`?"),
        ('vat_id = "no"', "Line 2: [shop]: `vat_id` must be a VAT id such as DE123456789, and is “no”"),
        ('support = "hello"', "Line 2: [shop]: `support`: 'hello' is no mail address"),
        ("address = 7", "Line 2: [shop]: `address` must be text in quotes, and is 7"),
        ('name = "' + "x" * 201 + '"', "Line 2: [shop]: `name` has more than 200 letters"),
        (
            'terms = "berg.example/terms"',
            "Line 2: [shop]: `terms`: give the address of a page, which begins with https://, a file such as terms.md, "
            "or the text itself",
        ),
        ('accent = "yelow"', "Line 2: [shop]: `accent`: 'yelow' is no colour: write it as six digits, such as #2443c8"),
        ('imprint = "https://"', "Line 2: [shop]: `imprint`: 'https://' is no address of a page"),
    ],
)  # fmt: skip
@builders.on_sqlite
def test_what_is_wrong_about_the_seller_is_said_in_words_with_field_and_line(
    shop: Shop, tmp_path: Path, line: str, sentence: str
) -> None:
    (tmp_path / "guide.txt").write_text("A guide.")
    path = tmp_path / "catalogue.toml"
    path.write_text(f"[shop]\n{line}\n{builders.GUIDE}")
    with pytest.raises(CatalogInvalid) as refusal:
        publishing.apply(shop, path)
    assert refusal.value.problems == [sentence]


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("shop", "vat_id"), 7), (("products", 0, "prices", 0, "amount"), 14), (("products", 1, "name"), 18),
        (("products", 1, "prices", 1, "currency"), 26), (("products", 1, "files", 0, "path"), 19), (("products", 1, "kind"), 16),
        (("products", 2, "name"), None),
    ],
)  # fmt: skip
def test_a_field_is_found_on_its_line(where: tuple[str | int, ...], line: int | None) -> None:
    text = (
        '[shop]\nname = "A"\nintro = """\n[[products]]\nvat_id = no\n"""\nvat_id = "x"\n'  # 1 to 7
        '\n[[products]]\nid = "a"\n\n[[products.prices]]\nid = "a-eur"\namount = 1\n'  # to 14
        '\n[[products]]\nid = "b"\nname = "B"\nfiles = [{ path = "x" }]\n'  # to 19
        '\n[[products.prices]]\nid = "b-eur"\n\n[[products.prices]]\nid = "b-usd"\ncurrency = "usd"\n'
    )
    assert catalog_lines.line_of(text, where) == line
