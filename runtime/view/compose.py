"""From one overview's replies to the values of a snapshot: pure functions."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from runtime.broker.decode import Hash, field_of, text_of, time_of
from runtime.broker.reads.overview import Overview
from runtime.catalogue.catalogue import Queue
from runtime.sanitize.numbers import finite, whole
from runtime.sanitize.redact import redact_text
from runtime.sanitize.text import safe
from runtime.view.from_redis import epoch
from runtime.view.metrics import QueueMinute, add_up, per_minute, percentile
from runtime.view.snapshot import (
    MinutePoint,
    Outage,
    Pause,
    QueueSnapshot,
    RedisSnapshot,
    WorkerSnapshot,
)

HISTORY_MINUTES = 60
_PERCENTILE_MINUTES = 5
# Workers look every five seconds (runtime/worker/services/outside.py), and a connect may take as
# long.
_OUTAGE_FRESH_S = 30.0
# Four beats missed (runtime/worker/services/heartbeat.py beats every 5 s).
LOST_AFTER_S = 20.0

Minutes = Mapping[int, Mapping[str, QueueMinute]]


def compose_queue(
    queue: Queue,
    full: str,
    lanes: Sequence[str],
    raw: Overview,
    minutes: Minutes,
    *,
    heads: Mapping[str, datetime | None],
    workers: Sequence[WorkerSnapshot],
    unserved_here: str,
) -> QueueSnapshot:
    """One logical queue, its lanes merged.

    `unserved_here`: why a worker with the reader's own settings would not serve it, if so.
    """
    replies = [raw.lanes[lane] for lane in lanes]
    reply = raw.queues[full]
    fair_waiting = sum(whole(raw.fair_depth.get(lane.encode(), b"0")) for lane in lanes)
    current = int(raw.now_s // 60)
    now, before = _minute(minutes, current, full), _minute(minutes, current - 1, full)
    elapsed_s = raw.now_s % 60
    recent = [_minute(minutes, current - i, full) for i in range(_PERCENTILE_MINUTES)]
    wait = add_up(minute.wait for minute in recent)
    run = add_up(minute.run for minute in recent)
    waits = [(r.oldest_fair_s, r.oldest_org) for r in replies if r.oldest_fair_s is not None]
    worst_s, worst_org = min(waits, default=(None, ""))
    serving = [w for w in workers if queue.name in w.queues and w.state != "lost"]
    return QueueSnapshot(
        name=queue.name,
        pause=_pause(raw.paused.get(full.encode())),
        waiting=sum(r.listed for r in replies) + fair_waiting,
        active=reply.active,
        scheduled=sum(r.scheduled + r.deferred for r in replies),
        failed=sum(r.failed for r in replies),
        finished=sum(r.finished for r in replies),
        stalled=reply.stalled + reply.expired,
        oldest_waiting_s=_oldest_s(lanes, raw, heads),
        enqueued_per_min=per_minute(now.enqueued, before.enqueued, elapsed_s),
        throughput_per_min=per_minute(now.finished, before.finished, elapsed_s),
        failed_per_min=per_minute(now.failed, before.failed, elapsed_s),
        retried_per_min=per_minute(now.retried, before.retried, elapsed_s),
        wait_p50_ms=percentile(wait, 0.5),
        wait_p95_ms=percentile(wait, 0.95),
        run_p50_ms=percentile(run, 0.5),
        run_p95_ms=percentile(run, 0.95),
        workers=len(serving),
        slots=sum(min(queue.slots, w.slots) for w in serving),
        limit_per_s=queue.rate.jobs / queue.rate.per_s if queue.rate else None,
        concurrency=queue.concurrency,
        provider=queue.provider or "",
        fair=queue.fair,
        worst_org=safe(worst_org, 100),
        worst_org_wait_s=None if worst_s is None else max(0.0, raw.now_s - worst_s),
        enqueued_total=_total(raw, full, "enq"),
        finished_total=_total(raw, full, "fin"),
        failed_total=_total(raw, full, "fail"),
        unserved="" if serving else _unserved(queue.name, workers, unserved_here),
    )


def history_of(full: str, minutes: Minutes, current: int) -> tuple[MinutePoint, ...]:
    """The last 60 minutes of a queue, oldest first."""
    points = []
    for number in range(current - HISTORY_MINUTES + 1, current + 1):
        minute = _minute(minutes, number, full)
        points.append(
            MinutePoint(
                minute=datetime.fromtimestamp(number * 60, UTC),
                enqueued=minute.enqueued,
                finished=minute.finished,
                failed=minute.failed,
                retried=minute.retried,
                depth=minute.depth,
            )
        )
    return tuple(points)


def compose_worker(key: str, fields: Hash, now_s: float) -> WorkerSnapshot | None:
    """One worker; None for one whose entry is gone or who said good-bye."""
    born = time_of(field_of(fields, "birth"))
    beat = time_of(field_of(fields, "last_heartbeat"))
    if born is None or beat is None or b"death" in fields:
        return None
    age_s = max(0.0, now_s - beat.timestamp())
    state = field_of(fields, "atlas_state") or field_of(fields, "state")
    queues = field_of(fields, "atlas_queues") or field_of(fields, "queues")
    current = field_of(fields, "current_job")
    return WorkerSnapshot(
        name=safe(key.rpartition(":")[2], 80),
        hostname=safe(field_of(fields, "hostname"), 80),
        pid=whole(field_of(fields, "pid")),
        state="lost" if age_s > LOST_AFTER_S else safe(state, 20),
        queues=tuple(safe(name, 80) for name in queues.split(",") if name),
        slots=whole(field_of(fields, "atlas_slots")) or 1,
        running=whole(field_of(fields, "atlas_running")),
        started_at=born,
        heartbeat_age_s=age_s,
        finished=whole(field_of(fields, "successful_job_count")),
        failed=whole(field_of(fields, "failed_job_count")),
        cpu_percent=finite(field_of(fields, "atlas_cpu")),
        rss_bytes=whole(field_of(fields, "atlas_rss")) or None,
        current_jobs=(safe(current, 200),) if current else (),
        version=safe(field_of(fields, "version"), 40),
        unserved=_reasons(field_of(fields, "atlas_unserved")),
    )


def compose_outages(fields: Hash, now_s: float) -> tuple[Outage, ...]:
    """What is away; entries that no worker has confirmed lately, or that make no sense, are not."""
    found = []
    for name, value in sorted(fields.items()):
        what, _, host = text_of(name).partition("|")
        since, _, rest = text_of(value).partition("|")
        seen, _, error = rest.partition("|")
        moment = epoch((finite(since) or 0.0) / 1000 or None)
        if moment is None or now_s - (finite(seen) or 0.0) / 1000 > _OUTAGE_FRESH_S:
            continue
        error = safe(redact_text(error), 300)
        found.append(Outage(safe(what, 40), safe(host, 80), moment, error))
    return tuple(found)


def compose_redis(info: Mapping[str, Any], ping_ms: float) -> RedisSnapshot:
    """What INFO says; fields an old server lacks stay at their defaults."""
    return RedisSnapshot(
        ok=True,
        version=str(info.get("redis_version", "")),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        maxmemory_policy=str(info.get("maxmemory_policy", "")),
        ops_per_s=int(info.get("instantaneous_ops_per_sec", 0)),
        clients=int(info.get("connected_clients", 0)),
        blocked_clients=int(info.get("blocked_clients", 0)),
        evicted_keys=int(info.get("evicted_keys", 0)),
        uptime_s=int(info.get("uptime_in_seconds", 0)),
        aof_enabled=bool(info.get("aof_enabled", 0)),
        ping_ms=ping_ms,
    )


_NO_MINUTE = QueueMinute()


def _minute(minutes: Minutes, number: int, full: str) -> QueueMinute:
    return minutes.get(number, {}).get(full, _NO_MINUTE)


def _oldest_s(
    lanes: Sequence[str], raw: Overview, heads: Mapping[str, datetime | None]
) -> float | None:
    since = [moment.timestamp() for lane in lanes if (moment := heads.get(lane)) is not None]
    since += [s for lane in lanes if (s := raw.lanes[lane].oldest_fair_s) is not None]
    return max(0.0, raw.now_s - min(since)) if since else None


def _unserved(name: str, workers: Sequence[WorkerSnapshot], here: str) -> str:
    """Why the living workers do not serve a queue, as the first of them says.

    While none lives, what the reader's own settings say: the next worker may have others.
    """
    living = [dict(worker.unserved) for worker in workers if worker.state != "lost"]
    if not living:
        return f"{here} (by the settings read here: no worker is alive)" if here else ""
    return next(filter(None, (reasons.get(name, "") for reasons in living)), "")


def _reasons(value: str) -> tuple[tuple[str, str], ...]:
    """What a worker says of the queues that are not served; nothing where it cannot be read."""
    try:
        told = json.loads(value or "{}")
    except (ValueError, RecursionError):
        return ()
    if not isinstance(told, dict):
        return ()
    return tuple((safe(name, 80), safe(str(reason), 300)) for name, reason in told.items())


def _pause(value: bytes | None) -> Pause | None:
    if value is None:
        return None
    try:
        fields = json.loads(value)
        at = datetime.fromtimestamp(fields["at_ms"] / 1000, UTC)
        return Pause(safe(str(fields["by"]), 80), at, safe(str(fields["reason"]), 200))
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        # Paused all the same: the claim looks only whether the field exists.
        return Pause("?", datetime.fromtimestamp(0, UTC))


def _total(raw: Overview, full: str, name: str) -> int:
    return whole(raw.totals.get(f"{full}|{name}".encode(), b"0"))
