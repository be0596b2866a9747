"""How long messages take while the service changes to another published library, and while it does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure, latencies
from benchmarks.messages import MESSAGES
from benchmarks.requesters import RecordingChannel, running, talk
from smi_bot.app import App
from smi_bot.assistant import Knowledge
from smi_bot.bundle import Bundle, pack
from smi_bot.durable.rows import Clock
from smi_bot.knowledge import content_folder
from smi_bot.publishing import LIBRARY, publish
from smi_bot.settings import Settings

EVERY = 0.1  # seconds between two messages


async def measure(
    database: str, settings: Settings, clock: Clock, knowledge: Knowledge, messages: int
) -> AsyncIterator[Figure]:
    """`messages`: how many are timed in peace, and how many at least while libraries change."""
    with TemporaryDirectory(prefix="smi-bench-") as folder:
        bundles = _two(settings, knowledge, Path(folder))
        async with running(settings, clock, knowledge) as (app, channel):
            await _talk(app, channel, "warm", 10, clock)  # not counted
            for figure in latencies(
                f"{database}: no change of library,", await _talk(app, channel, "calm", messages, clock)
            ):
                yield figure
            changing = asyncio.create_task(_change(app, bundles, clock))
            seconds = await _talk(app, channel, "changing", messages, clock)
            changing.cancel()
            changes = 0
            with suppress(asyncio.CancelledError):
                changes = await changing
            for figure in latencies(f"{database}: library changing all the time,", seconds):
                yield figure
            yield Figure(f"{database}: changes meanwhile", float(changes), "")


async def _talk(app: App, channel: RecordingChannel, who: str, count: int, clock: Clock) -> list[float]:
    return await talk(app, channel, who, [MESSAGES[i % len(MESSAGES)] for i in range(count)], clock(), every=EVERY)


def _two(settings: Settings, knowledge: Knowledge, folder: Path) -> list[Bundle]:
    """The shipped library, and the same with a note beside it: another bundle with as much to read."""
    shipped = content_folder(settings)
    copytree(shipped, folder / "other")
    (folder / "other" / "note.md").write_text("not read as content")
    return [pack(each, None, knowledge.matcher.cuts) for each in (shipped, folder / "other")]


async def _change(app: App, bundles: list[Bundle], clock: Clock) -> int:
    """One library after the other, each as soon as the one before is in force, until cancelled; how many."""
    changes = 0
    with suppress(asyncio.CancelledError):
        while True:
            before = app.shelf.knowledge
            async with app.database.transaction() as tx:
                await publish(tx, bundles[changes % 2], str(changes), "bench", clock())
            with app.database.bell.ear(LIBRARY) as ring:
                while app.shelf.knowledge is before:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await ring.wait()
            changes += 1
    return changes
