"""the shop and its company

`name` was what a seller is called on receipts and invoices, and the shop what SHOP_NAME says. From now on `name` is the shop's
and `company` the seller's, so that for every seller all stays as it is. The demo's words come anew.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("update shop_texts set key = 'company' where key = 'name' and not from_demo")


def downgrade() -> None:
    op.execute("delete from shop_texts where key = 'company' and from_demo")
    op.execute(
        "delete from shop_texts where key = 'name' and exists (select 1 from shop_texts t where t.key = 'company')"
    )
    op.execute("update shop_texts set key = 'name' where key = 'company'")
    op.execute("delete from shop_texts where key in ('accent', 'logo', 'logo_dark', 'icon', 'cover')")
