"""The web chat: one page and one socket. The rows are the conversation; the socket only shows them sooner."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import sqlalchemy as sa
import structlog
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from smi_bot import attachments
from smi_bot.burst import inquiry_of
from smi_bot.conversations import history, moment
from smi_bot.database import Database, Transaction
from smi_bot.durable.inbox import Inbox
from smi_bot.durable.rows import Clock, InboxRow, OutboxRow, is_open
from smi_bot.errors import NotApproved
from smi_bot.inquiry import Action, Attachment, Inquiry, PromptedBy, Rendered
from smi_bot.markup import to_html
from smi_bot.receiving import enqueue
from smi_bot.replies import label_of
from smi_bot.shelf import Shelf

log = structlog.get_logger()

_STATIC = Path(__file__).parent / "web_static"
#: Characters of one message; the page stops earlier.
_LONGEST = 200_000
_POLL = 5.0  # seconds between looks when no ring comes: the net under the bell

#: Whether a specialist holds the conversation's case.
IsHeld = Callable[[Transaction, str], Awaitable[bool]]

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class _Frame(BaseModel):
    type: str


class _Named(BaseModel):
    id: _Id


class _Hello(_Frame):
    type: Literal["hello"]


class _Said(_Frame):
    type: Literal["message"]
    id: _Id
    text: str = ""
    attachments: list[str] = Field(default_factory=list, max_length=10)


class _Pressed(_Frame):
    type: Literal["press"]
    id: _Id
    action: Action


class _Seen(_Frame):
    type: Literal["seen"]
    replies: list[str] = Field(max_length=500)


_FRAMES: TypeAdapter[_Hello | _Said | _Pressed | _Seen] = TypeAdapter(
    Annotated[_Hello | _Said | _Pressed | _Seen, Field(discriminator="type")]
)


class WebChannel:
    """The requester's page, and the channel behind it."""

    name = "web"

    def __init__(
        self, database: Database, inbox: Inbox, shelf: Shelf, clock: Clock, is_held: IsHeld, max_attachment: int
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._shelf = shelf
        self._clock = clock
        self._is_held = is_held
        self._max_attachment = max_attachment
        # Told to escape: by itself it would not, for a name that ends in .j2.
        self._templates = Jinja2Templates(env=Environment(loader=FileSystemLoader(_STATIC), autoescape=True))
        self._sockets: set[WebSocket] = set()

    @property
    def routes(self) -> Sequence[BaseRoute]:
        return (
            Route("/", lambda request: RedirectResponse("/chat")),
            Route("/chat", self._page),
            WebSocketRoute("/chat/socket", self._socket),
            Route("/chat/attachments", self._upload, methods=["POST"]),
            Route("/chat/attachments/{id}", self._download),
            Mount("/chat/static", StaticFiles(directory=_STATIC)),
        )

    async def send(self, rendered: Rendered) -> str:
        """Nothing to do but say yes: settling the row rings the sockets, and the page shows each id once."""
        return rendered.reply

    async def run(self) -> None:
        """The pages come to us."""
        await asyncio.Event().wait()

    def not_ready(self) -> list[str]:
        """It has no other side that could be away."""
        return []

    async def close(self) -> None:
        """Closes the sockets so that a stopping server need not wait for its visitors."""
        for socket in list(self._sockets):
            if socket.application_state == WebSocketState.CONNECTED:
                with suppress(RuntimeError, WebSocketDisconnect):  # it left at the same moment
                    await socket.close(code=1012)

    # --- pages

    async def _page(self, request: Request) -> Response:
        request.session.setdefault("chat", secrets.token_urlsafe(24))
        page = self._shelf.library.page
        context = {"labels": page.labels if page else {}, "product": self._shelf.library.product, "language": "en"}
        return self._templates.TemplateResponse(request, "chat.html.j2", context)

    async def _upload(self, request: Request) -> Response:
        conversation = _conversation(request)
        # The header cannot be set across origins without a preflight that nobody here answers.
        if conversation is None or request.headers.get("x-requested-with") != "smi-bot":
            return JSONResponse({"label": "refused"}, 403)
        length = request.headers.get("content-length")
        if length is None:  # browsers always say it; without it nothing would bound what is written to disk
            return JSONResponse({"label": "refused"}, 411)
        if int(length) > self._max_attachment + 10_000:
            return JSONResponse({"label": "file-too-big"}, 413)
        async with request.form(max_files=1, max_part_size=self._max_attachment) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                return JSONResponse({"label": "refused"}, 400)
            content = await file.read(self._max_attachment + 1)
        try:
            async with self._database.transaction() as tx:
                kept = await attachments.keep(
                    tx, conversation, file.filename or "file", content, self._max_attachment, self._clock()
                )
        except attachments.WrongFile as error:
            return JSONResponse({"label": str(error)}, 413 if str(error) == "file-too-big" else 415)
        return JSONResponse(kept.model_dump(), 201)

    async def _download(self, request: Request) -> Response:
        async with self._database.reading() as tx:
            row = await tx.get(attachments.AttachmentRow, request.path_params["id"])
        if row is None or row.conversation != _conversation(request):
            return Response(status_code=404)
        return attachment_response(row)

    # --- the socket

    async def _socket(self, socket: WebSocket) -> None:
        conversation = _conversation(socket)
        if conversation is None or not same_origin(socket):
            await socket.close(code=4403)
            return
        await socket.accept()
        self._sockets.add(socket)
        showing = asyncio.create_task(self._show(socket, conversation))
        try:
            while True:
                await self._take(socket, conversation, await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass  # gone, closed by us, or not speaking text: the rows remember everything
        finally:
            self._sockets.discard(socket)
            showing.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
                await showing

    async def _take(self, socket: WebSocket, conversation: str, text: str) -> None:
        """One frame of the page. A message is told `accepted` only when it is committed."""
        try:
            frame = _FRAMES.validate_json(text)
        except ValidationError:
            await socket.send_json({"type": "refused", "id": _id_of(text), "label": "refused"})
            return
        match frame:
            case _Seen():
                await self._seen(conversation, frame.replies)
            case _Said() if len(frame.text) > _LONGEST:
                await socket.send_json({"type": "refused", "id": frame.id, "label": "too-long"})
            case _Said() | _Pressed():
                await self._accept(socket, conversation, frame)
            case _Hello():
                pass  # the page is shown from the moment the socket is open

    async def _accept(self, socket: WebSocket, conversation: str, frame: _Said | _Pressed) -> None:
        while True:
            try:
                await enqueue(self._inbox, await self._inquiry(conversation, frame))
                break
            except (SQLAlchemyError, OSError) as error:  # nothing was confirmed: the page keeps the message
                log.error("web inbox unavailable", error=type(error).__name__)
                await asyncio.sleep(1)
        await socket.send_json({"type": "accepted", "id": frame.id})

    async def _inquiry(self, conversation: str, frame: _Said | _Pressed) -> Inquiry:
        action = frame.action if isinstance(frame, _Pressed) else None
        return Inquiry(
            key=f"{conversation}:{frame.id}",
            channel=self.name,
            conversation=conversation,
            sent_at=self._clock(),
            is_dated=False,  # the page is ours: what it says of the time, anybody could make up
            text=frame.text if isinstance(frame, _Said) else "",
            attachments=await self._attached(conversation, frame.attachments) if isinstance(frame, _Said) else (),
            action=action,
            prompted_by=prompted_by(action),
        )

    async def _attached(self, conversation: str, ids: Sequence[str]) -> tuple[Attachment, ...]:
        async with self._database.reading() as tx:
            rows = [await tx.get(attachments.AttachmentRow, id) for id in ids]
        return tuple(row.described() for row in rows if row is not None and row.conversation == conversation)

    async def _seen(self, conversation: str, replies: Sequence[str]) -> None:
        unseen = (
            col(OutboxRow.lane) == conversation,
            col(OutboxRow.key).in_(replies),
            col(OutboxRow.seen_at).is_(None),
        )
        async with self._database.transaction() as tx:
            statement = sa.update(OutboxRow).where(*unseen, col(OutboxRow.state) == "sent")
            changed = await tx.execute(statement.values(seen_at=self._clock()).returning(col(OutboxRow.id)))
            if changed.first() is not None:
                tx.rings.add("desk")

    async def _show(self, socket: WebSocket, conversation: str) -> None:
        """Shows what was said so far, then each new message and state as the rows change."""
        shown: dict[str, datetime] = {}
        state: dict[str, bool] | None = None
        with self._database.bell.ear(conversation) as event:
            while True:
                event.clear()
                try:
                    rows, current = await self._look(conversation)
                except (SQLAlchemyError, OSError) as error:  # the page comes back, and is shown everything again
                    log.error("web history unavailable", error=type(error).__name__)
                    await socket.close(code=1013)
                    return
                fresh = [row for row in rows if shown.get(row.key) != moment(row)]
                if state is None:
                    messages = [self._message(row) for row in fresh]
                    await socket.send_json(
                        {"type": "history", "messages": messages, "specialist": current["specialist"]}
                    )
                else:
                    for row in fresh:
                        await socket.send_json({"type": "message", "message": self._message(row)})
                shown = {row.key: moment(row) for row in rows}
                if current != state:
                    await socket.send_json({"type": "state", **current})
                    state = current
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await event.wait()

    async def _look(self, conversation: str) -> tuple[list[InboxRow | OutboxRow], dict[str, bool]]:
        async with self._database.reading() as tx:
            rows = [row for row in await history(tx, conversation) if not _is_erased(row)]
            held = await self._is_held(tx, conversation)
            unanswered = (
                sa.select(col(InboxRow.id)).where(is_open(InboxRow), col(InboxRow.lane) == conversation).limit(1)
            )
            typing = (await tx.execute(unanswered)).first() is not None
        return rows, {"specialist": held, "typing": typing and not held}

    def _message(self, row: InboxRow | OutboxRow) -> dict[str, Any]:
        shared = {"seq": int(moment(row).timestamp() * 1_000_000), "at": moment(row).isoformat()}
        return shared | (self._asked(row) if isinstance(row, InboxRow) else _told(row))

    def _asked(self, row: InboxRow) -> dict[str, Any]:
        inquiry = inquiry_of(row)
        return {
            "id": inquiry.key.rpartition(":")[2],
            "from": "you",
            "html": None,
            "text": self._pressed(inquiry.action) if inquiry.action else inquiry.text,
            "language": "en",
            "buttons": [],
            "attachments": [attachment.model_dump() for attachment in inquiry.attachments],
        }

    def _pressed(self, action: Action) -> str:
        """What the button said; one that may no longer be shown is named as a button only."""
        try:
            return label_of(action, self._shelf.library, self._clock().date())
        except NotApproved:
            return self._shelf.library.label("pressed")


def _is_erased(row: InboxRow | OutboxRow) -> bool:
    return bool((row.payload if isinstance(row, InboxRow) else row.sent or {}).get("erased"))


def _id_of(text: str) -> str:
    """The id of a frame that could not be read, so that the page knows which one it was; empty where it has none."""
    try:
        return str(_Named.model_validate_json(text).id)
    except ValidationError:
        return ""


def _told(row: OutboxRow) -> dict[str, Any]:
    rendered = Rendered.model_validate({k: v for k, v in (row.sent or {}).items() if k not in ("salt", "erased")})
    return {
        "id": rendered.reply,
        "from": rendered.author,
        "html": to_html(rendered.markdown),
        "text": None,
        "language": rendered.language,
        "buttons": [button.model_dump() for button in rendered.buttons],
        "attachments": [],
    }


def prompted_by(action: Action | None) -> PromptedBy:
    """What made the requester send this: a question of ours, a button, or nothing."""
    if action is None:
        return "nothing"
    return "suggestion" if action.verb == "answer" else "menu"


def attachment_response(row: attachments.AttachmentRow) -> Response:
    """A file as a download: never shown inside our origin, whatever it claims to be."""
    headers = {"Content-Disposition": "attachment", "Cache-Control": "private, no-store"}
    return Response(row.content, media_type=row.media_type, headers=headers)


def same_origin(connection: HTTPConnection) -> bool:
    """Browsers name the page a request comes from; sockets and form posts of other sites are refused."""
    origin = connection.headers.get("origin")
    return origin is not None and origin.split("://", 1)[-1] == connection.headers.get("host")


def _conversation(connection: HTTPConnection) -> str | None:
    session: Mapping[str, Any] = connection.session
    token = session.get("chat")
    return f"web:{hashlib.sha256(token.encode()).hexdigest()[:32]}" if isinstance(token, str) else None
