"""Handler of the resend kinds: sends one message of the ledger that is reserved for it."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, cast

from processors.database.models import Message
from processors.messaging.closing import close_for
from processors.messaging.delivery import Attempt, Work, deliver
from processors.messaging.ledger import Draft, Purpose
from processors.messaging.outgoing import outgoing
from processors.messaging.permission import Terms, note_refusal, permitted
from processors.messaging.tally import Tally
from processors.payloads.messaging import ResendMessage
from processors.resources import resources_of
from processors.senders.sender import Channel, Guarantee
from runtime.client import NewJob
from runtime.context import JobContext
from runtime.outcomes import DeadLetter, Retry, Snooze

_SENDABLE = ("reserved", "calling", "rejected", "suppressed")


def resend_job(row: Message) -> NewJob:
    """The job that sends a reserved message; one for each copy of it."""
    return NewJob(
        f"resend_{row.channel}",
        row.org_id,
        {"message_id": str(row.id)},
        job_id=f"resend-{row.id.hex}-{row.attempts}",
    )


async def resend(ctx: JobContext, payload: ResendMessage) -> dict[str, Any]:
    """Send one message again, by what its row says.

    Raises:
        Retry, DeadLetter, Snooze: as `processors.messaging.handlers.send_email`.
    """
    resources = resources_of(ctx)
    channel = cast("Channel", ctx.kind.removeprefix("resend_"))
    route = resources.routes[channel]
    pairs = await asyncio.to_thread(_row, ctx, payload)
    if route.first.guarantee is Guarantee.STORED:
        return await asyncio.to_thread(_store, ctx, pairs)
    work = Work(
        rows=lambda: pairs,
        to_message=outgoing,
        suppress=lambda session, row, reason: note_refusal(session, row, reason, ctx.now()),
    )
    attempt = Attempt(ctx.attempt, ctx.attempt >= ctx.max_attempts, ctx.deadline, ctx.now)
    tally = await deliver(resources.database, route, work, attempt)
    if tally.again:
        wait = None if tally.retry_after_s is None else timedelta(seconds=tally.retry_after_s)
        raise Retry(wait, reason=tally.words(tally.again), fault=tally.fault)
    if tally.later:
        until, reason = min(tally.later)
        raise Snooze(until, reason=reason)
    await asyncio.to_thread(_close, ctx, [row for _, row in pairs])
    if tally.failed:
        raise DeadLetter(tally.words(tally.failed))
    return tally.outputs()


def _row(ctx: JobContext, payload: ResendMessage) -> list[tuple[Draft, Message]]:
    """The message with what is known now of whether it may leave; none if it is settled."""
    with resources_of(ctx).database.write() as session:
        row = session.get(Message, payload.message_id)
        if row is None or row.org_id != ctx.org or row.status not in _SENDABLE:
            return []
        [draft] = permitted(
            session, _terms(row), [_draft(row)], key=lambda *_: row.effect_key, now=ctx.now()
        )
        if draft.suppressed and row.status == "reserved":
            row.status, row.error, row.error_code = "suppressed", draft.suppressed, draft.code
    return [(draft, row)]


def _draft(row: Message) -> Draft:
    channel = cast("Channel", row.channel)
    return Draft(
        channel, row.recipient, row.body, row.subject, row.sender,
        contact_id=row.contact_id, options=row.options or {},
    )  # fmt: skip


def _terms(row: Message) -> Terms:
    options = row.options or {}
    until = options.get("not_after")
    return Terms(
        row.org_id,
        cast("Channel", row.channel),
        cast("Purpose", row.purpose or "transactional"),
        datetime.fromisoformat(until) if until else None,
        bool(options.get("free_text")),
    )


def _store(ctx: JobContext, pairs: list[tuple[Draft, Message]]) -> dict[str, Any]:
    """The outbox: the row is the delivery."""
    tally = Tally()
    for draft, _ in pairs:
        if draft.deferred_until is not None:
            raise Snooze(draft.deferred_until, reason=draft.deferred_for)
    with resources_of(ctx).database.write() as session:
        for draft, found in pairs:
            row = session.merge(found)
            if not draft.suppressed and row.status in _SENDABLE:
                row.status, row.sent_at, row.error, row.error_code = "sent", ctx.now(), None, None
            tally.count(row.status, row.error, row.error_code)
    _close(ctx, [row for _, row in pairs])
    return tally.outputs()


def _close(ctx: JobContext, rows: list[Message]) -> None:
    with resources_of(ctx).database.write() as session:
        found = [session.get(Message, row.id) for row in rows]
        jobs = [job for row in found if row for job in close_for(session, row, ctx.now())]
    ctx.client.enqueue_many(jobs)
