"""People and places on our Telegram: what they write arrives at the bot in the shapes of the real Bot API."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from bot_api_world import Place, Told, World, units
from loopback import Json
from serving import PNG

RECOGNISED = {  # what Telegram marks by itself in what people type
    "bot_command": r"(?<!\S)/[A-Za-z0-9_]{1,64}(?:@\w+)?",
    "mention": r"(?<![\w/])@[A-Za-z]\w{3,31}",
    "url": r"https?://\S+",
}
TELEGRAM: Json = {"id": 777000, "is_bot": False, "first_name": "Telegram"}  # brings channel posts into discussions
ANONYMOUS: Json = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
AS_CHANNEL: Json = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}


class Writer:
    """Somebody at one place, and all that can be written there. Each verb returns the message."""

    def __init__(
        self,
        place: Place,
        sender: Json,
        person: "Person | None" = None,
        thread: int | None = None,
        kind: str = "message",
    ) -> None:
        self._place = place
        self._sender = sender
        self._person = person
        self._thread = thread
        self._kind = kind  # under which the bot is told

    # Words

    def sends(self, **content: Any) -> Json:
        """Any content, as the Bot API shows it."""
        with self._place.world.change():
            message = self._puts(**content)
            self._place.world.update({self._kind: message})
        return message

    def _puts(self, **content: Any) -> Json:
        assert not self._place.refuses, "somebody who shut the bot out cannot write to it"
        self._place.known = True
        return self._place.puts(**self._sender, **(self._place.in_thread(self._thread) | content))

    def says(self, text: str, **more: Any) -> Json:
        return self.sends(**_marked("text", text), **more)

    def starts(self, token: str = "") -> Json:
        """Presses start, which a link may have given a token."""
        return self.says(f"/start {token}".rstrip())

    def edits(self, message: Json, text: str) -> Json:
        """Changes a message's words, or its caption's."""
        part = "text" if "text" in message else "caption"
        nothing_marked = {"entities" if part == "text" else "caption_entities": None}
        return self._place.alters(message, self._kind, **nothing_marked | _marked(part, text))

    def replies(self, to: Json | Told, text: str, quote: str = "") -> Json:
        message = to.message if isinstance(to, Told) else to
        shown = {name: value for name, value in message.items() if name != "reply_to_message"}  # never two levels deep
        return self.says(text, reply_to_message=shown, **_quoted(quote, message.get("text", "")))

    def replies_external(self, text: str, author: "Author", quote: str = "") -> Json:
        """Replies to something from another chat, which the bot sees in part only."""
        origin = _origin(author, self._place.world)
        known = {name: origin[name] for name in ("chat", "message_id") if name in origin}
        return self.says(text, external_reply={"origin": origin, **known}, **_quoted(quote, quote))

    def forwards(self, text: str, author: "Author") -> Json:
        """Forwards what a person, a channel, a group's admin, or somebody who hides behind a name wrote."""
        return self.says(text, **_forwarded(_origin(author, self._place.world)))

    # Files

    def sends_photo(self, caption: str = "", content: bytes = PNG, file_size: int | None = None, **more: Any) -> Json:
        return self.sends(**self._photo(content, file_size), **_marked("caption", caption), **more)

    def sends_document(
        self,
        name: str = "leaflet.pdf",
        mime: str = "application/pdf",
        content: bytes = b"%PDF-1.7\n",
        caption: str = "",
        file_size: int | None = None,
    ) -> Json:
        about = {"file_name": name, "mime_type": mime}
        return self._sends_file("document", "documents", content, file_size, caption, **about)

    def sends_voice(self, content: bytes = b"OggS", caption: str = "", file_size: int | None = None) -> Json:
        about = {"duration": 3, "mime_type": "audio/ogg"}
        return self._sends_file("voice", "voice", content, file_size, caption, **about)

    def sends_video(self, content: bytes = b"ftypmp42", caption: str = "", file_size: int | None = None) -> Json:
        about = {"duration": 5, "width": 640, "height": 360, "mime_type": "video/mp4", "file_name": "clip.mp4"}
        return self._sends_file("video", "videos", content, file_size, caption, **about)

    def sends_video_note(self, content: bytes = b"ftypmp42", file_size: int | None = None) -> Json:
        return self._sends_file("video_note", "video_notes", content, file_size, duration=4, length=240)

    def sends_audio(self, content: bytes = b"ID3", caption: str = "", file_size: int | None = None) -> Json:
        about = {"duration": 60, "title": "Memo", "mime_type": "audio/mpeg", "file_name": "memo.mp3"}
        return self._sends_file("audio", "music", content, file_size, caption, **about)

    def sends_animation(self, content: bytes = b"ftypmp42", caption: str = "", file_size: int | None = None) -> Json:
        """A GIF. Telegram shows it as a document too."""
        file = self._place.world.keep(content, "animations", ".mp4", file_size)
        file |= {"file_name": "wave.mp4", "mime_type": "video/mp4"}
        animation = {**file, "width": 320, "height": 240, "duration": 2}
        return self.sends(animation=animation, document=file, **_marked("caption", caption))

    def sends_sticker(self, emoji: str = "👍", content: bytes = b"RIFF") -> Json:
        about: Json = {"emoji": emoji, "type": "regular", "width": 512, "height": 512, "set_name": "Thumbs"}
        about |= {"is_animated": False, "is_video": False}
        return self._sends_file("sticker", "stickers", content, None, **about)

    def sends_album(
        self, contents: Sequence[bytes], caption: str = "", caption_on: int = 0, shuffled: bool = False, hold: int = 0
    ) -> list[Json]:
        """Photos as one album: an update each, the last first if `shuffled`. Of what is brought, the last `hold`
        pieces wait for `deliver()`. Returns the pieces as they stand in the chat."""
        world = self._place.world
        with world.change():
            group = str(13_000_000_000_000_000 + next(world.numbers))
            captions = [caption if number == caption_on else "" for number in range(len(contents))]
            pieces = [
                self._puts(media_group_id=group, **self._photo(content), **_marked("caption", caption))
                for content, caption in zip(contents, captions, strict=True)
            ]
            brought = [{self._kind: piece} for piece in (reversed(pieces) if shuffled else pieces)]
            for content in brought[: len(brought) - hold]:
                world.update(content)
            world.held += brought[len(brought) - hold :]
        return pieces

    def _photo(self, content: bytes, file_size: int | None = None) -> Json:
        """The same picture in two sizes, the largest last."""
        small = self._place.world.keep(content, "photos", ".jpg") | {"width": 90, "height": 67}
        large = self._place.world.keep(content, "photos", ".jpg", file_size) | {"width": 1280, "height": 960}
        return {"photo": [small, large]}

    def _sends_file(
        self, kind: str, folder: str, content: bytes, size: int | None, /, caption: str = "", **about: Any
    ) -> Json:
        extension = re.sub(r".*/", ".", str(about.get("mime_type", "application/webp")))
        file = self._place.world.keep(content, folder, extension, size) | about
        return self.sends(**{kind: file}, **_marked("caption", caption))

    # Other things

    def sends_contact(self, phone: str = "+15550100", first_name: str = "Bob", last_name: str = "Stone") -> Json:
        return self.sends(contact={"phone_number": phone, "first_name": first_name, "last_name": last_name})

    def sends_location(self, latitude: float = 48.137, longitude: float = 11.575, live: bool = False) -> Json:
        period = {"live_period": 900, "horizontal_accuracy": 15.0} if live else {}
        return self.sends(location={"latitude": latitude, "longitude": longitude, **period})

    def moves(self, message: Json, north: float = 0.001) -> Json:
        """A live location goes on: an edited message each time."""
        here = message["location"]
        return self._place.alters(message, self._kind, location=here | {"latitude": here["latitude"] + north})

    def sends_venue(self, title: str = "Pharmacy", address: str = "High Street 1") -> Json:
        """A venue. Telegram shows it as a location too."""
        here = {"latitude": 48.137, "longitude": 11.575}
        return self.sends(venue={"location": here, "title": title, "address": address}, location=here)

    def sends_dice(self, emoji: str = "🎲", value: int = 4) -> Json:
        return self.sends(dice={"emoji": emoji, "value": value})

    def sends_poll(self, question: str = "Which one?", options: Sequence[str] = ("This", "That")) -> Json:
        answers = [{"persistent_id": str(n), "text": text, "voter_count": 0} for n, text in enumerate(options)]
        number = str(5_000_000_000 + next(self._place.world.numbers))
        no = ("is_closed", "allows_multiple_answers", "allows_revoting", "members_only")
        rules = {"type": "regular", "is_anonymous": True, **dict.fromkeys(no, False)}
        return self.sends(
            poll={"id": number, "question": question, "options": answers, "total_voter_count": 0, **rules}
        )

    # Presses

    def presses(self, button: str, message: Told | None = None) -> Json:
        """Presses the newest button with these words here, or that of a certain message; returns the query."""
        candidates = [message] if message else [t for t in reversed(self._place.told) if not t.deleted]
        found = [(told, each) for told in candidates for row in told.keyboard for each in row if each["text"] == button]
        assert found, f"no button {button!r}; there are {[label for told in candidates for label in told.buttons]}"
        told, pressed = found[0]
        return self.presses_data(pressed["callback_data"], told)

    def presses_data(self, data: str, message: Told | None = None) -> Json:
        """Presses a button with such data. Where no message is given it hung on one that Telegram no longer shows."""
        world, person = self._place.world, self._person
        assert person, "only a person can press"
        with world.change():
            id = str(4_382_000_000_000_000_000 + next(world.numbers))
            gone = {"chat": self._place.json, "message_id": 1, "date": 0}
            about = {"message": message.message if message else gone, "chat_instance": str(-self._place.id)}
            query = {"id": id, "from": person.user, **about, "data": data}
            person.unanswered.add(id)
            world.presses[id] = _toaster(person, id)
            world.update({"callback_query": query})
        return query


