"""Cases to Slack: one card for each in the channel, what happens to it in the thread below, kept as it is now.

The sender of the outbox's way `handoff` where specialists work in Slack. A queued row says only that a case has
changed; what is posted is whatever Slack does not show yet, so rows that queue up while Slack is away cost nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from escalation import slack_store, store
from escalation.board import context
from escalation.cards import Card, card
from escalation.case import Case, Priority
from escalation.slack_cards import Post, card_post
from escalation.slack_client import CardGone, NoChannel, called, error_code
from escalation.slack_files import (
    Thread,
    WantedFile,
    file_key,
    file_name,
    is_file,
    upload,
    wanted_files,
    without_refused,
)
from escalation.slack_finding import find_file, find_post, mark
from escalation.slack_lines import line_posts
from escalation.slack_store import CARD, SlackPostRow
from smi_bot.database import Database, Transaction
from smi_bot.durable.outbox import Sent
from smi_bot.durable.pace import Pace, take_turn
from smi_bot.durable.rows import Clock, OutboxRow
from smi_bot.errors import TryAgain
from smi_bot.shelf import Shelf

log = structlog.get_logger()

#: About one message a second and channel (Slack documentation, "Rate limits"); updates count alike here.
_EVERY = 1.0
#: What Slack says of something that somebody else removed.
_GONE = {"message_not_found", "file_not_found", "file_deleted"}
#: What it says of something that is not ours, as when the app was made anew; or not ours to change any more.
_NOT_OURS = {"cant_update_message", "edit_window_closed", "cant_delete_message", "cant_delete_file"}


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
            while await self._step(row):
                self._note("")
        except _NotOurTurn:
            raise
        except TryAgain as busy:
            self._note(str(busy))
            raise
        self._note("")
        return Sent(row.key, {})

    async def _step(self, row: OutboxRow) -> bool:
        case_id = row.payload["case"]
        try:
            return await self._next(case_id)
        except CardGone:
            await self._retire(case_id, self._channel)
            return True

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
            rows = await slack_store.rows(tx, case_id)
            standing = slack_store.standing(rows, self._channel)
            loaded = await context(tx, [case], self._shelf.library, self._windows, "", self._clock())
            shown = without_refused(card(case, loaded), standing)
            files = await wanted_files(tx, case_id, shown, standing)
        stands = standing.get(CARD)
        posts = (card_post(shown), *line_posts(shown, (stands.ts if stands else None) or ""))
        return (
            await self._shows(case, posts, standing)
            or await self._shows_file(case, files, standing)
            or await self._removes(case, _wanted(shown, posts), rows)
            or await self._ends(case)
        )

    async def _shows(self, case: Case, posts: tuple[Post, ...], standing: Mapping[str, SlackPostRow]) -> bool:
        for post in posts:
            stands = standing.get(post.key)
            if stands is None or stands.ts is None or stands.digest != _digest(post):
                await self._show(case.id, post, standing, case.opened_at)
                return True
        return False

    async def _shows_file(self, case: Case, files: list[WantedFile], standing: Mapping[str, SlackPostRow]) -> bool:
        for file in files:
            await self._turn()
            thread = Thread(self._channel, standing[CARD].ts or "", case.id, case.opened_at)
            await upload(self._database, self._client, thread, file)
            return True
        return False

    async def _removes(self, case: Case, wanted: set[str], rows: list[SlackPostRow]) -> bool:
        """Takes away what is shown no longer: here, in threads of cards that are gone, and in channels used before."""
        elsewhere = next((r for r in rows if r.channel != self._channel and not slack_store.is_old(r)), None)
        if elsewhere is not None:
            await self._retire(case.id, elsewhere.channel)
            return True
        standing = slack_store.standing(rows, self._channel)
        unwanted = next((row for key, row in standing.items() if key not in wanted), None)
        row = unwanted or slack_store.next_old(rows)
        if row is not None:
            await self._remove(row, standing[CARD].ts or "", case.opened_at)
        return row is not None

    async def _ends(self, case: Case) -> bool:
        """Nothing is left to be shown; what was begun on a closed case is sent by nobody."""
        if case.status == "closed":
            async with self._database.transaction() as tx:
                await slack_store.drop_drafts(tx, case.id)
        return False

    async def _remove(self, row: SlackPostRow, card: str, since: datetime) -> None:
        """Takes one thing out of Slack that is no longer so, or was erased; also what may or may not have arrived."""
        try:
            place = row.ts or await self._sought(row, card, since)
            if place is not None:
                await self._turn()
                await self._delete(row, place)
        except NoChannel as trouble:
            if row.channel == self._channel:
                raise
            log.error("slack post left in a channel used before", case=row.case_id, ts=row.ts, reason=str(trouble))
        async with self._database.transaction() as tx:
            await slack_store.removed(tx, row)

    async def _delete(self, row: SlackPostRow, place: str) -> None:
        key = slack_store.origin(row)[1] if slack_store.is_old(row) else row.key
        try:
            if is_file(key):
                await called(self._client.files_delete, file=place)
            else:
                await called(self._client.chat_delete, channel=row.channel, ts=place)
        except SlackApiError as error:
            if error_code(error) in _NOT_OURS:  # nothing that we could do, now or later
                log.error("slack does not let us delete", case=row.case_id, place=place, error=error_code(error))
            elif error_code(error) not in _GONE:  # it may hold words that were erased: not to be passed over
                raise

    async def _sought(self, row: SlackPostRow, card: str, since: datetime) -> str | None:
        if not slack_store.is_old(row):
            return await self._find(row, row.key, card, since)
        thread, key = slack_store.origin(row)
        with suppress(CardGone):
            if thread and (found := await self._find(row, key, thread, since)):
                return found
        return await self._find(row, key, None, since)  # Slack posts there what answers a card that is gone

    async def _find(self, row: SlackPostRow, key: str, thread: str | None, since: datetime) -> str | None:
        if is_file(key):
            return await find_file(self._client, row.channel, thread, since, file_name(row.case_id, key))
        return await find_post(self._client, row.channel, thread, since, row.case_id, key)

    async def _show(self, case_id: int, post: Post, standing: Mapping[str, SlackPostRow], since: datetime) -> None:
        stands, thread = standing.get(post.key), standing[CARD].ts if CARD in standing else None
        if stands is not None and stands.ts is not None:
            await self._update(stands, post, stands.ts)
            return
        # A row without its place: it was tried before, and nobody knows whether it arrived.
        within = None if post.key == CARD else thread
        found = await self._find(stands, post.key, within, since) if stands is not None else None
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
            "metadata": mark(case_id, post.key),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if post.key != CARD:
            what |= {"thread_ts": thread, "reply_broadcast": post.to_channel}
        try:
            response = await called(self._client.chat_postMessage, **what, blocks=post.blocks)
        except SlackApiError as error:  # better a card without its words than a case that nobody sees
            log.error("slack refuses blocks", case=case_id, key=post.key, error=error_code(error))
            response = await called(self._client.chat_postMessage, **what)
        if post.key != CARD and (response.get("message") or {}).get("thread_ts") != thread:
            # The card was deleted, and Slack posts what answers it to the channel.
            await called(self._client.chat_delete, channel=self._channel, ts=response["ts"])
            raise CardGone("its card was deleted")
        return str(response["ts"])

    async def _update(self, row: SlackPostRow, post: Post, ts: str) -> None:
        await self._turn()
        what: dict[str, Any] = {"channel": self._channel, "ts": ts, "text": post.text, "blocks": post.blocks}
        try:
            await called(self._client.chat_update, **what)
        except SlackApiError as error:
            code = error_code(error)
            if code in _NOT_OURS or (code in _GONE and post.key == CARD):
                raise CardGone(code) from error
            if code in _GONE:  # somebody deleted a line that says something else by now: that is posted anew
                async with self._database.transaction() as tx:
                    await slack_store.removed(tx, row)
                return
            log.error("slack refuses an update", case=row.case_id, key=post.key, error=code)
        await self._keep(row.case_id, post, ts)

    async def _keep(self, case_id: int, post: Post, ts: str | None) -> None:
        async with self._database.transaction() as tx:
            digest = _digest(post) if ts else ""
            row = SlackPostRow(case_id=case_id, channel=self._channel, key=post.key, ts=ts, digest=digest)
            await tx.merge(row)

    async def _retire(self, case_id: int, channel: str) -> None:
        async with self._database.transaction() as tx:
            await slack_store.retire(tx, case_id, channel)


def _wanted(card: Card, posts: tuple[Post, ...]) -> set[str]:
    """The keys of what is to stand in Slack."""
    files = (file for line in card.thread for file in line.attachments)
    return {post.key for post in posts} | {file_key(file.id) for file in files if file.state != "erased"}


def _digest(post: Post) -> str:
    return hashlib.sha256(json.dumps([post.text, post.blocks], sort_keys=True).encode()).hexdigest()
