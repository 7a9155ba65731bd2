"""The domain's own hook around enqueueing."""

from collections.abc import Collection
from dataclasses import replace

from runtime.jobs.new_job import JobRef, NewJob, Unique
from runtime.middleware import EnqueueNext, Middleware


class OneAtATime(Middleware):
    """Enqueues no second job of certain kinds while one waits or runs.

    Recurring jobs are enqueued by their slot, however long the one before takes.
    """

    def __init__(self, kinds: Collection[str]) -> None:
        self._kinds = frozenset(kinds)

    def enqueue(self, jobs: list[NewJob], call_next: EnqueueNext) -> list[JobRef]:
        """Give jobs of these kinds one unique key."""
        if all(job.kind not in self._kinds for job in jobs):
            return call_next(jobs)
        return call_next([self._single(job) for job in jobs])

    def _single(self, job: NewJob) -> NewJob:
        if job.kind not in self._kinds or job.unique is not None:
            return job
        return replace(job, unique=Unique(job.kind))
