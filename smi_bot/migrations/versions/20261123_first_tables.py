"""The first tables.

Revision ID: 20261123
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "20261123"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON().with_variant(JSONB, "postgresql")
_INSTANT = sa.DateTime(timezone=True)
_OPEN = sa.text("state = 'open'")


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _open_index(name: str, table: str, *columns: str) -> None:
    op.create_index(name, table, columns, sqlite_where=_OPEN, postgresql_where=_OPEN)


def upgrade() -> None:
    _durable_tables()
    _journal_tables()
    _case_tables()


def _durable_tables() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", _KEY, primary_key=True),
        _text("key"),
        _text("lane"),
        _text("kind"),
        sa.Column("payload", _JSON, nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        _text("state"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _INSTANT, nullable=False),
        sa.Column("settled_at", _INSTANT),
        _text("error", nullable=True),
        sa.UniqueConstraint("key"),
    )
    _open_index("inbox_open_lane", "inbox", "lane", "id")
    _open_index("inbox_open_due", "inbox", "next_attempt_at")
    op.create_index("inbox_lane_received", "inbox", ["lane", "received_at"])
    op.create_table(
        "outbox",
        sa.Column("id", _KEY, primary_key=True),
        _text("key"),
        _text("lane"),
        _text("way"),
        sa.Column("payload", _JSON, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        _text("state"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _INSTANT, nullable=False),
        sa.Column("settled_at", _INSTANT),
        _text("platform_id", nullable=True),
        sa.Column("sent", _JSON),
        sa.Column("seen_at", _INSTANT),
        _text("error", nullable=True),
        sa.UniqueConstraint("key"),
    )
    _open_index("outbox_open_lane", "outbox", "lane", "id")
    _open_index("outbox_open_due", "outbox", "next_attempt_at")
    op.create_index("outbox_lane_settled", "outbox", ["lane", "settled_at"])
    op.create_table(
        "timer",
        sa.Column("id", _KEY, primary_key=True),
        _text("key"),
        _text("kind"),
        _text("subject"),
        _text("state"),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _INSTANT, nullable=False),
        _text("error", nullable=True),
        sa.UniqueConstraint("key"),
    )
    _open_index("timer_open_due", "timer", "next_attempt_at")


def _journal_tables() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", _KEY, primary_key=True, autoincrement=False),
        sa.Column("at", _INSTANT, nullable=False),
        _text("kind"),
        _text("subject"),
        sa.Column("body", _JSON, nullable=False),
        _text("previous"),
        _text("hash"),
    )
    op.create_index("journal_subject", "journal", ["subject", "kind"])
    head = op.create_table(
        "journal_head",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("seq", _KEY, nullable=False),
        _text("hash"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])


def _case_tables() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(), primary_key=True),
        _text("channel"),
        sa.Column("created_at", _INSTANT, nullable=False),
        _text("audience", nullable=True),
        sa.Column("audience_asked", sa.Boolean(), nullable=False),
        _text("country", nullable=True),
        sa.Column("country_asked", sa.Boolean(), nullable=False),
        _text("language"),
        sa.Column("notice_version", sa.Integer()),
        sa.Column("notice_accepted", sa.Integer()),
        sa.Column("slowed_at", _INSTANT),
    )
    op.create_table(
        "attachment",
        sa.Column("id", sa.String(), primary_key=True),
        _text("conversation"),
        _text("name"),
        _text("media_type"),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_attachment_conversation", "attachment", ["conversation"])
    op.create_table(
        "case",
        sa.Column("id", _KEY, primary_key=True),
        _text("conversation"),
        sa.Column("opened_at", _INSTANT, nullable=False),
        sa.Column("previous", _KEY),
    )
    op.create_index("case_conversation", "case", ["conversation", "id"])
    op.create_table(
        "case_event",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("case_id", _KEY, sa.ForeignKey("case.id"), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        _text("kind"),
        _text("audience"),
        _text("actor"),
        sa.Column("body", _JSON, nullable=False),
    )
    op.create_index("case_event_case", "case_event", ["case_id", "id"])


def downgrade() -> None:
    for table in (
        "case_event",
        "case",
        "attachment",
        "conversation",
        "journal_head",
        "journal",
        "timer",
        "outbox",
        "inbox",
    ):
        op.drop_table(table)
