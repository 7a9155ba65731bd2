"""The sample system's fixed numbers: queues, their past hour, workers."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tui.data.model import JobState, MinutePoint, WorkerSnapshot

START = datetime(2026, 3, 6, 3, 12, 44, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SampleQueue:
    """One queue's numbers; `code` begins the ids of its jobs."""

    name: str
    code: str
    kind: str
    waiting: int = 0
    active: int = 0
    scheduled: int = 0
    failed: int = 0
    stalled: int = 0
    finished: int = 100
    in_per_min: float = 0.0
    out_per_min: float = 0.0
    failed_per_min: float = 0.0
    oldest_s: float = 1.0
    wait_ms: float | None = None
    run_ms: float | None = None
    workers: int = 3
    slots: int = 10
    limit_per_s: float | None = None
    fair: bool = False
    concurrency: int | None = None
    provider: str = ""
    worst_org: str = ""
    period: float = 11.0
    phase: float = 0.0
    growing: bool = False

    def base(self, state: JobState) -> int:
        """How many jobs of that state there are before anyone acts."""
        return {
            JobState.WAITING: self.waiting,
            JobState.ACTIVE: self.active,
            JobState.SCHEDULED: self.scheduled,
            JobState.FAILED: self.failed,
            JobState.STALLED: self.stalled,
            JobState.FINISHED: self.finished,
        }.get(state, 0)

    def minute(self, minute: datetime, back: int) -> MinutePoint:
        """What happened `back` minutes ago."""
        wave = 1 + 0.35 * math.sin(back / 6 + self.phase) + 0.1 * math.sin(back * 1.7)
        ramp = max(0.02, 1 - back / 20) if self.growing else 0.6 + 0.4 * math.sin(back / 9 + 1)
        failing = self.failed_per_min * (0.1 if self.growing and back > 10 else 1)
        return MinutePoint(
            minute=minute,
            enqueued=round(self.in_per_min * wave),
            finished=round(self.out_per_min * wave),
            failed=round(failing),
            depth=None if back == 0 else round(self.waiting * max(0.0, ramp)),
        )


