"""The Bot API's No."""

import loopback
from loopback import Json
from loopback_troubles import Trouble
from starlette.responses import JSONResponse


class Refusal(loopback.Refusal):
    def __init__(self, code: int, description: str, outcome: str = "", **parameters: int) -> None:
        answer: Json = {"ok": False, "error_code": code, "description": description}
        super().__init__(
            outcome or f"refused {code}",
            JSONResponse(answer | ({"parameters": parameters} if parameters else {}), code),
        )


def bad(why: str) -> Refusal:
    return Refusal(400, f"Bad Request: {why}")


def conflict(why: str) -> Refusal:
    return Refusal(409, f"Conflict: {why}")


def too_many(seconds: int) -> Refusal:
    return Refusal(429, f"Too Many Requests: retry after {seconds}", "429", retry_after=seconds)


def befallen(trouble: Trouble) -> Refusal:
    """The No that a test wants."""
    if trouble.code == 429:
        return too_many(trouble.retry_after)
    return Refusal(trouble.code, trouble.description, str(trouble.code))
