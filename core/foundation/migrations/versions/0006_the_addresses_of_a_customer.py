"""the addresses of a customer"""

from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlmodel import AutoString, UTCDateTime

from core.foundation.addresses import fold

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BOUGHT = sa.text(
    "select c.id as customer_id, c.email, c.created_at, o.id as order_id, o.email as ordered_as from customers c"
    " left join orders o on o.customer_id = c.id order by c.created_at, c.id, o.created_at, o.id"
).columns(created_at=UTCDateTime())


def upgrade() -> None:
    op.create_table(
        "customer_addresses",
        sa.Column("folded", AutoString(), nullable=False),
        sa.Column("address", AutoString(), nullable=False),
        sa.Column("customer_id", AutoString(), nullable=False),
        sa.Column(
            "how", sa.Enum("checkout", "code", "owner", name="how", native_enum=False, length=32), nullable=False
        ),
        sa.Column("verified_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_customer_addresses_customer_id_customers"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("folded", name=op.f("pk_customer_addresses")),
    )
    op.create_index(op.f("ix_customer_addresses_customer_id"), "customer_addresses", ["customer_id"], unique=False)
    with op.batch_alter_table("sign_in_codes") as table:
        # With a default, for the rows that are there.
        table.add_column(sa.Column("folded", AutoString(), nullable=False, server_default=""))
        table.add_column(sa.Column("about", AutoString(), nullable=False, server_default=""))
        table.drop_index(op.f("ix_sign_in_codes_email"))
        table.create_index(op.f("ix_sign_in_codes_folded"), ["folded"], unique=False)
    _know_addresses()
    _refold("sign_in_codes", "folded")
    _refold("sign_ins", "email")


def _know_addresses() -> None:
    """Each customer gets the addresses that they bought under. Two whom folding had made one stay one."""
    connection = op.get_bind()
    owners: dict[str, str] = {}
    mains: dict[str, str] = {}
    for customer_id, rows in groupby(connection.execute(BOUGHT).all(), key=attrgetter("customer_id")):
        bought = list(rows)
        # What they paid under another address does not make that one theirs.
        own = [row.ordered_as.strip() for row in bought if (row.ordered_as or "").strip().casefold() == row.email]
        addresses: dict[str, str] = {}
        for address in own or [bought[0].email]:
            addresses.setdefault(fold(address), address)
        for folded, address in addresses.items():
            if owners.setdefault(folded, customer_id) == customer_id:
                mains.setdefault(customer_id, folded)
                _write(folded, address, bought[0])
        # One mailbox whose domain was written in two ways is the earlier customer's, and so is whoever has no other.
        home = customer_id if customer_id in mains else owners[next(iter(addresses))]
        for row in bought:
            folded = fold(row.ordered_as or "")
            owner = owners[folded] if folded in addresses else home
            if row.order_id and owner != customer_id:
                _update("orders", row.order_id, customer_id=owner)
    _name(mains)


def _name(mains: dict[str, str]) -> None:
    """Name each customer by the folded form of their first address. Who has none is no customer any more."""
    connection = op.get_bind()
    for row in connection.execute(sa.text("select id, email from customers")).all():
        if row.id not in mains:
            connection.execute(sa.text("delete from customers where id = :id"), {"id": row.id})
        elif mains[row.id] != row.email:
            _update("customers", row.id, email=row.id)  # frees a name that another's may become
    for customer_id, main in mains.items():
        _update("customers", customer_id, email=main)


def _write(folded: str, address: str, bought: Any) -> None:
    names = ("folded", "address", "customer_id", "how")
    table = sa.table("customer_addresses", *map(sa.column, names), sa.column("verified_at", UTCDateTime()))
    row = (folded, address, bought.customer_id, "checkout")
    op.get_bind().execute(table.insert().values(**dict(zip(names, row, strict=True)), verified_at=bought.created_at))


def _update(table: str, id: str, **values: str) -> None:
    (name,) = values
    op.get_bind().execute(sa.text(f"update {table} set {name} = :{name} where id = :id"), {**values, "id": id})


def _refold(table: str, column: str) -> None:
    for row in op.get_bind().execute(sa.text(f"select id, email from {table}")).all():
        _update(table, row.id, **{column: fold(row.email)})


def downgrade() -> None:
    with op.batch_alter_table("sign_in_codes") as table:
        table.drop_index(op.f("ix_sign_in_codes_folded"))
        table.create_index(op.f("ix_sign_in_codes_email"), ["email"], unique=False)
        table.drop_column("about")
        table.drop_column("folded")
    op.drop_index(op.f("ix_customer_addresses_customer_id"), table_name="customer_addresses")
    op.drop_table("customer_addresses")
