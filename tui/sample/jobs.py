"""The sample system's jobs: each is computed from its id, so that none needs to be kept."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tui.data.model import (
    Attempt,
    FlowProgress,
    Hold,
    JobDetail,
    JobState,
    JobSummary,
    LogLine,
    Progress,
    TimelineEntry,
)
from tui.sample.numbers import QUEUES, SampleQueue

_ORGS = ("org_iron", "org_pulse", "org_lotus", "org_summit", "org_tide")
_ERRORS = (
    ("ProviderTimeoutError", "mail provider did not answer within 30.0 s"),
    ("RateLimitedError", "429 from the provider, retry after 60 s"),
    ("InvalidRecipientError", "the mailbox does not exist: 550 5.1.1"),
    ("ProviderTimeoutError", "mail provider did not answer within 30.0 s"),
)
_TRACEBACK = """\
Traceback (most recent call last):
  File "runtime/worker/attempt/runner.py", line 118, in run
    value = await handler(context, payload)
  File "processors/messaging/email.py", line 64, in send_email
    await context.resources.senders.email.send(message)
  File "processors/messaging/smtp.py", line 91, in send
    raise {name}("{message}")
processors.errors.{name}: {message}"""
_LOG = (
    "template class_reminder rendered in 4 ms",
    "connected to mail.example.com:587, TLS 1.3",
    "388 of 1,000 handed over, the provider slows down",
    "waiting for the provider's answer",
)
_STATES = {state.value[:2]: state for state in JobState}
_CODES = {queue.code: queue for queue in QUEUES}


def job_of_id(job_id: str, now: datetime) -> JobSummary | None:
    """The job of that id, if the sample system has it."""
    if job_id.startswith("cron-"):
        return _recurring_job(job_id, now)
    queue, state = _CODES.get(job_id[:2]), _STATES.get(job_id[2:4])
    if queue is None or state is None or not job_id[4:8].isalnum():
        return None
    try:
        index = int(job_id[4:8], 36)
    except ValueError:
        return None
    # Some more than at the start, since the numbers swing.
    known = index < 2 * queue.base(state)
    return summary(queue, state, index, now) if known else None


def summary(queue: SampleQueue, state: JobState, index: int, now: datetime) -> JobSummary:
    """Job number `index` of that queue and state."""
    dice = hashlib.sha256(f"{queue.code}{state.value}{index}".encode()).digest()
    attempts = 5 if queue.kind in ("send_email", "execute_workflow") else 3
    name, message = _ERRORS[dice[0] % len(_ERRORS)]
    failed = state is JobState.FAILED
    created = now - timedelta(seconds=_age_s(queue, state, index, dice))
    started = created + timedelta(seconds=1 + dice[1] / 10 + (210 if failed else 0))
    ran = state in (JobState.ACTIVE, JobState.FAILED, JobState.FINISHED, JobState.STALLED)
    ran_ms = 30_000 if failed else (queue.run_ms or 90) * (1 + dice[2] / 100)
    ended = started + timedelta(milliseconds=ran_ms)
    due = now + timedelta(seconds=4 + index * 7) if state is JobState.SCHEDULED else None
    return JobSummary(
        id=f"{queue.code}{state.value[:2]}{_base36(index)}",
        queue=queue.name,
        kind=queue.kind,
        org=_ORGS[dice[3] % len(_ORGS)],
        state=state,
        priority=2 if dice[4] % 9 == 0 else 3,
        hint=_hint(queue, dice),
        attempt=attempts if failed else 1 if ran else 0,
        max_attempts=attempts,
        stalls=1 if state is JobState.STALLED else 0,
        created_at=created,
        enqueued_at=created,
        started_at=started if ran else None,
        ended_at=ended if state in (JobState.FAILED, JobState.FINISHED) else None,
        due_at=due,
        worker="b2-4410" if state is JobState.STALLED else "b1-9921" if ran else "",
        error=f"{name}: {message}" if failed else "",
    )


def _recurring_job(job_id: str, now: datetime) -> JobSummary:
    queue = next(queue for queue in QUEUES if queue.kind == "check_health")
    return replace(summary(queue, JobState.FINISHED, 0, now), id=job_id)


def detail(job: JobSummary, now: datetime) -> JobDetail:
    """That job in full."""
    attempts = tuple(_attempt(job, number) for number in range(1, job.attempt + 1))
    begun = job.created_at or now
    timeline = [
        TimelineEntry(begun, "created", "by trigger lead_created"),
        TimelineEntry(job.enqueued_at or begun, "queued", job.queue),
    ]
    for attempt in attempts:
        if attempt.started_at is not None:
            timeline.append(
                TimelineEntry(attempt.started_at, f"attempt {attempt.number}", attempt.worker)
            )
        if attempt.ended_at is not None:
            timeline.append(TimelineEntry(attempt.ended_at, attempt.outcome, attempt.error_class))
    return JobDetail(
        summary=job,
        payload=_payload(job),
        payload_bytes=412,
        attempts=attempts,
        timeline=tuple(timeline),
        timeout_s=30.0,
        retry=f"{job.max_attempts} attempts, exponential from 2 s, at most 300 s, jitter",
        lease_expires_at=now + timedelta(seconds=21) if job.state is JobState.ACTIVE else None,
        rq_queue=f"dev:{job.queue}",
        description=f"{job.kind} {job.org} {job.hint}",
        holds=_holds(job, now),
        headers={"trace": f"4be1-{job.id}"},
        **_extras(job, now),
    )


def _extras(job: JobSummary, now: datetime) -> dict[str, Any]:
    """What few jobs have: how far one is, what it logged, keys, parent and children."""
    extras: dict[str, Any] = {}
    begun = job.started_at
    if begun is not None and job.state in (JobState.ACTIVE, JobState.FAILED, JobState.STALLED):
        done = 412 if job.state is JobState.ACTIVE else 388
        extras["progress"] = Progress(done, 1_000, "recipients of the March campaign")
        extras["log"] = tuple(
            LogLine(begun + timedelta(seconds=0.4 * number), f"{text} ({job.org})")
            for number, text in enumerate(_LOG)
        )
    if job.kind == "send_email":
        extras["parent"] = f"campaign-march-{job.org}"
        extras["concurrency_key"] = f"mailbox:{job.org}"
        extras["not_after"] = now + timedelta(hours=5)
    if job.kind == "execute_workflow":
        extras["children"] = FlowProgress(pending=3, finished=8, failed=1, canceled=0)
        extras["unique_key"] = f"workflow:{job.org}"
    return extras


def _holds(job: JobSummary, now: datetime) -> tuple[Hold, ...]:
    if job.state is JobState.SCHEDULED and job.due_at is not None:
        left_s = (job.due_at - now).total_seconds()
        return (Hold("not due", f"it is due in {left_s:.0f} s", eta_s=left_s),)
    if job.state is JobState.WAITING:
        return (
            Hold("rate", f"{job.queue} may start 30 jobs a second; next in 33 ms"),
            Hold("behind", "about 418 jobs are before it: 14 s at the present rate", eta_s=14.0),
        )
    return ()


def _age_s(queue: SampleQueue, state: JobState, index: int, dice: bytes) -> float:
    if state is JobState.WAITING:
        return max(0.5, queue.oldest_s - index * queue.oldest_s / max(1, queue.waiting))
    if state is JobState.ACTIVE:
        return 2 + dice[5] / 40
    return 330 + index * 41 + dice[5]


def _hint(queue: SampleQueue, dice: bytes) -> str:
    number = int.from_bytes(dice[6:8], "big") % 9000 + 1000
    if queue.kind == "send_email":
        return f"to=a…@example.com subject=Your class on Tuesday tracking_id=nl-{number}"
    if queue.kind in ("send_sms", "send_whatsapp"):
        return f"to=+4477…{number % 1000:03} message=See you at six!"
    return f"lead=lead_{number}"


def _payload(job: JobSummary) -> dict[str, Any]:
    if job.kind == "send_email":
        return {
            "to": ["a…@example.com"],
            "subject": "Your class on Tuesday",
            "template": "class_reminder",
            "template_data": {"first_name": "[redacted]", "class": {"name": "Spin 45", "room": 2}},
            "reply_to": "h…@iron.example",
        }
    first, _, rest = job.hint.partition(" message=")
    name, _, value = first.partition("=")
    return {name: value, "message": rest} if rest else {name: value}


def _attempt(job: JobSummary, number: int) -> Attempt:
    last = number == job.attempt
    back = timedelta(seconds=sum(30 + 2.0**n for n in range(number, job.attempt)))
    started = None if job.started_at is None else job.started_at - back
    ran = timedelta(milliseconds=30_000 if job.state is JobState.FAILED else 840)
    if last and job.state is not JobState.FAILED:
        done = job.state is JobState.FINISHED
        return Attempt(
            number,
            "finished" if done else "lost" if job.state is JobState.STALLED else "active",
            job.worker,
            started,
            job.ended_at,
            return_value='{"message_id": "m-20260306-77"}' if done else "",
        )
    name, _, message = job.error.partition(": ")
    return Attempt(
        number,
        "failed" if last else "retried",
        job.worker,
        started,
        None if started is None else started + ran,
        error_class=name,
        error=message,
        traceback=_TRACEBACK.format(name=name, message=message),
        fingerprint=fingerprint(job),
    )


def fingerprint(job: JobSummary) -> str:
    """What jobs that failed in the same way have in common."""
    return hashlib.sha256(job.error.encode()).hexdigest()[:12]


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text.rjust(4, "0")
