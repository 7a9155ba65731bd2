"""Handler of process_webhook: applies what a provider has reported."""

from collections import Counter
from datetime import timedelta
from typing import Any

from processors.payloads.webhooks import ProcessWebhook
from processors.resources import resources_of
from processors.webhooks.applying import apply, is_known_message, keep_unreadable
from processors.webhooks.event import Event
from processors.webhooks.receiving import read_event
from runtime.context import JobContext
from runtime.outcomes import Snooze

# A provider may report a message before its answer to us is in the ledger.
PATIENCE = timedelta(minutes=2)
_PAUSE = timedelta(seconds=15)


def process_webhook(ctx: JobContext, payload: ProcessWebhook) -> dict[str, Any]:
    """Apply reports, each in a transaction of its own; what is of no use is kept, and counted.

    Raises:
        Snooze: a report is about a message that is not in the ledger yet.
    """
    database = resources_of(ctx).database
    counts: Counter[str] = Counter()
    late = 0
    for data in payload.events:
        try:
            event = read_event(payload.provider, data, payload.received_at)
        except ValueError as error:
            with database.write() as session:
                keep_unreadable(session, payload.provider, data, received_at=payload.received_at)
            ctx.log(f"a report of {payload.provider} cannot be read: {error}")
            counts["unreadable"] += 1
            continue
        if _is_early(ctx, payload, event):
            late += 1
            continue
        with database.write() as session:
            applied = apply(
                session,
                payload.provider,
                event,
                received_at=payload.received_at,
                now=ctx.now(),
            )
        ctx.client.enqueue_many(applied.jobs)
        counts[applied.outcome] += 1
        if applied.outcome in ("unknown_message", "unknown_type"):
            said = applied.outcome.replace("_", " ")
            ctx.log(
                f"{payload.provider} reports {event.type[:60]} of {event.id[:80]}: {said}, kept"
            )
    if late:
        reason = f"{late} reports are about messages that are not in the ledger yet"
        raise Snooze(ctx.now() + _PAUSE, reason=reason)
    return dict(counts)


def _is_early(ctx: JobContext, payload: ProcessWebhook, event: Event) -> bool:
    if ctx.now() > payload.received_at + PATIENCE or not event.is_known:
        return False
    with resources_of(ctx).database.read() as session:
        return not is_known_message(session, payload.provider, event)
