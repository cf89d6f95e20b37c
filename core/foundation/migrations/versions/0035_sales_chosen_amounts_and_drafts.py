"""sales, amounts that buyers choose, and drafts"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("prices") as prices:
        prices.add_column(sa.Column("minimum", sa.BigInteger(), nullable=True))
        prices.add_column(sa.Column("sale_amount", sa.BigInteger(), nullable=True))
        prices.add_column(sa.Column("sale_until", UTCDateTime(), nullable=True))
    with op.batch_alter_table("cart_lines") as lines:
        lines.add_column(sa.Column("unit_amount", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("products") as products:
        products.add_column(sa.Column("draft", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("products") as products:
        products.drop_column("draft")
    with op.batch_alter_table("cart_lines") as lines:
        lines.drop_column("unit_amount")
    with op.batch_alter_table("prices") as prices:
        for name in ("sale_until", "sale_amount", "minimum"):
            prices.drop_column(name)
