"""A job's life in plain Python: what the Lua scripts must do, said a second time, without Redis.

Where a script is free to choose (which lane gives next, in which order a dead worker's jobs come
back), the model says what is allowed and follows what was chosen.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from runtime.broker.keys import queue_of
from runtime.catalogue.catalogue import Retention
from tests.runtime.drive import FAIR, PLAIN

WORKERS = ("w1", "w2", "w3")
ORG_CAP = 2
MAX_STALLED = 2
RETENTION = Retention(3600, 2, 86400, 3)
LANES = (f"{PLAIN}.high", PLAIN, f"{PLAIN}.low", f"{FAIR}.critical", FAIR)
OPEN = ("queued", "rate_limited", "scheduled", "started")
# What each final registry keeps, and the status of the jobs in it.
REGISTRIES = {
    "finished": ("finished", RETENTION.finished_count),
    "failed": ("failed", RETENTION.failed_count),
    "canceled": ("canceled", RETENTION.finished_count),
}
Line = tuple[str, str]
# Where jobs wait in one line: groups in order, the order within a group being Redis' choice.
Order = list[set[str]]


@dataclass
class Job:
    """One job. `fence` is the execution that may end it, or that did; `org` is '' in plain lanes.

    `aged` says that a final job has been kept long enough, `due` that a delayed one may run.
    """

    id: str
    lane: str
    org: str
    status: str
    attempt: int = 0
    stalls: int = 0
    fence: str = ""
    worker: str = ""
    results: int = 0
    renewed: bool = False
    expired: bool = False
    due: bool = False
    aged: bool = False

    @property
    def line(self) -> Line:
        return self.lane, self.org

    @property
    def queue(self) -> str:
        return queue_of(self.lane)

    @property
    def running(self) -> bool:
        return self.status == "started"


@dataclass
class Model:
    """All jobs, where they wait, and what was counted."""

    jobs: dict[str, Job] = field(default_factory=dict)
    lines: dict[Line, Order] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    quarantine: set[str] = field(default_factory=set)
    totals: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    # Dropped because of their number: for half a minute their ids are not taken again.
    remembered: set[str] = field(default_factory=set)
    # Retries are counted by the minute only.
    retries: Counter[str] = field(default_factory=Counter)

    def enqueue(self, rows: Iterable[tuple[str, str, str, bool]]) -> list[bool]:
        """(id, lane, org, delayed) each; True for those that are new."""
        answer = []
        for job_id, lane, org, delayed in rows:
            new = job_id not in self.jobs and job_id not in self.remembered
            if new:
                job = self.jobs[job_id] = Job(job_id, lane, org, "scheduled")
                if not delayed:
                    self._wait(job)
                self.totals[f"{job.queue}|enq"] += 1
            answer.append(new)
        return answer

    def promote(self, ids: Sequence[str]) -> int:
        """Due jobs, in the order in which they came due, go to the back of their lines."""
        for job_id in ids:
            self._wait(self.jobs[job_id])
        return len(ids)

    def available(self, queue: str) -> int:
        """How many jobs of a queue may start now."""
        if queue in self.paused:
            return 0
        waiting = {line: sum(map(len, o)) for line, o in self.lines.items() if _of(line, queue)}
        return sum(
            min(count, ORG_CAP - self.held(line)) if line[1] else count
            for line, count in waiting.items()
        )

    def held(self, line: Line) -> int:
        """Jobs of one organisation that run in one lane."""
        return sum(1 for job in self.jobs.values() if job.line == line and job.running)

    def start(self, job_id: str, execution: str, worker: str) -> Job:
        """A claimed job leaves its line: it must have been the first there."""
        job = self.jobs[job_id]
        assert job.queue not in self.paused, f"{job_id} started although {job.queue} is paused"
        order = self.lines.get(job.line, [])
        assert order, f"{job_id} started and did not wait"
        assert job_id in order[0], f"{job_id} started before {order[0]}"
        order[0].discard(job_id)
        self.lines[job.line] = [group for group in order if group]
        job.status, job.fence, job.worker, job.expired = "started", execution, worker, False
        job.attempt += 1
        if job.org:
            assert self.held(job.line) <= ORG_CAP, f"{job.line} runs more than {ORG_CAP} jobs"
        return job

    def finish(self, job_id: str, execution: str, outcome: str, *, delayed: bool) -> int:
        """1 applied, 2 ended by this execution before, 0 the lease was lost, -1 gone."""
        job = self.jobs.get(job_id)
        if job is None:
            return -1
        if job.fence != execution:
            return 0
        if not job.running:
            return 2
        job.results += 1
        job.renewed = False
        if outcome in ("snoozed", "released"):
            job.attempt -= 1
        if outcome == "released":
            self._wait(job, front=True)
        elif outcome in ("retried", "snoozed"):
            if outcome == "retried":
                self.retries[job.queue] += 1
            self._wait_or_schedule(job, delayed=delayed)
        else:
            self._end(job, outcome)
        return 1

    def renew(self, executions: Iterable[tuple[str, str]]) -> list[str]:
        """The executions that are no longer held."""
        lost = []
        for job_id, execution in executions:
            job = self.jobs.get(job_id)
            if job is not None and job.running and job.fence == execution:
                job.renewed, job.expired = True, False
            else:
                lost.append(execution)
        return lost

    def lose(self, jobs: Sequence[Job]) -> tuple[int, int]:
        """Their worker is lost with them: (to the back of their lines, failed as stalled)."""
        failed = [job for job in jobs if job.stalls + 1 > MAX_STALLED]
        again = [job for job in jobs if job not in failed]
        for job in jobs:
            job.stalls += 1
            job.results += 1
            job.fence, job.renewed = "", False
        for job in failed:
            self._end(job, "failed")
        for job in again:
            job.attempt -= 1
        self._back(again)
        return len(again), len(failed)

    def give_back(self, jobs: Sequence[Job]) -> tuple[int, int]:
        """Claimed by an answer that never arrived: back to the front, as if never taken."""
        for job in jobs:
            job.attempt -= 1
            job.fence, job.renewed = "", False
        self._front(jobs)
        return len(jobs), 0

    def retry(self, ids: Iterable[str]) -> list[bool]:
        """Another life, with a fresh budget, for what failed or was canceled."""
        answer = []
        for job_id in ids:
            job = self.jobs.get(job_id)
            ended = job is not None and job.status in ("failed", "canceled")
            if job is not None and ended:
                job.attempt = job.stalls = 0
                job.fence = job.worker = ""
                self.quarantine.discard(job_id)
                self._wait(job)
            answer.append(ended)
        return answer

    def delete(self, ids: Iterable[str]) -> list[int]:
        """1 deleted, 0 unknown, -1 it runs."""
        answer = []
        for job_id in ids:
            job = self.jobs.get(job_id)
            if job is not None and job.running:
                answer.append(-1)
                continue
            answer.append(int(job is not None))
            self.forget(job_id)
        return answer

    def forget(self, job_id: str) -> None:
        """A job that is not kept any longer."""
        job = self.jobs.pop(job_id, None)
        self.quarantine.discard(job_id)
        if job is not None and job.line in self.lines:
            order = [group - {job_id} for group in self.lines[job.line]]
            self.lines[job.line] = [group for group in order if group]

    def move_to_back(self, job_id: str) -> None:
        """Dropped out of its place, found and put back in line."""
        self.repaired += 1
        job = self.jobs.pop(job_id)
        self.jobs[job_id] = job
        if job.line in self.lines:
            order = [group - {job_id} for group in self.lines[job.line]]
            self.lines[job.line] = [group for group in order if group]
        self._wait(job)

    def set_paused(self, queue: str, *, paused: bool) -> bool:
        """False when it was so already."""
        changed = (queue in self.paused) != paused
        (self.paused.add if paused else self.paused.discard)(queue)
        return changed

    def _wait(self, job: Job, *, front: bool = False) -> None:
        job.status, job.due, job.aged = "rate_limited" if job.org else "queued", False, False
        order = self.lines.setdefault(job.line, [])
        order.insert(0 if front else len(order), {job.id})

    def _wait_or_schedule(self, job: Job, *, delayed: bool) -> None:
        if delayed:
            job.status, job.due = "scheduled", False
        else:
            self._wait(job)

    def _front(self, jobs: Sequence[Job]) -> None:
        for line in {job.line for job in jobs}:
            group = [job for job in jobs if job.line == line]
            for job in group:
                self._wait(job, front=True)
            order = self.lines[line]
            self.lines[line] = [{job.id for job in group}, *order[len(group) :]]

    def _back(self, jobs: Sequence[Job]) -> None:
        for line in {job.line for job in jobs}:
            group = [job for job in jobs if job.line == line]
            for job in group:
                self._wait(job)
            self.lines[line] = [*self.lines[line][: -len(group)], {job.id for job in group}]

    def _end(self, job: Job, outcome: str) -> None:
        job.status = "failed" if outcome == "quarantined" else outcome
        job.aged = False
        if outcome == "quarantined":
            self.quarantine.add(job.id)
        if outcome != "canceled":
            self.totals[f"{job.queue}|{'fin' if outcome == 'finished' else 'fail'}"] += 1


def _of(line: Line, queue: str) -> bool:
    return queue_of(line[0]) == queue