class Person(Place, Writer):
    """A person. In a private chat the person *is* the chat: they have one id."""

    def __init__(
        self, world: World, id: int, first_name: str, language_code: str = "", username: str = "", last_name: str = ""
    ) -> None:
        Place.__init__(self, world, id, "private", first_name=first_name, last_name=last_name, username=username)
        language = {"language_code": language_code} if language_code else {}
        self.user: Json = {"id": id, "is_bot": False, **self._about, **language}
        Writer.__init__(self, self, {"from": self.user}, self)
        self.known = False
        self.toasts: list[str] = []  # what a press was answered with, if with words
        self.unanswered: set[str] = set()  # presses whose button still shows a turning wheel

    def at(self, place: Place, thread: int | None = None) -> Writer:
        """This person in a group: `ann.at(group).sends_photo()`."""
        return Writer(place, {"from": self.user}, self, thread)

    def blocks(self) -> Json:
        return self._turns("member", "kicked", "bot was blocked by the user")

    def unblocks(self) -> Json:
        return self._turns("kicked", "member", "")

    def deactivates(self) -> None:
        """Deletes the account. Telegram tells no bot of it."""
        with self.world.change():
            self.refuses = "user is deactivated"

    def _turns(self, before: str, now: str, refuses: str) -> Json:
        with self.world.change():
            self.refuses = refuses
            until = {"until_date": 0}
            old, new = (
                {"user": self.world.bot, "status": s, **(until if s == "kicked" else {})} for s in (before, now)
            )
            about = {"chat": self.json, "from": self.user, "date": self.world.now()}
            return self.world.update({"my_chat_member": {**about, "old_chat_member": old, "new_chat_member": new}})


