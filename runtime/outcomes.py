"""How a handler ends other than by returning a value: raise one of these."""

from datetime import datetime, timedelta


class Outcome(Exception):  # noqa: N818 - an outcome is raised, but it is not an error
    """Root of the outcomes a handler may raise."""


class Retry(Outcome):
    """Try again later; uses one attempt.

    Args:
        after: how long to wait; None leaves it to the kind's backoff.
        reason: one line for the attempt's record, shown to operators.
        fault: the queue's provider failed, which counts for its breaker.
    """

    def __init__(
        self, after: timedelta | None = None, *, reason: str = "", fault: bool = False
    ) -> None:
        super().__init__(reason or "retry asked for by the handler")
        self.after = after
        self.reason = reason
        self.fault = fault


class Snooze(Outcome):
    """Not now: run again at a time, without using an attempt.

    Args:
        until: an aware datetime.
        reason: one line for the attempt's record.

    Raises:
        ValueError: `until` is naive.
    """

    def __init__(self, until: datetime, *, reason: str = "") -> None:
        if until.tzinfo is None:
            raise ValueError("Snooze needs an aware datetime")
        super().__init__(reason or f"snoozed until {until.isoformat()}")
        self.until = until
        self.reason = reason


class Cancel(Outcome):
    """The work is no longer wanted: end as canceled, never retried."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DeadLetter(Outcome):
    """The work can never succeed: fail at once, whatever attempts are left."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
