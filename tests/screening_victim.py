"""A look-back screening in a process of its own that kills itself at a point, so that the next one goes on."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

from looking_back import LONG_AGO
from victim import knowledge

from escalation.handoff import CaseHandoff
from smi_bot import journal
from smi_bot.app import utc_now
from smi_bot.database import Database
from smi_bot.screening import LookBack

_WINDOWS = {"urgent": timedelta(minutes=15), "high": timedelta(hours=4), "normal": timedelta(days=1)}
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def screen(url: str, point: str, countdown: int) -> None:
    """One life: `countdown`-th passing of the point ends it by SIGKILL. Without a point it goes on to the end."""
    asyncio.run(_screen(url, _Reaper(point, countdown)))


class _Reaper:
    def __init__(self, point: str, countdown: int) -> None:
        self._point = point
        self._left = countdown

    def at(self, point: str) -> None:
        self._left -= point == self._point
        if point == self._point and self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, point: str, work: Any) -> Any:
        async def working(*args: Any, **more: Any) -> Any:
            done = await work(*args, **more)
            self.at(point)
            return done

        return working


async def _screen(url: str, reaper: _Reaper) -> None:
    # Journalled, and everything written but the commit itself.
    database = Database(url, before_commit=(journal.chain, reaper.after("committing", lambda _: asyncio.sleep(0))))
    handoff = CaseHandoff(_WINDOWS, "US")
    handoff.refer = reaper.after("handing over", handoff.refer)
    look = LookBack(database, handoff, knowledge().rules, utc_now, "US", page=3)
    for name, point in (("begin", "begun"), ("_findings", "read"), ("_advance", "advanced"), ("finish", "finished")):
        setattr(look, name, reaper.after(point, getattr(look, name)))
    screening = await look.begin(LONG_AGO, UNTIL, "dora")
    while await look.step(screening):
        pass
    await look.finish(screening)
    await database.close()
