"""Who of those in a channel belongs to the workspace of the bot. Pure.

A channel may be shared with another company (Slack Connect), whose people see its cards and can press what stands on
them. The app is installed in one workspace; of its organization's other workspaces nothing is told by which they could
be known, so they are strangers, too.
"""

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def is_stranger(body: Body) -> bool:
    """Whether somebody of another workspace did this. Where Slack names no home of theirs, they are at home here."""
    event = body.get("event")
    theirs, ours = _of_event(body, event) if event is not None else _of_interaction(body)
    return theirs is not None and theirs not in ours


def _of_event(body: Body, event: Body) -> tuple[str | None, set[str | None]]:
    """The team field of an event is that of whoever gets it in some, and of the author in others."""
    message = event.get("message") or event
    installed: Body = next(iter(body.get("authorizations") or ()), {})
    ours = {installed.get("team_id") or body.get("team_id"), installed.get("enterprise_id")}
    return message.get("user_team") or message.get("source_team"), ours


def _of_interaction(body: Body) -> tuple[str | None, set[str | None]]:
    """A window opened from a shared channel names the team that the app is installed in; so do our own messages."""
    view, message = body.get("view") or {}, body.get("message") or {}
    installed = view.get("app_installed_team_id") or (message.get("bot_profile") or {}).get("team_id")
    return (body.get("user") or {}).get("team_id"), {installed or (body.get("team") or {}).get("id")}
