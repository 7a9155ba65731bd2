"""The sample system's events: each is computed from its number."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from tui.data.model import Event, JobState
from tui.sample.jobs import summary
from tui.sample.numbers import QUEUES, START

_BEFORE = 300
_BEFORE_S, _AFTER_S = 3, 2
# Beside failures of jobs, what happened when: (event number, event, details).
_RARE: dict[int, tuple[str, dict[str, str]]] = {
    31: ("paused", {"queue": "communication:whatsapp", "by": "raj@bastion1"}),
    32: ("breaker", {"provider": "whatsapp-cloud", "state": "open", "by": "raj@bastion1"}),
    148: ("worker", {"worker": "b3-4107", "state": "up"}),
    205: ("worker", {"worker": "b2-4410", "state": "lost", "requeued": "24", "failed": "0"}),
    262: ("expired", {"job": "csca0001", "queue": "communication:sms"}),
    270: ("breaker", {"provider": "warehouse", "state": "open", "for_ms": "30000"}),
    281: ("breaker", {"provider": "warehouse", "state": "half-open"}),
    282: ("breaker", {"provider": "warehouse", "state": "open", "for_ms": "60000"}),
    288: ("worker", {"worker": "b1-9923", "state": "quiet", "by": "ana@bastion1"}),
}


def events_until(step: int, prefix: str) -> Iterable[Event]:
    """All events up to that many seconds after the start, oldest first."""
    return (_event(number, prefix) for number in range(_BEFORE + step // _AFTER_S))


@lru_cache(maxsize=4096)
def _event(number: int, prefix: str) -> Event:
    at = _moment(number)
    name, details = _RARE.get(number) or _failure(number, at)
    if "queue" in details:
        details = details | {"queue": f"{prefix}:{details['queue']}"}
    return Event(f"{round(at.timestamp() * 1000)}-0", at, name, details)


def _moment(number: int) -> datetime:
    back = _BEFORE - number
    return START - timedelta(seconds=back * (_BEFORE_S if back > 0 else _AFTER_S))


def _failure(number: int, at: datetime) -> tuple[str, dict[str, str]]:
    dice = hashlib.sha256(str(number).encode()).digest()
    failing = [queue for queue in QUEUES if queue.failed]
    queue = failing[2] if dice[0] % 4 else failing[dice[1] % len(failing)]
    job = summary(queue, JobState.FAILED, dice[2] % queue.failed, at)
    if dice[3] % 60 == 0:
        return "stalled", {"job": job.id, "queue": queue.name, "worker": "b2-4410"}
    if dice[3] % 45 == 1:
        return "dead", {"job": job.id, "queue": queue.name, "letter": f"dead-{job.id}-1"}
    details = {"job": job.id, "queue": queue.name, "kind": job.kind, "error": job.error}
    return "failed" if dice[3] % 5 == 0 else "retried", details
