"""What readers return: frozen values, made once, shared by screens, commands and endpoints.

All times are aware UTC datetimes on Redis' clock; durations say their unit in their name.
All text that came out of Redis has passed `runtime.sanitize.text.safe`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from runtime.view.provider import ProviderSnapshot


class JobState(StrEnum):
    """Where a job is. The words operators see everywhere."""

    WAITING = "waiting"
    ACTIVE = "active"
    SCHEDULED = "scheduled"
    STALLED = "stalled"
    FAILED = "failed"
    FINISHED = "finished"
    CANCELED = "canceled"


class QueueState(StrEnum):
    """How a queue is, in one word; the first that applies.

    ``unserved``: no worker may serve it as it is configured; ``paused`` by an operator; ``nobody``:
    jobs wait and no living worker serves it; ``failing``: at least one failure a minute and one
    attempt in twenty; ``stalled``: jobs lost their worker and have not ended since; ``late``: the
    oldest waits for five minutes or more.
    """

    UNSERVED = "unserved"
    PAUSED = "paused"
    NOBODY = "nobody"
    FAILING = "failing"
    STALLED = "stalled"
    LATE = "late"
    OK = "ok"
    IDLE = "idle"


_FAILING_SHARE = 0.05
_FAILING_PER_MIN = 1.0
_LATE_S = 300.0
# Below one job in twenty minutes nothing happens.
_IDLE_PER_MIN = 0.05


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused a queue, when and why."""

    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """One logical queue, its lanes merged.

    Rates are sliding over the last minute; percentiles over the last five minutes, None when
    nothing ran. `scheduled` jobs are due later or wait for other jobs. `worst_org` is the
    organisation whose oldest job waits longest in a fair queue. `stalled` counts jobs whose worker
    was lost and that are not in a final state again. `unserved` is why living workers do not
    serve it; while none lives, what the reader's own settings say. '' where one serves it or may.
    The `_total` counters only grow (until Redis is emptied): their differences between two
    snapshots are exact.
    """

    name: str
    pause: Pause | None = None
    waiting: int = 0
    active: int = 0
    scheduled: int = 0
    failed: int = 0
    finished: int = 0
    stalled: int = 0
    oldest_waiting_s: float | None = None
    enqueued_per_min: float = 0.0
    throughput_per_min: float = 0.0
    failed_per_min: float = 0.0
    retried_per_min: float = 0.0
    wait_p50_ms: float | None = None
    wait_p95_ms: float | None = None
    run_p50_ms: float | None = None
    run_p95_ms: float | None = None
    workers: int = 0
    slots: int = 0
    limit_per_s: float | None = None
    concurrency: int | None = None
    provider: str = ""
    fair: bool = False
    worst_org: str = ""
    worst_org_wait_s: float | None = None
    enqueued_total: int = 0
    finished_total: int = 0
    failed_total: int = 0
    unserved: str = ""

    @property
    def paused(self) -> bool:
        """True while no job of this queue may start."""
        return self.pause is not None

    @property
    def state(self) -> QueueState:
        """The one thing about this queue that matters most."""
        for applies, state in (
            (self.unserved, QueueState.UNSERVED),
            (self.paused, QueueState.PAUSED),
            (self.waiting and not self.workers, QueueState.NOBODY),
        ):
            if applies:
                return state
        tries = self.throughput_per_min + self.failed_per_min
        if self.failed_per_min >= max(_FAILING_PER_MIN, _FAILING_SHARE * tries):
            return QueueState.FAILING
        if self.stalled:
            return QueueState.STALLED
        if (self.oldest_waiting_s or 0) >= _LATE_S:
            return QueueState.LATE
        busy = self.waiting or self.active or self.throughput_per_min >= _IDLE_PER_MIN
        return QueueState.OK if busy else QueueState.IDLE


@dataclass(frozen=True, slots=True)
class WorkerSnapshot:
    """One worker process. `state`: starting, busy, idle, quiet, stopping or lost.

    `unserved`: queues that its application does not serve, each with the reason.
    """

    name: str
    hostname: str
    pid: int
    state: str
    queues: tuple[str, ...]
    slots: int
    running: int
    started_at: datetime
    heartbeat_age_s: float
    finished: int = 0
    failed: int = 0
    cpu_percent: float | None = None
    rss_bytes: int | None = None
    current_jobs: tuple[str, ...] = ()
    version: str = ""
    unserved: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RedisSnapshot:
    """The Redis server as it says of itself (INFO)."""

    ok: bool
    error: str = ""
    version: str = ""
    used_memory: int = 0
    max_memory: int = 0
    maxmemory_policy: str = ""
    ops_per_s: int = 0
    clients: int = 0
    blocked_clients: int = 0
    evicted_keys: int = 0
    uptime_s: int = 0
    aof_enabled: bool = False
    ping_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class HostSnapshot:
    """The machine the reader runs on. `disk_*` is the file system of the working directory."""

    cpu_percent: float = 0.0
    cpu_count: int = 1
    memory_used: int = 0
    memory_total: int = 0
    disk_used: int = 0
    disk_total: int = 0
    load: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class MinutePoint:
    """One queue in one minute (closed minutes never change again)."""

    minute: datetime
    enqueued: int = 0
    finished: int = 0
    failed: int = 0
    retried: int = 0
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """Something outside that jobs need, such as a database, which one host cannot reach."""

    what: str
    host: str
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something an operator should look at. `level`: warning or critical."""

    level: str
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything an overview needs, read in one round trip.

    `history` maps each queue to its last 60 minutes, oldest first, the running minute last.
    `repaired_total` counts the jobs that audits have repaired: a sound engine needs none.
    """

    taken_at: datetime
    environment: str
    prefix: str
    queues: tuple[QueueSnapshot, ...]
    workers: tuple[WorkerSnapshot, ...]
    redis: RedisSnapshot
    host: HostSnapshot = field(default_factory=HostSnapshot)
    alerts: tuple[Alert, ...] = ()
    history: dict[str, tuple[MinutePoint, ...]] = field(default_factory=dict)
    quarantined: int = 0
    repaired_total: int = 0
    providers: tuple[ProviderSnapshot, ...] = ()
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True)
class JobSummary:
    """One row of a job list. `hint` is the redacted part of the payload worth showing.

    `stalls` counts how often it lost its worker; a `suspect` did so often enough to run alone, in a
    process of its own.
    """

    id: str
    queue: str
    kind: str
    org: str
    state: JobState
    priority: int
    hint: str = ""
    attempt: int = 0
    max_attempts: int = 0
    stalls: int = 0
    suspect: bool = False
    created_at: datetime | None = None
    enqueued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    worker: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class JobPage:
    """A page of a job list; `queue` is None across queues.

    `total` counts what matches. With a search, only the first `scanned` of `listed` jobs were
    looked through; without one both are 0.
    """

    queue: str | None
    state: JobState
    offset: int
    limit: int
    total: int
    jobs: tuple[JobSummary, ...] = ()
    scanned: int = 0
    listed: int = 0


@dataclass(frozen=True, slots=True)
class RecurringSnapshot:
    """A recurring job: `when` in words, its newest slot and the next one.

    `problem` says why it cannot run, if so; `declared` ones come from the application's code.
    """

    id: str
    kind: str
    org: str
    when: str
    missed: str
    paused: bool
    declared: bool
    last_slot: datetime | None = None
    next_slot: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RecurringRun:
    """A job that a recurring one enqueued: for which slot, and when."""

    slot: datetime
    enqueued_at: datetime
    job_id: str
