"""The owner's products: the list, and a product's page with its fields, its preview and what can be done with it."""

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog.products import Price, Product
from core.foundation.money import Money
from core.journeys.billing import plans_at_stripe
from core.kinds import offers
from core.kinds.offers import Offer
from core.owner.shelves import editing, pricing
from core.people.audit import AuditEntry
from core.people.staff import Role
from storefront import links
from tests import builders, colleagues
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, sound, words


@pytest.fixture
def owner(visitor: Visitor) -> Visitor:
    """An owner at a browser."""
    visitor.works_as(Role.OWNER)
    return visitor


def opens(visitor: Visitor, page: str, **query: str) -> AppTest:
    return visitor.opens(page, folder="owner_pages/selling", **query)


def offer_of(visitor: Visitor, product_id: str) -> Offer:
    with visitor.shop.reading() as session:
        found = offers.of_product(session, product_id, now=visitor.shop.now())
    assert found
    return found


def key_of(tab: AppTest, field: str) -> str:
    """The key of a field, which names the state in which it was opened."""
    kinds = (tab.text_input, tab.text_area, tab.number_input, tab.checkbox, tab.selectbox)
    return next(each.key for kind in kinds for each in kind if each.key and each.key.startswith(f"{field}-"))


def test_the_list_tells_of_each_product_what_it_costs_and_brought_in(owner: Visitor) -> None:
    builders.bought(owner.shop, owner.stripe, ("guide-eur", 2))
    tab = opens(owner, "products")
    seen = words(tab)
    assert "2 sold, €58.00" in seen
    assert "€9.00 monthly  \n€90.00 yearly" in seen
    assert ":gray-badge[:material/archive: Archived]" in seen
    assert "differs" not in seen
    assert next(each for each in labels(tab) if "Guide" in each) == "**Field Guide**"


def test_what_was_changed_is_told_as_drift_from_the_file(owner: Visitor) -> None:
    deed = colleagues.deed(colleagues.works_as(owner.shop, Role.OWNER))
    pricing.replace(owner.shop, "guide-eur", Money(3500, "eur"), deed=deed)
    assert "differs from catalogue.toml of 23 November 2026 in price guide-eur, price guide-eur-2" in words(
        opens(owner, "products")
    )
    seen = words(opens(owner, "product", id="guide"))
    assert "**price guide-eur**: nothing  \n:gray[:small[in the file: €29.00]]" in seen


