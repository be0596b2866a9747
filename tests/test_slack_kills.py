"""SIGKILL around every call of Slack's Web API, and a real restart: one card, each line and each file once, each reply
once. What only one person sees may come twice: Slack has no way to look whether it came."""

import asyncio
import signal
from collections.abc import Callable

import pytest
from loopback import Call
from serving import PNG, RASH
from slack_api import SIGNING_SECRET, SlackApi
from slack_api_delivery import Delivery
from slack_api_people import Person
from slack_api_world import Message
from supervisor import Bot, Kills, Recorder, _forks_find_the_victim, books  # noqa: F401 (a fixture)
from victim import Plan

from smi_bot.attachments import keep
from smi_bot.database import Database

SHARED = ("chat.postMessage",)
OTHERS = (
    *("chat.update", "chat.postEphemeral", "views.open"),
    *("files.getUploadURLExternal", "upload", "files.completeUploadExternal"),
)
TOLD = [
    "wording/adverse-event.en",
    "wording/first-contact.en",
    "wording/specialist-joined.en",
    "specialist",
    "specialist",
]


class SlackBot(Bot):
    """The bot under its supervisor, beside our Slack, which reaches it wherever it lives."""

    def __init__(self, url, folder, slack: SlackApi, recorder: Recorder, way: str, *plans: Plan) -> None:
        given = {"slack_bot_token": slack.bot_token, "slack_channel": slack.channel, "slack_api": slack.url}
        given |= {"slack_signing_secret": SIGNING_SECRET} if way == "http" else {"slack_app_token": slack.app_token}
        super().__init__(url, folder, recorder.port, *plans, **given, allow_demo_library=True)
        self._slack = slack
        self._way = way

    def _now(self, address: str, pid: int) -> None:
        if self._way == "http":
            self._slack.request_url = f"{address or 'http://127.0.0.1:0'}/slack/events"
        super()._now(address, pid)

    def can_hear(self) -> None:
        """Waits until Slack can bring something."""
        assert self.is_up()
        if self._way == "socket":
            self._slack.wait(lambda: any(not socket.is_leaving for socket in self._slack.sockets))

    def hears_report(self, url: str) -> None:
        """A requester reports a side effect and sends a picture."""

        async def store():
            database = Database(url)
            async with database.transaction() as tx:
                file = await keep(tx, "platform:ann", "rash.png", PNG, 1000, self._slack.clock())
            await database.close()
            return file.model_dump(mode="json")

        said = {"key": "ann:0", "conversation": "platform:ann", "text": RASH, "attachments": [asyncio.run(store())]}
        assert self.request("POST", "/platform", json=said).status_code == 200


def insists(slack: SlackApi, bot: SlackBot, act: Callable[[], Delivery | None]) -> None:
    """Does it until that is acknowledged, and the bot is through with it."""
    while True:
        bot.can_hear()
        done = act()
        assert done
        slack.wait(lambda done=done: done.is_settled)
        if done.acknowledged.is_set():
            break
    bot.finishes()


def opens(slack: SlackApi, bot: SlackBot, who: Person, card: Message, action: str) -> None:
    """Presses until the window is there."""
    while not who.view:
        lives = len(bot.exits)
        bot.can_hear()
        who.presses(card, action)
        slack.wait(lambda lives=lives: who.view or len(bot.exits) > lives)


def name(call: Call) -> tuple[str, str]:
    """Each message for itself, other calls by their kind."""
    return call.method, call.params["metadata"]["event_payload"]["key"] if call.method == "chat.postMessage" else ""


@pytest.mark.parametrize(("way", "methods"), [("socket", SHARED), ("http", OTHERS)], ids=["messages", "other calls"])
def test_a_kill_before_and_after_each_call_leaves_one_card_each_line_and_file_once_and_each_reply_once(
    way, methods, sqlite_url, tmp_path
):
    recorder = Recorder()
    with SlackApi() as slack, SlackBot(sqlite_url, tmp_path / "data", slack, recorder, way, *[Plan()] * 60) as bot:
        slack.retry_after = (0.1,) * 200
        rao, lee = slack.person("Dr. Rao"), slack.person("Dr. Lee")
        kills = Kills(slack, bot, lambda call, when: (*name(call), when) if call.method in methods else None)
        bot.hears_report(sqlite_url)
        card = rao.sees("SMI-1 · ")
        bot.finishes()
        insists(slack, bot, lambda: rao.presses(card, "case_claim"))
        insists(slack, bot, lambda: lee.presses(card, "case_release"))
        opens(slack, bot, rao, card, "case_reply")
        insists(slack, bot, lambda: rao.types("reply_text", "Please show it to a doctor today."))
        insists(slack, bot, rao.submits)
        assert rao.view is None
        assert recorder.told("ann") == TOLD[:-1]
        note = rao.writes(card, "And call us if it gets worse.")
        slack.wait(slack.event_of(note).acknowledged.is_set)
        rao.reacts(note, "outbox_tray")
        slack.wait(lambda: recorder.told("ann") == TOLD)
        bot.finishes()
        made = {name(call) for call in slack.calls if call.method in methods}
        assert set(kills.done) == {(*call, when) for call in made for when in ("before", "after")}
        assert len(made) == {SHARED: 5, OTHERS: 6}[methods]
        assert bot.exits == [-signal.SIGKILL] * len(kills.done)
        ours = [m for m in slack.posted if not m.to]
        (there,), thread = slack.messages(), slack.thread(card)
        assert there is card
        assert "Owner: " in card.all_text
        assert ours == [card, *(m for m in thread if m is not note)]
        keys = [m.metadata["event_payload"]["key"] for m in ours if m.metadata]
        assert len(keys) == len(set(keys))
        assert [f["name"].partition("-")[0] for m in ours for f in m.files] == ["SMI"]
        assert {m.all_text for m in lee.ephemerals} == {lee.ephemerals[0].all_text}
        pressed = [d for d in slack.deliveries if d.payload.get("user", {}).get("id") == lee.id]
        assert 1 <= len(lee.ephemerals) <= len(pressed) + 1  # one for each press, and one in flight
        assert slack.lost_events == []
    recorder.close()
    assert recorder.told("ann") == TOLD
    found = books(sqlite_url)
    assert [e.kind for e in found.cases[0].events] == ["opened", "message", "claimed", "replied", "noted", "replied"]
    assert found.fault is None
