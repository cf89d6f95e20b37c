"""links that open one order, and codes that a browser waits for"""

import sqlalchemy as sa
from alembic import op
from sqlmodel import UTCDateTime

revision = "0038"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("customers", sa.Column("links_since", UTCDateTime(), nullable=True))
    op.add_column("sign_in_codes", sa.Column("browser_id", sa.String(), nullable=False, server_default=""))
    op.add_column("sign_in_codes", sa.Column("veiled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_sign_in_codes_browser_id", "sign_in_codes", ["browser_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_sign_in_codes_browser_id", table_name="sign_in_codes")
    op.drop_column("sign_in_codes", "veiled")
    op.drop_column("sign_in_codes", "browser_id")
    op.drop_column("customers", "links_since")
