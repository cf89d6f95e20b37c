"""a line names its workshop date"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("workshop_dates", schema=None) as batch_op:
        batch_op.add_column(sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("workshop_date_id", AutoString(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_order_lines_workshop_date_id_workshop_dates"),
            "workshop_dates", ["workshop_date_id"], ["id"],
        )  # fmt: skip
    op.execute(
        "update order_lines set workshop_date_id ="
        " (select date_id from reservations where reservations.order_line_id = order_lines.id)"
    )
    with op.batch_alter_table("cart_lines", schema=None) as batch_op:
        batch_op.add_column(sa.Column("workshop_date_id", AutoString(), nullable=False, server_default=""))
        batch_op.drop_constraint("pk_cart_lines", type_="primary")
        batch_op.create_primary_key("pk_cart_lines", ["cart_id", "price_id", "workshop_date_id"])
    _name_dates_in_carts()
    for table, column in (("workshop_dates", "active"), ("cart_lines", "workshop_date_id")):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.alter_column(column, server_default=None)


def _name_dates_in_carts() -> None:
    """Give what lies in carts the date it was shown with: that of the cart's order, else the next that can be had."""
    op.get_bind().execute(
        sa.text("""
            update cart_lines set workshop_date_id = coalesce(
                (select order_lines.workshop_date_id from order_lines
                    join orders on orders.id = order_lines.order_id
                    where orders.cart_id = cart_lines.cart_id and order_lines.price_id = cart_lines.price_id
                    order by order_lines.position limit 1),
                (select workshop_dates.id from workshop_dates
                    join prices on prices.product_id = workshop_dates.product_id
                    where prices.id = cart_lines.price_id
                    order by starts_at <= :now, taken >= capacity, starts_at, workshop_dates.id limit 1),
                '')
        """).bindparams(sa.bindparam("now", type_=UTCDateTime())),
        {"now": datetime.now(UTC)},
    )


def downgrade() -> None:
    # The same price on two dates was two lines: of those, the first stays.
    op.execute(
        "delete from cart_lines where exists (select 1 from cart_lines as earlier where earlier.cart_id = cart_lines.cart_id"
        " and earlier.price_id = cart_lines.price_id and earlier.workshop_date_id < cart_lines.workshop_date_id)"
    )
    with op.batch_alter_table("cart_lines", schema=None) as batch_op:
        batch_op.drop_constraint("pk_cart_lines", type_="primary")
        batch_op.create_primary_key("pk_cart_lines", ["cart_id", "price_id"])
        batch_op.drop_column("workshop_date_id")
    with op.batch_alter_table("order_lines", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_order_lines_workshop_date_id_workshop_dates"), type_="foreignkey")
        batch_op.drop_column("workshop_date_id")
    with op.batch_alter_table("workshop_dates", schema=None) as batch_op:
        batch_op.drop_column("active")
