"""The rest of a sample snapshot: Redis, the host, the past hour, the alerts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from tui.data.model import (
    Alert,
    HostSnapshot,
    MinutePoint,
    ProviderSnapshot,
    QueueSnapshot,
    RedisSnapshot,
    WorkerSnapshot,
)
from tui.sample.numbers import QUEUES


def redis_at(swing: float) -> RedisSnapshot:
    """Redis, with numbers that swing between -1 and 1."""
    return RedisSnapshot(
        ok=True,
        version="7.4.1",
        used_memory=1_480_000_000 + int(4e6 * swing),
        max_memory=2_147_483_648,
        maxmemory_policy="noeviction",
        ops_per_s=4_120 + int(300 * swing),
        clients=61,
        blocked_clients=8,
        uptime_s=1_209_600,
        aof_enabled=True,
        ping_ms=0.4,
    )


def host_at(swing: float) -> HostSnapshot:
    """The host, with numbers that swing between -1 and 1."""
    return HostSnapshot(
        cpu_percent=63.0 + 9 * swing,
        cpu_count=8,
        memory_used=18_700_000_000,
        memory_total=32_000_000_000,
        disk_used=176_000_000_000,
        disk_total=200_000_000_000,
        load=(5.1 + swing, 4.8, 4.2),
    )


@lru_cache(maxsize=4)
def history_until(running: datetime) -> dict[str, tuple[MinutePoint, ...]]:
    """The last hour of every queue; closed minutes never change."""
    return {
        queue.name: tuple(
            queue.minute(running - timedelta(minutes=back), back) for back in range(59, -1, -1)
        )
        for queue in QUEUES
    }


def alerts_about(
    queues: Sequence[QueueSnapshot],
    crew: Sequence[WorkerSnapshot],
    providers: Sequence[ProviderSnapshot],
) -> tuple[Alert, ...]:
    """What an operator is told about those queues, workers and providers."""
    found = [
        Alert("critical", worker.name, f"worker not heard of for {worker.heartbeat_age_s:.0f} s")
        for worker in crew
        if worker.state == "lost"
    ]
    for provider in providers:
        if provider.holds:
            level = "warning" if provider.forced_by else "critical"
            waits = f"{', '.join(provider.queues)} waits"
            found.append(Alert(level, provider.name, f"breaker {provider.state}: {waits}"))
    for queue in queues:
        if queue.failed >= 200:
            found.append(Alert("critical", queue.name, f"{queue.failed:,} failed"))
        if queue.waiting and not queue.workers:
            message = f"{queue.waiting:,} waiting and no worker serves it"
            found.append(Alert("critical", queue.name, message))
    return (
        *found,
        *(
            Alert("warning", queue.name, f"{queue.waiting:,} waiting")
            for queue in queues
            if queue.waiting >= 1_000
        ),
    )
