"""What in a snapshot deserves an operator's attention: thresholds and their words."""

from collections.abc import Iterable, Sequence

from runtime.sanitize.durations import words
from runtime.view.provider import ProviderSnapshot
from runtime.view.snapshot import (
    Alert,
    Outage,
    QueueSnapshot,
    QueueState,
    RedisSnapshot,
    WorkerSnapshot,
)

# (what, warning from, critical from), per queue; the existing deployment's own thresholds.
_QUEUE_LIMITS = (("waiting", 1_000, 5_000), ("failed", 50, 200), ("stalled", 10, 50))
_MEMORY_WARNING, _MEMORY_CRITICAL = 0.8, 0.9
# Half of all attempts fail for good: nothing of that queue can be relied on.
_FAILING_CRITICAL = 0.5
# A free worker takes a waiting job within milliseconds; half a minute is no hiccup.
_STUCK_S = 30.0


def find_alerts(
    queues: Iterable[QueueSnapshot],
    workers: Iterable[WorkerSnapshot],
    redis: RedisSnapshot,
    providers: Sequence[ProviderSnapshot] = (),
    outages: Iterable[Outage] = (),
) -> tuple[Alert, ...]:
    """All alerts, critical ones first."""
    found: list[Alert] = []
    held = {queue for provider in providers if provider.holds for queue in provider.queues}
    for queue in queues:
        found += _queue_alerts(queue)
        if queue.name not in held and is_stuck(queue):
            found.append(_stuck_alert(queue))
    for worker in workers:
        if worker.state == "lost":
            silence = words(worker.heartbeat_age_s)
            found.append(Alert("critical", worker.name, f"worker not heard of for {silence}"))
    found += _redis_alerts(redis)
    found += [_provider_alert(provider) for provider in providers if provider.holds]
    found += [Alert("critical", outage.what, outage_words(outage)) for outage in outages]
    return tuple(sorted(found, key=lambda alert: alert.level))


def outage_words(outage: Outage) -> str:
    """What is away since when, and what becomes of the jobs."""
    return (
        f"away for {outage.host} since {outage.since:%H:%M:%S} UTC, "
        f"its jobs are tried again: {outage.error}"
    )


def _queue_alerts(queue: QueueSnapshot) -> Iterable[Alert]:
    for what, warning, critical in _QUEUE_LIMITS:
        count = getattr(queue, what)
        if count >= warning:
            level = "critical" if count >= critical else "warning"
            yield Alert(level, queue.name, f"{count:,} {what}")
    yield from _state_alerts(queue)


def is_stuck(queue: QueueSnapshot) -> bool:
    """Jobs wait, workers serve the queue, and none has started or ended for a while."""
    if queue.paused or queue.unserved or not queue.workers or queue.active:
        return False
    rate = queue.throughput_per_min + queue.failed_per_min + queue.retried_per_min
    return queue.waiting > 0 and rate == 0 and (queue.oldest_waiting_s or 0) >= _STUCK_S


def _stuck_alert(queue: QueueSnapshot) -> Alert:
    oldest = words(queue.oldest_waiting_s or 0)
    text = f"{queue.waiting:,} waiting for up to {oldest}, its workers are free and start none"
    return Alert("critical", queue.name, text)


def _state_alerts(queue: QueueSnapshot) -> Iterable[Alert]:
    """One for whatever state is not in order; a pause is an operator's will, and shown as such."""
    match queue.state:
        case QueueState.FAILING:
            tries = queue.throughput_per_min + queue.failed_per_min
            share = queue.failed_per_min / tries
            level = "critical" if share >= _FAILING_CRITICAL else "warning"
            rate = f"{queue.failed_per_min:,.0f}/min"
            yield Alert(level, queue.name, f"{share:.0%} of its attempts fail for good, {rate}")
        case QueueState.STALLED if queue.stalled < _limit("stalled"):
            yield Alert("warning", queue.name, f"{queue.stalled:,} stalled")
        case QueueState.LATE:
            oldest = words(queue.oldest_waiting_s or 0)
            yield Alert("warning", queue.name, f"the oldest job waits for {oldest}")
    if queue.unserved:
        waiting = f"{queue.waiting:,} waiting, " if queue.waiting else ""
        yield Alert("critical", queue.name, f"{waiting}not served: {queue.unserved}")
    elif queue.waiting and not queue.workers:
        yield Alert("critical", queue.name, f"{queue.waiting:,} waiting and no worker serves it")


def _limit(what: str) -> int:
    return next(warning for name, warning, _ in _QUEUE_LIMITS if name == what)


def _provider_alert(provider: ProviderSnapshot) -> Alert:
    queues = ", ".join(provider.queues)
    if provider.forced_by:
        text = f"opened by {provider.forced_by}: {queues} waits"
        return Alert("warning", provider.name, text)
    share = f", {provider.failure_ratio:.0%} failed" if provider.failure_ratio is not None else ""
    return Alert("critical", provider.name, f"breaker {provider.state}{share}: {queues} waits")


def _redis_alerts(redis: RedisSnapshot) -> Iterable[Alert]:
    if redis.maxmemory_policy and redis.maxmemory_policy != "noeviction":
        yield Alert(
            "critical", "redis", f"maxmemory-policy {redis.maxmemory_policy}: it may drop jobs"
        )
    if redis.max_memory and redis.used_memory / redis.max_memory >= _MEMORY_WARNING:
        share = redis.used_memory / redis.max_memory
        level = "critical" if share >= _MEMORY_CRITICAL else "warning"
        yield Alert(level, "redis", f"{share:.0%} of its memory used")
