"""A made-up system that behaves like the live one: for the offline tour, screenshots and tests.

Deterministic: the same calls give the same answers, on any machine and Python. With `moving`,
each snapshot is one second later than the last; without it, time stands still.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from tui.data.model import (
    ActionResult,
    JobDetail,
    JobPage,
    JobState,
    JobSummary,
    Plan,
    QueueSnapshot,
    Snapshot,
    WorkerSnapshot,
)
from tui.data.source import UnknownJobError
from tui.sample.control import SampleControl, check_known
from tui.sample.jobs import detail, fingerprint, job_of_id, summary
from tui.sample.numbers import QUEUES, SampleQueue, workers
from tui.sample.surroundings import alerts_about, history_until, host_at, redis_at

_SCAN_LIMIT = 2_000
_FINAL = (JobState.FAILED, JobState.STALLED, JobState.WAITING, JobState.SCHEDULED)


class SampleSource(SampleControl):
    """The sample system: what one reads from it, and what one does to its jobs.

    Attributes:
        kept_attempts: whether the last plan that was applied gave one more try only, for tests.
    """

    def __init__(self, *, environment: str = "development", moving: bool = False) -> None:
        super().__init__(prefix="prod" if environment == "production" else "dev")
        self._environment = environment
        self._moving = moving
        self._gone: set[str] = set()
        self._requeued: dict[str, int] = {}
        self.kept_attempts = False

    def stand_still(self) -> None:
        """Let no more time pass."""
        self._moving = False

    def snapshot(self) -> Snapshot:
        """See `Reads.snapshot`."""
        self._called("snapshot")
        self._step += self._moving
        queues = tuple(self._queue(queue) for queue in QUEUES)
        crew = tuple(self._worker(worker) for worker in workers())
        providers = self._providers({queue.name: queue.active for queue in queues})
        swing = math.sin(self._step / 9)
        return Snapshot(
            taken_at=self.now,
            environment=self._environment,
            prefix=self._prefix,
            queues=queues,
            workers=crew,
            redis=redis_at(swing),
            host=host_at(swing),
            alerts=alerts_about(queues, crew, providers),
            history=history_until(self.now.replace(second=0, microsecond=0)),
            quarantined=1,
            providers=providers,
        )

    def page(
        self, queue: str | None, state: JobState, *, offset: int, limit: int, search: str
    ) -> JobPage:
        """See `Reads.page`."""
        self._called("page")
        names = [q for q in QUEUES if queue in (None, q.name)]
        if not search:
            total = sum(self._size(q, state) for q in names)
            jobs = self._jobs(names, state, offset, limit)
            return JobPage(queue, state, offset, limit, total, tuple(jobs))
        needle = search.lower()
        scanned = self._jobs(names, state, 0, _SCAN_LIMIT)
        found = [job for job in scanned if needle in _searchable(job)]
        return JobPage(
            queue, state, offset, limit, len(found), tuple(found[offset : offset + limit])
        )

    def job(self, job_id: str) -> JobDetail:
        """See `Reads.job`."""
        self._called("job")
        found = job_of_id(job_id, self.now)
        if found is None or job_id in self._gone:
            raise UnknownJobError(f"no job {job_id!r}: it never was, or is not kept")
        return detail(found, self.now)

    def plan_retry(
        self,
        *,
        ids: Sequence[str] | None = None,
        queue: str | None = None,
        group: str | None = None,
    ) -> Plan:
        """See `Control.plan_retry`."""
        self._called("plan_retry")
        if ids is not None:
            return Plan("retry", queue, len(set(ids)), tuple(dict.fromkeys(ids)))
        if queue is not None:
            check_known("queue", queue, [known.name for known in QUEUES])
        names = [q for q in QUEUES if queue in (None, q.name)]
        if group is not None:
            failed = self._jobs(names, JobState.FAILED, 0, 100_000)
            chosen = tuple(job.id for job in failed if fingerprint(job) == group)
            return Plan("retry", queue, len(chosen), chosen)
        count = sum(self._size(q, JobState.FAILED) for q in names)
        return Plan("retry", queue, count, cutoff=self.now.timestamp())

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        """See `Control.plan_delete`."""
        self._called("plan_delete")
        return Plan("delete", None, len(set(ids)), tuple(dict.fromkeys(ids)))

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:  # noqa: ARG002 - see `Control`
        """See `Control.apply`."""
        self._act("apply")
        wanted = plan.ids if plan.cutoff is None else self._failed_ids(plan.queue)
        done = [job_id for job_id in wanted if self._take(job_id, requeue=plan.action == "retry")]
        skipped = len(wanted) - len(done)
        self.kept_attempts = plan.keep_attempts
        verb = "waiting again" if plan.action == "retry" else "deleted"
        message = f"{len(done):,} {'job' if len(done) == 1 else 'jobs'} {verb}"
        if skipped:
            message += f", {skipped:,} skipped (gone or in another state)"
        return ActionResult(plan.action, plan.queue or "", len(done), skipped, message)

    def _take(self, job_id: str, *, requeue: bool) -> bool:
        found = job_of_id(job_id, self.now)
        if found is None or job_id in self._gone or found.state not in _FINAL:
            return False
        self._gone.add(job_id)
        if requeue:
            self._requeued[found.queue] = self._requeued.get(found.queue, 0) + 1
        return True

    def _failed_ids(self, queue: str | None) -> tuple[str, ...]:
        names = [q for q in QUEUES if queue in (None, q.name)]
        return tuple(job.id for job in self._jobs(names, JobState.FAILED, 0, 100_000))

    def _gone_from(self, queue: SampleQueue, state: JobState) -> int:
        prefix = f"{queue.code}{state.value[:2]}"
        return sum(1 for job_id in self._gone if job_id.startswith(prefix))

    def _size(self, queue: SampleQueue, state: JobState) -> int:
        return max(0, queue.base(state) + self._wave(queue, state) - self._gone_from(queue, state))

    def _swing(self, queue: SampleQueue) -> float:
        return math.sin(self._step / queue.period + queue.phase) if self._step else 0.0

    def _wave(self, queue: SampleQueue, state: JobState) -> int:
        """How many jobs more or fewer than at the start there are now."""
        swing = self._swing(queue)
        if state is JobState.WAITING:
            return int(queue.waiting * 0.05 * swing)
        if state is JobState.ACTIVE and queue.name not in self._pauses:
            return round(swing * min(3, queue.active))
        if state is JobState.SCHEDULED:
            return round(abs(swing) * min(3, queue.scheduled))
        return 0

    def _jobs(
        self, queues: Sequence[SampleQueue], state: JobState, offset: int, limit: int
    ) -> list[JobSummary]:
        """Make only the jobs of the page, however long the list is."""
        jobs: list[JobSummary] = []
        for queue in queues:
            size = self._size(queue, state)
            if offset >= size:
                offset -= size
                continue
            gone = self._gone_from(queue, state) > 0
            known = size + self._gone_from(queue, state)
            for index in range(0 if gone else offset, known):
                job = summary(queue, state, index, self.now)
                if job.id in self._gone:
                    continue
                if gone and offset > 0:
                    offset -= 1
                    continue
                jobs.append(job)
                if len(jobs) == limit:
                    return jobs
            offset = 0
        return jobs

    def _queue(self, queue: SampleQueue) -> QueueSnapshot:
        swing = self._swing(queue)
        requeued = self._requeued.get(queue.name, 0)
        pause = self._pauses.get(queue.name)
        out = 0.0 if pause else max(0.0, queue.out_per_min * (1 + 0.2 * swing))
        waiting = self._size(queue, JobState.WAITING) + requeued
        return QueueSnapshot(
            name=queue.name,
            pause=pause,
            waiting=waiting,
            active=self._size(queue, JobState.ACTIVE),
            scheduled=self._size(queue, JobState.SCHEDULED),
            failed=self._size(queue, JobState.FAILED),
            finished=queue.finished,
            stalled=self._size(queue, JobState.STALLED),
            oldest_waiting_s=queue.oldest_s + (self._step if pause else 0) if waiting else None,
            enqueued_per_min=queue.in_per_min * (1 + 0.1 * swing),
            throughput_per_min=out,
            failed_per_min=queue.failed_per_min,
            wait_p50_ms=queue.wait_ms,
            wait_p95_ms=queue.wait_ms * (4 + swing) if queue.wait_ms else None,
            run_p50_ms=queue.run_ms,
            run_p95_ms=queue.run_ms * (3 + swing) if queue.run_ms else None,
            workers=queue.workers,
            slots=queue.slots,
            limit_per_s=queue.limit_per_s,
            concurrency=queue.concurrency,
            provider=queue.provider,
            fair=queue.fair,
            worst_org=queue.worst_org if waiting else "",
            worst_org_wait_s=queue.oldest_s if waiting and queue.worst_org else None,
            enqueued_total=self._total(queue, queue.in_per_min),
            finished_total=self._total(queue, queue.out_per_min),
            failed_total=self._total(queue, queue.failed_per_min),
        )

    def _total(self, queue: SampleQueue, per_min: float) -> int:
        """A counter that only grows, faster and slower in waves."""
        period = queue.period * 3
        wave = 0.4 * period * (1 - math.cos(self._step / period))
        return int(per_min / 60 * (1_000_000 + self._step + wave))

    def _worker(self, worker: WorkerSnapshot) -> WorkerSnapshot:
        worker = self._worker_state(worker)
        if not self._moving or worker.state == "lost":
            return worker
        return replace(
            worker,
            finished=worker.finished + self._step * 3,
            cpu_percent=(worker.cpu_percent or 0) + 2 * math.sin(self._step + worker.pid),
        )


def _searchable(job: JobSummary) -> str:
    return f"{job.id} {job.kind} {job.org} {job.hint} {job.error} {job.worker}".lower()
