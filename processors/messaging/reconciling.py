"""Handler of reconcile_messages: what became of messages whose answer was lost.

A provider that can be asked (Twilio) is asked once, some minutes later: a message that it has is
sent. What stays unknown is for an operator, unless the settings say that a transactional message is
sent once more, as a possible duplicate. Marketing never is.
"""

import asyncio
import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.database.models import Message
from processors.messaging.closing import close_for
from processors.messaging.outgoing import outgoing
from processors.messaging.resending import resend_job
from processors.payloads.messaging import ReconcileMessages
from processors.resources import Resources, resources_of
from processors.senders.sender import CHANNELS, Sender, SendError, Sent, Traceable
from processors.settings import CrmSettings
from runtime.context import JobContext
from runtime.outcomes import Snooze

log = structlog.get_logger("atlas.messages")

# Older ones are for an operator: nobody expects them any more.
TOO_OLD = timedelta(days=2)
_PAGE = 100
_MARGIN = timedelta(seconds=30)


async def reconcile_messages(ctx: JobContext, payload: ReconcileMessages) -> dict[str, Any]:
    """Ask about each unknown message once, and do as the settings say with those that stay so.

    Raises:
        Snooze: time runs out; uses no attempt.
    """
    resources = resources_of(ctx)
    counts: Counter[str] = Counter()
    after = timedelta(seconds=payload.after_s)
    await asyncio.to_thread(_enqueue_reserved, ctx)
    while rows := await asyncio.to_thread(_unknown, resources, ctx.now(), after):
        for row in rows:
            found = await _ask(resources, row)
            if found is None:
                # The provider is away: its turn comes with the next run.
                return {"not_answered": 1, **counts}
            counts[await asyncio.to_thread(_settle, ctx, row.id, found)] += 1
        if ctx.now() > ctx.deadline - _MARGIN:
            raise Snooze(ctx.now(), reason=f"{counts.total()} messages looked at so far")
    if counts:
        log.info("unknown messages", **counts)
    return dict(counts)


def _unknown(resources: Resources, now: datetime, after: timedelta) -> list[Message]:
    query = (
        select(Message)
        .where(
            Message.status == "unknown",
            Message.asked_at.is_(None),
            Message.created_at > now - TOO_OLD,
            Message.calling_at < now - after,
        )
        .order_by(Message.created_at)
        .limit(_PAGE)
    )
    with resources.database.read() as session:
        return list(session.scalars(query))


def _enqueue_reserved(ctx: JobContext) -> None:
    """Again the jobs of messages that were reserved to be sent again: Redis may have lost one."""
    query = select(Message).where(
        Message.status == "reserved",
        Message.asked_at.is_not(None),
        Message.created_at > ctx.now() - TOO_OLD,
    )
    with resources_of(ctx).database.read() as session:
        jobs = [resend_job(row) for row in session.scalars(query.limit(_PAGE))]
    ctx.client.enqueue_many(jobs)


async def _ask(resources: Resources, row: Message) -> list[Sent] | None:
    """What the provider has of it; nothing if it cannot be asked, None if it does not answer."""
    sender = _sender(resources, row)
    if not isinstance(sender, Traceable) or row.calling_at is None:
        return []
    try:
        return await sender.find(outgoing(row), since=row.calling_at)
    except SendError as error:
        log.warning("provider does not say what it took", provider=row.provider, error=error.reason)
        return None


def _sender(resources: Resources, row: Message) -> Sender | None:
    route = next((resources.routes[name] for name in CHANNELS if name == row.channel), None)
    return route.named(row.provider) if route is not None else None


def _settle(ctx: JobContext, message_id: uuid.UUID, found: list[Sent]) -> str:
    resources, now = resources_of(ctx), ctx.now()
    jobs = []
    with resources.database.write() as session:
        row = session.get(Message, message_id, with_for_update=True)
        if row is None or row.status != "unknown":
            return "settled"
        row.asked_at = now
        if (sent := _own(session, row, found)) is not None:
            row.status, row.provider_id, row.sent_at = "sent", sent.provider_id, sent.created_at
            row.error = row.error_code = None
            jobs, outcome = close_for(session, row, now), "sent"
        elif _may_resend(resources, row):
            make_copy(row, now)
            jobs, outcome = [resend_job(row)], "sent_again"
        else:
            outcome = "left_unknown"
    ctx.client.enqueue_many(jobs)
    return outcome


def _own(session: Session, row: Message, found: list[Sent]) -> Sent | None:
    """The one that is this message: the same text to the same person may have gone out before."""
    ids = [sent.provider_id for sent in found]
    query = select(Message.provider_id).where(
        Message.provider_id.in_(ids), Message.id != row.id, Message.provider == row.provider
    )
    taken = set(session.scalars(query)) if ids else set()
    return next((sent for sent in found if sent.provider_id not in taken), None)


def _may_resend(resources: Resources, row: Message) -> bool:
    policy = resources.settings.of(CrmSettings).messaging.unknown_transactional
    has_files = bool((row.options or {}).get("files"))
    return (
        policy == "resend" and row.purpose == "transactional" and row.copies == 0 and not has_files
    )


def make_copy(row: Message, now: datetime) -> None:
    """Reserve a message once more; one that was unknown may be a duplicate from then on."""
    if row.status == "unknown":
        row.copies += 1
    row.status, row.error, row.error_code, row.call_token = "reserved", None, None, None
    row.calling_at, row.asked_at = None, now
