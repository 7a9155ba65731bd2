"""A job in full, as lines: what it is, every attempt with its traceback, its payload, its times."""

import json
from datetime import datetime

from tui.data.model import Attempt, JobDetail, JobState, JobSummary
from tui.text.formatting import long_duration, milliseconds, size, stamp
from tui.text.job_extras import extra_facts
from tui.text.lines import Line, line

_OUTCOME_ROLES = {
    "finished": "good",
    "failed": "bad",
    "lost": "bad",
    "expired": "bad",
    "retried": "warn",
    "parked": "warn",
}
_STATE_ROLES = {
    JobState.FAILED: "bad",
    JobState.STALLED: "warn",
    JobState.FINISHED: "good",
    JobState.ACTIVE: "info",
}


def title_line(detail: JobDetail) -> Line:
    """The job in one line."""
    job = detail.summary
    tries = f"attempt {job.attempt} of {job.max_attempts}" if job.max_attempts else ""
    return line(
        ("JOB ", "heading"),
        (job.id, "info"),
        ("  ", ""),
        (job.state.value.upper(), _STATE_ROLES.get(job.state, "strong")),
        (f"  {job.kind}  {job.org}  ", "strong"),
        (tries, "muted"),
    )


def fact_lines(detail: JobDetail, now: datetime) -> list[Line]:
    """Kind, organisation, queue, times and rules."""
    job = detail.summary
    facts = [
        ("kind", job.kind),
        ("org", job.org),
        ("queue", f"{job.queue}  (in RQ: {detail.rq_queue or '-'})"),
        ("priority", str(job.priority)),
        ("created", _ago(job.created_at, now)),
        ("enqueued", _ago(job.enqueued_at, now)),
        ("due", _ago(job.due_at, now)),
        ("started", _ago(job.started_at, now)),
        ("ended", _ago(job.ended_at, now)),
        ("worker", job.worker),
        ("lease", _ago(detail.lease_expires_at, now)),
        ("timeout", "" if detail.timeout_s is None else f"{detail.timeout_s:g} s an attempt"),
        ("retry", detail.retry),
        ("stalled", _stalled(job)),
        *extra_facts(detail, now),
        ("in words", detail.description),
    ]
    return [
        line(("FACTS", "heading")),
        *(
            line((f" {name:<10} ", "muted"), value)
            for name, value in facts
            if value not in ("", "-")
        ),
    ]


def _stalled(job: JobSummary) -> str:
    if not job.stalls:
        return ""
    return f"{job.stalls} times" + ("; suspect: it runs alone" if job.suspect else "")


def payload_lines(detail: JobDetail) -> list[Line]:
    """The payload, as it came from the runtime: redacted."""
    text = json.dumps(detail.payload, indent=2, ensure_ascii=False, default=str)
    title = f"PAYLOAD  {size(detail.payload_bytes)}, redacted"
    return [
        line((title, "heading")),
        *(line((f" {part}", "warn")) for part in detail.left_out),
        *(line(f" {row}") for row in text.splitlines()),
    ]


def timeline_lines(detail: JobDetail, now: datetime) -> list[Line]:
    """What happened, oldest first."""
    lines = [line(("TIMELINE", "heading"))]
    lines += [
        line((f" {stamp(entry.at, now)} ", "muted"), (entry.what, "strong"), f"  {entry.detail}")
        for entry in detail.timeline
    ]
    return lines


def hold_lines(detail: JobDetail) -> list[Line]:
    """Why the job does not run yet, most important reason first; nothing if it has ended."""
    if not detail.holds:
        return []
    lines = [line(("WHY IT DOES NOT RUN", "heading"))]
    lines += [
        line((f" {number}. {hold.what}: ", "warn"), hold.message)
        for number, hold in enumerate(detail.holds, 1)
    ]
    return [*lines, line()]


def attempt_lines(detail: JobDetail, chosen: int, now: datetime) -> list[Line]:
    """All attempts in a line each, then the chosen one (0 the newest) with its traceback."""
    attempts = detail.attempts[::-1]
    if not attempts:
        return [line(("ATTEMPTS", "heading")), line((" none yet", "muted"))]
    chosen = max(0, min(chosen, len(attempts) - 1))
    lines = [line(("ATTEMPTS", "heading"), ("  newest first, [ ] chooses", "muted"))]
    lines += [
        _attempt_line(attempt, now, chosen=index == chosen)
        for index, attempt in enumerate(attempts)
    ]
    return [*lines, line(), *_error_lines(attempts[chosen])]


def _attempt_line(attempt: Attempt, now: datetime, *, chosen: bool) -> Line:
    runs = [
        (f"{'>' if chosen else ' '} #{attempt.number} ", "strong"),
        (f"{attempt.outcome:<9}", _OUTCOME_ROLES.get(attempt.outcome, "")),
        (f" {stamp(attempt.started_at, now)} ", "muted"),
        (f"ran {milliseconds(attempt.run_ms):<6}", ""),
        (f" {attempt.worker}", "muted"),
        (f"  {attempt.error_class}", ""),
    ]
    return line(*runs, row="blurred" if chosen else "")


def _error_lines(attempt: Attempt) -> list[Line]:
    lines: list[Line] = []
    if attempt.error or attempt.error_class:
        head = f"{attempt.error_class}: {attempt.error}" if attempt.error_class else attempt.error
        lines.append(line((f"#{attempt.number} ", "strong"), (head, "bad")))
        if attempt.fingerprint:
            lines.append(line((f"   fingerprint {attempt.fingerprint}", "muted")))
    if attempt.return_value:
        lines.append(line((f"#{attempt.number} returned ", "strong"), attempt.return_value))
    lines += [line(f"  {row}") for row in attempt.traceback.splitlines()]
    if not lines:
        lines = [line((f"#{attempt.number} left no error and no result", "muted"))]
    return lines


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "-"
    seconds = (now - moment).total_seconds()
    far = f"{long_duration(seconds)} ago" if seconds >= 0 else f"in {long_duration(-seconds)}"
    return f"{stamp(moment, now)}  {far}"
