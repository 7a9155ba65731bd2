"""The JSON that commands print: field names are part of the interface, scripts depend on them."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from runtime.view.snapshot import HostSnapshot, QueueSnapshot, Snapshot


def plain(value: Any) -> Any:
    """Dataclasses as objects, times as ISO 8601 in UTC, enumerations as their value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def status_view(snapshot: Snapshot) -> dict[str, Any]:
    """What ``atlas status --json`` prints."""
    return {
        "taken_at": snapshot.taken_at,
        "environment": snapshot.environment,
        "prefix": snapshot.prefix,
        "queues": [queue_view(queue) for queue in snapshot.queues],
        "redis": snapshot.redis,
        "workers": snapshot.workers,
        "host": host_view(snapshot.host),
        "alerts": snapshot.alerts,
        "quarantined": snapshot.quarantined,
        "providers": snapshot.providers,
        "repaired_total": snapshot.repaired_total,
    }


def queue_view(queue: QueueSnapshot) -> dict[str, Any]:
    """One queue, with ``paused`` as true or false beside who paused it."""
    view: dict[str, Any] = plain(queue)
    return {"name": queue.name, "state": queue.state, "paused": queue.paused, **view}


def host_view(host: HostSnapshot) -> dict[str, Any]:
    """CPU, memory and disk in percent, load as three numbers; sizes in bytes."""
    return {
        "cpu": host.cpu_percent,
        "memory": _percent(host.memory_used, host.memory_total),
        "disk": _percent(host.disk_used, host.disk_total),
        "load": host.load,
        "cpu_count": host.cpu_count,
        "memory_used": host.memory_used,
        "memory_total": host.memory_total,
        "disk_used": host.disk_used,
        "disk_total": host.disk_total,
    }


def _percent(used: int, total: int) -> float:
    return round(100 * used / total, 1) if total else 0.0
