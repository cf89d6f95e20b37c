from core import checkout, events, reports
from core.checkout import Basket, Item
from tests.fakes import signed


def test_flow(shop, stripe):
    link = checkout.start(shop, Basket("cart_1", (Item("guide-eur", 1), Item("kit-eur", 1), Item("clinic-eur", 2)), browser_id="br_1"))
    sid = link.url.rsplit("/", 1)[1]
    stripe.pay(sid)
    out = events.receive(shop, *signed(stripe.event("completed", sid)))
    print(out)
    with shop.reading() as s:
        d = reports.order_detail(s, link.order_id)
    print(d)
    assert d["status"] == "fulfilled"
