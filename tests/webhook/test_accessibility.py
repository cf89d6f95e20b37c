"""Whatever page the sidecar draws: axe finds nothing in it, in light and dark, wide and as narrow as a phone."""

from collections.abc import Callable

from starlette.testclient import TestClient

from core.attendance import waiting
from core.foundation import signing
from core.kinds.places import waiting_list
from core.kinds.places.waiting_list import WaitingEntry
from core.mailboxes import unsubscribing
from core.mailboxes.marks import Kind
from core.people.staff import Role
from core.shop import Shop
from tests import accessibility, browser, builders, colleagues
from tests.core.attendance.conftest import NORA, Clinic
from tests.fakes import FakeStripe
from tests.webhook.test_challenges import FORM

pytestmark = builders.on_sqlite
PATIENCE = 60


def pages(shop: Shop, stripe: FakeStripe, client: TestClient) -> dict[str, str]:
    """Those that no journey in a browser comes by, by what they are."""
    clinic = Clinic(shop, stripe)
    order_id = clinic.sell(4, cart="a")
    clinic.sell(1, cart="b")
    token = clinic.tickets(order_id)[0]
    waiting.join(shop, "clinic/1", NORA)
    (entry,) = builders.rows(shop, WaitingEntry)
    unsubscribe = unsubscribing.link(shop, NORA, Kind.NO_NEWS).rpartition("/")[2]
    ticket = f"/ticket/{token}"
    ask: dict[str, Callable[[], str]] = {
        "the door": lambda: client.get(f"/join/{token}").text,
        "who waits": lambda: client.get(f"/waiting/{waiting_list.token(entry, signing_key=shop.signing_key)}").text,
        "no more letters?": lambda: client.get(f"/unsubscribe/{unsubscribe}").text,
        "no more letters": lambda: client.post(f"/unsubscribe/{unsubscribe}").text,
        "no such letters": lambda: client.get("/unsubscribe/nothing").text,
        "a withdrawal?": lambda: client.get("/withdraw?order=SH-1001").text,
        "no withdrawal": lambda: client.post("/withdraw", data={"email": "nora", "words": "all"}).text,
        "a withdrawal": lambda: client.post("/withdraw", data={"email": NORA, "words": "all"}).text,
        "no download": lambda: client.get("/downloads/nothing").text,
        "not bought": lambda: client.post("/checkout/form", content="product=guide&price=nothing", headers=FORM).text,
        "no such code": lambda: client.post("/checkout/form", data={"product": "guide", "price": "guide-eur", "code": "X"}).text,
        "other date": lambda: client.post("/checkout/form", data={"product": "clinic", "price": "clinic-eur", "date": "x/1"}).text,
        "a ticket of somebody": lambda: client.get(ticket).text,
        "a code was sent": lambda: client.get(f"{ticket}?done=code-sent").text,
        "a wrong code": lambda: client.post(ticket, data={"do": "code", "code": "1"}).text,
        "a ticket of one's own": lambda: as_(client, shop, colleagues.signed_in(shop, NORA)).get(ticket).text,
        "handed over": lambda: client.post(ticket, data={"do": "hand-over", "name": "O", "email": "o@berg.example"}).text,
        "an upload": lambda: as_(client, shop, colleagues.works_as(shop, Role.OWNER)).get("/owner/upload?product=guide").text,
        "no upload": lambda: as_(client, shop, colleagues.works_as(shop, Role.VIEWER)).get("/owner/upload?product=guide").text,
        "the evidence": lambda: as_(client, shop, colleagues.works_as(shop, Role.OWNER)).get(f"/owner/evidence/{order_id}").text,
    }  # fmt: skip
    return {name: page() for name, page in ask.items()}


def as_(client: TestClient, shop: Shop, sign_in: str) -> TestClient:
    client.cookies.set(signing.SIGN_IN_COOKIE, signing.sign(shop.signing_key, signing.SIGN_IN, sign_in))
    return client


def test_axe_finds_nothing_in_the_sidecar_s_pages(shop: Shop, stripe: FakeStripe, client: TestClient) -> None:
    drawn, found = pages(shop, stripe, client), []
    with browser.for_tests(PATIENCE) as chromium:
        page = chromium.new_page()
        page.route("**/*", lambda route: route.abort())
        for scheme, width in (("light", 1280), ("dark", 390)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 844})
            for name, html in drawn.items():
                assert "<h1" in html, name
                page.set_content(html)
                wrong = accessibility.findings(page) + accessibility.same_names(page)
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                found += [f"{name} ({scheme}): {each}" for each in [*wrong, *(["too wide"] if wide else [])]]
    assert found == []
