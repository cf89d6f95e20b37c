"""What the demo claims about its goods is true of the files it ships."""

import ast
import re
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest

from core.catalog import seller
from core.catalog.demo import catalogue
from core.foundation.settings import Settings
from core.languages.sentences import spoken

DEMO = catalogue.PATH.parent
STATIC = DEMO.parents[2] / "storefront" / "static"
CATALOGUE = tomllib.loads((DEMO / "catalogue.toml").read_text(encoding="utf-8"))
PRODUCTS = {product["id"]: product for product in CATALOGUE["products"]}
FILES = [(product["id"], file) for product in CATALOGUE["products"] for file in product.get("files", [])]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def claims(product: str) -> str:
    """Everything the shop says about a product, in one string."""
    told = PRODUCTS[product]
    return " ".join([told["summary"], told["facts"], *(text for _, text in told["gets"])])


def numbers_before(noun: str, text: str) -> set[int]:
    return {int(number) for number in re.findall(rf"(\d+) {noun}", text)}


def archive(path: str) -> zipfile.ZipFile:
    opened = zipfile.ZipFile(DEMO / path)
    assert opened.testzip() is None
    return opened


def pages_of(pdf: bytes) -> int:
    counts = [int(count) for count in re.findall(rb"/Type\s*/Pages\b[^>]*?/Count\s+(\d+)", pdf)]
    leaves = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert max(counts) == leaves
    return leaves


def is_what_it_says(path: Path, media_type: str) -> bool:
    match media_type:
        case "application/pdf":
            data = path.read_bytes()
            return data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
        case "application/epub+zip":
            return archive(str(path)).read("mimetype") == b"application/epub+zip"
        case "application/zip":
            return bool(archive(str(path)).namelist())
        case "text/x-python":
            return bool(ast.parse(path.read_text(encoding="utf-8")).body)
        case str() if media_type == XLSX:
            return "xl/workbook.xml" in archive(str(path)).namelist()
    return False


@pytest.mark.parametrize(
    ("product", "file"), FILES, ids=lambda value: value if isinstance(value, str) else value["name"]
)
def test_every_file_exists_and_is_what_its_media_type_says(product: str, file: dict[str, str]) -> None:
    assert file["name"] == Path(file["path"]).name
    assert is_what_it_says(DEMO / file["path"], file["media_type"])


def test_every_download_and_licence_brings_files_and_all_prices_are_unique() -> None:
    for product in CATALOGUE["products"]:
        # A bundle is what its parts are.
        brings = product.get("files") or product.get("parts")
        assert bool(brings) == (product["kind"] in {"download", "license"})
    prices = [price["id"] for product in CATALOGUE["products"] for price in product["prices"]]
    assert len(prices) == len(set(prices))


def test_every_product_has_its_cover_in_both_crops() -> None:
    for product in CATALOGUE["products"]:
        cover = STATIC / product["image"]
        assert cover.is_file()
        assert cover.with_name(f"{cover.stem}-sq.svg").is_file()
        assert product["image_alt"]
    covers = [product["image"] for product in CATALOGUE["products"]]
    assert len(covers) == len(set(covers)), "each shows its own"


def test_the_guide_has_the_pages_the_shop_promises() -> None:
    assert numbers_before("pages", claims("quiet-launch")) == {
        pages_of((DEMO / "files/the-quiet-launch.pdf").read_bytes())
    }


def test_the_epub_opens_the_way_readers_expect() -> None:
    book = archive("files/the-quiet-launch.epub")
    first = book.infolist()[0]
    assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
    container = ElementTree.fromstring(book.read("META-INF/container.xml"))
    (package,) = (root.attrib["full-path"] for root in container.iterfind(".//{*}rootfile"))
    items = ElementTree.fromstring(book.read(package)).iterfind(".//{*}manifest/{*}item")
    listed = {(Path(package).parent / item.attrib["href"]).as_posix() for item in items}
    assert listed | {"mimetype", "META-INF/container.xml", package} == set(book.namelist())


def test_the_guide_holds_its_nine_launches_and_every_email_it_counts() -> None:
    book = archive("files/the-quiet-launch.epub")
    pages = {name: book.read(name).decode() for name in book.namelist() if name.endswith(".xhtml")}
    emails = re.findall(r">Email (\d+)</span>", "".join(pages.values()))
    assert numbers_before("emails", claims("quiet-launch")) == {len(emails)}
    assert sorted(map(int, emails)) == list(range(1, len(emails) + 1))
    launches = [text for name, text in pages.items() if "/launch-" in name]
    assert len(launches) == 9
    assert all('class="check"' in text for text in launches)


