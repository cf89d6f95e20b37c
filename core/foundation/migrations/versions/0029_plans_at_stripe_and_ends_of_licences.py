"""plans at stripe, and the ends of licences"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan_prices",
        sa.Column("price_id", AutoString(), nullable=False),
        sa.Column("mode", AutoString(), nullable=False),
        sa.Column("stripe_price_id", AutoString(), nullable=False),
        sa.Column("stripe_product_id", AutoString(), nullable=False),
        sa.ForeignKeyConstraint(["price_id"], ["prices.id"], name=op.f("fk_plan_prices_price_id_prices")),
        sa.PrimaryKeyConstraint("price_id", "mode", name=op.f("pk_plan_prices")),
    )
    for column in ("stripe_price_id", "stripe_product_id"):
        op.create_index(op.f(f"ix_plan_prices_{column}"), "plan_prices", [column])
    op.create_table(
        "portal_setups",
        sa.Column("mode", AutoString(), nullable=False),
        sa.Column("configuration", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("mode", name=op.f("pk_portal_setups")),
    )
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.drop_column("stripe_product_id")
    with op.batch_alter_table("license_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expiry_told", UTCDateTime(), nullable=True))
    # Of what ended before, nobody is told now.
    op.execute("update license_keys set expiry_told = expires_at where expires_at <= current_timestamp")
    expiring = sa.text("expires_at is not null and (expiry_told is null or expiry_told != expires_at)")
    op.create_index(
        "ix_license_keys_expiring", "license_keys", ["expires_at"], postgresql_where=expiring, sqlite_where=expiring
    )


def downgrade() -> None:
    op.drop_index("ix_license_keys_expiring", table_name="license_keys")
    with op.batch_alter_table("license_keys", schema=None) as batch_op:
        batch_op.drop_column("expiry_told")
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stripe_product_id", AutoString(), nullable=True))
    for table in ("portal_setups", "plan_prices"):
        op.drop_table(table)
