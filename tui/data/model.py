"""The snapshot types that screens and widgets see, in one place that may know the runtime."""

from dataclasses import dataclass

from runtime.job_detail import (
    Attempt,
    Hold,
    JobDetail,
    TimelineEntry,
)
from runtime.snapshot import (
    ActionResult,
    Alert,
    HostSnapshot,
    JobPage,
    JobState,
    JobSummary,
    MinutePoint,
    Pause,
    Plan,
    QueueSnapshot,
    QueueState,
    RedisSnapshot,
    Snapshot,
    WorkerSnapshot,
)

__all__ = [
    "ActionResult",
    "Alert",
    "Attempt",
    "Hold",
    "HostSnapshot",
    "JobDetail",
    "JobPage",
    "JobRequest",
    "JobState",
    "JobSummary",
    "MinutePoint",
    "PageRequest",
    "Pause",
    "Plan",
    "QueueSnapshot",
    "QueueState",
    "Reading",
    "RedisSnapshot",
    "Request",
    "Snapshot",
    "TimelineEntry",
    "WorkerSnapshot",
]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page of a job list a screen shows; `queue` is None across queues."""

    queue: str | None
    state: JobState
    offset: int = 0
    limit: int = 50
    search: str = ""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The one job a screen shows."""

    job_id: str


Request = PageRequest | JobRequest


@dataclass(frozen=True, slots=True)
class Reading:
    """What one visit to the source brought: a snapshot, the answer to a request, or both.

    Attributes:
        snapshot: None when it was not asked for or could not be read.
        request: what the screen wanted beside it.
        detail: the answer to `request`.
        error: why there is no snapshot; the source is away.
        detail_error: why there is no detail.
    """

    snapshot: Snapshot | None = None
    request: Request | None = None
    detail: JobPage | JobDetail | None = None
    error: str = ""
    detail_error: str = ""