QUEUES: tuple[SampleQueue, ...] = (
    SampleQueue(
        "workflow:triggers", "wt", "process_trigger",
        waiting=37, active=12, failed=3, in_per_min=412, out_per_min=409, failed_per_min=0.1,
        oldest_s=2, wait_ms=31, run_ms=18, slots=20, limit_per_s=100, period=7,
    ),
    SampleQueue(
        "workflow:actions", "wa", "execute_node",
        waiting=214, active=15, scheduled=6, failed=11, stalled=1, in_per_min=930,
        out_per_min=918, failed_per_min=0.8, oldest_s=14, wait_ms=210, run_ms=46, slots=15,
        limit_per_s=50, period=9, phase=1,
    ),
    SampleQueue(
        "workflow:scheduled", "ws", "execute_workflow",
        waiting=4, active=2, scheduled=120, in_per_min=22, out_per_min=22, oldest_s=1,
        wait_ms=12, run_ms=61, limit_per_s=30, period=13, phase=2,
    ),
    SampleQueue(
        "workflow:wait", "ww", "resume_wait",
        scheduled=1_840, active=1, in_per_min=9, out_per_min=9, wait_ms=8, run_ms=11, slots=5,
        limit_per_s=20, period=17, phase=3,
    ),
    SampleQueue(
        "communication:email", "ce", "send_email",
        waiting=18_402, active=10, scheduled=40, failed=296, stalled=2, in_per_min=1_860,
        out_per_min=540, failed_per_min=48, oldest_s=581, wait_ms=95_000, run_ms=840,
        limit_per_s=30, fair=True, concurrency=20, provider="smtp", worst_org="org_iron",
        period=19, phase=4, growing=True,
    ),
    SampleQueue(
        "communication:sms", "cs", "send_sms",
        waiting=122, active=8, scheduled=3, failed=14, in_per_min=380, out_per_min=384,
        failed_per_min=0.6, oldest_s=6, wait_ms=480, run_ms=210, slots=8, limit_per_s=20,
        fair=True, provider="sms-gateway", worst_org="org_tide", period=8, phase=5,
    ),
    SampleQueue(
        "communication:whatsapp", "cw", "send_whatsapp",
        waiting=4_120, failed=4, in_per_min=61, out_per_min=0, oldest_s=1_330, slots=5,
        limit_per_s=10, fair=True, provider="whatsapp-cloud", worst_org="org_lotus", period=23,
        phase=6, growing=True,
    ),
    SampleQueue(
        "system:analytics", "sa", "track_event",
        waiting=640, in_per_min=210, oldest_s=182, wait_ms=900, run_ms=9, slots=5,
        limit_per_s=10, provider="warehouse", period=6, phase=7,
    ),
    SampleQueue(
        "system:cleanup", "sc", "prune",
        scheduled=1, in_per_min=0.1, out_per_min=0.1, wait_ms=4, run_ms=1_900, slots=1, period=29,
    ),
    SampleQueue(
        "system:health", "sh", "check_health",
        active=1, in_per_min=12, out_per_min=12, wait_ms=3, run_ms=38, slots=1,
        limit_per_s=0.2, period=5,
    ),
    SampleQueue(
        "system:retry", "sr", "retry_failed",
        waiting=2, scheduled=31, in_per_min=18, out_per_min=17, oldest_s=3, wait_ms=40,
        run_ms=22, slots=3, limit_per_s=10, period=12, phase=8,
    ),
    SampleQueue(
        "system:dead-letter", "sd", "handle_error",
        waiting=9, failed=2, in_per_min=1.5, oldest_s=842, workers=0, slots=1, limit_per_s=5,
        period=31,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SampleProvider:
    """A provider that the jobs of a queue use; `tripped`: its breaker opened by itself."""

    name: str
    failure_ratio: float | None = None
    concurrency: int | None = None
    limit_per_s: float | None = None
    tripped: bool = False


PROVIDERS = (
    SampleProvider("smtp", failure_ratio=0.08, concurrency=40, limit_per_s=30),
    SampleProvider("sms-gateway", failure_ratio=0.002, concurrency=16, limit_per_s=20),
    SampleProvider("warehouse", failure_ratio=0.82, concurrency=5, tripped=True),
    SampleProvider("whatsapp-cloud", concurrency=10, limit_per_s=80),
)


def workers() -> tuple[WorkerSnapshot, ...]:
    """Five processes on three machines, one of them lost."""
    served = tuple(queue.name for queue in QUEUES if queue.workers)
    return (
        _worker("b1", 9921, "busy", served, running=24, job="ceac0003", cpu=41.0),
        _worker("b1", 9922, "busy", served, running=21, job="waac0004", cpu=38.0),
        _worker("b1", 9923, "busy", served, running=3, job="ceac0005", cpu=6.0),
        _worker("b3", 4107, "idle", served, running=0, job="", cpu=2.0),
        _worker("b2", 4410, "lost", served, running=2, job="cest0000", beat_s=842.0),
    )


def _worker(
    host: str,
    pid: int,
    state: str,
    queues: tuple[str, ...],
    *,
    running: int,
    job: str,
    cpu: float | None = None,
    beat_s: float = 1.0,
) -> WorkerSnapshot:
    return WorkerSnapshot(
        name=f"{host}-{pid}",
        hostname=host,
        pid=pid,
        state=state,
        queues=queues,
        slots=40,
        running=running,
        started_at=START - timedelta(hours=30, minutes=pid % 60),
        heartbeat_age_s=beat_s,
        finished=pid * 19,
        failed=pid // 90,
        cpu_percent=cpu,
        rss_bytes=None if cpu is None else 160_000_000 + pid * 5_000,
        current_jobs=(job,) if job else (),
        version="0.1.0",
    )