class Group(Place):
    def __init__(self, world: World, id: int, title: str, username: str, supergroup: bool, forum: bool) -> None:
        kind = "supergroup" if supergroup else "group"
        super().__init__(world, id, kind, title=title, username=username, is_forum=forum)
        self.admin = Writer(self, {"from": ANONYMOUS, "sender_chat": self.json})  # writes as the group itself
        self._topics: dict[int, Json] = {}

    def says(self, person: Person, text: str, thread: int | None = None) -> Json:
        return person.at(self, thread).says(text)

    def edits(self, message: Json, text: str) -> Json:
        return Writer(self, {}).edits(message, text)

    def sends_photo(self, person: Person, caption: str = "", thread: int | None = None) -> Json:
        return person.at(self, thread).sends_photo(caption)

    def topic(self, name: str) -> int:
        """Opens a topic of a forum; returns the number of its thread."""
        opened = self.admin.sends(forum_topic_created={"name": name, "icon_color": 7322096})
        self.threads.add(opened["message_id"])
        self._topics[opened["message_id"]] = opened
        return int(opened["message_id"])

    def in_thread(self, thread: int | None) -> Json:
        """In a topic every message that replies to no other is shown as a reply to the topic's opening."""
        fields = super().in_thread(thread)
        if thread in self._topics:
            fields |= {"is_topic_message": True, "reply_to_message": self._topics[thread]}
        return fields

    def migrates(self) -> int:
        """Becomes a supergroup under a new id, with messages numbered from 1; returns the id."""
        with self.world.change():
            old, new = self.id, -1_001_000_000_000 - next(self.world.numbers)
            self.admin.sends(migrate_to_chat_id=new)
            self.renumber(new, "supergroup")
            self.admin = Writer(self, {"from": ANONYMOUS, "sender_chat": self.json})
            self.admin.sends(migrate_from_chat_id=old)
        return new


