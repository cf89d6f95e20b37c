"""how much each PaymentIntent brought that paid a part of a payment"""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without values, so that processes of before go on writing beside these.
    op.add_column("payment_parts", sa.Column("amount", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("payment_parts", "amount")
