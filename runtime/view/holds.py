"""What holds a job: reads its surroundings, from which `runtime.view.explain` concludes."""

from datetime import datetime

from runtime.broker.decode import field_of
from runtime.broker.reads import waiting
from runtime.broker.reads.jobs import JobReply
from runtime.catalogue.catalogue import Priority
from runtime.jobs.new_job import FlowProgress
from runtime.sanitize.text import safe
from runtime.view.deployment import Deployment, OnDeployment
from runtime.view.explain import Deferral, Waiting, explain, next_token_ms
from runtime.view.from_redis import JobView, job_options, not_after_of
from runtime.view.job_detail import Hold
from runtime.view.snapshot import JobState, JobSummary, Snapshot
from runtime.view.snapshot_reader import SnapshotReader

# A snapshot this old still explains a job.
_FRESH_S = 3.0


class HoldReader(OnDeployment):
    """Finds out what holds single jobs."""

    def __init__(self, deployment: Deployment, view: JobView, overview: SnapshotReader) -> None:
        super().__init__(deployment)
        self._view = view
        self._overview = overview

    def holds(self, job: JobSummary, raw: JobReply | None) -> tuple[Hold, ...]:
        """What holds a job, the first to deal with first; without `raw`, as far as can be told.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        # A dashboard has just read a snapshot; a command has not.
        snapshot = self._overview.recent(_FRESH_S)
        queue = next((q for q in snapshot.queues if q.name == job.queue), None)
        if queue is None:
            return (Hold("no worker", f"queue {job.queue!r} is not in this catalogue"),)
        now = self._overview.now()
        waiting = None
        if job.state is JobState.WAITING:
            waiting = self._surroundings(job, now, snapshot)
        if raw is None:
            return explain(job, now, queue, waiting=waiting)
        return explain(
            job,
            now,
            queue,
            waiting=waiting,
            deferral=self._deferral(job.id, raw),
            not_after=not_after_of(job_options(raw.fields)),
        )

    def _deferral(self, job_id: str, raw: JobReply) -> Deferral | None:
        if field_of(raw.fields, "status") != "deferred":
            return None
        if raw.flow is not None:
            return Deferral(children=FlowProgress(*raw.flow))
        key = job_options(raw.fields).get("key")
        if not isinstance(key, str):
            return Deferral()
        held = waiting.read_key(self._broker.connection, self._broker.keys, key, job_id)
        running = tuple(safe(name, 80) for name in held.running)
        return Deferral(key=safe(key, 200), running=running, ahead=held.ahead)

    def _surroundings(self, job: JobSummary, now: datetime, snapshot: Snapshot) -> Waiting:
        entry = self._catalogue.queue(job.queue)
        place = waiting.read_place(
            self._broker.connection,
            self._broker.keys,
            job.id,
            lane=self._names.lane(job.queue, Priority(job.priority)),
            org=job.org if entry.fair else "",
            provider=entry.provider or "",
        )
        provider = self._catalogue.provider(entry.provider) if entry.provider else None
        _, _, own_cap = place.org_limits.partition("|")
        org_cap = int(own_cap) if own_cap.isdigit() else entry.org_cap
        return Waiting(
            known_kind=self._view.is_known(job.kind, self._settings.allowed_functions),
            ahead=place.ahead,
            orgs=place.orgs,
            org_active=place.org_active,
            org_cap=org_cap if entry.fair else 0,
            next_token_ms=next_token_ms(entry.rate, place.tokens, place.tokens_at_ms, now),
            provider=next((r for r in snapshot.providers if r.name == entry.provider), None),
            provider_token_ms=next_token_ms(
                provider.rate if provider else None,
                place.provider_tokens,
                place.provider_tokens_at_ms,
                now,
            ),
        )