class Channel(Place):
    """A channel, and the group in which its posts are discussed."""

    def __init__(self, world: World, id: int, title: str, username: str, discussion: Group | None) -> None:
        super().__init__(world, id, "channel", title=title, username=username)
        self._discussion = discussion
        self._opened: dict[int, Json] = {}  # by the id of a post: its copy in the discussion
        self._editor = Writer(self, {"sender_chat": self.json}, kind="channel_post")

    def posts(self, text: str) -> Json:
        """Posts, and Telegram brings a copy into the discussion. Returns the post."""
        post = self._editor.says(text)
        if self._discussion:
            self._opened[post["message_id"]] = self._copied(post, self._discussion)
        return post

    def _copied(self, post: Json, discussion: Group) -> Json:
        origin = {"type": "channel", "chat": self.json, "message_id": post["message_id"], "date": post["date"]}
        courier = Writer(discussion, {"from": TELEGRAM, "sender_chat": self.json})
        copy = courier.says(post["text"], is_automatic_forward=True, **_forwarded(origin))
        discussion.threads.add(copy["message_id"])
        return copy

    def edits(self, post: Json, text: str) -> Json:
        return self._editor.edits(post, text)

    def comments(self, person: Person, text: str, on: Json) -> Json:
        """A person's comment below a post, which stands in the discussion."""
        assert self._discussion, "this channel has no discussion"
        opening = self._opened[on["message_id"]]
        return person.at(self._discussion, opening["message_id"]).replies(opening, text)

    def at(self, group: Group) -> Writer:
        """Somebody who writes in a group under the channel's name."""
        return Writer(group, {"from": AS_CHANNEL, "sender_chat": self.json})


Author = Person | Channel | Group | str  # a name: somebody whose account stays hidden


def _marked(part: str, words: str) -> Json:
    """Words as text or caption, with what Telegram recognises in them."""
    entities = [
        {"type": type, "offset": units(words[: found.start()]), "length": units(found[0])}
        for type, pattern in RECOGNISED.items()
        for found in re.finditer(pattern, words)
    ]
    entities.sort(key=lambda entity: int(str(entity["offset"])))
    marks = {"entities" if part == "text" else "caption_entities": entities} if entities else {}
    return {part: words, **marks} if words else {}


def _quoted(quote: str, text: str) -> Json:
    if not quote:
        return {}
    return {"quote": {"text": quote, "position": units(text[: text.index(quote)]), "is_manual": True}}


def _origin(author: Author, world: World) -> Json:
    date = {"date": world.now() - 3600}
    if isinstance(author, str):
        return {"type": "hidden_user", "sender_user_name": author, **date}
    if isinstance(author, Person):
        return {"type": "user", "sender_user": author.user, **date}
    if isinstance(author, Channel):
        return {"type": "channel", "chat": author.json, "message_id": 7, **date}
    return {"type": "chat", "sender_chat": author.json, **date}


def _forwarded(origin: Json) -> Json:
    """The origin, and the older fields that Telegram still sends beside it."""
    older = {"sender_user": "forward_from", "sender_user_name": "forward_sender_name", "chat": "forward_from_chat"}
    older |= {"sender_chat": "forward_from_chat", "message_id": "forward_from_message_id", "date": "forward_date"}
    return {"forward_origin": origin} | {older[name]: value for name, value in origin.items() if name in older}


def _toaster(person: Person, query: str) -> Callable[[str], None]:
    def answered(text: str) -> None:
        person.unanswered.discard(query)
        person.toasts += [text] if text else []

    return answered
