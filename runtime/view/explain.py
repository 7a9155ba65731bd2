"""Why is this job not running? Pure: from facts that were read to an ordered list of reasons."""

from dataclasses import dataclass
from datetime import datetime

from runtime.catalogue.catalogue import RateLimit
from runtime.jobs.new_job import FlowProgress
from runtime.sanitize.durations import words
from runtime.view.job_detail import Hold
from runtime.view.provider import ProviderSnapshot
from runtime.view.snapshot import (
    JobState,
    JobSummary,
    QueueSnapshot,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was read about a waiting job's surroundings.

    Attributes:
        known_kind: the catalogue has a kind of that name, or the function is allowed.
        ahead: jobs before it in its lane (in a fair lane: of its own organisation), None when it
            was not found within the part that is searched.
        orgs: organisations that wait in its fair lane, itself included.
        org_active, org_cap: running jobs of its organisation and how many may; cap 0 = no cap.
        next_token_ms: until the queue's rate lets the next job start; 0 = now.
        provider: what all jobs of the queue use, if they use one.
        provider_token_ms: until the provider's rate lets the next job start; 0 = now.
    """

    known_kind: bool
    ahead: int | None
    orgs: int = 0
    org_active: int = 0
    org_cap: int = 0
    next_token_ms: int = 0
    provider: ProviderSnapshot | None = None
    provider_token_ms: int = 0


@dataclass(frozen=True, slots=True)
class Deferral:
    """What a deferred job waits for: its children, or other jobs of its concurrency key.

    `running` are those that hold the key, `ahead` how many wait for it before this job.
    """

    children: FlowProgress | None = None
    key: str = ""
    running: tuple[str, ...] = ()
    ahead: int | None = None


def explain(
    job: JobSummary,
    now: datetime,
    queue: QueueSnapshot,
    *,
    waiting: Waiting | None = None,
    deferral: Deferral | None = None,
    not_after: datetime | None = None,
) -> tuple[Hold, ...]:
    """Every condition that holds a job; what to deal with first comes first."""
    suspicion = (_suspicion(job),) if job.suspect else ()
    match job.state:
        case JobState.ACTIVE:
            ran = _ago(now, job.started_at)
            text = f"it is running: attempt {job.attempt} on {job.worker}, for {ran}"
            return (Hold("running", text), *suspicion)
        case JobState.FINISHED | JobState.CANCELED:
            verb = "was canceled" if job.state is JobState.CANCELED else "finished"
            ended = f"{_ago(now, job.ended_at)} ago" if job.ended_at else "at an unknown time"
            return (Hold("ended", f"it {verb} {ended}"),)
        case JobState.FAILED:
            why = f": {job.error}" if job.error else ""
            text = f"it failed after {job.attempt} of {job.max_attempts} attempts{why}"
            return (Hold("ended", f"{text}; `atlas retry {job.id}` runs it again"),)
    holds = _queue_holds(queue, now)
    if not_after is not None:
        holds.append(_expiry(not_after, now))
    holds += suspicion
    if job.state is JobState.SCHEDULED:
        first = _deferred(deferral) if deferral is not None else _not_due(job, now)
        return (first, *holds)
    if waiting is None:
        return tuple(holds)
    if waiting.provider is not None:
        holds += _provider_holds(waiting.provider, waiting.provider_token_ms, now)
    return (*holds, *_waiting_holds(job, queue, waiting))


def _suspicion(job: JobSummary) -> Hold:
    text = f"suspect: runs alone, in a process of its own, since {job.stalls} workers were lost"
    return Hold("suspect", f"{text} while they ran it")


def next_token_ms(
    rate: RateLimit | None, tokens: float | None, at_ms: float | None, now: datetime
) -> int:
    """Until a token bucket lets the next job start; the claim script's own arithmetic."""
    if rate is None or tokens is None or at_ms is None:
        return 0
    per_ms = rate.per_s * 1000 / rate.jobs
    filled = tokens + max(0.0, now.timestamp() * 1000 - at_ms) / per_ms
    return max(0, round((1 - filled) * per_ms))


def _not_due(job: JobSummary, now: datetime) -> Hold:
    if job.due_at is None:
        return Hold("not due", "it waits for jobs that it depends on")
    left = (job.due_at - now).total_seconds()
    if left <= 0:
        return Hold("due", f"it has been due for {words(-left)}: the next worker's claim takes it")
    after = f", after attempt {job.attempt} of {job.max_attempts}" if job.attempt else ""
    why = f" ({job.error})" if job.error else ""
    return Hold("not due", f"it is due in {words(left)}{after}{why}", eta_s=left)


def _deferred(deferral: Deferral) -> Hold:
    if deferral.children is not None:
        c = deferral.children
        over = c.finished + c.failed + c.canceled
        bad = f", {c.failed + c.canceled:,} of them failed or canceled" if over > c.finished else ""
        return Hold("children", f"it waits for its children: {over:,} of {c.total:,} over{bad}")
    if deferral.key:
        running = ", ".join(deferral.running[:3]) or "none any more"
        ahead = f"; {deferral.ahead:,} wait before it" if deferral.ahead else ""
        return Hold("key", f"it waits for other jobs of key {deferral.key}: {running}{ahead}")
    return Hold("not due", "it waits for jobs that it depends on")


def _expiry(not_after: datetime, now: datetime) -> Hold:
    left_s = (not_after - now).total_seconds()
    if left_s <= 0:
        return Hold("expires", f"it expired {words(-left_s)} ago: it will not start")
    return Hold("expires", f"it expires in {words(left_s)}: after that it will not start")


def _provider_holds(provider: ProviderSnapshot, token_ms: int, now: datetime) -> list[Hold]:
    holds = []
    if provider.holds:
        holds.append(_breaker_hold(provider, now))
    if token_ms > 0 and provider.limit_per_s:
        text = (
            f"{provider.name} takes {provider.limit_per_s:g} jobs a second over all its queues; "
            f"next in {words(token_ms / 1000)}"
        )
        holds.append(Hold("rate", text))
    if provider.concurrency and provider.running >= provider.concurrency:
        text = f"{provider.name} takes {provider.concurrency} jobs at a time, and that many run"
        holds.append(Hold("cap", text))
    return holds


def _breaker_hold(provider: ProviderSnapshot, now: datetime) -> Hold:
    if provider.forced_by:
        why = f': "{provider.reason}"' if provider.reason else ""
        return Hold("breaker", f"{provider.name} was opened by {provider.forced_by}{why}")
    if provider.until is None:
        return Hold("breaker", f"{provider.name} failed; the next job to start tries it")
    left_s = max(0.0, (provider.until - now).total_seconds())
    what = "one job tries it" if provider.state == "half-open" else "one job may try it then"
    return Hold(
        "breaker", f"{provider.name} failed too often; {what}, {words(left_s)} left", left_s
    )


def _queue_holds(queue: QueueSnapshot, now: datetime) -> list[Hold]:
    holds = []
    if queue.pause is not None:
        why = f': "{queue.pause.reason}"' if queue.pause.reason else ""
        ago = _ago(now, queue.pause.at)
        holds.append(Hold("paused", f"{queue.name} was paused by {queue.pause.by} {ago} ago{why}"))
    if queue.unserved:
        holds.append(Hold("not served", f"no worker may serve {queue.name}: {queue.unserved}"))
    elif not queue.workers:
        holds.append(Hold("no worker", f"no living worker serves {queue.name}"))
    return holds


def _waiting_holds(job: JobSummary, queue: QueueSnapshot, waiting: Waiting) -> list[Hold]:
    holds = []
    if not waiting.known_kind:
        text = f"this release knows no kind {job.kind!r}: it will be quarantined when claimed"
        holds.append(Hold("unknown kind", text))
    if waiting.next_token_ms > 0 and queue.limit_per_s:
        wait_s = waiting.next_token_ms / 1000
        text = (
            f"{queue.name} may start {queue.limit_per_s:g} jobs a second; next in {words(wait_s)}"
        )
        holds.append(Hold("rate", text))
    if queue.concurrency and queue.active >= queue.concurrency:
        text = f"{queue.name} runs {queue.active} of at most {queue.concurrency} jobs"
        holds.append(Hold("cap", text))
    if waiting.org_cap and waiting.org_active >= waiting.org_cap:
        text = f"{job.org} runs {waiting.org_active} of at most {waiting.org_cap} jobs here"
        holds.append(Hold("cap", text))
    if queue.slots and queue.active >= queue.slots:
        holds.append(Hold("slots", f"all {queue.slots} slots of {queue.name} are busy"))
    holds.append(_position(queue, waiting))
    return holds


def _position(queue: QueueSnapshot, waiting: Waiting) -> Hold:
    if waiting.ahead is None:
        return Hold("behind", f"it is far back among {queue.waiting:,} waiting jobs")
    # In a fair lane one job of every other organisation goes before each of its own.
    ahead = waiting.ahead * max(1, waiting.orgs) + max(0, waiting.orgs - 1)
    ahead = min(ahead, max(0, queue.waiting - 1))
    if ahead == 0:
        return Hold("next", "it is next")
    rate_per_s = queue.throughput_per_min / 60
    if rate_per_s <= 0:
        return Hold("behind", f"about {ahead:,} jobs are before it; none has finished lately")
    eta_s = ahead / rate_per_s
    text = f"about {ahead:,} jobs are before it: {words(eta_s)} at the present rate"
    return Hold("behind", text, eta_s=eta_s)


def _ago(now: datetime, moment: datetime | None) -> str:
    return words((now - moment).total_seconds()) if moment else "an unknown time"
