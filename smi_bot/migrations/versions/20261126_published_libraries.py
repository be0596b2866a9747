"""Published libraries, which of them was in force when, and stops that count for all.

Revision ID: 20261126
Revises: 20261125
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261126"
down_revision = "20261125"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON().with_variant(JSONB, "postgresql")


def upgrade() -> None:
    op.create_table(
        "library_bundle",
        sa.Column("version", _KEY, primary_key=True),
        sa.Column("digest", sa.String(), nullable=False, unique=True),
        sa.Column("library", sa.String(), nullable=False, index=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "library_in_force",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("version", _KEY, sa.ForeignKey("library_bundle.version"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
    )
    op.create_table(
        "library_stop",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("signature", sa.String(), nullable=False, unique=True),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("library_stop")
    op.drop_table("library_in_force")
    op.drop_table("library_bundle")
