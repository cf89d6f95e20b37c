// A shop's whole day, written for Stripe's Node library and for no stand-in. Says what it saw as JSON.
//
//   node stripe_node.cjs FOLDER_OF_THE_LIBRARY PORT < {"body", "signature", "secret"} of a delivery
"use strict";
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { setTimeout } = require("node:timers/promises");

const [folder, port] = process.argv.slice(2);
const Stripe = require(join(folder, "node_modules", "stripe"));
const delivery = JSON.parse(readFileSync(0, "utf8"));
const stripe = new Stripe("sk_test_of_the_node_library", {
  host: "127.0.0.1", port: Number(port), protocol: "http", telemetry: false, maxNetworkRetries: 2,
});

async function refused(asking) {
  try {
    await asking;
  } catch (error) {
    const { type, code, param, statusCode, message } = error;
    return { type, code, param, statusCode, message, requestId: /^req_/.test(error.requestId) };
  }
  throw new Error("it was not refused");
}

async function sells() {
  const product = await stripe.products.create({ name: "The Quiet Launch", metadata: { shelf: "books" } });
  const price = await stripe.prices.create({ product: product.id, unit_amount: 2900, currency: "eur", lookup_key: "quiet" });
  const session = await stripe.checkout.sessions.create(
    {
      mode: "payment",
      line_items: [{ price: price.id, quantity: 2 }],
      success_url: "http://127.0.0.1:9/thanks?session={CHECKOUT_SESSION_ID}",
      client_reference_id: "ord_1",
      metadata: { order_id: "ord_1" },
      payment_intent_data: { metadata: { order_id: "ord_1" } },
      expand: ["line_items.data.price.product"],
    },
    { idempotencyKey: "checkout:ord_1:1" },
  );
  const again = await stripe.prices.list({ lookup_keys: ["quiet"], expand: ["data.product"] });
  return { product, price, session, found: again.data[0].product.name };
}

async function pays({ session }) {
  const method = await stripe.paymentMethods.create({ type: "card", card: { token: "tok_visa" } });
  await stripe.rawRequest("POST", `/v1/payment_pages/${session.id}/confirm`, { payment_method: method.id });
  return stripe.checkout.sessions.retrieve(session.id, { expand: ["payment_intent.latest_charge", "line_items"] });
}

async function refunds(paid) {
  const key = { idempotencyKey: "refund:ord_1:1" };
  const wanted = { payment_intent: paid.payment_intent.id, amount: 1000, metadata: { refund_id: "rf_1" } };
  const first = await stripe.refunds.create(wanted, key);
  const second = await stripe.refunds.create(wanted, key);
  return { same: first.id === second.id, replayed: second.lastResponse.headers["idempotent-replayed"], status: first.status };
}

async function renews() {
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: Math.floor(Date.now() / 1000) });
  const customer = await stripe.customers.create({
    email: "nora@example.com", test_clock: clock.id, payment_method: "pm_card_visa",
    invoice_settings: { default_payment_method: "pm_card_visa" },
  });
  const price = await stripe.prices.create({
    currency: "eur", unit_amount: 900, recurring: { interval: "month" }, product_data: { name: "Tally" },
  });
  const begun = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id, quantity: 3 }] });
  await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: clock.frozen_time + 32 * 86400 });
  while ((await stripe.testHelpers.testClocks.retrieve(clock.id)).status !== "ready") await setTimeout(20);
  const now = await stripe.subscriptions.retrieve(begun.id, { expand: ["latest_invoice.payments"] });
  return {
    status: now.status,
    moved: now.items.data[0].current_period_start === begun.items.data[0].current_period_end,
    reason: now.latest_invoice.billing_reason,
    paid: now.latest_invoice.payments.data[0].amount_paid,
  };
}

async function reads() {
  for (let n = 0; n < 7; n += 1) await stripe.coupons.create({ id: `off-${n}`, percent_off: 10, duration: "once" });
  const ids = [];
  for await (const coupon of stripe.coupons.list({ limit: 3 })) ids.push(coupon.id);
  const back = await stripe.coupons.list({ limit: 3, ending_before: "off-2" });
  return { ids, back: back.data.map((coupon) => coupon.id), more: back.has_more };
}

async function searches() {
  const found = await stripe.products.search({ query: "metadata['shelf']:'books'" });
  return found.data.map((product) => product.name);
}

async function errs() {
  return {
    missing: await refused(stripe.prices.retrieve("price_nowhere")),
    unknown: await refused(stripe.products.create({ name: "x", colour: "red" })),
    declined: await refused(
      stripe.paymentIntents.create({ amount: 900, currency: "eur", payment_method: "pm_card_visa_chargeDeclined", confirm: true }),
    ),
    stranger: await refused(new Stripe("sk_live_4eC39HqLyjWDarjtT1zdp7dc", {
      host: "127.0.0.1", port: Number(port), protocol: "http", telemetry: false,
    }).products.list()),
  };
}

function verifies() {
  const { body, signature, secret } = delivery;
  const event = stripe.webhooks.constructEvent(body, signature, secret);
  const forged = () => stripe.webhooks.constructEvent(body.replace("evt_", "evt_x"), signature, secret);
  try {
    forged();
  } catch (error) {
    return { event: event.type, forged: error.type };
  }
  return { event: event.type, forged: null };
}

async function main() {
  const sold = await sells();
  const paid = await pays(sold);
  const seen = {
    session: { id: sold.session.id, url: sold.session.url, named: sold.session.line_items.data[0].price.product.name, found: sold.found },
    paid: {
      status: paid.payment_status, charge: paid.payment_intent.latest_charge.status,
      order: paid.payment_intent.latest_charge.metadata.order_id, lines: paid.line_items.data.length,
    },
    refund: await refunds(paid),
    renewal: await renews(),
    lists: await reads(),
    search: await searches(),
    errors: await errs(),
    webhook: verifies(),
  };
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
