"""A desk elsewhere: which posts stand for what there, drafts of replies, and which effects go first.

Revision ID: 20261125
Revises: 20261124
"""

import sqlalchemy as sa
from alembic import op

revision = "20261125"
down_revision = "20261124"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("outbox", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("outbox", sa.Column("troubles", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "slack_post",
        sa.Column("case_id", _KEY, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("ts", sa.String()),
        sa.Column("digest", sa.String(), nullable=False),
    )
    op.create_table(
        "slack_draft",
        sa.Column("case_id", _KEY, primary_key=True, autoincrement=False),
        sa.Column("actor", sa.String(), primary_key=True),
        sa.Column("text", sa.String(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("slack_draft")
    op.drop_table("slack_post")
    op.drop_column("outbox", "troubles")
    op.drop_column("outbox", "priority")
