"""Look-back screenings, and how far each came.

Revision ID: 20261127
Revises: 20261126
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261127"
down_revision = "20261126"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON().with_variant(JSONB, "postgresql")


def upgrade() -> None:
    op.create_table(
        "screening",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reached", _KEY, nullable=False),
        sa.Column("read", sa.Integer(), nullable=False),
        sa.Column("wordless", sa.Integer(), nullable=False),
        sa.Column("unreadable", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("suspected", sa.Integer(), nullable=False),
        sa.Column("cases", _JSON, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("screening")
