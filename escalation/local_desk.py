"""The built-in desk: a page for specialists where there is no Slack. It shows cards and passes presses to the hand-off."""

import asyncio
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from escalation import store
from escalation.board import context
from escalation.card_lines import message_ids
from escalation.cards import Card, card, unmasked
from escalation.case import Priority
from escalation.handoff import CaseHandoff
from escalation.judging import LabelVerdict
from escalation.times import compact, in_words
from smi_bot.attachments import AttachmentRow
from smi_bot.burst import inquiry_of
from smi_bot.database import Database, Transaction
from smi_bot.durable.outbox import Sent
from smi_bot.durable.rows import Clock, OutboxRow
from smi_bot.errors import NotAllowed
from smi_bot.inquiry import UserText
from smi_bot.markup import literal, to_html
from smi_bot.shelf import Shelf
from smi_bot.text import repair

_STATIC = Path(__file__).parent / "desk_static"
_POLL = 5.0  # seconds
_SLACK_ACTOR = re.compile(r"\bslack:(?=[A-Z0-9]{3})")
_File = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{0,64}$")]
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class _Form(BaseModel):
    """What a press on the desk may carry."""

    model_config = ConfigDict(extra="forbid")

    text: UserText = ""
    id: _Id | None = None
    event: int = 0
    file: _File = ""
    labels: list[str] = []
    label: str = ""
    verdict: str = ""
    raised_in: int = 0
    disposition: str = ""
    note: UserText = ""