def test_the_plan_has_nine_weeks_and_formulas_that_show_their_results() -> None:
    book = archive("files/nine-week-plan.xlsx")
    numbers = book.read("xl/worksheets/sheet2.xml").decode()
    assert "<f>SUM(E5:E13)</f><v>100</v>" in numbers
    plan = book.read("xl/worksheets/sheet1.xml").decode()
    assert len(re.findall(r"<f>\$C\$3\+\d+</f>", plan)) >= 36


def test_the_proposal_kit_holds_each_template_twice_and_a_calculator() -> None:
    names = archive("files/proposal-kit.zip").namelist()
    word = {Path(name).stem for name in names if name.endswith(".docx")}
    text = {Path(name).stem for name in names if "/markdown/" in name}
    assert word == text
    assert numbers_before("templates", claims("proposal-kit")) == {len(word)}
    assert "twelve" in claims("proposal-kit").lower()
    assert len(word) == 12
    assert "proposal-kit/price-calculator.xlsx" in names
    emails = archive("files/proposal-kit.zip").read("proposal-kit/four-emails.md").decode()
    assert numbers_before("emails", claims("proposal-kit")) == {emails.count("**Subject:**")}


def test_the_contract_shelf_holds_its_contracts_and_says_that_it_is_no_legal_advice() -> None:
    shelf = archive("files/contract-shelf.zip")
    contracts = [name for name in shelf.namelist() if name.endswith(".docx")]
    assert numbers_before("(?:templates|contracts)", claims("contract-shelf")) == {len(contracts)}
    assert "not legal advice" in shelf.read("contract-shelf/README.md").decode()
    for name in contracts:
        with shelf.open(name) as document, zipfile.ZipFile(document) as opened:
            assert "not legal advice" in opened.read("word/document.xml").decode()


def test_the_licence_texts_name_as_many_computers_as_the_licence_allows() -> None:
    for product in ("proposal-kit", "contract-shelf"):
        assert PRODUCTS[product]["license"] == {"machines": 5}
        assert numbers_before("computers", claims(product)) == {5}
        assert "up to five computers" in archive(f"files/{product}.zip").read(f"{product}/LICENCE.txt").decode()


def test_the_privacy_notice_says_how_long_ip_addresses_are_kept_by_the_settings_in_the_language_spoken(
    settings: Settings,
) -> None:
    def told(days: float) -> str:
        kept_for = settings.model_copy(update={"retention_addresses_days": days})
        return seller.of(CATALOGUE["shop"], kept_for).privacy

    kept = {days: told(days) for days in (120, 0.5, 0)}
    assert "fetched a file is forgotten after 120 days." in kept[120]
    assert "after 0.5 days." in kept[0.5]
    assert "forgotten" not in kept[0]
    with spoken("de"):
        assert "nach 120 Tagen vergessen" in told(120)
    assert not [text for text in kept.values() if "{" in text]


def test_the_prints_are_as_many_as_the_shop_says_each_on_a_page() -> None:
    pages = pages_of((DEMO / "files/market-prints.pdf").read_bytes())
    assert numbers_before("prints", claims("market-prints")) == {pages}
    assert "six" in claims("market-prints").lower()
    assert pages == 6


def test_the_documents_are_signed_by_the_shop_alone() -> None:
    for name in ("the-quiet-launch", "market-prints"):
        pdf = (DEMO / f"files/{name}.pdf").read_bytes()
        assert b"/Author (Plainwork)" in pdf
        assert b"/Producer (Plainwork)" in pdf
    shelf = archive("files/contract-shelf.zip")
    for name in (name for name in shelf.namelist() if name.endswith(".docx")):
        with shelf.open(name) as document, zipfile.ZipFile(document) as opened:
            assert "<dc:creator>Plainwork</dc:creator>" in opened.read("docProps/core.xml").decode()


def test_the_workshop_covers_show_as_many_filled_dots_as_places_are_taken() -> None:
    for product in ("pricing-clinic", "onboarding-lab"):
        date = PRODUCTS[product]["dates"][0]
        cover = (STATIC / PRODUCTS[product]["image"]).read_text(encoding="utf-8")
        filled, open_ = cover.count('r="32.0"'), cover.count('r="27.0"')
        assert (filled, filled + open_) == (date["taken"], date["capacity"])
