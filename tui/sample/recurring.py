"""The sample system's recurring jobs: what each is, its slots and its last runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from tui.data.model import RecurringRun, RecurringSnapshot
from tui.sample.numbers import START

_RUNS = 12


@dataclass(frozen=True, slots=True)
class _Recurring:
    id: str
    kind: str
    when: str
    every: timedelta
    first: datetime
    org: str = "org_system"
    problem: str = ""
    declared: bool = True


_MIDNIGHT = START.replace(hour=0, minute=0, second=0)
_JOBS = (
    _Recurring(
        "birthday-mails", "send_birthday", "0 9 * * * Europe/London", timedelta(days=1),
        _MIDNIGHT - timedelta(days=20), problem="no kind 'send_birthday' in this release",
        declared=False,
    ),
    _Recurring(
        "health", "check_health", "every 5 s", timedelta(seconds=5), START - timedelta(days=1)
    ),
    _Recurring(
        "nightly-prune", "prune", "0 2 * * * Europe/London", timedelta(days=1),
        _MIDNIGHT - timedelta(days=30) + timedelta(hours=2),
    ),
    _Recurring(
        "retry-sweep", "retry_failed", "every 300 s", timedelta(minutes=5),
        _MIDNIGHT - timedelta(days=1),
    ),
    _Recurring(
        "weekly-digest", "send_email", "30 6 * * 1 UTC", timedelta(days=7),
        _MIDNIGHT - timedelta(days=39) + timedelta(hours=6, minutes=30), org="org_iron",
        declared=False,
    ),
)  # fmt: skip


def jobs(now: datetime, stopped: Mapping[str, bool]) -> tuple[RecurringSnapshot, ...]:
    """All of them, by id."""
    return tuple(_snapshot(job, now, paused=stopped.get(job.id, False)) for job in _JOBS)


def runs(recurring_id: str, now: datetime) -> tuple[RecurringRun, ...]:
    """The last runs of one, newest first."""
    job = next((job for job in _JOBS if job.id == recurring_id), None)
    if job is None or job.problem:
        return ()
    last = _last_slot(job, now)
    slots = (last - number * job.every for number in range(_RUNS))
    return tuple(
        RecurringRun(
            slot=slot,
            enqueued_at=slot + timedelta(milliseconds=40 + slot.second * 7),
            job_id=f"cron-{job.id}-{int(slot.timestamp())}",
        )
        for slot in slots
        if slot >= job.first
    )


def _snapshot(job: _Recurring, now: datetime, *, paused: bool) -> RecurringSnapshot:
    last = _last_slot(job, now)
    if job.problem:
        return RecurringSnapshot(
            job.id, "", "", "", "", paused=False, declared=False, last_slot=job.first,
            problem=job.problem,
        )  # fmt: skip
    return RecurringSnapshot(
        id=job.id,
        kind=job.kind,
        org=job.org,
        when=job.when,
        missed="once",
        paused=paused,
        declared=job.declared,
        last_slot=last,
        next_slot=None if paused else last + job.every,
    )


def _last_slot(job: _Recurring, now: datetime) -> datetime:
    return job.first + (now - job.first) // job.every * job.every
