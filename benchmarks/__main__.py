"""Prints a row for each figure, and all of them as one JSON object at the end."""

import argparse
import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

from benchmarks import changing_library, deciding, durable_way, library_scale, slack_load
from benchmarks.databases import postgres_server, postgres_settings, sqlite_settings
from benchmarks.durable_way import Effort
from benchmarks.figures import Figure, line, middle, summary
from benchmarks.slack_load import Load, Way
from smi_bot.durable.rows import Clock
from smi_bot.logs import configure_logs
from smi_bot.settings import Settings

NewSettings = Callable[[], AbstractContextManager[Settings]]

#: A day on which the demo library is in force, so that the same decisions are taken whenever this runs.
BEGINNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

FULL = Effort(
    repetitions=3,
    conversations=32,
    requesters=20,
    gentle_messages=24,
    commit_seconds=1.0,
    idle_seconds=10.0,
    during_changes=200,
)
QUICK = Effort(
    repetitions=1,
    conversations=12,
    requesters=8,
    gentle_messages=6,
    commit_seconds=0.5,
    idle_seconds=3.0,
    during_changes=30,
)
#: Of the Slack desk, by the way in which Slack reaches the service.
LOADS: dict[Way, Load] = {"socket": Load(cases=200, seconds=60.0), "http": Load(cases=100, seconds=20.0)}
QUICK_LOADS: dict[Way, Load] = {"socket": Load(cases=40, seconds=5.0)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a glance: rough figures in a minute or two")
    quick = parser.parse_args().quick
    configure_logs(logging.ERROR)
    loads = QUICK_LOADS if quick else LOADS
    print(summary(asyncio.run(_all(QUICK if quick else FULL, loads, 3 if quick else 15, 200 if quick else 2000))))


async def _all(effort: Effort, loads: Mapping[Way, Load], decide_rounds: int, entries: int) -> list[Figure]:
    figures = []
    async for figure in _measured(effort, loads, decide_rounds, entries):
        print(line(figure), flush=True)
        figures.append(figure)
    return figures


async def _measured(
    effort: Effort, loads: Mapping[Way, Load], decide_rounds: int, entries: int
) -> AsyncIterator[Figure]:
    """`entries`: of the large library."""
    with sqlite_settings() as settings:
        knowledge, seconds = deciding.builds(settings, effort.repetitions)
        yield middle("knowledge: build", seconds, "s")
        for figure in deciding.measure(knowledge, BEGINNING.date(), decide_rounds):
            yield figure
    for figure in library_scale.measure(BEGINNING.date(), entries):
        yield figure
    with postgres_server() as server:
        databases: dict[str, NewSettings] = {
            "sqlite": sqlite_settings,
            "postgresql": lambda: postgres_settings(server),
        }
        for name, new_settings in databases.items():
            with new_settings() as settings:
                async for figure in durable_way.measure(name, settings, _clock(), knowledge, effort):
                    yield figure
            with new_settings() as settings:
                messages = effort.during_changes
                async for figure in changing_library.measure(name, settings, _clock(), knowledge, messages):
                    yield figure
            for way, load in loads.items():
                with new_settings() as settings:
                    async for figure in slack_load.measure(name, way, settings, BEGINNING, knowledge, load):
                        yield figure


def _clock() -> Clock:
    began = time.monotonic()
    return lambda: BEGINNING + timedelta(seconds=time.monotonic() - began)


if __name__ == "__main__":
    main()
