"""A shop with a long past: orders by the ten thousand, written by a few statements that both databases understand.

Nearly all of it is over and done with; what is open, failed or new is as much as on any day, however long the past.
"""

from sqlalchemy import Engine, text

_PRESENT = 20
_NUMBERS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < {orders})"
# Half a minute after the one before.
_AT = "strftime('%Y-%m-%d %H:%M:%S.000000', '2025-01-01 10:00:00', '+' || (i * 30) || ' seconds')"
_AT_POSTGRES = "timestamptz '2025-01-01 10:00:00+00' + i * interval '30 seconds'"
# By table: what each column holds for the i-th order; whatever is not named is null.
_ROWS: dict[str, dict[str, str]] = {
    "customers": {"id": "'cus_' || i", "email": "'buyer' || i || '@example.org'", "created_at": _AT},
    "customer_addresses": {
        "folded": "'buyer' || i || '@example.org'", "address": "'buyer' || i || '@example.org'",
        "customer_id": "'cus_' || i", "how": "'checkout'", "verified_at": _AT,
    },
    "orders": {
        "id": "'ord_' || i", "number": "'SEED-' || i", "cart_id": "'cart_' || i", "browser_id": "'br_' || i",
        "email": "'buyer' || i || '@example.org'", "customer_id": "'cus_' || i",
        "status": "case when i <= {present} then 'pending' when i % 50 = 0 then 'refunded' else 'fulfilled' end",
        "handed": "case when i <= {present} then 'nothing' else 'delivered' end",
        "currency": "'eur'", "amount_expected": "2900", "amount_total": "2900", "amount_refunded": "0", "name": "''",
        "country": "''", "tax_id": "''", "livemode": "false", "attempts": "1", "eventful": "true", "paid_at": _AT,
        "stripe_checkout_session_id": "'cs_' || i",
        "attention": "case when i % ({orders} / {present}) = 7 then 'sold_out' else '' end", "created_at": _AT,
        "updated_at": _AT,
    },
    "checkouts": {
        "id": "'co_' || i", "order_id": "'ord_' || i", "attempt": "1",
        "stripe_checkout_session_id": "case when i = 1 then null else 'cs_' || i end", "parameters": "'{{}}'",
        "expires_at": _AT, "state": "case when i <= {present} then 'open' else 'complete' end",
        "money": "case when i <= {present} then 'unpaid' else 'paid' end", "currency": "'eur'",
        "email": "'buyer' || i || '@example.org'", "folded": "'buyer' || i || '@example.org'", "erased_as": "''",
        "name": "''", "country": "''", "tax_id": "''", "created_at": _AT, "ask_after": _AT,
    },
    "payments": {
        "id": "'pi_' || i", "order_id": "'ord_' || i", "billing_reason": "'checkout'", "amount": "2900",
        "amount_subtotal": "2900", "amount_discount": "0", "amount_tax": "0", "amount_refunded": "0",
        "currency": "'eur'", "paid_at": _AT, "stripe_payment_intent_id": "'pi_' || i", "lines_known": "i > {present}",
    },
    "order_lines": {
        "id": "'ol_' || i", "order_id": "'ord_' || i", "position": "0", "product_id": "(select min(id) from products)",
        "price_id": "(select min(id) from prices)", "kind": "'download'", "name": "'Guide'", "quantity": "1",
        "unit_amount": "2900", "currency": "'eur'", "image": "''", "amount_discount": "0", "amount_tax": "0",
        "taken_back_reason": "''", "placed_at": _AT,
    },
    "grants": {
        "id": "'gr_' || i", "order_id": "'ord_' || i", "order_line_id": "'ol_' || i",
        "product_id": "(select min(id) from products)", "kind": "'download'", "quantity": "1", "state": "'active'",
        "reason": "''", "created_at": _AT, "updated_at": _AT,
    },
    "license_keys": {
        "id": "'lic_' || i", "grant_id": "'gr_' || i", "position": "0", "product_id": "'kit'", "key_hash": "'hash_' || i",
        "hint": "'H' || i", "sealed": "''", "origin": "'order'", "holder": "''", "livemode": "false", "machines": "3",
        "floating": "false", "on_expiry": "'stop'", "features": "'{{}}'", "created_at": _AT,
        "disabled_at": "case when i <= {present} then " + _AT + " end",
        "expires_at": "case when i % 20 = 0 then " + _AT + " end",
    },
    "license_activations": {
        "id": "'act_' || i", "license_key_id": "'lic_' || i", "fingerprint": "'fp'", "label": "''", "meta": "'{{}}'",
        "created_at": _AT, "last_seen_at": _AT,
    },
    "payment_lines": {
        "payment_id": "'pi_' || i", "position": "0", "order_line_id": "'ol_' || i", "quantity": "1",
        "amount_subtotal": "2900", "amount_discount": "0", "amount_tax": "0", "amount": "2900",
    },
    "fulfillment_log": {
        "order_id": "'ord_' || i", "event": "'fulfilled'", "actor": "'webhook evt_' || i", "detail": "''", "created_at": _AT,
    },
    "disputes": {
        "id": "'dp_' || i", "order_id": "'ord_' || i", "payment_id": "'pi_' || i",
        "stripe_payment_intent_id": "'pi_' || i", "amount": "2900", "currency": "'eur'", "reason": "'fraudulent'",
        "status": "case when i <= {present} then 'needs_response' else 'won' end", "was_inquiry": "false",
        "withdrawn": "true", "withdrawn_later": "false", "created_at": _AT,
    },
    "fraud_warnings": {
        "id": "'issfr_' || i", "order_id": "'ord_' || i", "fraud_type": "'misc'", "actionable": "i <= {present}",
        "created_at": _AT,
    },
    "stripe_events": {
        "id": "'evt_' || i", "type": "'checkout.session.completed'", "created": _AT, "livemode": "false",
        "payload": "'{{}}'", "state": "case when i <= {present} then 'failed' else 'applied' end",
        "order_id": "'ord_' || i", "attempts": "1", "error": "''", "received_at": _AT, "updated_at": _AT,
        "retry_after": _AT,
    },
    "letters": {
        "id": "'receipt:ord_' || i", "order_id": "'ord_' || i",
        "state": "case when i <= {present} then 'refused' else 'sent' end", "attempts": "1", "error": "''",
        "created_at": _AT,
    },
    "refunds": {
        "id": "'re_' || i", "order_id": "'ord_' || i", "payment_id": "'pi_' || i", "request": "''", "amount": "100",
        "currency": "'eur'", "status": "case when i <= {present} then 'failed' else 'succeeded' end", "reason": "''",
        "failure": "''", "lines": "'{{}}'", "takes_back": "false", "actor": "'seed'", "created_at": _AT, "updated_at": _AT,
    },
    "entitlement_records": {
        "customer_id": "'cus_' || i", "livemode": "false", "version": "1", "digest": "''", "changed_at": _AT,
    },
    "seats": {
        "id": "'seat_' || i", "grant_id": "'gr_' || i", "email": "'guest' || i || '@example.org'", "state": "'accepted'",
        "folded": "'guest' || i || '@example.org'", "customer_id": "'cus_' || i", "since": _AT, "accepted_at": _AT, "tries": "0",
        "created_at": _AT,
    },
    "webhook_messages": {
        "id": "'msg_' || i", "topic": "'order.paid'", "body": "'{{\"data\": {{}}}}'", "person": "'cus_' || i", "created_at": _AT,
    },
    "webhook_deliveries": {
        "id": "'whd_' || i", "message_id": "'msg_' || i", "endpoint_id": "'we_1'", "attempts": "1", "status": "200",
        "state": "case when i <= {present} then 'held' else 'delivered' end", "created_at": _AT,
    },
    "webhook_attempts": {
        "id": "'wha_' || i", "delivery_id": "'whd_' || i", "url": "''", "headers": "'{{}}'", "status": "200",
        "answer": "''", "error": "''", "took": "1", "at": _AT,
    },
    "balance_entries": {
        "id": "'txn_' || i", "livemode": "false", "category": "'charge'", "order_id": "'ord_' || i",
        "origin": "case when i <= {present} then 'unknown' else 'order' end", "stripe_payment_intent_id": "'pi_' || i",
        "gross": "2900", "fee": "50", "net": "2850", "currency": "'eur'", "original_currency": "''", "created_at": _AT,
        "available_on": _AT, "fetched_at": _AT, "ask_after": _AT,
    },
}  # fmt: skip
# Of one order in ten.
_PLANS: dict[str, dict[str, str]] = {
    "subscriptions": {
        "id": "'sub_' || i", "order_id": "'ord_' || i", "amount": "900", "monthly_amount": "900",
        # Some ended, and some were told to.
        "status": "case when i % 1000 = 0 then 'canceled' else 'active' end",
        "ended_at": "case when i % 1000 = 0 then " + _AT + " end",
        "ends_at": "case when i % 1000 = 500 then " + _AT + " end",
        "currency": "'eur'", "interval": "'month'", "created_at": _AT, "period_end": _AT,
        "trial_end": "case when i % 200 = 0 then " + _AT + " end", "paused": "false",
        "end_reason": "case when i % 1000 = 0 then 'payment_failed' else '' end", "fetched_at": _AT, "failures": "0",
    },
    "subscription_changes": {
        "subscription_id": "'sub_' || i", "number": "1", "at": _AT, "kind": "'new'", "currency": "'eur'",
        "monthly_before": "0", "monthly_after": "900", "reason": "''",
    },
}  # fmt: skip
_ENDPOINT = """
    insert into webhook_endpoints (id, name, url, topics, variable, sealed, sealed_before, failure, created_at)
    select 'we_1', 'App', 'https://app.example/', '[]', '', '', '', '', {at} from (select 1 as i) as n
"""
GROWING = frozenset((*_ROWS, *_PLANS))


def seed(engine: Engine, orders: int) -> None:
    """Fill a database that sells something with so many orders and with what belongs to them."""
    postgres = engine.dialect.name == "postgresql"
    with engine.begin() as connection:
        connection.execute(text(_ENDPOINT.format(at=_AT_POSTGRES if postgres else _AT).replace(":", "\\:")))
        for table, columns in {**_ROWS, **_PLANS}.items():
            values = ", ".join(_value(name, said, postgres=postgres) for name, said in columns.items())
            query = f"{_NUMBERS} select {values} from n" + (" where i % 10 = 0" if table in _PLANS else "")
            words = f"insert into {table} ({', '.join(columns)}) {query}".format(orders=orders, present=_PRESENT)
            connection.execute(text(words.replace(":", "\\:")))
    if postgres:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("analyze"))


def _value(name: str, said: str, *, postgres: bool) -> str:
    if postgres and _AT in said:
        return said.replace(_AT, _AT_POSTGRES)
    if postgres and name in ("parameters", "lines", "features", "meta", "headers"):
        return f"{said}::json"
    return said
