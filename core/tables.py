"""Every table of the shop: importing this module declares them all, for whoever compares the schema with the code."""

# ruff: noqa: F401
from core.catalog import plan_prices, products, promotion_codes, promotion_renewals
from core.events import inbox
from core.foundation.signals import corrections, heartbeats, milestones
from core.invoicing import billing_details, invoices
from core.journeys import carts, given_orders
from core.journeys.billing import portal
from core.journeys.checkout_sessions import lost_orders
from core.kinds import downloads, entitlement_records, file_versions, grants, licenses, seats, workshops
from core.kinds.places import attendees, cancellations, waiting_list
from core.licensing import offline_tokens, signing_keys
from core.mailboxes import marks
from core.messages import attendee_messages, digests, letters
from core.orders import (
    checkouts,
    disputes,
    history,
    orders,
    payment_lines,
    payments,
    refunds,
    setbacks,
    subscription_changes,
    subscription_items,
    subscriptions,
)
from core.orders.balance import entries, payouts
from core.outgoing import attempts, endpoints, messages
from core.owner import notes
from core.owner.doctor import findings
from core.owner.figures import day_sums
from core.owner.needs import set_aside
from core.owner.order_book import views
from core.owner.season import seasons
from core.owner.shelves import applied, stripe_prices, uploads
from core.people import (
    api_keys,
    audit,
    codes,
    customer_notes,
    customers,
    past,
    second_factor,
    sign_in,
    staff,
)
from core.people.receipts import receipt_copies
from core.privacy import retention
from core.rights import consents, reminders, withdrawals
from core.traffic import rate_limits
