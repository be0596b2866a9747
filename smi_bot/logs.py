"""Structured logs that cannot carry personal text: events, ids and types, and tracebacks without messages."""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger


def configure_logs(level: int = logging.INFO) -> None:
    """JSON lines on stderr, for our own events and for the libraries' warnings."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        frames_only,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    # A library's event is its template: the values put into it may be addresses with tokens in them, or a person's words.
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[without_reprs, *shared], processor=structlog.processors.JSONRenderer(), use_get_message=False
    )
    handler.setFormatter(formatter)
    # INFO of HTTP clients holds whole addresses, tokens included.
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def without_reprs(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Some have no templates: asyncio's events show tasks with their errors, Slack's hold whole errors and addresses."""
    library = event["_record"].name.partition(".")[0]
    if library in ("asyncio", "slack_sdk", "slack_bolt"):
        event["event"] = f"{library}: see error and frames"
    return event


def frames_only(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replaces an exception by its type and places: its message may quote what a person wrote."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return event
