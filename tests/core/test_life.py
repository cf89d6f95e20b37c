from core import attention, billing, checkout, events, evidence, reconciliation, refunds, reports
from core.checkout import Basket, Item
from tests.fakes import signed


def buy(shop, stripe, *items, cart="cart_1"):
    link = checkout.start(shop, Basket(cart, tuple(Item(i, q) for i, q in items), browser_id="br_1"))
    sid = link.url.rsplit("/", 1)[1]
    stripe.pay(sid)
    events.receive(shop, *signed(stripe.event("completed", sid)))
    return link.order_id, sid

def order(shop, oid):
    with shop.reading() as s:
        return reports.order_detail(s, oid)

def test_flow(shop, stripe, clock):
    oid, sid = buy(shop, stripe, ("guide-eur", 1), ("clinic-eur", 2))
    pi = stripe.sessions[sid]["payment_intent"]
    r = refunds.request(shop, oid, 1000, actor="me", key="a")
    assert refunds.request(shop, oid, 1000, actor="me", key="a").id == r.id
    assert order(shop, oid)["status"] == "partially_refunded"
    d = stripe.dispute(pi)
    assert events.receive(shop, *signed(stripe.tell("charge.dispute.created", d))).state == "applied"
    o = order(shop, oid); assert o["status"] == "disputed" and {g["state"] for g in o["grants"]} == {"suspended"}
    print(attention.items(shop))
    events.receive(shop, *signed(stripe.tell("charge.dispute.closed", {**d, "status": "won"})))
    o = order(shop, oid); assert o["status"] == "partially_refunded" and {g["state"] for g in o["grants"]} == {"active"}
    refunds.request(shop, oid, actor="me")
    o = order(shop, oid); assert o["status"] == "refunded" and {g["state"] for g in o["grants"]} == {"revoked"}, o
    print(evidence.page(evidence.pack(shop, oid))[:100])
    print(reconciliation.sweep(shop, everything=True))

def test_sub(shop, stripe, clock):
    oid, sid = buy(shop, stripe, ("plan-month", 3))
    sub = stripe.sessions[sid]["subscription"]
    out = events.receive(shop, *signed(stripe.tell("customer.subscription.created", stripe.subscriptions[sub])))
    assert out.state == "applied"
    billing.ask(shop, sub)
    stripe.subscriptions[sub]["items"]["data"][0]["quantity"] = 5
    clock.pass_(days=1)
    billing.ask(shop, sub)
    assert order(shop, oid)["grants"][0]["quantity"] == 5
    inv = stripe.renew(sub)
    events.receive(shop, *signed(stripe.tell("invoice.paid", inv)))
    # foreign looking refund of the renewal
    pi = stripe.payment_intent_of_subscription(sub)
    ref = stripe.make_refund(pi, 100)
    ev = stripe.tell("refund.created", ref)
    out = events.receive(shop, *signed(ev)); assert out.state == "parked"
    billing.ask(shop, ev["id"])
    assert order(shop, oid)["status"] == "partially_refunded"
    stripe.subscriptions[sub].update(status="canceled", ended_at=1)
    clock.pass_(days=1); billing.ask(shop, sub)
    o = order(shop, oid); print(o); assert o["grants"][0]["state"] == "revoked"
