"""Alembic's entry: one history for SQLite and PostgreSQL, run from the wheel by `smi_bot.database.migrate`."""

import sqlalchemy as sa
from alembic import context

_LOCK = 7405617  # PostgreSQL advisory lock: two workers that start together migrate one after the other


def run() -> None:
    engine = sa.create_engine(context.config.attributes["url"], poolclass=sa.NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        context.configure(connection=connection, render_as_batch=True)
        context.run_migrations()
    engine.dispose()


run()
