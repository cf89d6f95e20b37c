"""taxes and invoices"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_TEXTS = {
    "products": ("tax_code",),
    "prices": ("tax_behavior",),
    "order_lines": ("tax_code", "tax_behavior", "tax_rate", "tax_reason"),
    "orders": ("address", "card_country"),
    "checkouts": ("address",),
    "payments": ("country",),
    "payment_lines": ("tax_rate", "tax_reason"),
}


def upgrade() -> None:
    for table, names in _TEXTS.items():
        for name in names:
            # By itself, and not in a batch: with a default that is no expression SQLite adds a column without copying the table.
            op.add_column(table, sa.Column(name, AutoString(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("business", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "invoices",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("order_id", AutoString(), nullable=False),
        sa.Column("payment_id", AutoString(), nullable=False),
        sa.Column("number", AutoString(), nullable=False),
        sa.Column("hosted_url", AutoString(), nullable=False),
        sa.Column("pdf_url", AutoString(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("replaces", AutoString(), nullable=True),
        sa.Column("credit_note", AutoString(), nullable=False),
        sa.Column("credit_note_number", AutoString(), nullable=False),
        sa.Column("credit_note_pdf_url", AutoString(), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_invoices_order_id_orders")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("fk_invoices_payment_id_payments")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
    )
    for name in ("order_id", "payment_id"):
        op.create_index(op.f(f"ix_invoices_{name}"), "invoices", [name])
    op.create_table(
        "billing_details",
        sa.Column("order_id", AutoString(), nullable=False),
        *(
            sa.Column(name, AutoString(), nullable=False)
            for name in ("name", "line1", "line2", "postal_code", "city", "state", "country", "tax_id")
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("written_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_billing_details_order_id_orders")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_billing_details")),
    )


def downgrade() -> None:
    op.drop_table("billing_details")
    for name in ("payment_id", "order_id"):
        op.drop_index(op.f(f"ix_invoices_{name}"), table_name="invoices")
    op.drop_table("invoices")
    op.drop_column("orders", "business")
    for table, names in reversed(_TEXTS.items()):
        for name in reversed(names):
            op.drop_column(table, name)
