"""Prints a row for each figure, and all of them as one JSON object at the end."""

import argparse
import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from benchmarks import deciding, durable_way
from benchmarks.databases import postgres_server, postgres_settings, sqlite_settings
from benchmarks.durable_way import Effort
from benchmarks.figures import Figure, line, middle, summary
from smi_bot.durable.rows import Clock
from smi_bot.logs import configure_logs

#: A day on which the demo library is in force, so that the same decisions are taken whenever this runs.
BEGINNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

FULL = Effort(repetitions=3, conversations=32, requesters=20, gentle_messages=24, commit_seconds=1.0, idle_seconds=10.0)
QUICK = Effort(repetitions=1, conversations=12, requesters=8, gentle_messages=6, commit_seconds=0.5, idle_seconds=3.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a glance: rough figures in half a minute")
    quick = parser.parse_args().quick
    configure_logs(logging.ERROR)
    print(summary(asyncio.run(_all(QUICK if quick else FULL, decide_rounds=3 if quick else 15))))


async def _all(effort: Effort, decide_rounds: int) -> list[Figure]:
    figures = []
    async for figure in _measured(effort, decide_rounds):
        print(line(figure), flush=True)
        figures.append(figure)
    return figures


async def _measured(effort: Effort, decide_rounds: int) -> AsyncIterator[Figure]:
    with sqlite_settings() as settings:
        knowledge, seconds = deciding.builds(settings, effort.repetitions)
        yield middle("knowledge: build", seconds, "s")
        for figure in deciding.measure(knowledge, BEGINNING.date(), decide_rounds):
            yield figure
        async for figure in durable_way.measure("sqlite", settings, _clock(), knowledge, effort):
            yield figure
    with postgres_server() as server, postgres_settings(server) as settings:
        async for figure in durable_way.measure("postgresql", settings, _clock(), knowledge, effort):
            yield figure


def _clock() -> Clock:
    began = time.monotonic()
    return lambda: BEGINNING + timedelta(seconds=time.monotonic() - began)


if __name__ == "__main__":
    main()
