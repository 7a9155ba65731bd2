"""What a handler is told about the attempt that it runs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

from runtime.catalogue.catalogue import Kind, Priority
from runtime.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from runtime.client import AtlasClient

# The deadline of a job without a time-out: far enough away for any handler.
_NO_TIMEOUT_S = 86_400.0


class ProgressSink(Protocol):
    """Takes what running jobs report; see `JobContext.progress` and `JobContext.log`."""

    def progress(
        self, job_id: str, execution: str, done: float, total: float, message: str
    ) -> None:
        """Take how far a job is."""

    def log(self, job_id: str, execution: str, line: str) -> None:
        """Take a line of a job's log."""


class JobContext(NamedTuple):
    """What a handler is told about the attempt that it runs.

    Attributes:
        queue: logical name.
        attempt: 1 for the first one.
        deadline: when this attempt times out.
        client: enqueues further jobs; blocking and safe to share between threads. From an
            ``async def`` handler call it through `asyncio.to_thread`. Let its
            `BrokerUnavailableError` pass: the job runs again, without having used an attempt, once
            Redis serves. Give follow-up jobs ids of their own, so that they are enqueued once.
        resources: what `Application.open` made in this process.
        headers: short texts that came with the job, for middleware.
        execution: names this attempt (RQ's execution id).
        sink: takes what `progress` and `log` are told; None drops it.
        clock: see `now`.
    """

    job_id: str
    queue: str
    kind: str
    org: str
    priority: int
    attempt: int
    max_attempts: int
    enqueued_at: datetime
    deadline: datetime
    client: "AtlasClient"
    resources: Any
    headers: Mapping[str, str] = MappingProxyType({})
    execution: str = ""
    sink: ProgressSink | None = None
    clock: Clock = SYSTEM_CLOCK

    def now(self) -> datetime:
        """The time, aware and in UTC: the host's, or the simulated time of a test."""
        return self.clock.now()

    def progress(self, done: float, total: float = 1.0, message: str = "") -> None:
        """Report how far the job is: `done` of `total`, and one line. The last report is kept.

        Returns at once, from any thread; it is written within half a second, and before the end of
        the attempt is.
        """
        if self.sink is not None:
            self.sink.progress(self.job_id, self.execution, done, total, message)

    def log(self, line: str) -> None:
        """Add a line to the job's own log: the last 100 are kept, each up to 500 characters.

        Returns at once, from any thread.
        """
        if self.sink is not None:
            self.sink.log(self.job_id, self.execution, line)

    def portable(self) -> dict[str, Any]:
        """The context as JSON, without what belongs to this process; see `restored`."""
        fields = self._asdict()
        for name in _OF_THE_PROCESS:
            del fields[name]
        return fields | {
            "priority": int(self.priority),
            "enqueued_at": self.enqueued_at.isoformat(),
            "deadline": self.deadline.isoformat(),
            "headers": dict(self.headers),
        }

    @classmethod
    def restored(
        cls,
        fields: Mapping[str, Any],
        *,
        client: "AtlasClient",
        resources: Any,
        sink: ProgressSink | None,
    ) -> Self:
        """What `portable` wrote, with what belongs to this process."""
        moments = {
            name: datetime.fromisoformat(fields[name]) for name in ("enqueued_at", "deadline")
        }
        return cls(**{**fields, **moments}, client=client, resources=resources, sink=sink)


_OF_THE_PROCESS = ("client", "resources", "sink", "clock")


def job_context(
    kind: Kind,
    *,
    job_id: str,
    org: str,
    headers: Mapping[str, str],
    started: datetime,
    client: "AtlasClient",
    resources: Any,
    queue: str = "",
    priority: int = Priority.NORMAL,
    attempt: int = 1,
    max_attempts: int = 1,
    waited: timedelta = timedelta(),
    timeout_s: float | None = None,
    execution: str = "",
    sink: ProgressSink | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> JobContext:
    """The context of one attempt; what is not described here is said at `JobContext`.

    ``queue`` (default: the kind's) and ``priority`` are those of the lane that the job came from,
    ``waited`` is how long it lay there. ``timeout_s``: seconds that the attempt may run, None for
    no limit.
    """
    return JobContext(
        job_id,
        queue or kind.queue,
        kind.name,
        org,
        int(priority),
        attempt,
        max_attempts,
        started - waited,
        started + timedelta(seconds=timeout_s or _NO_TIMEOUT_S),
        client,
        resources,
        headers,
        execution,
        sink,
        clock,
    )