def test_what_is_typed_is_seen_at_once_as_buyers_will_see_it_and_kept_by_a_click(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    sound(tab.text_input(key=key_of(tab, "name")).set_value("A better guide").run())
    sound(tab.text_area(key=key_of(tab, "gets")).set_value("menu_book | 40 pages\nAn index").run())
    assert [title.value for title in tab.title] == ["Field Guide", "A better guide"]
    assert "- :material/menu_book: &nbsp;40 pages\n- :material/check: &nbsp;An index" in words(tab)
    assert offer_of(owner, "guide").name == "Field Guide"
    sound(tab.button(key="save").click().run())
    assert "Kept: name, gets." in tab.success[0].value
    assert (offer_of(owner, "guide").name, offer_of(owner, "guide").gets[1]) == (
        "A better guide",
        ("check", "An index"),
    )
    sound(tab.button(key="save").click().run())
    assert "Nothing was changed." in tab.success[0].value


def test_what_was_typed_just_before_the_click_is_kept(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    tab.text_input(key=key_of(tab, "name")).set_value("A better guide")
    sound(tab.button(key="save").click().run())
    assert "Kept: name." in tab.success[0].value
    assert offer_of(owner, "guide").name == "A better guide"
    tab.text_input(key=key_of(tab, "name")).set_value("")
    sound(tab.button(key="save").click().run())
    assert "**Name** is empty." in [each.value for each in tab.warning]
    assert offer_of(owner, "guide").name == "A better guide"


def test_a_mistake_names_its_field_and_keeps_what_was_typed(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    sound(tab.text_input(key=key_of(tab, "summary")).set_value("A summary").run())
    sound(tab.text_input(key=key_of(tab, "name")).set_value("").run())
    assert [each.value for each in tab.warning] == ["**Name** is empty."]
    sound(tab.button(key="save").click().run())
    assert "**Name** is empty." in [each.value for each in tab.warning]
    assert tab.text_input(key=key_of(tab, "summary")).value == "A summary"
    assert offer_of(owner, "guide").summary == ""


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(owner: Visitor, clock) -> None:
    tab = opens(owner, "product", id="guide")
    clock.pass_(minutes=1)
    seen = next(row.updated_at for row in builders.rows(owner.shop, Product) if row.id == "guide")
    deed = colleagues.deed(colleagues.works_as(owner.shop, Role.OWNER))
    editing.save(owner.shop, "guide", {"name": "Theirs"}, seen=seen, deed=deed)
    sound(tab.text_input(key=key_of(tab, "name")).set_value("Mine").run())
    sound(tab.button(key="save").click().run())
    assert "Somebody has changed this product since you opened it, so nothing was kept." in words(tab)
    assert offer_of(owner, "guide").name == "Theirs"
    sound(tab.button(key="show-anew").click().run())
    assert tab.text_input(key=key_of(tab, "name")).value == "Theirs"


def test_what_is_typed_is_kept_also_after_the_product_was_put_on_the_shelves_from_here(owner: Visitor, clock) -> None:
    tab = opens(owner, "product", id="guide")
    for button, active in (("archive", False), ("put-on-shelf", True)):
        clock.pass_(minutes=1)
        tab.text_input(key=key_of(tab, "name")).set_value(f"Its name at {button}")
        sound(tab.button(key=button).click().run())
        assert "Somebody has changed" not in words(tab)
        sound(tab.button(key="save").click().run())
        found = next(row for row in builders.rows(owner.shop, Product) if row.id == "guide")
        assert (found.active, found.name) == (active, f"Its name at {button}")
        clock.pass_(minutes=1)


def test_a_colleague_s_change_is_told_also_after_one_s_own(owner: Visitor, clock) -> None:
    tab = opens(owner, "product", id="guide")
    clock.pass_(minutes=1)
    deed = colleagues.deed(colleagues.works_as(owner.shop, Role.OWNER))
    seen = next(row.updated_at for row in builders.rows(owner.shop, Product) if row.id == "guide")
    editing.save(owner.shop, "guide", {"name": "Theirs"}, seen=seen, deed=deed)
    clock.pass_(minutes=1)
    sound(tab.button(key="archive").click().run())
    assert "Somebody has changed this product since you opened it." in words(tab)


def test_until_when_a_place_is_given_up_is_kept(owner: Visitor) -> None:
    tab = opens(owner, "product", id="clinic")
    sound(tab.number_input(key=key_of(tab, "cancel-until")).set_value(48).run())
    sound(tab.number_input(key=key_of(tab, "cancel-refund")).set_value(50).run())
    sound(tab.button(key="save").click().run())
    assert "Kept: workshop." in words(tab)
    assert (tab.number_input(key=key_of(tab, "cancel-until")).value, offer_of(owner, "clinic").terms) == (
        48, {"cancel_until": 48, "cancel_refund": 50},
    )  # fmt: skip


def test_saving_leaves_questions_and_answers_as_a_file_says_them_until_somebody_writes_others(owner: Visitor) -> None:
    gets, faq = (
        [["check", "PDF | EPUB"], ["menu_book", "38 pages"]],
        [["How long?", "Not long.\n\nSome hours."], ["Why?", "So."]],
    )
    with owner.shop.transaction() as session:
        session.get_one(Product, "guide").sqlmodel_update({"gets": gets, "faq": faq})
    tab = opens(owner, "product", id="guide")
    sound(tab.text_input(key=key_of(tab, "name")).set_value("Another name").run())
    sound(tab.button(key="save").click().run())
    assert "Kept: name." in words(tab)
    field = tab.text_area(key=key_of(tab, "faq"))
    sound(field.set_value(f"{field.value}\n\nAnd then?\nNothing.").run())
    field = tab.text_area(key=key_of(tab, "gets"))
    sound(field.set_value(f"{field.value}\nAn index").run())
    sound(tab.button(key="save").click().run())
    (row,) = (row for row in builders.rows(owner.shop, Product) if row.id == "guide")
    assert [list(each) for each in row.gets] == [*gets, ["check", "An index"]]
    assert [list(each) for each in row.faq] == [
        ["How long?", "Not long. Some hours."],
        ["Why?", "So."],
        ["And then?", "Nothing."],
    ]


def test_saving_a_licence_leaves_those_of_its_terms_that_have_no_field(owner: Visitor) -> None:
    terms = {"machines": 3, "valid_for": "1 year", "floating": True, "prefix": "KIT", "features": {"export": True}}
    with owner.shop.transaction() as session:
        session.get_one(Product, "kit").terms = terms
    tab = opens(owner, "product", id="kit")
    sound(tab.number_input(key=key_of(tab, "machines")).set_value(5).run())
    sound(tab.button(key="save").click().run())
    assert "Kept: license." in words(tab)
    assert offer_of(owner, "kit").terms == {**terms, "machines": 5}


def test_a_new_price_is_set_in_a_dialog_and_the_old_one_is_archived(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    sound(tab.button(key="open-price-new-guide-eur").click().run())
    sound(tab.text_input(key="price-amount").set_value("35,001").run())
    sound(tab.button(key="price-new-do").click().run())
    assert "not clearly an amount" in words(tab)
    sound(tab.text_input(key="price-amount").set_value("35.00").run())
    sound(tab.button(key="price-new-do").click().run())
    assert "It costs €35.00 from now on." in tab.success[0].value
    assert {row.id: row.active for row in builders.rows(owner.shop, Price) if row.product_id == "guide"} == {
        "guide-eur": False, "guide-eur-2": True,
    }  # fmt: skip


@builders.on_sqlite
def test_the_preview_shows_a_sale_s_end_and_what_buyers_say_as_they_see_it(owner: Visitor) -> None:
    deed = colleagues.deed(colleagues.works_as(owner.shop, Role.OWNER))
    until = owner.shop.now() + timedelta(days=3)
    pricing.reduce(owner.shop, "guide-eur", Money(1900, "eur"), until=until, deed=deed)
    assert "Instead of €29, until 26 November 2026" in words(opens(owner, "product", id="guide"))
    deed = colleagues.deed(colleagues.works_as(owner.shop, Role.OWNER))
    pricing.let_choose(owner.shop, "guide-eur", Money(500, "eur"), deed=deed)
    tab = opens(owner, "product", id="guide")
    assert "€29 is suggested, €5 is the least." in words(tab)
    field = next(each for each in tab.text_input if each.label == "What you pay, in EUR")
    assert "One payment" in words(tab)
    sound(field.set_value("1").run())
    assert "€5 is the least that it is had for." in "".join(each.value for each in tab.warning)


@builders.on_sqlite
def test_what_a_product_is_taxed_as_and_whether_on_top_is_written_by_its_owner(owner: Visitor) -> None:
    tab = opens(owner, "product", id="plan")
    assert "They include tax." in words(tab)
    sound(tab.selectbox(key=key_of(tab, "tax")).set_value("business_saas").run())
    sound(tab.button(key="save").click().run())
    sound(tab.button(key="open-price-tax").click().run())
    tab.radio(key="price-tax").set_value("exclusive")
    sound(tab.button(key="price-tax-do").click().run())
    assert "Tax comes on top of them." in words(tab)
    rows = {row.id: row for row in builders.rows(owner.shop, Product)}
    assert rows["plan"].tax_code == "business_saas"
    assert {row.tax_behavior for row in builders.rows(owner.shop, Price) if row.product_id == "plan"} == {"exclusive"}
    # Stripe's own prices say so too: that of before is archived, and another stands for it.
    plans_at_stripe.bring(owner.shop, "plan")
    assert {each["tax_behavior"] for each in owner.stripe.prices.values()} == {"exclusive"}
    # A code of Stripe's stays what it is while something else is changed.
    with owner.shop.transaction() as session:
        session.get_one(Product, "guide").tax_code = "txcd_10401100"
    tab = opens(owner, "product", id="guide")
    sound(tab.text_input(key=key_of(tab, "facts")).set_value("PDF").run())
    sound(tab.button(key="save").click().run())
    assert {row.id: (row.tax_code, row.facts) for row in builders.rows(owner.shop, Product)}["guide"] == (
        "txcd_10401100", "PDF",
    )  # fmt: skip


def test_a_workshop_s_dates_are_added_resized_and_taken_off(owner: Visitor) -> None:
    tab = opens(owner, "product", id="clinic")
    sound(tab.button(key="open-date-more").click().run())
    sound(tab.number_input(key="date-capacity").set_value(7).run())
    sound(tab.button(key="date-more-do").click().run())
    assert "The date is offered: 17 Dec 2026, 17:00." in tab.success[0].value
    assert [date.capacity for date in offer_of(owner, "clinic").dates] == [5, 7]
    sound(tab.button(key="open-date-places-clinic/2").click().run())
    sound(tab.number_input(key="places-clinic/2").set_value(9).run())
    sound(tab.button(key="date-places-do").click().run())
    assert [date.capacity for date in offer_of(owner, "clinic").dates] == [5, 9]
    sound(tab.button(key="open-date-end-clinic/2").click().run())
    sound(tab.button(key="date-end-do").click().run())
    assert [date.id for date in offer_of(owner, "clinic").dates] == ["clinic/1"]


def test_a_product_is_archived_and_put_back(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    sound(tab.button(key="archive").click().run())
    assert "It is not on sale any more." in words(tab)
    sound(tab.button(key="put-on-shelf").click().run())
    assert "It is on sale." in words(tab)
    assert offer_of(owner, "guide").prices


@builders.on_sqlite
def test_what_was_typed_for_a_new_product_stays_when_it_turns_out_to_be_of_another_kind(owner: Visitor) -> None:
    tab = opens(owner, "product")
    sound(tab.text_input(key=key_of(tab, "name")).set_value("Nine Lessons").run())
    sound(tab.text_area(key=key_of(tab, "description")).set_value("Each takes a week.").run())
    for kind in ("plan", "workshop", "license", "download"):
        sound(tab.selectbox(key="new-kind").set_value(kind).run())
        assert tab.text_input(key=key_of(tab, "name")).value == "Nine Lessons"
        assert tab.text_area(key=key_of(tab, "description")).value == "Each takes a week."


def test_a_new_product_is_written_and_says_what_it_lacks(owner: Visitor) -> None:
    tab = opens(owner, "product")
    sound(tab.text_input(key=key_of(tab, "name")).set_value("The Long Guide").run())
    sound(tab.text_input(key="new-amount").set_value("12").run())
    assert "<strong>€12</strong>" in words(tab)
    sound(tab.button(key="create").click().run())
    (made,) = [row for row in builders.rows(owner.shop, Product) if row.id == "the-long-guide"]
    assert (made.name, made.active) == ("The Long Guide", False)
    seen = opens(owner, "product", id="the-long-guide")
    assert "Before it can be sold: a download needs at least one file." in seen.info[0].value
    sound(seen.button(key="put-on-shelf").click().run())
    assert "A download needs at least one file." in words(seen)


def test_stripe_is_asked_by_a_click(owner: Visitor) -> None:
    name = owner.stripe.sell(3100)
    with owner.shop.transaction() as session:
        session.get_one(Price, "guide-eur").stripe_price_id = name
    tab = sound(opens(owner, "products").button(key="compare").click().run())
    assert "Stripe was asked about 1 price." in tab.success[0].value
    assert "costs €31.00 at Stripe, which is what buyers pay" in words(tab)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
def test_others_look_and_change_nothing(visitor: Visitor, role: Role) -> None:
    visitor.works_as(role)
    for page, query in (("products", {}), ("product", {"id": "clinic"}), ("product", {})):
        tab = opens(visitor, page, **query)
        allowed = {"preview-add", "FormSubmitter:find-Find", "leave-office"}
        assert {button.key for button in tab.button} - allowed <= {None}, page
    assert "Find" in labels(tab)
    assert builders.rows(visitor.shop, AuditEntry) == []


@pytest.mark.parametrize(
    ("currency", "amount", "why"),
    [("jpy", "12.50", "Write it like 27."), ("kwd", "1,250", "Write it like 27 or 27.000."),
     ("gbp", "9999999", "must be at most £999,999.99"), ("jpy", "100000000", "must be at most ¥99,999,999")],
)  # fmt: skip
def test_what_is_wrong_with_an_amount_is_said_in_its_currency(
    owner: Visitor, currency: str, amount: str, why: str
) -> None:
    tab = sound(opens(owner, "product", id="guide").button(key="open-price-more").click().run())
    tab.text_input(key="price-more-amount").set_value(amount)
    tab.text_input(key="price-more-currency").set_value(currency)
    sound(tab.button(key="price-more-do").click().run())
    assert why in tab.warning[-1].value


@pytest.mark.parametrize(("product_id", "terms"), [("guide", {"downloads": 50_000}), ("kit", {"machines": 50_000})])
def test_what_a_catalogue_may_say_stands_in_the_fields(owner: Visitor, product_id: str, terms: dict[str, int]) -> None:
    with owner.shop.transaction() as session:
        session.get_one(Product, product_id).terms = terms
    tab = opens(owner, "product", id=product_id)
    sound(tab.text_input(key=key_of(tab, "name")).set_value("Another name").run())
    sound(tab.button(key="save").click().run())
    assert "Kept: name." in tab.success[0].value


def test_a_forged_dialog_of_a_viewer_sets_no_price(visitor: Visitor) -> None:
    visitor.works_as(Role.VIEWER)
    tab = opens(visitor, "product", id="guide")
    tab.session_state["dialog"] = "price-new-guide-eur"
    sound(tab.run())
    assert "price-new-do" not in {button.key for button in tab.button}
    assert offer_of(visitor, "guide").prices[0].amount == Money(2900, "eur")


UNSAVED = "What you typed is not saved yet."
SHEET = "owner_pages/selling/product.py"


def goes_to(tab: AppTest, page: str, **query: str) -> AppTest:
    """To another page within the same tab, as by a link."""
    tab.query_params.clear()
    for name, value in query.items():
        tab.query_params[name] = value
    return sound(tab.switch_page(page).run())


def test_what_was_typed_and_not_saved_stands_there_when_one_comes_back(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    sound(tab.text_area(key=key_of(tab, "faq")).set_value("A question without its answer").run())
    sound(tab.number_input(key=key_of(tab, "most")).set_value(7).run())
    assert UNSAVED in words(tab)
    goes_to(tab, links.ORDERS)
    assert "Field Guide" in labels(tab)
    goes_to(tab, SHEET, id="kit")
    assert UNSAVED not in words(tab)
    goes_to(tab, SHEET, id="guide")
    assert "Field Guide" not in labels(tab)
    assert tab.text_area(key=key_of(tab, "faq")).value == "A question without its answer"
    assert tab.number_input(key=key_of(tab, "most")).value == 7
    assert UNSAVED in words(tab)
    sound(tab.button(key="save").click().run())
    assert UNSAVED not in words(tab)
    assert (offer_of(owner, "guide").max_quantity, tab.text_area(key=key_of(tab, "faq")).value) == (7, "")
    goes_to(tab, links.ORDERS)
    assert "Field Guide" not in labels(tab)


def test_what_was_typed_is_let_go_of_by_a_click(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    sound(tab.text_input(key=key_of(tab, "name")).set_value("Mine").run())
    goes_to(tab, links.ORDERS)
    goes_to(tab, SHEET, id="guide")
    sound(tab.button(key="discard-product:guide").click().run())
    assert tab.text_input(key=key_of(tab, "name")).value == "Field Guide"
    assert UNSAVED not in words(tab)
    goes_to(tab, links.ORDERS)
    goes_to(tab, SHEET, id="guide")
    assert (tab.text_input(key=key_of(tab, "name")).value, UNSAVED in words(tab)) == ("Field Guide", False)


def test_what_was_typed_and_taken_back_is_nothing_that_is_not_saved(owner: Visitor) -> None:
    tab = opens(owner, "product", id="guide")
    for name, unsaved in (("Mine", True), ("Field Guide", False)):
        sound(tab.text_input(key=key_of(tab, "name")).set_value(name).run())
        assert (UNSAVED in words(tab)) is unsaved


@pytest.mark.parametrize("typed", ["Mine", ""])
def test_who_comes_back_is_warned_of_a_colleague_s_change_if_they_had_typed_anything(
    owner: Visitor, clock: Clock, typed: str
) -> None:
    tab = opens(owner, "product", id="guide")
    if typed:
        sound(tab.text_input(key=key_of(tab, "name")).set_value(typed).run())
    goes_to(tab, links.ORDERS)
    clock.pass_(minutes=1)
    seen = next(row.updated_at for row in builders.rows(owner.shop, Product) if row.id == "guide")
    deed = colleagues.deed(colleagues.works_as(owner.shop, Role.OWNER))
    editing.save(owner.shop, "guide", {"name": "Theirs"}, seen=seen, deed=deed)
    goes_to(tab, SHEET, id="guide")
    assert ("Somebody has changed this product since you opened it." in words(tab)) is bool(typed)
    assert tab.text_input(key=key_of(tab, "name")).value == (typed or "Theirs")


def test_a_new_product_that_was_begun_stands_there_until_it_is_created(owner: Visitor) -> None:
    tab = opens(owner, "product")
    assert UNSAVED not in words(tab)
    sound(tab.selectbox(key="new-kind").set_value("license").run())
    assert UNSAVED not in words(tab)
    sound(tab.text_input(key=key_of(tab, "name")).set_value("Nine Lessons").run())
    sound(tab.number_input(key=key_of(tab, "machines")).set_value(3).run())
    sound(tab.text_input(key="new-amount").set_value("12").run())
    goes_to(tab, links.ORDERS)
    assert "New product" in labels(tab)
    goes_to(tab, SHEET)
    assert (tab.selectbox(key="new-kind").value, tab.text_input(key=key_of(tab, "name")).value) == (
        "license",
        "Nine Lessons",
    )
    assert tab.number_input(key=key_of(tab, "machines")).value == 3
    assert (tab.text_input(key="new-amount").value, UNSAVED in words(tab)) == ("12", True)
    tab.button(key="create").click().run()
    assert "nine-lessons" in {row.id for row in builders.rows(owner.shop, Product)}
    goes_to(tab, links.ORDERS)
    assert "New product" not in labels(tab)
    goes_to(tab, SHEET)
    assert (tab.text_input(key=key_of(tab, "name")).value, tab.text_input(key="new-amount").value) == ("", "")
    assert UNSAVED not in words(tab)
