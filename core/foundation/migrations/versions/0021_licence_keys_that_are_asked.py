"""licence keys that are asked: kept as a hash and sealed, with the terms they were made with"""

from hashlib import sha256

import sqlalchemy as sa
from alembic import context, op
from sqlmodel import AutoString, UTCDateTime

from core.foundation import signing

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


_NARROWED = {
    "disabled": "disabled_at IS NOT NULL",
    "timed": "expires_at IS NOT NULL",
    "given": "grant_id IS NULL",
}


def upgrade() -> None:
    _make_tables()
    with op.batch_alter_table("license_keys", schema=None) as batch_op:
        batch_op.drop_constraint("uq_license_keys_grant_id", type_="unique")
        batch_op.drop_constraint("uq_license_keys_key", type_="unique")
        batch_op.alter_column("grant_id", existing_type=sa.String(), nullable=True)
        batch_op.add_column(sa.Column("position", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("product_id", AutoString(), nullable=True))
        batch_op.add_column(sa.Column("key_hash", AutoString(), nullable=True))
        batch_op.add_column(sa.Column("hint", AutoString(), nullable=True))
        batch_op.add_column(sa.Column("sealed", AutoString(), nullable=True))
        batch_op.add_column(sa.Column("origin", sa.String(32), nullable=False, server_default="order"))
        batch_op.add_column(sa.Column("holder", AutoString(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("livemode", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("floating", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("on_expiry", sa.String(32), nullable=False, server_default="stop"))
        batch_op.add_column(sa.Column("features", sa.JSON(), nullable=False, server_default="{}"))
        for name in ("expires_at", "updates_until", "disabled_at", "replaced_at"):
            batch_op.add_column(sa.Column(name, UTCDateTime(), nullable=True))
    op.execute(
        "update license_keys set"
        " product_id = (select product_id from grants where grants.id = license_keys.grant_id),"
        " livemode = (select orders.livemode from grants join orders on orders.id = grants.order_id"
        " where grants.id = license_keys.grant_id)"
    )
    _seal()
    with op.batch_alter_table("license_keys", schema=None) as batch_op:
        batch_op.drop_column("key")
        for name in ("product_id", "key_hash", "hint", "sealed"):
            batch_op.alter_column(name, existing_type=sa.String(), nullable=False)
        batch_op.alter_column("livemode", existing_type=sa.Boolean(), nullable=False)
        for name in ("position", "origin", "holder", "floating", "on_expiry", "features"):
            batch_op.alter_column(name, server_default=None)
        batch_op.create_foreign_key(op.f("fk_license_keys_product_id_products"), "products", ["product_id"], ["id"])
        batch_op.create_unique_constraint(op.f("uq_license_keys_grant_id_position"), ["grant_id", "position"])
        batch_op.create_unique_constraint(op.f("uq_license_keys_key_hash"), ["key_hash"])
    for name in ("product_id", "hint", "holder"):
        op.create_index(op.f(f"ix_license_keys_{name}"), "license_keys", [name])
    op.create_index("ix_license_keys_created_at_id", "license_keys", ["created_at", "id"])
    for name, condition in _NARROWED.items():
        op.create_index(
            f"ix_license_keys_{name}",
            "license_keys",
            ["created_at", "id"],
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )
    with op.batch_alter_table("license_activations", schema=None) as batch_op:
        batch_op.drop_constraint("uq_license_activations_license_key_id_machine", type_="unique")
        batch_op.drop_index("ix_license_activations_license_key_id")
        batch_op.alter_column("machine", new_column_name="fingerprint", existing_type=sa.String())
        batch_op.add_column(sa.Column("label", AutoString(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("meta", sa.JSON(), nullable=False, server_default="{}"))
        for name in ("lease_until", "last_seen_at", "ended_at"):
            batch_op.add_column(sa.Column(name, UTCDateTime(), nullable=True))
    op.execute("update license_activations set last_seen_at = created_at")
    with op.batch_alter_table("license_activations", schema=None) as batch_op:
        batch_op.alter_column("last_seen_at", existing_type=UTCDateTime(), nullable=False)
        for name in ("label", "meta"):
            batch_op.alter_column(name, server_default=None)
    op.create_index(
        "uq_license_activations_in_use",
        "license_activations",
        ["license_key_id", "fingerprint"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
        sqlite_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_license_activations_key_created_at", "license_activations", ["license_key_id", "created_at"])


def downgrade() -> None:
    keys = sa.table("license_keys", sa.column("id"), sa.column("sealed"), sa.column("key"))
    # What the schema of before has no room for: a second key of a grant, and those that nobody bought.
    gone = "(select id from license_keys where grant_id is null or position > 0)"
    op.execute(f"delete from license_offline_tokens where license_key_id in {gone}")
    op.execute(f"delete from license_activations where ended_at is not null or license_key_id in {gone}")
    op.execute("delete from license_keys where grant_id is null or position > 0")
    for name in ("license_offline_tokens", "license_signing_keys", "rate_limits"):
        op.drop_table(name)
    for name in ("product_id", "hint", "holder", "created_at_id", *_NARROWED):
        op.drop_index(f"ix_license_keys_{name}", table_name="license_keys")
    for name in ("uq_license_activations_in_use", "ix_license_activations_key_created_at"):
        op.drop_index(name, table_name="license_activations")
    with op.batch_alter_table("license_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key", AutoString(), nullable=True))
    connection = op.get_bind()
    for key_id, sealed in connection.execute(sa.select(keys.c.id, keys.c.sealed)).all():
        text = signing.unseal(_secret(), signing.LICENSE_KEY, sealed)
        connection.execute(keys.update().where(keys.c.id == key_id).values(key=text))
    with op.batch_alter_table("license_keys", schema=None) as batch_op:
        batch_op.drop_constraint("fk_license_keys_product_id_products", type_="foreignkey")
        batch_op.drop_constraint("uq_license_keys_grant_id_position", type_="unique")
        batch_op.drop_constraint("uq_license_keys_key_hash", type_="unique")
        for name in (
            "position", "product_id", "key_hash", "hint", "sealed", "origin", "holder", "livemode", "floating",
            "on_expiry", "features", "expires_at", "updates_until", "disabled_at", "replaced_at",
        ):  # fmt: skip
            batch_op.drop_column(name)
        batch_op.alter_column("grant_id", existing_type=sa.String(), nullable=False)
        batch_op.alter_column("key", existing_type=sa.String(), nullable=False)
        batch_op.create_unique_constraint("uq_license_keys_grant_id", ["grant_id"])
        batch_op.create_unique_constraint("uq_license_keys_key", ["key"])
    with op.batch_alter_table("license_activations", schema=None) as batch_op:
        for name in ("label", "meta", "lease_until", "last_seen_at", "ended_at"):
            batch_op.drop_column(name)
        batch_op.alter_column("fingerprint", new_column_name="machine", existing_type=sa.String())
    with op.batch_alter_table("license_activations", schema=None) as batch_op:
        batch_op.create_unique_constraint(
            "uq_license_activations_license_key_id_machine", ["license_key_id", "machine"]
        )
        batch_op.create_index("ix_license_activations_license_key_id", ["license_key_id"])


def _make_tables() -> None:
    op.create_table(
        "license_signing_keys",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("public", AutoString(), nullable=False),
        sa.Column("sealed", AutoString(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("retired_at", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_signing_keys")),
    )
    op.create_table(
        "license_offline_tokens",
        sa.Column("id", AutoString(), nullable=False),
        sa.Column("license_key_id", AutoString(), nullable=False),
        sa.Column("activation_id", AutoString(), nullable=False),
        sa.Column("issued_at", UTCDateTime(), nullable=False),
        sa.Column("expires_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["license_key_id"], ["license_keys.id"], name=op.f("fk_license_offline_tokens_license_key_id_license_keys")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_license_offline_tokens")),
    )
    op.create_index(op.f("ix_license_offline_tokens_license_key_id"), "license_offline_tokens", ["license_key_id"])
    op.create_table(
        "rate_limits",
        sa.Column("subject", AutoString(), nullable=False),
        sa.Column("began_at", sa.Double(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_rate_limits")),
    )
    op.create_index(op.f("ix_rate_limits_began_at"), "rate_limits", ["began_at"])


def _seal() -> None:
    """Keep of each key what finds it and what shows it to its buyer, and no more."""
    keys = sa.table("license_keys", *(sa.column(name) for name in ("id", "key", "key_hash", "hint", "sealed")))
    connection = op.get_bind()
    found = connection.execute(sa.select(keys.c.id, keys.c.key)).all()
    for key_id, text in found:
        kept = {
            "key_hash": sha256(_canonical(text).encode()).hexdigest(), "hint": _canonical(text)[-6:],
            "sealed": signing.seal(_secret(), signing.LICENSE_KEY, text),
        }  # fmt: skip
        connection.execute(keys.update().where(keys.c.id == key_id).values(**kept))


def _canonical(text: str) -> str:
    """The form in which keys are compared."""
    return text.upper().replace("-", "").translate(str.maketrans("OIL", "011"))


def _secret() -> str:
    secret: str = context.config.attributes.get("secret", "")
    if not secret:
        raise SystemExit("The licence keys that were sold are to be sealed: set SECRET_KEY and start again.")
    return secret
