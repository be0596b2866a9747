"""A clock that jumps over Slack's pace where waiting for it would only take time."""

import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest import mock

from escalation import slack_desk
from smi_bot.database import Database
from smi_bot.durable.pace import Pace, take_turn


class JumpingClock:
    """Goes as time goes, and jumps on demand."""

    def __init__(self, beginning: datetime) -> None:
        self._beginning = beginning
        self._moments, self._ahead = [time.monotonic()], [timedelta()]

    def __call__(self) -> datetime:
        return self.at(time.monotonic())

    def at(self, moment: float) -> datetime:
        """What it showed at a monotonic time."""
        ahead = self._ahead[max(0, bisect(self._moments, moment) - 1)]
        return self._beginning + timedelta(seconds=moment - self._moments[0]) + ahead

    def jump(self, seconds: float) -> None:
        self._moments.append(time.monotonic())
        self._ahead.append(self._ahead[-1] + timedelta(seconds=seconds))

    @contextmanager
    def hurrying(self) -> Iterator[None]:
        """Within the block it jumps to the turn of whatever is to be shown in Slack."""

        async def take(database: Database, paces: Sequence[Pace], _: datetime) -> float:
            while wait := await take_turn(database, paces, self()):
                self.jump(wait)
            return 0.0

        with mock.patch.object(slack_desk, "take_turn", take):
            yield
