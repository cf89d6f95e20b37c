"""Receipts keep the numbers that they had when these still counted an order's payments.

Those that go without one have the same number by what it follows from now.
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_COUNTED = """
update payments set receipt_place = counted.place from (
    select payments.id as id, row_number() over (
        partition by payments.order_id
        order by
            case when payments.billing_reason in ('checkout', 'subscription_create') then 0 else 1 end,
            payments.paid_at, payments.id
    ) as place
    from payments
) as counted
where counted.id = payments.id and (
    counted.place > 1
    or payments.billing_reason not in ('checkout', 'subscription_create')
    or exists (
        select 1 from checkouts
        where checkouts.stripe_checkout_session_id = payments.stripe_checkout_session_id
            and (checkouts.attempt > 1 or checkouts.id = checkouts.stripe_checkout_session_id)
    )
)
"""


def upgrade() -> None:
    op.add_column("payments", sa.Column("receipt_place", sa.Integer(), nullable=True))
    op.execute(_COUNTED)


def downgrade() -> None:
    op.drop_column("payments", "receipt_place")
