"""A visitor of the pages: a browser with its cookies, in front of a shop with a real database and a fake Stripe."""

import re
import warnings
from functools import cache

import pytest
from sqlmodel import col, select
from streamlit.components.v2 import manifest_scanner
from streamlit.runtime.context import ContextProxy, StreamlitCookies
from streamlit.testing.v1 import AppTest, app_test, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from core.foundation import signing
from core.journeys import carts
from core.journeys.carts import CartView
from core.people import codes, sign_in
from core.people.codes import SignInCode
from core.people.staff import Role
from core.shop import Shop
from storefront.pictures import STATIC
from tests import colleagues
from tests.fakes import FakeStripe

with warnings.catch_warnings():
    # Starlette would rather have the successor of httpx; the tests of headers are content with this one.
    warnings.simplefilter("ignore")
    import starlette.testclient  # noqa: F401

# Looks through the metadata of every library that is installed, each time that a page is opened: they stay the same.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)

# Scripts stay the same as well: each is compiled once, also the one that shows all pages.
app_test.ScriptCache = local_script_runner.ScriptCache = cache(app_test.ScriptCache)  # type: ignore[misc]

_look_until_it_ran = local_script_runner.require_widgets_deltas


def _wait_until_it_ran(runner: LocalScriptRunner, timeout: float = 3) -> None:
    """Leave the processor to the script: whoever looks each millisecond whether it has ended takes it from it each time."""
    if runner._script_thread:
        runner._script_thread.join(timeout)
    _look_until_it_ran(runner, timeout)


local_script_runner.require_widgets_deltas = _wait_until_it_ran

PAGES = STATIC.parent / "pages.py"
# What Streamlit calls the pages that were opened so far.
_HASHES: dict[str, str] = {}


class Visitor:
    """Somebody at a browser. `cookies` is what the browser sends along when a page is opened."""

    def __init__(self, shop: Shop, stripe: FakeStripe, cookies: dict[str, str]) -> None:
        self.shop = shop
        self.stripe = stripe
        self.cookies = cookies
        self.returns_as("br_1")

    def returns_as(self, browser: str) -> None:
        """Come with the cookie of this browser."""
        self.cookies[signing.BROWSER_COOKIE] = signing.sign(self.shop.signing_key, signing.BROWSER, browser)

    def opens(self, page: str, *, folder: str = "buyer_pages", **query: str) -> AppTest:
        """Open a page in a new tab; nothing may fail on it."""
        return sound(self.begins_at(page, folder=folder, **query).run())

    def begins_at(self, page: str, *, folder: str = "buyer_pages", **query: str) -> AppTest:
        """A new tab that was sent to this page, which comes with its first run."""
        tab = AppTest.from_file(PAGES, default_timeout=30)
        path = f"{folder}/{page}.py"
        if path in _HASHES:
            tab._page_hash = _HASHES[path]
        else:
            # What a page is called is known once some page has been shown.
            _HASHES[path] = tab.run().switch_page(path)._page_hash
        for name, value in query.items():
            tab.query_params[name] = value
        return tab

    def works_as(self, role: Role) -> None:
        """Come with the cookie of somebody of this role, who signed in at the owner's side."""
        self.comes_with(colleagues.works_as(self.shop, role))

    def comes_with(self, sign_in_id: str) -> None:
        """Come with the cookie of this sign-in."""
        self.cookies[signing.SIGN_IN_COOKIE] = signing.sign(self.shop.signing_key, signing.SIGN_IN, sign_in_id)

    def puts(self, price: str, quantity: int = 1, date_id: str = "") -> None:
        """Have this in the cart."""
        with self.shop.transaction() as session:
            carts.put(session, "br_1", price, quantity, date_id=date_id, now=self.shop.now())

    @property
    def cart(self) -> CartView:
        with self.shop.reading() as session:
            return carts.view(session, "br_1", now=self.shop.now())

    def goes_to_payment(self) -> str:
        """From the cart to the payment page; the id of its Session."""
        tab = sound(self.opens("cart").button(key="pay").click().run())
        assert "window.location.assign" in left_for(tab)
        return max(self.stripe.sessions)

    def signs_in(self, email: str) -> None:
        """Come with the cookie of somebody who is signed in."""
        with self.shop.transaction() as session:
            code = codes.make(session, email, now=self.shop.now())
        ticket = sign_in.by_code(self.shop, email, codes.digits_of(code.id, signing_key=self.shop.signing_key))
        with self.shop.reading() as session:
            key, now = self.shop.signing_key, self.shop.now()
            signed_in = sign_in.redeem(session, ticket, ip="127.0.0.1", signing_key=key, now=now)
        self.cookies[signing.SIGN_IN_COOKIE] = signing.sign(self.shop.signing_key, signing.SIGN_IN, signed_in)

    def newest_code(self, email: str) -> str:
        """The digits in the newest letter with a code."""
        with self.shop.reading() as session:
            query = select(SignInCode).where(SignInCode.email == email).order_by(col(SignInCode.created_at).desc())
            code = session.exec(query).first()
        assert code is not None
        return codes.digits_of(code.id, signing_key=self.shop.signing_key)


@pytest.fixture
def visitor(shop: Shop, stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> Visitor:
    """A visitor with cookies of their own, in the shop that every page is given."""
    jar: dict[str, str] = {}
    monkeypatch.setattr("storefront.process.shop", lambda: shop)
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: StreamlitCookies(jar)))
    monkeypatch.setattr(ContextProxy, "ip_address", property(lambda _: "192.0.2.1"))
    return Visitor(shop, stripe, jar)


def sound(tab: AppTest) -> AppTest:
    """The same tab, on which nothing failed."""
    assert not tab.exception, tab.exception
    assert not tab.error, [each.value for each in tab.error]
    return tab


def words(tab: AppTest) -> str:
    """Everything that is to be read on a page, the widgets' labels aside."""
    kinds = (tab.title, tab.header, tab.subheader, tab.markdown, tab.warning, tab.info, tab.success, tab.html, tab.code)
    return joined("\n".join(str(each.value) for kind in kinds for each in kind))


def joined(text: str) -> str:
    """A text of a page without the directives that have no effect but to split what would become a link or a sign."""
    return re.sub(r":color\[(.)]\{}", r"\1", text)


def labels(tab: AppTest) -> list[str]:
    """What can be pressed."""
    return [each.label for each in tab.button] + [each.value for each in tab.page_link]


def left_for(tab: AppTest) -> str:
    """The script that takes the tab elsewhere, or an empty string."""
    return next((each.value for each in tab.html if "<script>" in each.value), "")
