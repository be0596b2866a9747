"""Who asks, what arrives and what goes out: the values every room passes around, and the Channel protocol."""

from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from smi_bot.text import repair

Audience = Literal["patient", "hcp"]
#: What made the requester write: nothing of ours, a menu button, or a question we suggested.
#: Unsolicited requests are treated differently by regulators from prompted ones (FDA draft guidance, December 2011).
PromptedBy = Literal["nothing", "menu", "suggestion"]

#: The questions about a report, in their order. They ask for three of the four minimum criteria of a report that a
#: requester can tell (ICH E2D): a patient, a suspect product, a reporter who can be reached. Nothing else is asked.
Question = Literal["patient", "product", "contact"]
#: `words`: in the requester's own; `declined`: no more questions.
Answered = Literal["yes", "no", "words", "declined"]

UserText = Annotated[str, AfterValidator(repair)]
#: What a button may carry: names of ours only, so that no words of a person reach the journal through a press.
ButtonText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{0,64}$")]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


#: What a message may hold that is neither words nor a file. A person has to know of it; of a contact only name and
#: number are kept, as words, of a place only its name, of anything else nothing.
Shared = Literal["contact", "location", "other"]


class Attachment(_Value):
    """A file a requester sent; its bytes are kept apart under `id`.

    `source`: the platform's reference to a file that is still to be fetched; empty where we have it.
    """

    id: str
    name: UserText
    media_type: UserText
    size: int  # bytes, 0 where the platform does not say
    source: str = ""


class Action(_Value):
    """A pressed button or a typed command. `verb` says what, `value` which one.

    `reply`: the reply the button stood under.
    """

    verb: Literal[
        "answer",
        "details",
        "none-of-these",
        "specialist",
        "helpful",
        "not-helpful",
        "audience",
        "country",
        "accept-notice",
        "settings",
        "start",
        "help",
        "privacy",
        "delete",
        "delete-confirm",
        "delete-cancel",
        "stale",
        "private-chat",
        "follow-up",
        "follow-up-yes",
        "follow-up-no",
        "follow-up-end",
    ]
    value: ButtonText = ""
    reply: ButtonText = ""


class PublicPost(_Value):
    """Where a post stands that everybody can read.

    `forum`: our id of the group, empty where nobody may be invited from. `asks_us`: it is addressed to us.
    `place`: the channel's own reference to the place in the forum where an invitation belongs.
    """

    forum: str = ""
    link: str = ""
    asks_us: bool = False
    place: str = ""


class Inquiry(_Value):
    """One inbound message, as a channel hands it over.

    `key` is unique for the event on its platform: a repeat of the same event carries the same key.
    `sent_at` is the platform's time (UTC), which may be earlier than our receipt. `is_dated`: False where the platform
    does not say when, and `sent_at` is only our own time.
    `message` is the platform's id of the message: an edit (`edited`) carries the id of what it changes, and
    `reply_to` names the message it refers to. `quoted`: somebody else's words that were sent along.
    `album`: shared by the messages that the requester sent as one. `locale`: language of the requester's app.
    `public`: None for a private message.
    """

    key: str
    channel: str
    conversation: str
    sent_at: datetime
    is_dated: bool = True
    text: UserText = ""
    attachments: tuple[Attachment, ...] = ()
    action: Action | None = None
    prompted_by: PromptedBy = "nothing"
    message: str = ""
    edited: bool = False
    reply_to: str = ""
    forwarded: bool = False
    quoted: UserText = ""
    album: str = ""
    shared: Shared | None = None
    locale: str = ""
    public: PublicPost | None = None


class Conversation(_Value):
    """One requester's chat on one channel, as the decision sees it."""

    id: str
    channel: str
    audience: Audience = "patient"  # an unknown audience is treated as a patient
    audience_known: bool = False
    country: str | None = None  # ISO 3166-1 alpha-2, a label region, or unknown
    country_known: bool = False
    language: str = "en"
    notice_version: int | None = None  # of the first-contact text that was sent
    notice_accepted: int | None = None  # … and that the requester accepted
    recent: int = 0  # messages in the last minute, this burst included
    slowed: bool = False  # the brake was announced within the last minute
    public: bool = False  # somebody's posts where everybody can read them: never answered there


class Given(_Value):
    """An answer to a question about a report. `messages`: the inbound messages that gave it."""

    question: Question
    answer: Answered
    messages: tuple[int, ...] = ()


class Questions(_Value):
    """Where the questions about the report of a case stand.

    `waiting`: the one that awaits an answer since `since`, asked in `language`. `corrects`: what is read now was
    changed by its author, and answered `waiting` before.
    """

    asked: tuple[Question, ...] = ()
    waiting: Question | None = None
    since: datetime | None = None
    language: str = "en"
    given: tuple[Given, ...] = ()
    corrects: bool = False


class EntryPart(_Value):
    """A standard response, to be rendered and checked again when it is sent. `long`: its longer text for HCPs."""

    kind: Literal["entry"] = "entry"
    entry: str
    audience: Audience
    country: str | None
    long: bool = False


class WordingPart(_Value):
    """A service text, likewise. `fields` are the values its template may use."""

    kind: Literal["wording"] = "wording"
    wording: str
    language: str = "en"
    country: str | None = None
    fields: dict[str, str | list[str]] = Field(default_factory=dict)


class SpecialistPart(_Value):
    """A specialist's own words; `event` is the case event in which they were written."""

    kind: Literal["specialist"] = "specialist"
    event: int
    text: UserText


Part = Annotated[EntryPart | WordingPart | SpecialistPart, Field(discriminator="kind")]


class Choice(_Value):
    """A button to be: its words are looked up when it is sent."""

    action: Action


class Reply(_Value):
    """One outbound message, before it is rendered: what to say, never the words themselves."""

    id: str
    conversation: str
    channel: str
    part: Part
    choices: tuple[Choice, ...] = ()
    answers: int | None = None  # the inbound message it answers
    case: int | None = None
    place: str = ""  # in a public forum: see PublicPost


class Button(_Value):
    """A choice with its words."""

    text: str
    action: Action


class Rendered(_Value):
    """A reply with its approved words, checked for this requester a moment ago.

    `source` says where they come from (`entry missed-dose v1`), for the journal.
    """

    reply: str
    conversation: str
    markdown: str
    source: str
    author: Literal["bot", "specialist"] = "bot"
    language: str = "en"
    buttons: tuple[Button, ...] = ()
    place: str = ""


class Channel(Protocol):
    """The requester's side of a platform. What it receives it hands to the inbox before it confirms anything."""

    name: str

    async def send(self, rendered: Rendered) -> str:
        """Delivers, and returns the platform's id of the message.

        Raises TryAgain or Refused; NotApproved where the platform cannot show an approved text as it was approved.
        """
        ...

    async def run(self) -> None:
        """Takes messages in until cancelled."""
        ...

    def not_ready(self) -> list[str]:
        """What keeps it from taking messages in or sending them, in words; empty when it is ready."""
        ...
