"""plans at stripe"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString

revision = "0030"
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


def downgrade() -> None:
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stripe_product_id", AutoString(), nullable=True))
    for table in ("portal_setups", "plan_prices"):
        op.drop_table(table)
