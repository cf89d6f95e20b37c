"""what came with the demo"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Id, name and summary of what the demo has sold until now: a product that differs in any is its seller's own.
_PRODUCTS = (
    ("quiet-launch", "The Quiet Launch", "A field guide to your first hundred customers, for teams of one to five."),
    ("proposal-kit", "Proposal Kit", "Twelve proposal templates with a price calculator that explains itself."),
    ("tally", "Tally", "Shared hours and invoices for small studios. Everyone sees the same number."),
    ("pricing-clinic", "Pricing Clinic, live", "Two hours, twenty-four people, one honest look at your prices."),
    ("contract-shelf", "Contract Shelf", "Eight contracts in words your client will actually read."),
    ("onboarding-lab", "Onboarding Lab, live", "Rebuild your first five minutes with four other teams watching."),
)
_TEXTS = (
    ("name", "Plainwork"),
    ("headline", "Tools for people who sell their own work"),
    (
        "intro",
        "A field guide, templates and live hours for small studios and makers. Made by people who use them every week.",
    ),
    ("seller", "Plainwork ApS, Copenhagen. Prices include VAT."),
)


def upgrade() -> None:
    for table in ("products", "shop_texts"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("from_demo", sa.Boolean(), nullable=False, server_default=sa.false()))
    products = sa.table("products", sa.column("id"), sa.column("name"), sa.column("summary"), sa.column("from_demo"))
    texts = sa.table("shop_texts", sa.column("key"), sa.column("text"), sa.column("from_demo"))
    for id_, name, summary in _PRODUCTS:
        _mark(products, id=id_, name=name, summary=summary)
    for key, words in _TEXTS:
        _mark(texts, key=key, text=words)


def _mark(table: sa.TableClause, **known: str) -> None:
    same = [table.c[column] == value for column, value in known.items()]
    op.execute(sa.update(table).where(*same).values(from_demo=sa.true()))


def downgrade() -> None:
    for table in ("products", "shop_texts"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("from_demo")
