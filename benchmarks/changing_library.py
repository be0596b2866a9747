"""How long messages take while the service changes to another published library, and while it does not."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

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

T = TypeVar("T")

EVERY = 0.1  # seconds between two messages
TICK = 0.001  # seconds that the event loop is asked to sleep again and again; what it oversleeps, a message would wait


async def measure(
    database: str, settings: Settings, clock: Clock, knowledge: Knowledge, messages: int
) -> AsyncIterator[Figure]:
    """`messages`: how many are timed in peace, and how many at least while libraries change."""
    with TemporaryDirectory(prefix="smi-bench-") as folder:
        bundles = cycle(_two(settings, knowledge, Path(folder)))
        async with running(settings, clock, knowledge) as (app, channel):
            await _talk(app, channel, "warm", 10, clock)  # not counted
            for figure in latencies(
                f"{database}: no change of library,", await _talk(app, channel, "calm", messages, clock)
            ):
                yield figure
            seconds, changes = await _while_changing(
                app, bundles, clock, _talk(app, channel, "change", messages, clock)
            )
            for figure in latencies(f"{database}: library changing all the time,", seconds):
                yield figure
            yield Figure(f"{database}: changes meanwhile", float(changes), "")
            calm = await _longest_wait(messages * EVERY)
            yield Figure(f"{database}: longest wait for the loop, no change", calm, "ms")
            longest, changes = await _while_changing(app, bundles, clock, _longest_wait(messages * EVERY))
            yield Figure(f"{database}: longest wait for the loop, {changes} changes", longest, "ms")


async def _while_changing(
    app: App, bundles: Iterator[Bundle], clock: Clock, work: Coroutine[Any, Any, T]
) -> tuple[T, int]:
    """What `work` gave, and how many changes there were meanwhile."""
    changing = asyncio.create_task(_change(app, bundles, clock))
    found = await work
    changing.cancel()
    return found, await changing


async def _longest_wait(seconds: float) -> float:
    """Milliseconds by which the event loop came late at worst, with nobody writing."""
    longest, end = 0.0, time.perf_counter() + seconds
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(TICK)
        longest = max(longest, time.perf_counter() - before - TICK)
    return longest * 1000


async def _talk(app: App, channel: RecordingChannel, who: str, count: int, clock: Clock) -> list[float]:
    return await talk(app, channel, who, [MESSAGES[i % len(MESSAGES)] for i in range(count)], clock(), every=EVERY)


def _two(settings: Settings, knowledge: Knowledge, folder: Path) -> list[Bundle]:
    """The shipped library, and the same with a note beside it: another bundle with as much to read."""
    shipped = content_folder(settings)
    copytree(shipped, folder / "other")
    (folder / "other" / "note.md").write_text("not read as content")
    return [pack(each, None, knowledge.matcher.cuts) for each in (shipped, folder / "other")]


async def _change(app: App, bundles: Iterator[Bundle], clock: Clock) -> int:
    """One library after the other, each as soon as the one before is in force, until cancelled; how many."""
    changes = 0
    with suppress(asyncio.CancelledError):
        while True:
            before = app.shelf.knowledge
            async with app.database.transaction() as tx:
                await publish(tx, next(bundles), str(changes), "bench", clock())
            with app.database.bell.ear(LIBRARY) as ring:
                while app.shelf.knowledge is before:
                    ring.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await ring.wait()
            changes += 1
    return changes
