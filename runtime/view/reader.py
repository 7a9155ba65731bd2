"""Reading: frozen snapshots of the live system, without any write."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from runtime.application import load_application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.keys import QueueNames
from runtime.broker.reads import bounded, reads, streams, waiting
from runtime.catalogue.catalogue import Catalogue, Priority
from runtime.config.settings import Settings
from runtime.errors import UnknownJobError
from runtime.jobs.new_job import FlowProgress
from runtime.sanitize import sizes
from runtime.sanitize.redact import redact_text
from runtime.sanitize.text import safe
from runtime.view.events import Event, compose_event
from runtime.view.explain import Deferral, Waiting, explain, next_token_ms
from runtime.view.from_redis import (
    JobView,
    attempt,
    data_bytes,
    epoch,
    is_left_out,
    job_options,
    log_line,
    progress_of,
    read_message,
    recurring_view,
    text,
)
from runtime.view.job_detail import (
    Attempt,
    Hold,
    JobDetail,
    TimelineEntry,
)
from runtime.view.memory import QueueMemory, measure
from runtime.view.snapshot import (
    JobPage,
    JobState,
    JobSummary,
    RecurringRun,
    RecurringSnapshot,
    Snapshot,
)
from runtime.view.snapshot_reader import OverviewReader

# A filter looks through so many jobs of a list at most; the page says so.
SCAN_LIMIT = 2_000
_AUDIT_SCAN = 500
# Of a long list so many are in our memory at once.
_AT_A_TIME = 200
# A snapshot this old still explains a job.
_FRESH_S = 3.0
# Jobs of which one asks why they do not run.
_OPEN = frozenset({JobState.WAITING, JobState.SCHEDULED})


class Reader:
    """Snapshots, job pages and single jobs. Blocking; not to be shared between threads.

    Every method raises BrokerUnavailableError while Redis is away, and works again afterwards.
    """

    def __init__(self, broker: Broker, catalogue: Catalogue, settings: Settings) -> None:
        self._broker = broker
        self._catalogue = catalogue
        self._settings = settings
        self._names = QueueNames(settings.queue_prefix)
        worker = settings.worker
        self._max_bytes = min(worker.max_payload_bytes, bounded.SHOWN_BYTES)
        self._view = JobView(
            catalogue,
            self._names,
            max_bytes=self._max_bytes,
            max_stalled=worker.max_stalled,
        )
        self._overview = OverviewReader(broker, catalogue, settings)
        self._last: Snapshot | None = None
        self._last_at = 0.0

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A reader for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        catalogue = load_application(settings.application).catalogue
        return cls(open_broker(settings), catalogue.for_environment(settings.environment), settings)

    def close(self) -> None:
        """Release the connections."""
        self._broker.close()

    def check_prefix(self) -> None:
        """Refuse to go on where the keys are another deployment's.

        Raises:
            PrefixTakenError: they are.
            BrokerUnavailableError: Redis is away.
        """
        self._broker.check_prefix()

    def snapshot(self) -> Snapshot:
        """The whole system now: one round trip, and three more the first time.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        self._last, self._last_at = self._overview.read(), time.monotonic()
        return self._last

    def page(
        self,
        queue: str | None,
        state: JobState,
        *,
        offset: int = 0,
        limit: int = 50,
        search: str = "",
    ) -> JobPage:
        """A page of the jobs in one state, of one queue or (None) of all.

        Waiting and active jobs come in the order they run or ran, scheduled ones by due time,
        the others newest first. With `search`, the first 2,000 jobs of the list are looked
        through for a text in id, kind, organisation, hint, error or worker.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        names = [self._catalogue.queue(queue).name] if queue else list(self._catalogue.queues)
        if not search:
            ids = self._ids(names, state, offset, limit)
            return JobPage(queue, state, offset, limit, ids.total, self._summaries(ids))
        ids = self._ids(names, state, 0, SCAN_LIMIT)
        found = [job for job in self._summaries(ids) if _matches(job, search)]
        page = tuple(found[offset : offset + limit])
        return JobPage(queue, state, offset, limit, len(found), page, len(ids.ids), ids.total)

    def job(self, job_id: str) -> JobDetail:
        """One job in full.

        Raises:
            UnknownJobError: nothing is known of that id.
            BrokerUnavailableError: Redis is away.
        """
        connection, keys = self._broker.connection, self._broker.keys
        raw = reads.read_job(connection, keys, job_id)
        if raw is None:
            raise UnknownJobError(f"no job {safe(job_id, 80)!r}: it never was, or is not kept")
        last = raw.results[-1] if raw.results else {}
        summary = self._view.summary(
            job_id, raw.fields, last, due_s=raw.due_s, quarantine=raw.quarantine
        )
        first = raw.results_left_out + 1
        attempts = tuple(attempt(number, entry) for number, entry in enumerate(raw.results, first))
        policy = self._view.policy(summary.kind, raw.fields)
        lease = raw.lease_ends_ms
        return JobDetail(
            summary=summary,
            payload=self._view.payload(raw.fields),
            payload_bytes=data_bytes(raw.fields),
            attempts=attempts,
            timeline=self._timeline(job_id, summary, attempts),
            timeout_s=self._view.timeout_s(summary.kind, raw.fields),
            retry=policy.describe(),
            lease_expires_at=epoch(lease / 1000) if lease is not None else None,
            rq_queue=safe(text(raw.fields, "origin"), 120),
            description=safe(redact_text(text(raw.fields, "description")), 300),
            holds=self._holds(summary, raw) if summary.state in _OPEN else (),
            left_out=tuple(self._left_out(raw)),
            **self._extras(raw),
        )

    def _left_out(self, raw: reads.JobReply) -> Iterator[str]:
        stored = data_bytes(raw.fields)
        if is_left_out(raw.fields, self._max_bytes):
            yield f"payload: {sizes.full(stored)} in Redis, not shown"
        if raw.results_left_out:
            yield (
                f"attempts: {raw.results_left_out} of {raw.results_left_out + len(raw.results)} "
                f"not shown, {sizes.full(raw.results_bytes)} in Redis"
            )

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """All recurring jobs, by id.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        definitions, slots = streams.read_recurring(self._broker.connection, self._broker.keys)
        now = self._overview.now()
        return tuple(
            recurring_view(key.decode("utf-8", "replace"), value, slots.get(key), now)
            for key, value in sorted(definitions.items())
        )

    def explain(self, job_id: str) -> tuple[Hold, ...]:
        """Why the job does not run: every condition that holds it, the first to deal with first.

        Raises:
            UnknownJobError: nothing is known of that id.
            BrokerUnavailableError: Redis is away.
        """
        self.snapshot()  # what follows builds on the newest one
        detail = self.job(job_id)
        return detail.holds or self._holds(detail.summary, None)

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """The last jobs that a recurring one enqueued, newest first; at most 50.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        connection, keys = self._broker.connection, self._broker.keys
        runs = []
        for slot_ms, at_ms, job_id in streams.read_recurring_runs(connection, keys, recurring_id):
            slot, at = epoch(slot_ms / 1000), epoch(at_ms / 1000)
            if slot and at and job_id:
                runs.append(RecurringRun(slot, at, safe(job_id, 200)))
        return tuple(runs)

    def events(self, *, limit: int = 100, after: str = "") -> tuple[Event, ...]:
        """What happened, oldest first: the newest ones, or those after the event of an id.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        connection, keys = self._broker.connection, self._broker.keys
        entries = streams.read_events(connection, keys, limit=limit, after=after)
        return tuple(compose_event(entry_id, fields) for entry_id, fields in entries)

    def memory(self) -> tuple[QueueMemory, ...]:
        """What each queue uses of Redis' memory, estimated from a sample of its jobs.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        return tuple(
            measure(self._broker, name, self._names.full(name), self._names.lanes(name))
            for name in self._catalogue.queues
        )

    def _extras(self, raw: reads.JobReply) -> dict[str, Any]:
        """What few jobs have: progress, log, key, parent, children, expiry, headers."""
        options = job_options(raw.fields)
        not_after = options.get("not_after")
        message = read_message(raw.fields, self._max_bytes)
        return {
            "progress": progress_of(raw.fields),
            "log": tuple(line for entry in raw.log if (line := log_line(entry))),
            "children": FlowProgress(*raw.flow) if raw.flow else None,
            "parent": safe(str(options.get("parent", "")), 200),
            "unique_key": safe(str(options.get("unique", "")), 300),
            "concurrency_key": safe(str(options.get("key", "")), 300),
            "not_after": epoch(not_after / 1000) if isinstance(not_after, int | float) else None,
            "headers": {
                safe(name, 60): safe(redact_text(value), 200)
                for name, value in (message.headers if message else {}).items()
            },
        }

    def _holds(self, job: JobSummary, raw: reads.JobReply | None) -> tuple[Hold, ...]:
        snapshot = self._last
        # A dashboard has just read one; a command reads its own.
        if snapshot is None or time.monotonic() - self._last_at > _FRESH_S:
            snapshot = self.snapshot()
        queue = next((q for q in snapshot.queues if q.name == job.queue), None)
        if queue is None:
            return (Hold("no worker", f"queue {job.queue!r} is not in this catalogue"),)
        now = self._overview.now()
        waiting = None
        if job.state is JobState.WAITING:
            waiting = self._surroundings(job, now, snapshot)
        if raw is None:
            return explain(job, now, queue, waiting=waiting)
        not_after = self._extras(raw)["not_after"]
        return explain(
            job,
            now,
            queue,
            waiting=waiting,
            deferral=self._deferral(job.id, raw),
            not_after=not_after,
        )

    def _deferral(self, job_id: str, raw: reads.JobReply) -> Deferral | None:
        if text(raw.fields, "status") != "deferred":
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

    def _ids(self, names: Sequence[str], state: JobState, offset: int, limit: int) -> reads.IdPage:
        connection, keys = self._broker.connection, self._broker.keys
        lanes = [lane for name in names for lane in self._names.lanes(name)]
        queues = [self._names.full(name) for name in names]
        match state:
            case JobState.WAITING:
                return reads.page_waiting(connection, keys, lanes, offset, limit)
            case JobState.ACTIVE:
                page = reads.page_scored(
                    connection, [keys.leases(q) for q in queues], offset, limit, newest_first=False
                )
                ids = [member.rpartition(":")[0] for member in page.ids]
                return reads.IdPage(ids, page.scores, page.total)
            case JobState.STALLED:
                sets = [keys.stalled(q) for q in queues]
            case JobState.SCHEDULED:
                # Those that wait for other jobs come after those that wait for a time.
                return reads.page_chained(
                    connection,
                    [keys.scheduled(lane) for lane in lanes],
                    [keys.deferred(lane) for lane in lanes],
                    offset,
                    limit,
                )
            case JobState.FAILED:
                sets = [keys.failed(lane) for lane in lanes]
            case JobState.FINISHED:
                sets = [keys.finished(lane) for lane in lanes]
            case JobState.CANCELED:
                sets = [keys.canceled(lane) for lane in lanes]
        return reads.page_scored(connection, sets, offset, limit, newest_first=True)

    def _summaries(self, page: reads.IdPage) -> tuple[JobSummary, ...]:
        found: list[JobSummary] = []
        for start in range(0, len(page.ids), _AT_A_TIME):
            ids = page.ids[start : start + _AT_A_TIME]
            found += self._some_summaries(ids, page.scores[start : start + _AT_A_TIME])
        return tuple(found)

    def _some_summaries(self, ids: Sequence[str], scores: Sequence[float]) -> Iterator[JobSummary]:
        connection, keys = self._broker.connection, self._broker.keys
        jobs = bounded.read_hashes(connection, keys, ids, most_bytes=bounded.LISTED_BYTES)
        results = bounded.read_last_results(connection, keys, ids)
        for job_id, score, fields, result in zip(ids, scores, jobs, results, strict=True):
            yield self._view.summary(job_id, fields or {}, result, due_s=score)

    def _timeline(
        self, job_id: str, summary: JobSummary, attempts: Sequence[Attempt]
    ) -> tuple[TimelineEntry, ...]:
        entries = []
        if summary.created_at:
            entries.append(TimelineEntry(summary.created_at, "created"))
        for done in attempts:
            if done.started_at:
                entries.append(TimelineEntry(done.started_at, "started", f"attempt {done.number}"))
            if done.ended_at:
                entries.append(TimelineEntry(done.ended_at, done.outcome, done.error))
        if summary.state is JobState.ACTIVE and summary.started_at:
            detail = f"attempt {summary.attempt} on {summary.worker}"
            entries.append(TimelineEntry(summary.started_at, "started", detail))
        if summary.due_at:
            entries.append(TimelineEntry(summary.due_at, "due"))
        for at_ms, fields in streams.read_audit(
            self._broker.connection, self._broker.keys, _AUDIT_SCAN
        ):
            if text(fields, "target") == job_id:
                by = f"by {safe(text(fields, 'actor'), 60)} {safe(text(fields, 'reason'), 200)}"
                action = safe(text(fields, "action"), 20)
                at = datetime.fromtimestamp(at_ms / 1000, UTC)
                entries.append(TimelineEntry(at, f"{action} (operator)", by.strip()))
        return tuple(sorted(entries, key=lambda entry: entry.at))


def _matches(job: JobSummary, search: str) -> bool:
    needle = search.casefold()
    fields = (job.id, job.kind, job.org, job.hint, job.error, job.worker, job.queue)
    return any(needle in field.casefold() for field in fields)
