"""the first schema"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("browser_id", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carts")),
    )
    with op.batch_alter_table("carts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_carts_browser_id"), ["browser_id"], unique=False)

    op.create_table(
        "counters",
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "customers",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("email", name=op.f("uq_customers_email")),
    )
    op.create_table(
        "products",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("summary", AutoString(), nullable=False),
        sa.Column("description", AutoString(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("download", "license", "plan", "workshop", name="kind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("image", AutoString(), nullable=False),
        sa.Column("image_alt", AutoString(), nullable=False),
        sa.Column("shelf", AutoString(), nullable=False),
        sa.Column("facts", AutoString(), nullable=False),
        sa.Column("call_to_action", AutoString(), nullable=False),
        sa.Column("gets", sa.JSON(), nullable=False),
        sa.Column("faq", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("max_quantity", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stripe_product_id", AutoString(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
    )
    op.create_table(
        "shop_texts",
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("text", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_shop_texts")),
    )
    op.create_table(
        "sign_in_codes",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_codes")),
    )
    with op.batch_alter_table("sign_in_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_codes_email"), ["email"], unique=False)

    op.create_table(
        "sign_ins",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("letter", AutoString(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("letter", name=op.f("uq_sign_ins_letter")),
    )
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_ins_email"), ["email"], unique=False)

    op.create_table(
        "stripe_events",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("type", AutoString(), nullable=False),
        sa.Column("created", UTCDateTime(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("applied", "ignored", "parked", "failed", name="eventstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("order_id", AutoString(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", AutoString(), nullable=False),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_events")),
    )
    with op.batch_alter_table("stripe_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stripe_events_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_stripe_events_state"), ["state"], unique=False)

    op.create_table(
        "download_files",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column("label", AutoString(), nullable=False),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("media_type", AutoString(), nullable=False),
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_download_files_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_download_files")),
    )
    with op.batch_alter_table("download_files", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_download_files_product_id"), ["product_id"], unique=False)

    op.create_table(
        "orders",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("number", AutoString(), nullable=False),
        sa.Column("cart_id", AutoString(), nullable=False),
        sa.Column("browser_id", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("customer_id", AutoString(), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "pending",
                "processing",
                "paid",
                "fulfilled",
                "partially_refunded",
                "refunded",
                "disputed",
                "charged_back",
                "canceled",
                "failed",
                name="status",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("amount_expected", sa.BigInteger(), nullable=False),
        sa.Column("amount_total", sa.BigInteger(), nullable=True),
        sa.Column("amount_refunded", sa.BigInteger(), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("stripe_checkout_session_id", AutoString(), nullable=True),
        sa.Column("stripe_payment_intent_id", AutoString(), nullable=True),
        sa.Column("stripe_subscription_id", AutoString(), nullable=True),
        sa.Column("attention", AutoString(), nullable=False),
        sa.Column("fulfilled_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=op.f("fk_orders_customer_id_customers")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("cart_id", name=op.f("uq_orders_cart_id")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
        sa.UniqueConstraint("stripe_checkout_session_id", name=op.f("uq_orders_stripe_checkout_session_id")),
        sa.UniqueConstraint("stripe_payment_intent_id", name=op.f("uq_orders_stripe_payment_intent_id")),
        sa.UniqueConstraint("stripe_subscription_id", name=op.f("uq_orders_stripe_subscription_id")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_browser_id"), ["browser_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_email"), ["email"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_status"), ["status"], unique=False)

    op.create_table(
        "prices",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("interval", sa.Enum("month", "year", name="interval", native_enum=False, length=32), nullable=True),
        sa.Column("stripe_price_id", AutoString(), nullable=True),
        sa.Column("lookup_key", AutoString(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_prices_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prices")),
        sa.UniqueConstraint("lookup_key", name=op.f("uq_prices_lookup_key")),
    )
    with op.batch_alter_table("prices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_prices_product_id"), ["product_id"], unique=False)

    op.create_table(
        "workshop_dates",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column("starts_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=False),
        sa.Column("timezone", AutoString(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("join_url", AutoString(), nullable=False),
        sa.CheckConstraint("taken >= 0 and taken <= capacity", name=op.f("ck_workshop_dates_places")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_workshop_dates_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workshop_dates")),
    )
    with op.batch_alter_table("workshop_dates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_workshop_dates_product_id"), ["product_id"], unique=False)

    op.create_table(
        "cart_lines",
        sa.Column("cart_id", AutoString(), nullable=False),
        sa.Column("price_id", AutoString(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("added_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cart_id"], ["carts.id"], name=op.f("fk_cart_lines_cart_id_carts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["price_id"], ["prices.id"], name=op.f("fk_cart_lines_price_id_prices")),
        sa.PrimaryKeyConstraint("cart_id", "price_id", name=op.f("pk_cart_lines")),
    )
    op.create_table(
        "checkouts",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("stripe_checkout_session_id", AutoString(), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "expired", "complete", name="checkoutstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column(
            "money",
            sa.Enum("unpaid", "processing", "failed", "paid", name="money", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("amount_subtotal", sa.BigInteger(), nullable=True),
        sa.Column("amount_total", sa.BigInteger(), nullable=True),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("stripe_payment_intent_id", AutoString(), nullable=True),
        sa.Column("stripe_subscription_id", AutoString(), nullable=True),
        sa.Column("stripe_customer_id", AutoString(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("ask_after", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_checkouts_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkouts")),
        sa.UniqueConstraint("stripe_checkout_session_id", name=op.f("uq_checkouts_stripe_checkout_session_id")),
    )
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_checkouts_ask_after"), ["ask_after"], unique=False)
        batch_op.create_index(batch_op.f("ix_checkouts_order_id"), ["order_id"], unique=False)

    op.create_table(
        "fulfillment_log",
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("event", AutoString(), nullable=False),
        sa.Column("stripe_checkout_session_id", AutoString(), nullable=True),
        sa.Column("actor", AutoString(), nullable=False),
        sa.Column("detail", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_fulfillment_log_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", "event", name=op.f("pk_fulfillment_log")),
    )
    op.create_table(
        "letters",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=True),
        sa.Column(
            "state",
            sa.Enum("waiting", "retrying", "sent", "refused", name="letterstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("claimed_until", UTCDateTime(), nullable=True),
        sa.Column("sent_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_letters_order_id_orders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
    )
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_letters_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_letters_state"), ["state"], unique=False)

    op.create_table(
        "order_lines",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column("price_id", AutoString(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("download", "license", "plan", "workshop", name="kind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("name", AutoString(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", AutoString(), nullable=False),
        sa.Column("interval", AutoString(), nullable=True),
        sa.Column("image", AutoString(), nullable=False),
        sa.Column("stripe_price_id", AutoString(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id_orders")),
        sa.ForeignKeyConstraint(["price_id"], ["prices.id"], name=op.f("fk_order_lines_price_id_prices")),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_order_lines_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
    )
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_lines_order_id"), ["order_id"], unique=False)

    op.create_table(
        "grants",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("order_line_id", AutoString(), nullable=False),
        sa.Column("product_id", AutoString(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("download", "license", "plan", "workshop", name="kind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("active", "suspended", "revoked", "blocked", name="grantstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reason", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_grants_order_id_orders")),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_grants_order_line_id_order_lines")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_grants_product_id_products")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.UniqueConstraint("order_line_id", name=op.f("uq_grants_order_line_id")),
    )
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_grants_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_grants_product_id"), ["product_id"], unique=False)

    op.create_table(
        "reservations",
        sa.Column("order_line_id", AutoString(), nullable=False),
        sa.Column("date_id", AutoString(), nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("held", "taken", "released", name="reservationstate", native_enum=False, length=32),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["date_id"], ["workshop_dates.id"], name=op.f("fk_reservations_date_id_workshop_dates")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"],
            ["order_lines.id"],
            name=op.f("fk_reservations_order_line_id_order_lines"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("order_line_id", name=op.f("pk_reservations")),
    )
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reservations_date_id"), ["date_id"], unique=False)

    op.create_table(
        "downloads",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("grant_id", AutoString(), nullable=False),
        sa.Column("file_id", AutoString(), nullable=False),
        sa.Column("ip", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["file_id"], ["download_files.id"], name=op.f("fk_downloads_file_id_download_files")),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_downloads_grant_id_grants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_downloads")),
    )
    with op.batch_alter_table("downloads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_downloads_grant_id"), ["grant_id"], unique=False)

    op.create_table(
        "license_keys",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("grant_id", AutoString(), nullable=False),
        sa.Column("key", AutoString(), nullable=False),
        sa.Column("machines", sa.Integer(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_license_keys_grant_id_grants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_keys")),
        sa.UniqueConstraint("grant_id", name=op.f("uq_license_keys_grant_id")),
        sa.UniqueConstraint("key", name=op.f("uq_license_keys_key")),
    )
    op.create_table(
        "seats",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("grant_id", AutoString(), nullable=False),
        sa.Column("email", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["grants.id"], name=op.f("fk_seats_grant_id_grants")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seats")),
        sa.UniqueConstraint("grant_id", "email", name=op.f("uq_seats_grant_id_email")),
    )
    with op.batch_alter_table("seats", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seats_grant_id"), ["grant_id"], unique=False)

    op.create_table(
        "license_activations",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("license_key_id", AutoString(), nullable=False),
        sa.Column("machine", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["license_key_id"], ["license_keys.id"], name=op.f("fk_license_activations_license_key_id_license_keys")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_activations")),
        sa.UniqueConstraint("license_key_id", "machine", name=op.f("uq_license_activations_license_key_id_machine")),
    )
    with op.batch_alter_table("license_activations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_license_activations_license_key_id"), ["license_key_id"], unique=False)

    op.create_table("schema_ready", sa.Column("version", sa.Text(), primary_key=True))
    op.execute("insert into counters (name, value) values ('order', 1000)")


def downgrade() -> None:
    op.drop_table("schema_ready")
    with op.batch_alter_table("license_activations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_license_activations_license_key_id"))

    op.drop_table("license_activations")
    with op.batch_alter_table("seats", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_seats_grant_id"))

    op.drop_table("seats")
    op.drop_table("license_keys")
    with op.batch_alter_table("downloads", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_downloads_grant_id"))

    op.drop_table("downloads")
    with op.batch_alter_table("reservations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reservations_date_id"))

    op.drop_table("reservations")
    with op.batch_alter_table("grants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_grants_product_id"))
        batch_op.drop_index(batch_op.f("ix_grants_order_id"))

    op.drop_table("grants")
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_lines_order_id"))

    op.drop_table("order_lines")
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_letters_state"))
        batch_op.drop_index(batch_op.f("ix_letters_order_id"))

    op.drop_table("letters")
    op.drop_table("fulfillment_log")
    with op.batch_alter_table("checkouts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_checkouts_order_id"))
        batch_op.drop_index(batch_op.f("ix_checkouts_ask_after"))

    op.drop_table("checkouts")
    op.drop_table("cart_lines")
    with op.batch_alter_table("workshop_dates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_workshop_dates_product_id"))

    op.drop_table("workshop_dates")
    with op.batch_alter_table("prices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_prices_product_id"))

    op.drop_table("prices")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_status"))
        batch_op.drop_index(batch_op.f("ix_orders_email"))
        batch_op.drop_index(batch_op.f("ix_orders_created_at"))
        batch_op.drop_index(batch_op.f("ix_orders_browser_id"))

    op.drop_table("orders")
    with op.batch_alter_table("download_files", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_download_files_product_id"))

    op.drop_table("download_files")
    with op.batch_alter_table("stripe_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stripe_events_state"))
        batch_op.drop_index(batch_op.f("ix_stripe_events_order_id"))

    op.drop_table("stripe_events")
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_ins_email"))

    op.drop_table("sign_ins")
    with op.batch_alter_table("sign_in_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_codes_email"))

    op.drop_table("sign_in_codes")
    op.drop_table("shop_texts")
    op.drop_table("products")
    op.drop_table("customers")
    op.drop_table("counters")
    with op.batch_alter_table("carts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_carts_browser_id"))

    op.drop_table("carts")
