"""The one root of every error this project raises on purpose. Each message tells the person what to do next."""


class SmiError(Exception):
    """Root of the project's own errors; caught at the edges (command line, web, loops) only."""


class SettingsError(SmiError):
    """A setting is wrong or half given; the start stops with this line."""


class LibraryError(SmiError):
    """Approved content cannot be read; names file, field and mend."""


class NotApproved(SmiError):
    """A text must not be sent: not approved, out of date, or not meant for this requester."""


class NotAllowed(SmiError):
    """A specialist asked for something the case's state forbids; the message is shown to that specialist."""


class JournalError(SmiError):
    """The journal does not add up."""


class TryAgain(SmiError):
    """The other side cannot take a message now. `after`: seconds it asked us to wait, if it did.

    `all`: it would take no other message either, so nobody of this way need be tried until then.
    """

    def __init__(self, reason: str, after: float | None = None, *, all: bool = False) -> None:
        super().__init__(reason)
        self.after = after
        self.all = all


class Refused(SmiError):
    """The other side will never take this message (not approved, of a wrong form): shown on the case."""


class Unreachable(Refused):
    """Nobody can be reached there any more, whatever is sent: blocked, deleted, gone."""
