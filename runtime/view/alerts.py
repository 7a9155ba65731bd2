"""What in a snapshot deserves an operator's attention: thresholds and their words."""

from collections.abc import Iterable

from runtime.view.provider import ResourceSnapshot
from runtime.view.snapshot import Alert, QueueSnapshot, RedisSnapshot, WorkerSnapshot

# (what, warning from, critical from), per queue; the existing deployment's own thresholds.
_QUEUE_LIMITS = (("waiting", 1_000, 5_000), ("failed", 50, 200), ("stalled", 10, 50))
_MEMORY_WARNING, _MEMORY_CRITICAL = 0.8, 0.9


def find_alerts(
    queues: Iterable[QueueSnapshot],
    workers: Iterable[WorkerSnapshot],
    redis: RedisSnapshot,
    resources: Iterable[ResourceSnapshot] = (),
) -> tuple[Alert, ...]:
    """All alerts, critical ones first."""
    found: list[Alert] = []
    for queue in queues:
        found += _queue_alerts(queue)
    for worker in workers:
        if worker.state == "lost":
            age = round(worker.heartbeat_age_s)
            found.append(Alert("critical", worker.name, f"worker not heard of for {age} s"))
    found += _redis_alerts(redis)
    found += [_resource_alert(resource) for resource in resources if resource.holds]
    return tuple(sorted(found, key=lambda alert: alert.level))


def _queue_alerts(queue: QueueSnapshot) -> Iterable[Alert]:
    for what, warning, critical in _QUEUE_LIMITS:
        count = getattr(queue, what)
        if count >= warning:
            level = "critical" if count >= critical else "warning"
            yield Alert(level, queue.name, f"{count:,} {what}")
    if queue.waiting and not queue.workers:
        yield Alert("critical", queue.name, f"{queue.waiting:,} waiting and no worker serves it")


def _resource_alert(resource: ResourceSnapshot) -> Alert:
    queues = ", ".join(resource.queues)
    if resource.forced_by:
        text = f"opened by {resource.forced_by}: {queues} waits"
        return Alert("warning", resource.name, text)
    share = f", {resource.failure_ratio:.0%} failed" if resource.failure_ratio is not None else ""
    return Alert("critical", resource.name, f"breaker {resource.state}{share}: {queues} waits")


def _redis_alerts(redis: RedisSnapshot) -> Iterable[Alert]:
    if redis.maxmemory_policy and redis.maxmemory_policy != "noeviction":
        yield Alert(
            "critical", "redis", f"maxmemory-policy {redis.maxmemory_policy}: it may drop jobs"
        )
    if redis.max_memory and redis.used_memory / redis.max_memory >= _MEMORY_WARNING:
        share = redis.used_memory / redis.max_memory
        level = "critical" if share >= _MEMORY_CRITICAL else "warning"
        yield Alert(level, "redis", f"{share:.0%} of its memory used")