class LocalDesk:
    """The desk page, and the sender of the outbox's way `handoff` where it is the desk."""

    def __init__(
        self,
        database: Database,
        handoff: CaseHandoff,
        shelf: Shelf,
        clock: Clock,
        windows: Mapping[Priority, timedelta],
        password: str | None,
    ) -> None:
        self._database = database
        self._handoff = handoff
        self._shelf = shelf
        self._clock = clock
        self._windows = windows
        self._password = password
        # Told to escape: by itself it would not, for a name that ends in .j2.
        self._templates = Jinja2Templates(env=Environment(loader=FileSystemLoader(_STATIC), autoescape=True))
        self._templates.env.filters |= {"named": _named, "in_words": in_words, "compact": compact}
        self._stopping = asyncio.Event()

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route("/desk", self._page),
            Route("/desk/login", self._login, methods=["GET", "POST"]),
            Route("/desk/board", self._board),
            Route("/desk/events", self._events),
            Route("/desk/attachments/{id}", self._attachment),
            Route("/desk/cases/{case:int}/{press}", self._press, methods=["POST"]),
            Mount("/desk/static", StaticFiles(directory=_STATIC)),
        )

    # --- the outbox's sender: the page reads the rows itself, so a post is a ring

    async def send(self, row: OutboxRow) -> Sent:
        self._database.bell.ring("desk")
        return Sent(row.key, {})

    async def settled(self, tx: Transaction, row: OutboxRow, now: Any) -> None:
        tx.rings.add("desk")

    def close(self) -> None:
        """Ends the live streams so that a stopping server need not wait for them."""
        self._stopping.set()
        self._database.bell.ring("desk")

    # --- who is there

    async def _login(self, request: Request) -> Response:
        csrf = request.session.setdefault("csrf", secrets.token_urlsafe(24))
        error = ""
        if request.method == "POST":
            form = await request.form(max_files=0, max_fields=10, max_part_size=10_000)
            name = repair(str(form.get("name", ""))).strip()[:80]
            if not hmac.compare_digest(str(form.get("csrf", "")).encode(), csrf.encode()):
                error = "This form was out of date. Please try again."
            elif not self._right(str(form.get("password", ""))):
                error = "That is not the desk password."
            elif not name or name.casefold() in ("bot", "requester") or ":" in name:  # as those of other desks have it
                error = "Please give your own name."
            else:
                request.session["specialist"] = name
                return RedirectResponse("/desk", 303)
        context = {"needs_password": self._password is not None, "error": error, "csrf": csrf}
        return self._templates.TemplateResponse(request, "login.html.j2", context, 401 if error else 200)

    def _right(self, password: str) -> bool:
        return self._password is None or hmac.compare_digest(password.encode(), self._password.encode())

    # --- pages

    async def _page(self, request: Request) -> Response:
        specialist = _specialist(request)
        if specialist is None:
            return RedirectResponse("/desk/login", 303)
        context = await self._board_context(specialist)
        context |= {"specialist": specialist, "csrf": request.session["csrf"], "product": self._shelf.library.product}
        return self._templates.TemplateResponse(request, "desk.html.j2", context)

    async def _board(self, request: Request) -> Response:
        specialist = _specialist(request)
        if specialist is None:
            return Response(status_code=401)
        return self._templates.TemplateResponse(request, "board.html.j2", await self._board_context(specialist))

    async def _board_context(self, viewer: str) -> dict[str, Any]:
        cards = await self._cards(viewer)
        counts = {status: sum(card.status == status for card in cards) for status in ("open", "claimed", "closed")}
        waiting = [card for card in cards if card.status == "open"]
        counts["urgent"] = sum(card.priority == "urgent" for card in waiting)
        counts["overdue"] = sum(card.overdue for card in waiting)
        return {"cards": cards, "counts": counts, "reasons": self._shelf.knowledge.rules.reasons}

    async def _cards(self, viewer: str) -> list[Card]:
        async with self._database.reading() as tx:
            cases = await store.cases(tx)
            shown = await context(tx, cases, self._shelf.library, self._windows, viewer, self._clock())
        return [card(case, shown) for case in cases]

    async def _events(self, request: Request) -> Response:
        if _specialist(request) is None:
            return Response(status_code=401)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._changes(), media_type="text/event-stream", headers=headers)

    async def _changes(self) -> AsyncIterator[str]:
        with self._database.bell.ear("desk") as event:
            yield "event: changed\ndata: {}\n\n"
            while not self._stopping.is_set():
                event.clear()
                try:
                    async with asyncio.timeout(_POLL):
                        await event.wait()
                    yield "event: changed\ndata: {}\n\n"
                except TimeoutError:
                    yield ": still here\n\n"

    async def _attachment(self, request: Request) -> Response:
        if _specialist(request) is None:
            return Response(status_code=401)
        id = request.path_params["id"]
        async with self._database.reading() as tx:
            row = await tx.get(AttachmentRow, id)
            if row is None or row.state != "here" or not await self._is_on_a_case(tx, row):
                return Response(status_code=404)
        headers = {"Content-Disposition": "attachment", "Cache-Control": "private, no-store"}
        return Response(row.content, media_type=row.media_type, headers=headers)

    async def _is_on_a_case(self, tx: Transaction, row: AttachmentRow) -> bool:
        """Files of conversations that never became a case are nobody's business here."""
        cases = await store.cases_of(tx, row.conversation)
        rows = (await store.messages(tx, message_ids(cases))).values()
        return any(row.id == attachment.id for message in rows for attachment in inquiry_of(message).attachments)

    # --- presses

    async def _press(self, request: Request) -> Response:
        specialist = _specialist(request)
        token = request.headers.get("x-csrf", "")
        if specialist is None or not hmac.compare_digest(token.encode(), request.session["csrf"].encode()):
            return JSONResponse({"message": "Please sign in again."}, 401)
        try:
            form = _Form.model_validate_json(await request.body() or b"{}")
            done = await self._do(request.path_params["press"], request.path_params["case"], specialist, form)
        except ValidationError:
            return JSONResponse({"message": "This press was not understood; load the page again."}, 422)
        except NotAllowed as error:
            return JSONResponse({"message": _named(str(error))}, 409)
        return JSONResponse(done)

    async def _do(self, press: str, case: int, actor: str, form: _Form) -> dict[str, Any]:
        """One press, one transaction: when it is answered it is done."""
        if press == "preview":
            return {"html": to_html(literal(form.text))}
        async with self._database.transaction() as tx:
            if press in ("case_reveal", "reveal"):
                await self._handoff.reveal(tx, case, actor, self._clock())
                found = await store.case(tx, case)
                messages = await store.messages(tx, message_ids([found]))
                return {"text": unmasked(found, messages, await store.versions(tx, messages.values()))}
            await self._act(tx, press, case, actor, form)
        return {"ok": True}

    async def _act(self, tx: Transaction, press: str, case: int, actor: str, form: _Form) -> None:
        handoff, now, id = self._handoff, self._clock(), form.id or secrets.token_hex(8)
        match press:
            case "case_claim" | "claim":
                await handoff.claim(tx, case, actor, now)
            case "case_release" | "release":
                await handoff.release(tx, case, actor, now)
            case "case_note" | "note":
                await handoff.note(tx, case, actor, form.text, id, now)
            case "case_reply" | "reply":
                await handoff.reply(tx, case, actor, form.text, id, now)
            case "case_label" | "label":
                await handoff.label(tx, case, actor, form.labels, now)
            case "case_close" | "close":
                await handoff.close(tx, case, actor, form.disposition, form.note, now)
            case _:
                await self._act_within(tx, press, case, actor, form)

    async def _act_within(self, tx: Transaction, press: str, case: int, actor: str, form: _Form) -> None:
        """Presses about one thing within a case."""
        handoff, now = self._handoff, self._clock()
        match press:
            case "note_send":
                await handoff.send_note(tx, case, actor, form.event, now)
            case "reply_retry":
                await handoff.retry(tx, case, actor, form.event, now)
            case "file_retry":
                await handoff.fetch_again(tx, case, actor, form.file, now)
            case "label_judge":
                given = LabelVerdict(form.label, form.verdict, form.raised_in)
                await handoff.judge(tx, case, actor, (given,), now)
            case _:
                raise NotAllowed("This desk does not know that button; load the page again.")


def _named(text: str) -> str:
    """Specialists of Slack are known here by their id only: what they are called is another scope to be asked for."""
    return _SLACK_ACTOR.sub("Slack ", text)


def _specialist(request: Request) -> str | None:
    name = request.session.get("specialist")
    return name if isinstance(name, str) and "csrf" in request.session else None
