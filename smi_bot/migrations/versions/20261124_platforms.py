"""Messages from platforms: addresses, rates, files still to be fetched, public posts.

Revision ID: 20261124
Revises: 20261123
"""

import sqlalchemy as sa
from alembic import op

revision = "20261124"
down_revision = "20261123"

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "address",
        sa.Column("conversation", sa.String(), primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("channel", "account", "chat", "person")),
        sa.Column("public", sa.Boolean(), nullable=False),
    )
    op.create_index("address_place", "address", ["channel", "account", "chat", "person"], unique=True)
    op.create_table(
        "pace",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("free_at", _INSTANT, nullable=False),
    )
    op.create_table(
        "delivered_part",
        sa.Column("reply", sa.String(), primary_key=True),
        sa.Column("part", sa.Integer(), primary_key=True),
        sa.Column("platform_id", sa.String(), nullable=False),
    )
    with op.batch_alter_table("attachment") as attachment:
        attachment.alter_column("content", existing_type=sa.LargeBinary(), nullable=True)
        attachment.add_column(sa.Column("state", sa.String(), nullable=False, server_default="here"))
    op.add_column("conversation", sa.Column("public", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("conversation", sa.Column("came_from", sa.String()))
    _drop_unused_fields()


def _drop_unused_fields() -> None:
    """Two fields of stored messages that were reserved and never used."""
    sqlite = "UPDATE inbox SET payload = json_remove(payload, '$.private', '$.edit_of')"
    postgresql = "UPDATE inbox SET payload = payload - 'private' - 'edit_of'"
    op.execute(sqlite if op.get_bind().dialect.name == "sqlite" else postgresql)


def downgrade() -> None:
    op.drop_column("conversation", "came_from")
    op.drop_column("conversation", "public")
    op.execute("DELETE FROM attachment WHERE content IS NULL")
    with op.batch_alter_table("attachment") as attachment:
        attachment.drop_column("state")
        attachment.alter_column("content", existing_type=sa.LargeBinary(), nullable=False)
    for table in ("delivered_part", "pace", "address"):
        op.drop_table(table)
