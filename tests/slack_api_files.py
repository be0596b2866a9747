"""Files: the app's uploads in three steps, and what people send."""

import json
import mimetypes
from collections.abc import Callable
from typing import Any

from loopback import Json
from slack_api_events import Happenings
from slack_api_troubles import refused
from slack_api_world import Channel, Message, StoredFile


def get_upload_url(slack: Any, params: Json) -> Json:
    name, length = str(params.get("filename") or ""), int(params.get("length") or 0)
    if not name or length <= 0:
        raise refused("invalid_arguments")
    file = keep(slack, name, length, slack.bot_user)
    return {"upload_url": f"{slack.root}/upload/v1/{file.id}", "file_id": file.id}


def complete_upload(slack: Any, params: Json) -> Json:
    """The files are there from now on, and are shared if a channel is named."""
    files = [_uploaded(slack, each) for each in _list(params.get("files"))]
    channel = _sharing(slack, params["channel_id"]) if params.get("channel_id") else None
    for file in files:
        file.is_complete = True
    if channel:
        text, thread = params.get("initial_comment") or "", params.get("thread_ts") or None
        slack.posted.append(share(slack, channel, slack.bot_author, files, text, thread))
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def _sharing(slack: Happenings, id: str) -> Channel:
    channel = slack.channels.get(id)
    if channel is None:
        raise refused("invalid_channel")
    if channel.archived or not channel.bot_is_in:
        raise refused("posting_to_channel_denied")
    return channel


def _list(files: Any) -> list[Json]:
    files = json.loads(files) if isinstance(files, str) else files
    if not isinstance(files, list) or not files:
        raise refused("invalid_arguments")
    return files


def _uploaded(slack: Happenings, named: Json) -> StoredFile:
    file = slack.files.get(named.get("id", ""))
    if file is None or file.content is None or file.is_complete:
        raise refused("file_not_found")
    file.title = named.get("title") or file.name
    return file


def keep(slack: Happenings, name: str, size: int, user: str, content: bytes | None = None) -> StoredFile:
    file = StoredFile(slack.new_id("F"), name, size, user, content, title=name, is_complete=content is not None)
    slack.files[file.id] = file
    return file


def share(
    slack: Happenings, channel: Channel, author: Json, files: list[StoredFile], text: str, thread: str | None
) -> Message:
    """A message that shows files."""
    more = {"subtype": "file_share", "upload": False, "display_as_bot": False}
    shown = [file_json(slack, file) for file in files]
    message = Message(channel, slack.stamp(), author, text, files=shown, thread_ts=thread, more=more)
    slack.appears(message)
    return message


def file_json(slack: Any, file: StoredFile) -> Json:
    """A file as Slack tells of it. Its address asks for the app's token."""
    type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    extension = file.name.rpartition(".")[2] if "." in file.name else "binary"
    url = f"{slack.root}/files-pri/{slack.team['id']}-{file.id}"
    named = {"id": file.id, "name": file.name, "title": file.title, "mimetype": type, "filetype": extension}
    where = {"url_private": f"{url}/{file.name}", "url_private_download": f"{url}/download/{file.name}"}
    when = {"created": int(slack.seconds()), "timestamp": int(slack.seconds())}
    ways = {"mode": "hosted", "is_external": False, "is_public": True, "editable": False, "file_access": "visible"}
    return {**named, **where, **when, **ways, "user": file.user, "size": file.size}


def delete(slack: Any, params: Json) -> Json:
    """Gone from wherever it was shown; a message that showed nothing else is gone, too."""
    file = slack.files.get(params.get("file", ""))
    if file is None:
        raise refused("file_not_found")
    if file.user != slack.bot_user:
        raise refused("cant_delete_file")
    del slack.files[file.id]
    for channel in slack.channels.values():
        for message in channel.standing:
            if any(shown["id"] == file.id for shown in message.files):
                message.files = [shown for shown in message.files if shown["id"] != file.id]
                if not message.files and not message.text:
                    slack.vanishes(message)
    return {}


FILES: dict[str, Callable[[Any, Json], Json]] = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.delete": delete,
}
