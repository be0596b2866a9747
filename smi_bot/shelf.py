"""Where the knowledge in force stands."""

from smi_bot.assistant import Knowledge
from smi_bot.library import Library


class Shelf:
    """Whoever decides or renders asks here each time and keeps nothing, so that another library is in force at once.

    `put` is one assignment: what has begun ends with the knowledge it began with, whatever begins later has the new.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    @property
    def knowledge(self) -> Knowledge:
        return self._knowledge

    @property
    def library(self) -> Library:
        return self._knowledge.library

    def put(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
