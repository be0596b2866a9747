"""Cases to Slack: one card for each in the channel, what happens to it in the thread below, kept as it is now.

The sender of the outbox's way `handoff` where specialists work in Slack. A queued row says only that a case has
changed; what is posted is whatever Slack does not show yet, so rows that queue up while Slack is away cost nothing.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from escalation import slack_store, store
from escalation.board import context
from escalation.cards import card
from escalation.case import Priority
from escalation.slack_cards import Post, card_post, line_posts
from escalation.slack_client import Call, called, error_code, messages
from escalation.slack_files import file_key, file_name, find, is_file, upload, wanted_files
from escalation.slack_store import SlackPostRow
from smi_bot.database import Database, Transaction
from smi_bot.durable.outbox import Sent
from smi_bot.durable.pace import Pace, take_turn
from smi_bot.durable.rows import Clock, OutboxRow
from smi_bot.errors import TryAgain
from smi_bot.shelf import Shelf

log = structlog.get_logger()

#: Name of the metadata by which a post of ours is found again.
EVENT_TYPE = "smi_case_post"
#: About one message a second and channel (Slack documentation, "Rate limits"); updates count alike here.
_EVERY = 1.0
#: What Slack says of something that somebody else removed.
_GONE = {"message_not_found", "file_not_found", "file_deleted"}


class _NotOurTurn(TryAgain):
    """Nothing is wrong: it is only too early."""


class SlackDesk:
    """Shows cases in a channel."""

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        clock: Clock,
        windows: Mapping[Priority, timedelta],
        client: AsyncWebClient,
        channel: str,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._clock = clock
        self._windows = windows
        self._client = client
        self._channel = channel
        self._trouble = ""

    def not_ready(self) -> list[str]:
        return [f"slack: {self._trouble}"] if self._trouble else []

    async def send(self, row: OutboxRow) -> Sent:
        """Brings Slack up to date with one case, one call after another."""
        try:
            while await self._next(row.payload["case"]):
                self._note("")
        except _NotOurTurn:
            raise
        except TryAgain as busy:
            self._note(str(busy))
            raise
        self._note("")
        return Sent(row.key, {})

    async def settled(self, tx: Transaction, row: OutboxRow, now: Any) -> None:
        tx.rings.add("desk")

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("slack desk waits", reason=trouble)
        self._trouble = trouble

    async def _next(self, case_id: int) -> bool:
        """Makes the first thing right that Slack does not show as it is; False where there is none."""
        async with self._database.reading() as tx:
            case = await store.case(tx, case_id)
            shown = card(case, await context(tx, [case], self._shelf.library, self._windows, "", self._clock()))
            standing = await slack_store.posts(tx, case_id, self._channel)
            files = await wanted_files(tx, case_id, shown, standing)
        posts = (card_post(shown), *line_posts(shown))
        for post in posts:
            stands = standing.get(post.key)
            if stands is None or stands.ts is None or stands.digest != _digest(post):
                await self._show(case_id, post, standing, case.opened_at)
                return True
        if files:
            await self._turn()
            await upload(self._database, self._client, self._channel, case_id, standing["card"].ts or "", files[0])
            return True
        wanted = {post.key for post in posts}
        wanted |= {file_key(file.id) for line in shown.thread for file in line.attachments if file.state != "erased"}
        unwanted = next((row for key, row in standing.items() if key not in wanted), None)
        if unwanted is not None:
            await self._remove(unwanted, standing["card"].ts, case.opened_at)
        return unwanted is not None

    async def _remove(self, row: SlackPostRow, thread: str | None, since: datetime) -> None:
        """Takes one thing out of Slack that is no longer so, or was erased; also what may or may not have arrived."""
        place = row.ts or await self._sought(row, thread, since)
        if place is not None:
            await self._turn()
            try:
                if is_file(row.key):
                    await called(self._client.files_delete, file=place)
                else:
                    await called(self._client.chat_delete, channel=self._channel, ts=place)
            except SlackApiError as error:
                if error_code(error) not in _GONE:  # it may hold words that were erased: not to be passed over
                    raise
        async with self._database.transaction() as tx:
            await tx.delete(row)

    async def _sought(self, row: SlackPostRow, thread: str | None, since: datetime) -> str | None:
        if is_file(row.key):
            return await find(self._client, self._channel, thread or "", file_name(row.case_id, row.key))
        return await self._find(row.case_id, row.key, thread, since)

    async def _show(self, case_id: int, post: Post, standing: Mapping[str, SlackPostRow], since: datetime) -> None:
        stands, thread = standing.get(post.key), standing["card"].ts if "card" in standing else None
        if stands is not None and stands.ts is not None:
            await self._update(case_id, post, stands.ts)
            return
        # A row without its place: it was tried before, and nobody knows whether it arrived.
        found = await self._find(case_id, post.key, thread, since) if stands is not None else None
        if found is None:
            await self._turn()
            await self._keep(case_id, post, None)
            found = await self._post(case_id, post, thread)
        await self._keep(case_id, post, found)

    async def _turn(self) -> None:
        wait = await take_turn(self._database, (Pace(f"slack:{self._channel}", _EVERY),), self._clock())
        if wait:
            raise _NotOurTurn("Slack's pace", after=wait, all=True)

    async def _post(self, case_id: int, post: Post, thread: str | None) -> str:
        what: dict[str, Any] = {
            "channel": self._channel,
            "text": post.text,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"case": case_id, "key": post.key}},
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if post.key != "card":
            what |= {"thread_ts": thread, "reply_broadcast": post.to_channel}
        try:
            response = await called(self._client.chat_postMessage, **what, blocks=post.blocks)
        except SlackApiError as error:  # better a card without its words than a case that nobody sees
            log.error("slack refuses blocks", case=case_id, key=post.key, error=error_code(error))
            response = await called(self._client.chat_postMessage, **what)
        if post.key != "card" and (response.get("message") or {}).get("thread_ts") != thread:
            # The card was deleted, and Slack posts what answers it to the channel: the case is shown anew.
            await called(self._client.chat_delete, channel=self._channel, ts=response["ts"])
            await self._forget(case_id)
            raise TryAgain("its card was deleted", after=0)
        return str(response["ts"])

    async def _update(self, case_id: int, post: Post, ts: str) -> None:
        await self._turn()
        what: dict[str, Any] = {"channel": self._channel, "ts": ts, "text": post.text, "blocks": post.blocks}
        try:
            await called(self._client.chat_update, **what)
        except SlackApiError as error:
            if error_code(error) == "message_not_found" and post.key == "card":  # somebody deleted it
                await self._forget(case_id)
                return
            log.error("slack refuses an update", case=case_id, key=post.key, error=error_code(error))
        await self._keep(case_id, post, ts)

    async def _find(self, case_id: int, key: str, thread: str | None, since: datetime) -> str | None:
        """Where a post stands that may or may not have arrived."""
        mine = {"event_type": EVENT_TYPE, "event_payload": {"case": case_id, "key": key}}
        async for message in self._posted(thread if key != "card" else None, since):
            if message.get("metadata") == mine:
                return str(message["ts"])
        return None

    def _posted(self, thread: str | None, since: datetime) -> AsyncIterator[dict[str, Any]]:
        oldest = (since - timedelta(minutes=5)).timestamp()  # two clocks are never quite alike
        call: Call = self._client.conversations_history
        what: dict[str, Any] = {"channel": self._channel, "include_all_metadata": True, "oldest": str(oldest)}
        if thread is not None:
            call, what = self._client.conversations_replies, {**what, "ts": thread}
        return messages(call, **what)

    async def _keep(self, case_id: int, post: Post, ts: str | None) -> None:
        async with self._database.transaction() as tx:
            digest = _digest(post) if ts else ""
            row = SlackPostRow(case_id=case_id, channel=self._channel, key=post.key, ts=ts, digest=digest)
            await tx.merge(row)

    async def _forget(self, case_id: int) -> None:
        async with self._database.transaction() as tx:
            await slack_store.forget(tx, case_id, self._channel)


def _digest(post: Post) -> str:
    return hashlib.sha256(json.dumps([post.text, post.blocks], sort_keys=True).encode()).hexdigest()
