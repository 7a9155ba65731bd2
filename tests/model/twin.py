"""Takes each step twice: on the scripts in a real Redis, and on the model; then compares."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from runtime.broker.broker import Broker
from runtime.broker.calls import operators, upkeep
from runtime.broker.calls.call import Call
from runtime.broker.calls.claim import Claim, ClaimedJob, ClaimState, QueueDemand, claim_jobs
from runtime.broker.calls.enqueue import JobRow, enqueue_jobs
from runtime.broker.calls.finish import Ended, OutcomeName, finish_attempts, run_alone
from runtime.broker.policy import Policy
from tests.model.judge import QUEUES, judge
from tests.model.observe import Seen, observe
from tests.model.reference import LANES, MAX_STALLED, ORG_CAP, RETENTION, WORKERS, Job, Model
from tests.runtime.drive import FAIR, ended

T = TypeVar("T")
_LEASE_MS = 3_600_000
_POLICY = Policy(RETENTION, MAX_STALLED, lost_alone=MAX_STALLED)
_DELAY_MS = 3_600_000


@dataclass(frozen=True)
class Held:
    """An execution that a worker was given once; it may have lost it since."""

    worker: str
    job: ClaimedJob


class Twin:
    """The scripts and the model side by side.

    Time does not pass by itself: leases and delays are an hour long, and a step that means "later"
    rewrites their scores. So a run is the same each time it is repeated.
    """

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.raw = broker.connection
        self.raw.flushall()
        self.model = Model()
        self.executions: list[Held] = []
        # What each worker knows that it holds; an answer that was lost is not among it.
        self.known: dict[str, set[str]] = {worker: set() for worker in WORKERS}
        self.seen = Seen({}, frozenset())
        self.steps = 0
        self._serial = 0

    def check(self) -> None:
        """Compare everything; to be called after each step."""
        self.steps += 1
        before, self.seen = self.seen, observe(self.raw)
        judge(self.model, self.seen, before)
        pairs = [(job.id, job.lane) for job in self.model.jobs.values()]
        verdicts = self._run(_repair(pairs, apply=False))
        assert set(verdicts) <= {"ok"}, f"the auditor's view: {verdicts} of {pairs}"
        if any(org for _, org in self.model.lines):
            self._next_ms()

    # Steps

    def enqueue(self, rows: Sequence[tuple[str, str, str, bool]], *, twice: bool = False) -> None:
        enqueue = enqueue_jobs([_row(*row) for row in rows])
        call = replace(
            enqueue, read=lambda reply: [e.outcome == "created" for e in enqueue.read(reply)]
        )
        self._both(call, lambda: self.model.enqueue(rows), twice=twice)

    def claim(self, worker: str, free: Sequence[int], wanted: int, *, lost: bool = False) -> None:
        """`free` slots of each queue; `lost`: the answer never arrives."""
        self._serial += 1
        demands = [
            QueueDemand(q, n, org_cap=ORG_CAP if q == FAIR else 0)
            for q, n in zip(QUEUES, free, strict=True)
        ]
        self.model.promote(self._due())
        claim = self._run(
            claim_jobs(
                worker, f"t{self._serial}", demands,
                wanted=wanted, lease_ms=_LEASE_MS, max_bytes=1000, policy=_POLICY,
            )
        )  # fmt: skip
        self._judge_claim(claim, worker, demands, wanted)
        for job in claim.jobs:
            # So that every loss counts: the other ones differ only in where the job goes back to.
            assert self._run(run_alone(job.id, job.execution))
        self.executions += [Held(worker, job) for job in claim.jobs]
        if not lost:
            self.known[worker] |= {job.execution for job in claim.jobs}

    def finish(
        self,
        held: Sequence[Held],
        outcome: OutcomeName,
        *,
        delayed: bool = False,
        twice: bool = False,
    ) -> None:
        """One call for all of them that are of the first one's worker; they may be over by now."""
        held = [h for h in held if h.worker == held[0].worker]
        rows = [self._ended(h, outcome, delayed=delayed) for h in held]
        call = finish_attempts(held[0].worker, rows, _POLICY)

        def expected() -> list[int]:
            return [
                self.model.finish(h.job.id, h.job.execution, outcome, delayed=delayed) for h in held
            ]

        self._both(call, expected, twice=twice)
        for h in held:
            self.known[h.worker].discard(h.job.execution)

    def renew(self, held: Sequence[Held], *, twice: bool = False) -> None:
        rows = [(h.job.id, h.job.execution, h.job.lane, 1.0, h.job.rl_key) for h in held]
        call = upkeep.renew(held[0].worker, rows, lease_ms=_LEASE_MS)
        self._both(call, lambda: self.model.renew([row[:2] for row in rows]), twice=twice)

    def expire(self, job: Job) -> None:
        """The lease of a running job runs out."""
        job.expired = True
        self.raw.zadd(f"rq:atlas:leases:{job.queue}", {f"{job.id}:{job.fence}": 1}, xx=True)

    def reap(self, *, twice: bool = False) -> None:
        call = upkeep.reap(QUEUES, _POLICY)

        def expected() -> tuple[int, int, int]:
            jobs = [j for j in self.model.jobs.values() if j.running and j.expired]
            return (*self.model.lose(jobs), 0)

        self._both(call, expected, twice=twice)

    def release(self, worker: str, *, dead: bool, twice: bool = False) -> None:
        """The worker is dead, or lives and is unsure of what it holds."""
        known = frozenset() if dead else frozenset(self.known[worker])
        state: upkeep.WorkerState = "lost" if dead else "lives"
        call = upkeep.release(worker, _POLICY, state=state, known=sorted(known))

        def expected() -> tuple[int, int]:
            jobs = [j for j in self.model.jobs.values() if j.running and j.worker == worker]
            jobs = [j for j in jobs if j.fence not in known]
            return self.model.lose(jobs) if dead else self.model.give_back(jobs)

        self._both(call, expected, twice=twice)

    def come_due(self, job: Job) -> None:
        """The delay of a scheduled job is over; those made due first were due first."""
        job.due = True
        self._serial += 1
        self.raw.zadd(f"rq:scheduled:{job.lane}", {job.id: self._serial}, xx=True)
        self.raw.zadd("rq:atlas:due", {job.lane: self._serial}, lt=True)

    def grow_old(self, job: Job) -> None:
        """A job that ended has been kept for as long as it is to be."""
        job.aged = True
        self.raw.zadd(f"rq:{job.status}:{job.lane}", {job.id: 1}, xx=True)

    def sweep(self) -> None:
        self.raw.delete("rq:atlas:swept")  # its second is over
        due = self._due()
        aged = [j.id for j in self.model.jobs.values() if j.aged]
        answer = self._run(upkeep.sweep(QUEUES, _POLICY))
        self.model.promote(due)
        for job_id in aged:
            self.model.forget(job_id)
        assert answer == (True, len(due), len(aged))

    def pause(self, queue: str, *, paused: bool, twice: bool = False) -> None:
        call = operators.set_paused("ana", "why", queue, logical=queue, paused=paused)
        self._both(call, lambda: self.model.set_paused(queue, paused=paused), twice=twice)

    def retry(self, ids: Sequence[str], *, twice: bool = False) -> None:
        call = operators.retry("ana", "why", ids)
        self._both(call, lambda: self.model.retry(ids), twice=twice)

    def retry_failed(self, lane: str, limit: int) -> None:
        """Oldest first, as far as the registry's seconds tell."""
        ids = list(self.seen.scores(f"failed:{lane}"))[:limit]
        answer = self._run(operators.retry_failed(lane, float("inf"), limit))
        self.model.retry(ids)
        assert answer == (len(ids), 0)

    def delete(self, ids: Sequence[str]) -> None:
        assert self._run(operators.delete("ana", "why", ids)) == self.model.delete(ids)

    def repair(self) -> None:
        """The auditor may always be let loose on a system that is in order."""
        pairs = [(job.id, job.lane) for job in self.model.jobs.values()]
        assert set(self._run(_repair(pairs, apply=True))) <= {"ok"}

    def lose_place(self, job: Job) -> None:
        """A waiting or scheduled job drops out of its place by a foreign hand, and is repaired."""
        self.raw.lrem(f"rq:queue:{job.lane}", 0, job.id)
        self.raw.zrem(f"rq:scheduled:{job.lane}", job.id)
        assert self._run(_repair([(job.id, job.lane)], apply=True)) == ["orphan"]
        self.model.move_to_back(job.id)

    # How

    def _run(self, call: Call[T]) -> T:
        return self.broker.run(call)

    def _both(self, call: Call[T], expected: Callable[[], T], *, twice: bool) -> None:
        """Send a call, and `twice` when its reply was lost; the model is asked as often."""
        answer = self._run(call)
        assert answer == expected(), f"{call.script} answers {answer}"
        if twice:
            self.check()  # which of the ended jobs were dropped is for Redis to say
            answer = self._run(call)
            assert answer == expected(), f"{call.script} answers {answer} when sent again"

    def _judge_claim(
        self, claim: Claim, worker: str, demands: Sequence[QueueDemand], wanted: int
    ) -> None:
        assert claim.quarantined == []
        for queue, free, *_ in demands:
            taken = [job for job in claim.jobs if job.lane.startswith(queue)]
            can = min(free, wanted, self.model.available(queue))
            assert len(taken) == can, f"{len(taken)} of {queue} started, not {can}"
            wanted -= can
            assert (claim.states[queue] == ClaimState.PAUSED) == (queue in self.model.paused)
            for row in taken:
                job = self.model.start(row.id, row.execution, worker)
                assert (row.lane, row.attempt, row.stalls) == (job.lane, job.attempt, job.stalls)
        assert len({job.id for job in claim.jobs}) == len(claim.jobs)

    def _ended(self, held: Held, outcome: OutcomeName, *, delayed: bool) -> Ended:
        job = self.model.jobs.get(held.job.id)
        # A worker knows whether it renewed; one that lost the job may have renewed it, too.
        renewed = job is not None and (job.renewed or job.fence != held.job.execution)
        delay_ms = _DELAY_MS if delayed else 0
        return ended(held.job, outcome, delay_ms=delay_ms, renewed=renewed)

    def _due(self) -> list[str]:
        """Ids that a promotion moves, line by line in the order they came due."""
        due = [job for job in self.model.jobs.values() if job.status == "scheduled" and job.due]
        if not due:
            return []
        registries = observe(self.raw).below("scheduled:").values()
        at = {job_id: score for ids in registries for job_id, score in ids.items()}
        return [job.id for job in sorted(due, key=lambda job: at[job.id])]

    def _next_ms(self) -> None:
        """Between two calls the order of a fair line is kept to the millisecond."""
        now = int(time.time() * 1000)
        while int(time.time() * 1000) == now:
            pass


def _row(job_id: str, lane: str, org: str, delayed: bool) -> JobRow:
    return JobRow(
        job_id, lane, b"[]", "made up", "echo", f"{lane}|{org}" if org else "", ORG_CAP,
        _DELAY_MS if delayed else 0,
    )  # fmt: skip


def _repair(pairs: Sequence[tuple[str, str]], *, apply: bool) -> Call[list[str]]:
    return upkeep.repair(pairs, _POLICY, apply=apply)


def places_of(lane: str) -> list[tuple[str, str]]:
    """(lane, organisation) pairs that a job of that lane may have."""
    return [(lane, org) for org in ("a", "b")] if lane.startswith(FAIR) else [(lane, "")]


LINES = tuple(place for lane in LANES for place in places_of(lane))
