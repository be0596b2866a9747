"""Commands as a person gives them, in this process: arguments and input in, what is shown and the exit code out."""

import contextlib
import io
import sys
from dataclasses import dataclass
from typing import Any
from unittest import mock

from smi_bot import cli


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def command(*arguments: str, stdin: bytes = b"", knowledge: Any = None) -> Ended:
    """`smi-bot …`. `knowledge`: instead of reading it anew, which takes seconds. Errors that are not ours are raised."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(sys, "argv", ["smi-bot", *arguments]))
        stack.enter_context(mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        if knowledge is not None:
            stack.enter_context(mock.patch.object(cli, "read_knowledge", lambda *_, **__: knowledge))
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(bool(end.code))
    return Ended(code, out.getvalue(), err.getvalue())
