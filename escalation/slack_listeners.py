"""Slack to cases: Bolt's listeners for what specialists press, choose and write.

Nothing is acknowledged before it is committed. A press is a transaction, done before `ack`; events, which Bolt
acknowledges before any listener runs, are in the inbox ahead of that. Neither needs Slack's Web API to answer.
"""

import re
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any
from uuid import uuid4

import structlog
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization.authorize_result import AuthorizeResult
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from escalation.slack_client import called, error_code
from escalation.slack_events import EVENT_KIND, STRANGER, actor_of, key_of, lane_of, wanted
from escalation.slack_guard import is_stranger
from escalation.slack_presses import Presses
from escalation.slack_text import unaddressed
from escalation.slack_views import (
    Form,
    close_view,
    entry_view,
    judge_view,
    label_view,
    read_state,
    reply_view,
    reveal_view,
    search_options,
)
from smi_bot.durable.inbox import Inbox
from smi_bot.errors import NotAllowed, NotApproved, TryAgain

log = structlog.get_logger()

Body = dict[str, Any]
Ack = Callable[..., Awaitable[Any]]
View = dict[str, Any]

#: Values of buttons: the number of a case, and where they are about something within it, what that is.
_OF_CASE = re.compile("([0-9]{1,18})")
_OF_REPLY = re.compile("([0-9]{1,18}):([0-9]{1,18})")
_OF_FILE = re.compile("([0-9]{1,18}):(.+)")
_OF_WINDOW = re.compile("([0-9]{1,18})(:.*)?")

#: In which field of a window a refusal is shown: its block.
_BLOCKS = {"reply_modal": "reply", "label_modal": "labels", "close_modal": "close"}


def bolt_app(
    presses: Presses, inbox: Inbox, client: AsyncWebClient, channels: Collection[str], signing_secret: str | None
) -> AsyncApp:
    """The one Bolt app. `channels`: nothing is kept of what happens in others, which the bot may be in as well.

    `signing_secret`: None where Slack comes by Socket Mode, which is authenticated itself.
    """

    async def keep(body: Body, next: Callable[[], Awaitable[Any]]) -> None:
        event = body.get("event") or {}
        kept = wanted(event)
        if kept is not None and "text" in kept and is_stranger(body):
            kept = {name: kept[name] for name in ("user", "channel", "ts", "thread")} | {"what": "stranger"}
        if kept is not None and kept["channel"] in channels:
            await inbox.accept(key_of(str(body.get("team_id", "")), event), lane_of(kept), EVENT_KIND, kept)
        await next()

    async def authorize(**_: Any) -> AuthorizeResult:
        """Without asking Slack: an acknowledgement must not depend on its Web API."""
        return AuthorizeResult(enterprise_id=None, team_id=None, bot_token=client.token)

    app = AsyncApp(
        client=AsyncWebClient(),  # Bolt's own, which nothing here uses
        authorize=authorize,
        before_authorize=keep,
        signing_secret=signing_secret or "unused",
        request_verification_enabled=signing_secret is not None,
        ignoring_self_events_enabled=False,  # `wanted` passes our own over, and needs no user id for it
    )
    listeners = Listeners(presses, client)
    app.use(listeners.guard)
    listeners.listen(app)
    return app


