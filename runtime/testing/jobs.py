"""Jobs in memory: what the enqueueing scripts and the registries are in Redis, for one test."""

import json
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.broker.calls.enqueue import JobRow
from runtime.broker.calls.finish import OutcomeName
from runtime.broker.keys import QueueNames
from runtime.jobs import envelope
from runtime.jobs.encode import PlacedRow
from runtime.jobs.new_job import JobRef
from runtime.producing.steps import Seal, SealedFlow

# What enters here was made by this process.
_ANY_SIZE = 1 << 40
OVER = ("finished", "failed", "canceled")
# Which job's handler runs: what it enqueues is told apart from what the test does.
running_job: ContextVar[str] = ContextVar("running_job", default="")


@dataclass(frozen=True, slots=True)
class InlineAttempt:
    """One attempt that ran.

    Attributes:
        number: 1 for the first; a snoozed attempt does not count.
        outcome: ``finished``, ``retried``, ``snoozed``, ``canceled``, ``failed`` or
            ``quarantined`` (the job could not be read).
        at: when it ran, in simulated time.
        value: what the handler returned, as JSON gives it back.
        error: what was raised: an error, or a `Retry`, `Snooze`, `Cancel` or `DeadLetter`.
        message: the error in one line, as operators see it.
        next_at: when the job runs again, or None.
    """

    job_id: str
    kind: str
    number: int
    outcome: OutcomeName
    at: datetime
    value: Any = None
    error: BaseException | None = None
    message: str = ""
    next_at: datetime | None = None


