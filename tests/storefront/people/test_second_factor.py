"""The second factor on the pages: set up, asked for, taken off, required of everybody, reset."""

from streamlit.testing.v1 import AppTest

from core.people import own_factor, second_factor
from core.people.second_factor import RecoveryCode, SecondFactor
from core.people.staff import Role
from tests import builders, colleagues
from tests.colleagues import digits
from tests.conftest import Clock
from tests.storefront.conftest import Visitor, labels, left_for, sound, words


def opens(visitor: Visitor, page: str = "staff") -> AppTest:
    return visitor.opens(page, folder="owner_pages")


def press(tab: AppTest, label: str) -> AppTest:
    return sound(next(button for button in tab.button if button.label == label).click().run())


def types(tab: AppTest, key: str, text: str, label: str) -> AppTest:
    tab.text_input(key=key).set_value(text)
    return press(tab, label)


def shown_secret(tab: AppTest) -> str:
    return tab.code[0].value.replace(" ", "")


def test_a_viewer_sets_one_up_and_is_shown_the_recovery_codes_once(visitor: Visitor, clock: Clock) -> None:
    visitor.works_as(Role.VIEWER)
    tab = press(opens(visitor), "Set up a second factor")
    secret = shown_secret(tab)
    types(tab, "factor-digits", "000000", "Turn it on")
    assert "That isn't the code" in tab.warning[0].value
    assert shown_secret(tab) == secret
    types(tab, "factor-digits", digits(secret, clock()), "Turn it on")
    assert tab.title[0].value == "Recovery codes"
    codes = tab.code[0].value.splitlines()
    assert len(codes) == 10
    # Nothing else is drawn until they were kept, on no page.
    tab.switch_page("owner_pages/orders.py")
    assert sound(tab.run()).title[0].value == "Recovery codes"
    press(tab, "I have kept them")
    assert len(tab.code) == 0
    assert "Second factor on" in words(opens(visitor))
    assert codes[0] not in words(opens(visitor))


def test_it_is_asked_after_the_mailed_code_and_then_the_page_is_there(visitor: Visitor, clock: Clock) -> None:
    secret = colleagues.with_device(visitor.shop, Role.OWNER)
    visitor.works_as(Role.OWNER)
    tab = types(opens(visitor), "factor-code", "000000", "Go on")
    assert "You have 4 tries left" in tab.warning[0].value
    types(tab, "factor-code", digits(secret, clock()), "Go on")
    assert tab.title[0].value == "Staff"


def test_whoever_is_wrong_too_often_begins_with_the_mail_again(visitor: Visitor) -> None:
    colleagues.with_device(visitor.shop, Role.OWNER)
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    for _ in range(second_factor.TRIES):
        types(tab, "factor-code", "000000", "Go on")
    assert [each.key for each in tab.text_input] == ["email"]


def test_whoever_guessed_too_often_is_told_what_still_helps(visitor: Visitor, clock: Clock) -> None:
    secret = colleagues.with_device(visitor.shop, Role.OWNER)
    with visitor.shop.transaction() as session:
        device = session.exec(builders.select(SecondFactor)).one()
        device.tries, device.tries_since = 10, clock()
    visitor.works_as(Role.OWNER)
    tab = types(opens(visitor), "factor-code", digits(secret, clock()), "Go on")
    assert "one of your recovery codes" in tab.warning[0].value


def test_whoever_does_not_get_on_signs_out(visitor: Visitor) -> None:
    colleagues.with_device(visitor.shop, Role.OWNER)
    visitor.works_as(Role.OWNER)
    tab = opens(visitor)
    tab.button(key="leave-factor").click().run()
    assert "/api/sign-out?next=/owner" in left_for(tab)


def test_a_recovery_code_lets_in_and_says_how_many_are_left(visitor: Visitor, clock: Clock) -> None:
    here = colleagues.works_as(visitor.shop, Role.OWNER)
    codes = own_factor.confirm(visitor.shop, here, digits(own_factor.offer(visitor.shop, here).secret, clock()))
    visitor.works_as(Role.OWNER)
    tab = types(opens(visitor), "factor-code", codes[3], "Go on")
    assert "9 recovery codes are left" in words(tab)
    press(tab, "New recovery codes")
    assert tab.title[0].value == "Recovery codes"
    assert codes[4] not in tab.code[0].value
    assert len(builders.rows(visitor.shop, RecoveryCode)) == 10


def test_it_is_taken_off(visitor: Visitor, clock: Clock) -> None:
    secret = colleagues.with_device(visitor.shop, Role.OWNER)
    visitor.works_as(Role.OWNER)
    tab = types(opens(visitor), "factor-code", digits(secret, clock()), "Go on")
    press(tab, "Turn it off")
    sound(tab.button(key="factor-off-do").click().run())
    assert "Your second factor is off." in words(tab)
    assert builders.rows(visitor.shop, SecondFactor) == []


def test_an_owner_requires_it_and_sets_up_their_own_first(visitor: Visitor, clock: Clock) -> None:
    visitor.works_as(Role.OWNER)
    tab = press(opens(visitor), "Require it of everybody")
    sound(tab.button(key="rule-do").click().run())
    assert "An owner wants everybody" in words(tab)
    types(tab, "factor-digits", digits(shown_secret(tab), clock()), "Turn it on")
    press(tab, "I have kept them")
    assert "Leave it to each" in labels(tab)


def test_an_owner_resets_anothers(visitor: Visitor) -> None:
    colleagues.with_device(visitor.shop, Role.SUPPORT)
    address = colleagues.ADDRESSES[Role.SUPPORT]
    visitor.works_as(Role.OWNER)
    tab = sound(opens(visitor).button(key=f"open-reset-{address}").click().run())
    sound(tab.button(key="reset-do").click().run())
    assert "was reset" in words(tab)
    assert builders.rows(visitor.shop, SecondFactor) == []