class Listeners:
    """Each takes a press apart, has it done, and says what came of it."""

    def __init__(self, presses: Presses, client: AsyncWebClient) -> None:
        self._presses = presses
        self._client = client

    async def guard(self, ack: Ack, body: Body, next: Callable[[], Awaitable[Any]]) -> Any:
        """Whoever is not of this workspace presses in vain, and is told so. What this returns is Bolt's answer."""
        if "event" in body or not is_stranger(body):
            return await next()
        await self._tell(body, STRANGER)
        return await ack()

    def listen(self, app: AsyncApp) -> None:
        app.event(re.compile(".*"))(_kept)
        for action, press in {"case_claim": self._presses.claim, "case_release": self._presses.release}.items():
            app.action(action)(self._pressed(press, _OF_CASE))
        app.action("reply_retry")(self._pressed(self._presses.retry, _OF_REPLY))
        app.action("file_retry")(self._pressed(self._presses.fetch_again, _OF_FILE))
        windows = {
            "case_reply": self._reply_window,
            "case_insert": self._entry_window,
            "entry_show": self._entry_window,
            "case_label": self._label_window,
            "case_judge": self._judge_window,
            "case_close": self._close_window,
            "case_reveal": self._reveal_window,
        }
        for action, window in windows.items():
            app.action(action)(self._opening(window))
        app.action("reply_text")(self._typed)
        app.action("entry_search")(self._chosen)
        app.options("entry_search")(self._searched)
        submissions = {
            "reply_modal": self._presses.reply,
            "entry_modal": self._presses.answer,
            "label_modal": self._presses.label,
            "judge_modal": self._presses.judge,
            "close_modal": self._presses.close,
        }
        for name, submission in submissions.items():
            app.view(name)(self._submitted(name, submission))
        app.action(re.compile(".*"))(_kept)  # what needs nothing done, such as a choice inside a window

    # --- buttons

    def _pressed(self, press: Callable[..., Awaitable[None]], form: re.Pattern[str]) -> Callable[..., Awaitable[None]]:
        async def listener(ack: Ack, body: Body) -> None:
            try:
                case, *more = _value(body, form)
                await press(int(case), actor_of(body["user"]["id"]), *more)
            except NotAllowed as error:
                await self._tell(body, str(error))
            await ack()

        return listener

    async def _tell(self, body: Body, why: str) -> None:
        """Privately, in the thread in which they pressed, or in that of the window's case."""
        message = body.get("message") or {}
        thread = message.get("thread_ts") or message.get("ts") or ""
        case = read_state(body["view"]).case if body.get("view") else None
        await self._presses.tell(body["user"]["id"], thread, why, case)

    # --- windows

    def _opening(self, window: Callable[[int, str, Body], Awaitable[View]]) -> Callable[..., Awaitable[None]]:
        """Slack gives three seconds, from the press, to open a window; there is nothing to lose but the window."""

        async def listener(ack: Ack, body: Body) -> None:
            try:
                case, *_ = _value(body, _OF_WINDOW)
                view = await window(int(case), actor_of(body["user"]["id"]), body)
            except (NotAllowed, NotApproved) as error:
                await self._tell(body, str(error))
                await ack()
                return
            await ack()
            await self._show(body, view)

        return listener

    async def _show(self, body: Body, view: View) -> None:
        """A new window, or another view of the one that is open."""
        present = body.get("view")
        try:
            if present is None:
                await called(self._client.views_open, trigger_id=body["trigger_id"], view=view)
            else:
                await called(self._client.views_update, view_id=present["id"], hash=present["hash"], view=view)
        except (SlackApiError, TryAgain) as error:
            code = error_code(error) if isinstance(error, SlackApiError) else str(error)
            log.warning("slack window not shown", reason=code)
            if present is None:
                await self._tell(body, "Slack did not show the window. Please press the button again.")

    async def _reply_window(self, case: int, actor: str, _: Body) -> View:
        card = await self._presses.shown(case, actor, to_answer=True)
        draft = await self._presses.draft(case, actor)
        return reply_view(card, _press_id(), draft, draft)

    async def _entry_window(self, case: int, actor: str, body: Body) -> View:
        _, _, entry = body["actions"][0]["value"].partition(":")
        card = await self._presses.shown(case, actor)
        chosen = await self._presses.preview(case, entry) if entry else None
        present = body.get("view")
        return entry_view(card, read_state(present).id if present else _press_id(), chosen, card.suggestions)

    async def _label_window(self, case: int, actor: str, _: Body) -> View:
        return label_view(await self._presses.shown(case, actor, to_answer=False), _press_id())

    async def _judge_window(self, case: int, actor: str, _: Body) -> View:
        return judge_view(await self._presses.shown(case, actor), self._presses.reasons, _press_id())

    async def _close_window(self, case: int, actor: str, _: Body) -> View:
        return close_view(await self._presses.shown(case, actor, to_answer=False), _press_id())

    async def _reveal_window(self, case: int, actor: str, _: Body) -> View:
        words = await self._presses.reveal(case, actor)
        return reveal_view(await self._presses.shown(case, actor), words)

    # --- inside windows

    async def _typed(self, ack: Ack, body: Body) -> None:
        """What is typed is kept: closing the window by accident loses nothing."""
        form, actor = read_state(body["view"]), actor_of(body["user"]["id"])
        text = body["actions"][0].get("value") or ""
        is_draft = await self._presses.keep_draft(form, actor, text)
        await ack()
        if not is_draft:
            return
        card = await self._presses.shown(form.case, actor)
        await self._show(body, reply_view(card, form.id, text, text))

    async def _chosen(self, ack: Ack, body: Body) -> None:
        form = read_state(body["view"])
        await ack()
        option = body["actions"][0].get("selected_option")
        with suppress(NotApproved):  # withdrawn since it was offered: the window stays as it is
            chosen = await self._presses.preview(form.case, option["value"]) if option else None
            card = await self._presses.shown(form.case, actor_of(body["user"]["id"]))
            await self._show(body, entry_view(card, form.id, chosen, card.suggestions))

    async def _searched(self, ack: Ack, body: Body) -> None:
        form = read_state(body["view"])
        await ack(**search_options(await self._presses.search(form.case, body.get("value") or "")))

    def _submitted(self, name: str, submit: Callable[[Form, str], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def listener(ack: Ack, body: Body, view: View) -> None:
            try:
                await submit(read_state(view), actor_of(body["user"]["id"]))
            except NotAllowed as error:
                if name not in _BLOCKS:  # it has no field in which to say so
                    await self._tell(body, str(error))
                    await ack()
                    return
                await ack(response_action="errors", errors={_BLOCKS[name]: unaddressed(str(error))})
                return
            await ack()

        return listener


def _value(body: Body, form: re.Pattern[str]) -> tuple[str, ...]:
    """What a button names. Raises NotAllowed where its value is none that we write."""
    action = body["actions"][0]
    found = form.fullmatch(str(action.get("value", "")))
    if found is None:
        log.warning("slack button names nothing", action=action.get("action_id"))
        raise NotAllowed("The bot does not know what this button is about. Please use those on the card.")
    return found.groups()


async def _kept(ack: Ack) -> None:
    """Nothing is left to do."""
    await ack()


def _press_id() -> str:
    """Of one window: whoever submits it twice has submitted it once."""
    return uuid4().hex