@dataclass(slots=True, eq=False)
class InlineJob:
    """One job that was enqueued.

    Attributes:
        state: ``waiting``, ``scheduled``, ``active``, ``finished``, ``failed`` or ``canceled``.
        due_at: when it runs next; None while it waits for its children and once it is over.
        enqueued_by: id of the job whose handler enqueued it, '' if the test did.
        reports: of `JobContext.progress`: (done, total, message).
        log: lines of `JobContext.log`.
    """

    id: str
    kind: str
    org: str
    queue: str
    priority: int
    payload: dict[str, Any]
    headers: dict[str, str]
    row: JobRow
    enqueued_at: datetime
    due_at: datetime | None
    state: str
    enqueued_by: str = ""
    not_after: datetime | None = None
    expired: str = "drop"
    parent: str = ""
    children: tuple[str, ...] = ()
    on_child_failure: str = ""
    attempts_used: int = 0
    attempts: list[InlineAttempt] = field(default_factory=list)
    return_value: str = ""
    error_class: str = ""
    error: str = ""
    reports: list[tuple[float, float, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in OVER


class InlineJobs:
    """All jobs of one test, in the order in which they were enqueued; safe to share."""

    def __init__(self, names: QueueNames, now: datetime) -> None:
        self._names = names
        self.now = now
        self._lock = threading.RLock()
        self._by_id: dict[str, InlineJob] = {}
        # Those that are not over: a long test looks at these after every attempt.
        self._open: dict[str, InlineJob] = {}
        # The holder of each unique key, and until when a throttle holds.
        self._holders: dict[str, tuple[str, datetime]] = {}

    def all(self) -> list[InlineJob]:
        """All of them."""
        with self._lock:
            return list(self._by_id.values())

    def get(self, job_id: str) -> InlineJob | None:
        """The job of that id, if it is known."""
        return self._by_id.get(job_id)

    def next_due(self) -> InlineJob | None:
        """The job that runs next, of those that are due."""
        with self._lock:
            due = [job for job in self._open.values() if job.due_at and job.due_at <= self.now]
        return min(due, key=lambda job: (job.priority, job.due_at), default=None)

    def due_times(self) -> list[datetime]:
        """When jobs run next."""
        with self._lock:
            return [job.due_at for job in self._open.values() if job.due_at]

    def enqueue(self, placed: PlacedRow) -> JobRef:
        """Take in a row, as enqueue.lua does."""
        row = placed.row
        with self._lock:
            if row.id in self._by_id:
                return JobRef(row.id, placed.queue, created=False, outcome="exists")
            holder, outcome = self._holder(row)
            if holder:
                return JobRef(holder, placed.queue, created=False, outcome=outcome)
            self._by_id[row.id] = self._open[row.id] = self._taken(row)
            return JobRef(row.id, placed.queue, created=True)

    def seal(self, seal: Seal) -> SealedFlow:
        """Take in a job that waits for its children, as seal_flow.lua does."""
        with self._lock:
            known = [self._by_id[child] for child in seal.children]
            foreign = [child.id for child in known if child.parent != seal.row.id]
            if foreign or seal.row.id in self._by_id:
                return SealedFlow(created=False, foreign=foreign)
            job = self._taken(seal.row)
            job.children, job.on_child_failure = tuple(seal.children), seal.on_child_failure
            job.state, job.due_at = "scheduled", None
            self._by_id[job.id] = self._open[job.id] = job
            self._look_at_children(job)
            return SealedFlow(created=True, foreign=[])

    def ended(self, job: InlineJob, state: str) -> None:
        """A job is over: what waits for it may go on."""
        with self._lock:
            job.state, job.due_at = state, None
            self._open.pop(job.id, None)
            if job.parent and (parent := self._by_id.get(job.parent)) is not None:
                self._look_at_children(parent)

    def progress(
        self,
        job_id: str,
        execution: str,  # noqa: ARG002 - one runs at a time
        done: float,
        total: float,
        message: str,
    ) -> None:
        """Take how far a job is; see `JobContext.progress`."""
        self._by_id[job_id].reports.append((done, total, message))

    def log(self, job_id: str, execution: str, line: str) -> None:  # noqa: ARG002
        """Take a line of a job's log; see `JobContext.log`."""
        self._by_id[job_id].log.append(line)

    def counts(self, job_id: str) -> tuple[int, int, int, int] | None:
        """Children of a flow's parent: pending, finished, failed, canceled."""
        job = self.get(job_id)
        if job is None or not job.children:
            return None
        states = [self._by_id[child].state for child in job.children]
        finished, failed, canceled = (states.count(state) for state in OVER)
        return len(states) - finished - failed - canceled, finished, failed, canceled

    def _taken(self, row: JobRow) -> InlineJob:
        queue, priority = self._names.split(row.lane)
        options = json.loads(row.options) if row.options else {}
        message = envelope.decode(row.data, max_bytes=_ANY_SIZE)
        not_after = options.get("not_after")
        due_at = self._due_at(row)
        return InlineJob(
            id=row.id,
            kind=message.kind,
            org=message.org,
            queue=queue,
            priority=int(priority),
            payload=message.payload,
            headers=message.headers,
            row=row,
            enqueued_at=self.now,
            due_at=due_at,
            state="scheduled" if due_at > self.now else "waiting",
            enqueued_by=running_job.get(),
            not_after=None if not_after is None else _moment(not_after),
            expired=options.get("expired", "drop"),
            parent=options.get("parent", ""),
        )

    def _due_at(self, row: JobRow) -> datetime:
        if row.due_ms:
            return max(_moment(row.due_ms), self.now)
        return self.now + timedelta(milliseconds=row.delay_ms)

    def _holder(self, row: JobRow) -> tuple[str, str]:
        """The job that holds the row's unique key, and what that means (lib/unique.lua)."""
        if not row.unique:
            return "", ""
        mode, period_ms, key = row.unique.split("|", 2)
        holder, until = self._holders.get(key, ("", self.now))
        job = self._by_id.get(holder)
        if mode == "throttle" and self.now < until:
            return holder, "held"
        if job is not None and not job.is_over and mode == "reject":
            return holder, "held"
        if job is not None and job.state in ("waiting", "scheduled") and mode != "throttle":
            job.payload = envelope.decode(row.data, max_bytes=_ANY_SIZE).payload
            job.row = job.row._replace(data=row.data)
            if mode == "debounce" and job.state == "scheduled":
                job.due_at = self._due_at(row)
            return holder, "replaced"
        self._holders[key] = row.id, self.now + timedelta(milliseconds=int(period_ms))
        return "", ""

    def _look_at_children(self, parent: InlineJob) -> None:
        if parent.is_over or not parent.children:
            return
        children = [self._by_id[child] for child in parent.children]
        bad = [child.id for child in children if child.state in ("failed", "canceled")]
        good = sum(child.state == "finished" for child in children)
        if bad and parent.on_child_failure == "fail":
            parent.error_class = "ChildFailed"
            parent.error = f"its child {bad[0]} did not finish"
            self.ended(parent, "failed")
        elif good + len(bad) * (parent.on_child_failure == "ignore") == len(children):
            parent.state, parent.due_at = "waiting", self.now


def _moment(epoch_ms: float) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
