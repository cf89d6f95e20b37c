"""purchases beside the cart"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("carts") as carts:
        carts.add_column(sa.Column("buys_now", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("carts") as carts:
        carts.drop_column("buys_now")
