"""The types that screens and widgets see: the runtime's snapshots, and requests for more."""

from dataclasses import dataclass
from typing import Literal

from runtime.control.plan import ActionResult, Plan
from runtime.jobs.new_job import FlowProgress
from runtime.view.events import Event
from runtime.view.job_detail import (
    Attempt,
    Hold,
    JobDetail,
    LogLine,
    Progress,
    TimelineEntry,
)
from runtime.view.provider import ProviderSnapshot
from runtime.view.snapshot import (
    Alert,
    HostSnapshot,
    JobPage,
    JobState,
    JobSummary,
    MinutePoint,
    Pause,
    QueueSnapshot,
    QueueState,
    RecurringRun,
    RecurringSnapshot,
    RedisSnapshot,
    Snapshot,
    WorkerSnapshot,
)

__all__ = [
    "ActionResult",
    "Alert",
    "Answer",
    "Attempt",
    "BreakerWord",
    "Event",
    "EventPage",
    "EventsRequest",
    "FlowProgress",
    "Hold",
    "HostSnapshot",
    "JobDetail",
    "JobPage",
    "JobRequest",
    "JobState",
    "JobSummary",
    "LogLine",
    "MinutePoint",
    "PageRequest",
    "Pause",
    "Plan",
    "Progress",
    "ProviderSnapshot",
    "QueueSnapshot",
    "QueueState",
    "Reading",
    "RecurringPage",
    "RecurringRequest",
    "RecurringRun",
    "RecurringSnapshot",
    "RedisSnapshot",
    "Request",
    "Snapshot",
    "TimelineEntry",
    "WorkerSnapshot",
]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page of jobs that a screen shows; `queue` None means every queue."""

    queue: str | None
    state: JobState
    offset: int = 0
    limit: int = 50
    search: str = ""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The one job a screen shows."""

    job_id: str


@dataclass(frozen=True, slots=True)
class EventsRequest:
    """The events after the one of that id, or the newest ones if it is empty."""

    after: str = ""
    limit: int = 500


@dataclass(frozen=True, slots=True)
class RecurringRequest:
    """The recurring jobs, and the last runs of one of them; empty: of none."""

    chosen: str = ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, oldest first."""

    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class RecurringPage:
    """All recurring jobs, and the last runs of the chosen one, newest first."""

    jobs: tuple[RecurringSnapshot, ...]
    chosen: str = ""
    runs: tuple[RecurringRun, ...] = ()


BreakerWord = Literal["open", "closed", "auto"]
Request = PageRequest | JobRequest | EventsRequest | RecurringRequest
Answer = JobPage | JobDetail | EventPage | RecurringPage


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
    detail: Answer | None = None
    error: str = ""
    detail_error: str = ""
