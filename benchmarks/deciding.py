"""How fast the pure decision is, and how long it takes to build what it rests on."""

import time
from collections.abc import Iterator
from datetime import date

from benchmarks.figures import Figure, latencies, middle
from benchmarks.messages import MESSAGES
from smi_bot.assistant import Knowledge, Message, decide
from smi_bot.inquiry import Conversation
from smi_bot.knowledge import read_knowledge
from smi_bot.settings import Settings


def builds(settings: Settings, repetitions: int) -> tuple[Knowledge, list[float]]:
    """What decisions rest on, and the seconds that each building of it took."""
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        knowledge = read_knowledge(settings)
        seconds.append(time.perf_counter() - began)
    return knowledge, seconds


def measure(knowledge: Knowledge, today: date, rounds: int) -> Iterator[Figure]:
    _round(knowledge, today)  # not counted
    measured = [_round(knowledge, today) for _ in range(rounds)]
    yield middle("decide: one thread", [len(seconds) / sum(seconds) for seconds in measured], "decisions/s")
    yield from latencies("decide:", [each for seconds in measured for each in seconds])


def _round(knowledge: Knowledge, today: date) -> list[float]:
    """Seconds of each decision."""
    conversation = Conversation(id="bench", channel="bench", country="US")
    seconds = []
    for text in MESSAGES:
        began = time.perf_counter()
        decide(Message((text,)), conversation, None, knowledge, today)
        seconds.append(time.perf_counter() - began)
    return seconds
