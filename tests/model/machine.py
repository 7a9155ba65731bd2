"""The steps as Hypothesis takes them: at random, and reduced to the fewest that still fail."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runtime.broker.broker import Broker
from tests.model.judge import QUEUES
from tests.model.reference import LANES, WORKERS, Job
from tests.model.twin import LINES, Held, Twin
from tests.runtime.drive import FAIR, PLAIN

IDS = tuple(f"j{number}" for number in range(10))
OUTCOMES = ("finished", "retried", "failed", "snoozed", "released", "canceled", "quarantined")

ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=3)
picks = st.integers(0, 31)
workers = st.sampled_from(WORKERS)
repeats = st.booleans()
free = st.integers(0, 4).map(lambda n: 4 - n)


class Life(RuleBasedStateMachine):
    """Three workers, a producer, an operator and the housekeeping, over ten job ids."""

    broker: Broker
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.twin = Twin(self.broker)

    @initialize(fair=st.integers(0, 4), plain=st.integers(0, 4))
    def begin(self, fair: int, plain: int) -> None:
        """Some lines are there from the start: in a short life few would come about."""
        rows = [(job_id, FAIR, "a", False) for job_id in IDS[:fair]]
        rows += [(job_id, PLAIN, "", False) for job_id in IDS[4 : 4 + plain]]
        self.twin.enqueue(rows)

    @invariant()
    def as_the_model_says(self) -> None:
        self.twin.check()

    def teardown(self) -> None:
        type(self).steps += self.twin.steps

    # A producer

    @rule(
        rows=st.lists(
            st.tuples(st.sampled_from(IDS), st.sampled_from(LINES), st.booleans()),
            min_size=1,
            max_size=4,
        ),
        twice=repeats,
    )
    def enqueue(self, rows: list, twice: bool) -> None:
        self.twin.enqueue([(i, lane, org, late) for i, (lane, org), late in rows], twice=twice)

    # Workers

    @rule(worker=workers, plain=free, fair=free, wanted=st.integers(1, 5), lost=st.booleans())
    def claim(self, worker: str, plain: int, fair: int, wanted: int, lost: bool) -> None:
        self.twin.claim(worker, (plain, fair), wanted, lost=lost)

    @precondition(lambda self: self._held())
    @rule(pick=st.lists(picks, min_size=1, max_size=3), outcome=st.sampled_from(OUTCOMES),
          delayed=st.booleans(), twice=repeats)  # fmt: skip
    def finish(self, pick: list[int], outcome, delayed: bool, twice: bool) -> None:
        held = self._held()
        chosen = [held[number % len(held)] for number in pick]
        self.twin.finish(chosen, outcome, delayed=delayed, twice=twice)

    @precondition(lambda self: self.twin.executions)
    @rule(pick=picks, outcome=st.sampled_from(OUTCOMES), twice=repeats)
    def finish_late(self, pick: int, outcome, twice: bool) -> None:
        """Any execution there ever was: most of them are over."""
        executions = self.twin.executions
        self.twin.finish([executions[-1 - pick % len(executions)]], outcome, twice=twice)

    @precondition(lambda self: self.twin.executions)
    @rule(pick=st.lists(picks, min_size=1, max_size=3), twice=repeats)
    def renew(self, pick: list[int], twice: bool) -> None:
        executions = self.twin.executions
        self.twin.renew([executions[-1 - n % len(executions)] for n in pick], twice=twice)

    @rule(worker=workers, dead=st.booleans(), twice=repeats)
    def release(self, worker: str, dead: bool, twice: bool) -> None:
        self.twin.release(worker, dead=dead, twice=twice)

    @precondition(lambda self: self._jobs("started"))
    @rule(pick=picks)
    def die(self, pick: int) -> None:
        """A worker that holds jobs is known to be dead."""
        self.twin.release(self._job(pick, "started").worker, dead=True)

    # Time

    @precondition(lambda self: self._jobs("started"))
    @rule(pick=picks)
    def expire(self, pick: int) -> None:
        self.twin.expire(self._job(pick, "started"))

    @precondition(lambda self: self._jobs("scheduled"))
    @rule(pick=picks)
    def come_due(self, pick: int) -> None:
        self.twin.come_due(self._job(pick, "scheduled"))

    @precondition(lambda self: self._jobs("finished", "failed", "canceled"))
    @rule(pick=picks)
    def grow_old(self, pick: int) -> None:
        self.twin.grow_old(self._job(pick, "finished", "failed", "canceled"))

    # Housekeeping

    @rule(twice=repeats)
    def reap(self, twice: bool) -> None:
        self.twin.reap(twice=twice)

    @rule()
    def sweep(self) -> None:
        self.twin.sweep()

    @rule()
    def repair(self) -> None:
        self.twin.repair()

    @precondition(lambda self: self._jobs("queued", "scheduled"))
    @rule(pick=picks)
    def lose_place(self, pick: int) -> None:
        self.twin.lose_place(self._job(pick, "queued", "scheduled"))

    # An operator

    @rule(queue=st.sampled_from(QUEUES), paused=st.booleans(), twice=repeats)
    def pause(self, queue: str, paused: bool, twice: bool) -> None:
        self.twin.pause(queue, paused=paused, twice=twice)

    @rule(which=ids, twice=repeats)
    def retry(self, which: list[str], twice: bool) -> None:
        self.twin.retry(which, twice=twice)

    @rule(lane=st.sampled_from(LANES), limit=st.integers(1, 3))
    def retry_failed(self, lane: str, limit: int) -> None:
        self.twin.retry_failed(lane, limit)

    @rule(which=ids)
    def delete(self, which: list[str]) -> None:
        self.twin.delete(which)

    def _held(self) -> list[Held]:
        jobs = self.twin.model.jobs
        return [
            h for h in self.twin.executions
            if (job := jobs.get(h.job.id)) and job.running and job.fence == h.job.execution
        ]  # fmt: skip

    def _jobs(self, *statuses: str) -> list[Job]:
        return [job for job in self.twin.model.jobs.values() if job.status in statuses]

    def _job(self, pick: int, *statuses: str) -> Job:
        jobs = self._jobs(*statuses)
        return jobs[pick % len(jobs)]
