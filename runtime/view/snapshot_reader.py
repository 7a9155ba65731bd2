"""Reads snapshots, each in one round trip, with what earlier ones have learned."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.broker.decode import time_of
from runtime.broker.reads.overview import Overview, read_enqueued_at, read_names, read_overview
from runtime.sanitize.numbers import whole
from runtime.view.alerts import find_alerts
from runtime.view.compose import (
    HISTORY_MINUTES,
    compose_outages,
    compose_queue,
    compose_redis,
    compose_worker,
    history_of,
)
from runtime.view.deployment import Deployment, OnDeployment
from runtime.view.host import read_host
from runtime.view.metrics import QueueMinute, parse_minute
from runtime.view.provider import ProviderSnapshot, compose_provider
from runtime.view.snapshot import QueueSnapshot, Snapshot, WorkerSnapshot


@dataclass(frozen=True, slots=True)
class _Head:
    """The job at a list's head: since when it waits, and until that is known, an upper bound."""

    job_id: str
    since: datetime | None = None
    at_latest: datetime | None = None


class SnapshotReader(OnDeployment):
    """Remembers the known lanes and workers, the heads of queues, and closed minutes."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._unserved = deployment.unserved
        self._last: tuple[float, Snapshot] | None = None
        self._clock_offset_s = 0.0
        self._rq_queues: set[str] | None = None
        self._worker_keys: set[str] = set()
        self._heads: dict[str, _Head] = {}
        self._minutes: dict[int, dict[str, QueueMinute]] = {}

    def now(self) -> datetime:
        """The present on Redis' clock, as the last snapshot told it."""
        return datetime.fromtimestamp(time.time() + self._clock_offset_s, UTC)

    def read(self) -> Snapshot:
        """The whole system now: one round trip, and three more the first time.

        What one refresh learns (new lanes, new workers, a new head of a queue) the next one uses.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        connection, keys = self._broker.connection, self._broker.keys
        first = self._rq_queues is None
        if first:
            self._broker.check_prefix()
            now_s, self._rq_queues, self._worker_keys = read_names(connection, keys)
            self._clock_offset_s = now_s - time.time()
        now_s = time.time() + self._clock_offset_s
        lanes = self._known_lanes()
        started = time.perf_counter()
        raw = read_overview(
            connection,
            keys,
            lanes=[lane for queue in lanes.values() for lane in queue],
            queues=[self._names.full(name) for name in self._catalogue.queues],
            heads=[head.job_id for head in self._heads.values() if head.since is None],
            worker_keys=sorted(self._worker_keys),
            minutes=self._wanted_minutes(int(now_s // 60)),
            providers=list(self._catalogue.providers),
            now_ms=int(now_s * 1000),
        )
        ping_ms = (time.perf_counter() - started) * 1000
        self._clock_offset_s = raw.now_s - time.time()
        self._rq_queues, self._worker_keys = raw.rq_queues, raw.worker_keys
        self._learn_minutes(raw)
        self._learn_heads(raw, look_up=first)
        snapshot = self._compose(raw, lanes, ping_ms)
        self._last = (time.monotonic(), snapshot)
        return snapshot

    def recent(self, max_age_s: float) -> Snapshot:
        """The last snapshot if it is at most that old, else a new one.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        if self._last is not None and time.monotonic() - self._last[0] <= max_age_s:
            return self._last[1]
        return self.read()

    def _known_lanes(self) -> dict[str, list[str]]:
        """Per queue the lanes worth asking for: the plain one, and those that were ever used."""
        queues_key = self._broker.keys.queue("")
        known = {key.removeprefix(queues_key) for key in self._rq_queues or ()}
        return {
            name: [
                lane
                for lane in self._names.lanes(name)
                if lane in known or lane == self._names.full(name)
            ]
            for name in self._catalogue.queues
        }

    def _wanted_minutes(self, current: int) -> list[int]:
        """The running minute, the one before (it may still have changed), and unknown ones."""
        wanted = range(current - HISTORY_MINUTES + 1, current + 1)
        for old in [minute for minute in self._minutes if minute not in wanted]:
            del self._minutes[old]
        return [m for m in wanted if m >= current - 1 or m not in self._minutes]

    def _learn_minutes(self, raw: Overview) -> None:
        for minute, fields in raw.minutes.items():
            self._minutes[minute] = parse_minute(fields)

    def _learn_heads(self, raw: Overview, *, look_up: bool) -> None:
        """Remember each list's head and since when it waits; a new head is looked up next time.

        Until then the time of the head before it stands in: a list is first in, first out, so the
        new head came later, by about one refresh.
        """
        heads: dict[str, _Head] = {}
        for lane, reply in raw.lanes.items():
            if not reply.head:
                continue
            before = self._heads.get(lane, _Head(""))
            since = before.since or time_of(raw.heads.get(before.job_id, "")) or before.at_latest
            if before.job_id == reply.head:
                heads[lane] = _Head(reply.head, since, since)
            else:
                heads[lane] = _Head(reply.head, None, since)
        if look_up and heads:
            ids = [head.job_id for head in heads.values()]
            found = read_enqueued_at(self._broker.connection, self._broker.keys, ids)
            times = {job_id: time_of(moment) for job_id, moment in found.items()}
            heads = {
                lane: _Head(head.job_id, times[head.job_id], times[head.job_id])
                for lane, head in heads.items()
            }
        self._heads = heads

    def _compose(self, raw: Overview, lanes: dict[str, list[str]], ping_ms: float) -> Snapshot:
        current = int(raw.now_s // 60)
        workers = tuple(
            worker
            for key, fields in sorted(raw.workers.items())
            if (worker := compose_worker(key, fields, raw.now_s)) is not None
        )
        queues = self._queues(raw, lanes, workers)
        redis = compose_redis(raw.info, ping_ms)
        providers = tuple(self._provider(provider, raw) for provider in raw.breakers)
        outages = compose_outages(raw.outages, raw.now_s)
        return Snapshot(
            taken_at=datetime.fromtimestamp(raw.now_s, UTC),
            environment=self._settings.environment,
            prefix=self._settings.queue_prefix,
            queues=queues,
            workers=workers,
            redis=redis,
            host=read_host(),
            alerts=find_alerts(queues, workers, redis, providers, outages),
            history={
                name: history_of(self._names.full(name), self._minutes, current)
                for name in self._catalogue.queues
            },
            quarantined=raw.quarantined,
            repaired_total=sum(
                whole(count) for name, count in raw.totals.items() if name.startswith(b"audit|")
            ),
            providers=providers,
            outages=outages,
        )

    def _queues(
        self,
        raw: Overview,
        lanes: dict[str, list[str]],
        workers: tuple[WorkerSnapshot, ...],
    ) -> tuple[QueueSnapshot, ...]:
        heads = {lane: head.at_latest for lane, head in self._heads.items()}
        return tuple(
            compose_queue(
                self._catalogue.queues[name],
                self._names.full(name),
                queue_lanes,
                raw,
                self._minutes,
                heads=heads,
                workers=workers,
                unserved_here=self._unserved.get(name, ""),
            )
            for name, queue_lanes in lanes.items()
        )

    def _provider(self, name: str, raw: Overview) -> ProviderSnapshot:
        queues = tuple(self._catalogue.queues_of(name))
        return compose_provider(
            self._catalogue.provider(name),
            queues,
            raw.breakers[name],
            running=sum(raw.queues[self._names.full(queue)].active for queue in queues),
            now_ms=raw.now_s * 1000,
        )
