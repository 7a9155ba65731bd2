"""Handlers of record_dead_letter (one row a death) and requeue_dead_letters (many at once)."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from processors.database.insert import insert_new
from processors.database.models import StoredDeadLetter
from processors.dead_letters.original import Original, find_original
from processors.dead_letters.reading import Choice, count_open
from processors.dead_letters.requeueing import Requeuer, Tally
from processors.dead_letters.settling import settle
from processors.payloads.base import storable_json
from processors.payloads.system import RequeueDeadLetters
from processors.resources import resources_of
from runtime.application import load_application
from runtime.context import JobContext
from runtime.control.control import Control
from runtime.jobs.dead_letter import DeadLetterRecord
from runtime.jobs.fingerprint import fingerprint
from runtime.outcomes import Snooze

# Left of the job's time when no further chunk is begun.
_MARGIN = timedelta(seconds=10)


def record_dead_letter(ctx: JobContext, payload: DeadLetterRecord) -> dict[str, Any]:
    """Store a dead letter; the job's id names the execution that failed, so a repeat adds nothing.

    Raises:
        DatabaseUnavailableError: the record stays in its queue until the database is back.
        BrokerUnavailableError: the job that it is about could not be read.
    """
    resources = resources_of(ctx)
    original = None
    if payload.payload is None:
        # Made by a script, which cannot read payloads: it names little more than the job.
        original = find_original(resources.settings, payload.job_id)
    letter = _letter(ctx, payload, original or Original(payload.queue))
    with resources.database.write() as session:
        recorded = insert_new(session, StoredDeadLetter, [letter])
        jobs = settle(session, StoredDeadLetter(**letter), ctx.now())
    ctx.client.enqueue_many(jobs)
    return {"recorded": recorded == 1, "job": payload.job_id, "reason": payload.reason}


def requeue_dead_letters(ctx: JobContext, payload: RequeueDeadLetters) -> dict[str, Any]:
    """Requeue in chunks; what is done when time runs out stays done, and another run goes on.

    Raises:
        Snooze: time runs out; uses no attempt.
    """
    resources = resources_of(ctx)
    choice = Choice(queue=payload.queue, group=payload.group, until=payload.until)
    total = count_open(resources.database, choice)
    in_time = True

    def go_on(tally: Tally) -> bool:
        nonlocal in_time
        ctx.progress(tally.total, total, tally.words())
        in_time = datetime.now(UTC) < ctx.deadline - _MARGIN
        return in_time

    catalogue = load_application(resources.settings.application).catalogue
    with closing(Control.from_settings(resources.settings, actor=payload.actor)) as control:
        requeuer = Requeuer(
            resources.database, catalogue, control, ctx.client, reason=payload.reason
        )
        tally = requeuer.requeue(choice, go_on=go_on)
    for problem in tally.problems:
        ctx.log(problem)
    ctx.log(tally.words())
    if not in_time:
        raise Snooze(datetime.now(UTC), reason=f"{tally.words()} so far; the rest follows")
    return {"retried": tally.retried, "anew": tally.anew, "skipped": tally.skipped}


def _letter(ctx: JobContext, record: DeadLetterRecord, original: Original) -> dict[str, Any]:
    error_class = record.error_class or original.error_class
    error = record.error or original.error
    known = record.fingerprint or original.fingerprint
    return {
        "id": _short(ctx.job_id, 300),
        "job_id": _short(record.job_id, 500),
        "queue": _short(record.queue or original.queue, 100),
        "kind": _short(record.kind or original.kind, 100),
        "org_id": _short(record.org or original.org or _org_of(ctx), 100),
        "payload": _storable(original.payload if record.payload is None else record.payload),
        "attempts": max(record.attempts, original.attempts),
        "error_class": _short(error_class, 200),
        "error": _short(error, 2_000),
        "fingerprint": _short(known or fingerprint(error_class, error), 64),
        "reason": _short(record.reason, 20),
        "died_at": ctx.enqueued_at,
        "requeued_at": None,
    }


def _org_of(ctx: JobContext) -> str:
    # A script that could not tell the organisation wrote a dash.
    return "" if ctx.org == "-" else ctx.org


def _storable(payload: dict[str, Any] | None) -> dict[str, Any] | None:
    """None for what no database could hold, or what a producer would not have been let enqueue."""
    try:
        storable_json(payload)
    except ValueError:
        return None
    return payload


def _short(text: str, limit: int) -> str:
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()[:limit]
