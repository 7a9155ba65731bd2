"""Handlers of the communication queues: send_email, send_sms, send_whatsapp."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from processors.campaigns.settling import settle_recipient, withheld
from processors.database.models import Message
from processors.errors import DefinitionError, RecipientError, TemplateError
from processors.messaging.content import email_drafts, files_of, sms_drafts, whatsapp_drafts
from processors.messaging.delivery import Attempt, Work, deliver
from processors.messaging.events import message_event
from processors.messaging.ledger import Draft, Origin, reserve
from processors.messaging.outgoing import outgoing
from processors.messaging.permission import Terms, note_refusal, permitted
from processors.messaging.tally import Tally
from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.resources import resources_of
from processors.senders.sender import Channel, Guarantee
from processors.workflow.delivered import settle_step
from runtime.client import NewJob
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter, Retry, Snooze

_Send = SendEmail | SendSms | SendWhatsapp
# Makes a job's drafts; blocking.
_Prepare = Callable[[], list[Draft]]


async def send_email(ctx: JobContext, payload: SendEmail) -> dict[str, Any]:
    """Send an e-mail to each recipient.

    Raises:
        Retry: a provider asked to come back, or could not be reached.
        RecipientError: somebody cannot be reached this way, and that is all that went wrong.
        TemplateError: the template does not exist or cannot be rendered.
        DefinitionError: the organisation's settings cannot be used.
        DeadLetter: at least one recipient will not get it, or is not known to have.
        Snooze: another attempt is sending it right now, or it is too early.
        Cancel: its campaign was paused or cancelled.
    """
    return await _send(ctx, payload, "email", lambda: email_drafts(ctx, payload))


async def send_sms(ctx: JobContext, payload: SendSms) -> dict[str, Any]:
    """Send a text message to each number.

    Raises:
        Retry, RecipientError, DefinitionError, DeadLetter, Snooze, Cancel: as `send_email`.
    """
    return await _send(ctx, payload, "sms", lambda: sms_drafts(ctx, payload))


async def send_whatsapp(ctx: JobContext, payload: SendWhatsapp) -> dict[str, Any]:
    """Send a WhatsApp message to each number.

    Raises:
        Retry, RecipientError, TemplateError, DefinitionError, DeadLetter, Snooze, Cancel: as
            `send_email`.
    """
    return await _send(ctx, payload, "whatsapp", lambda: whatsapp_drafts(ctx, payload))


async def _send(
    ctx: JobContext, payload: _Send, channel: Channel, prepare: _Prepare
) -> dict[str, Any]:
    """The database's part runs in threads, the providers' in the event loop."""
    if payload.campaign_id is not None:
        await asyncio.to_thread(_require_wanted, ctx, payload)
    try:
        return await _sent(ctx, payload, channel, prepare)
    except (TemplateError, DefinitionError) as error:
        await asyncio.to_thread(_close_unsendable, ctx, payload, str(error))
        raise


async def _sent(
    ctx: JobContext, payload: _Send, channel: Channel, prepare: _Prepare
) -> dict[str, Any]:
    route = resources_of(ctx).routes[channel]
    if route.first.guarantee is Guarantee.STORED:
        return await asyncio.to_thread(_store, ctx, payload, channel, prepare)
    drafts = await asyncio.to_thread(_prepared, prepare)
    files = await asyncio.to_thread(files_of, ctx, payload)
    work = Work(
        rows=lambda: _reserved(ctx, payload, channel, drafts),
        to_message=lambda row: outgoing(row, files),
        suppress=lambda session, row, reason: note_refusal(session, row, reason, ctx.now()),
        tell=_progress(ctx, len(drafts)),
    )
    attempt = Attempt(ctx.attempt, ctx.attempt >= ctx.max_attempts, ctx.deadline, ctx.now)
    tally = await deliver(resources_of(ctx).database, route, work, attempt)
    if tally.again:
        wait = None if tally.retry_after_s is None else timedelta(seconds=tally.retry_after_s)
        raise Retry(wait, reason=tally.words(tally.again), fault=tally.fault)
    return await asyncio.to_thread(_finish, ctx, payload, channel, tally)


def _require_wanted(ctx: JobContext, payload: _Send) -> None:
    """Ask a campaign whether its message may leave now.

    Raises:
        Cancel: it was paused or cancelled meanwhile, or it is too late.
    """
    if payload.campaign_id is None or payload.recipient_number is None:
        return
    with resources_of(ctx).database.write() as session:
        reason = withheld(session, payload.campaign_id, payload.recipient_number, ctx.now())
    if reason is not None:
        raise Cancel(reason)


def _store(ctx: JobContext, payload: _Send, channel: Channel, prepare: _Prepare) -> dict[str, Any]:
    """The outbox: writing the rows is delivering them, in one transaction with what follows."""
    resources = resources_of(ctx)
    drafts = _prepared(prepare)
    provider = resources.routes[channel].first.name
    origin, terms = Origin.of(ctx, payload), Terms.of(ctx.org, payload, drafts)
    with resources.database.write() as session:
        drafts = permitted(session, terms, drafts, key=origin.effect_key, now=ctx.now())
        tally = _stored(session, origin, drafts, provider, ctx.now())
        jobs = _settle(session, ctx, payload, tally)
    return _ended(ctx, payload, channel, tally, jobs)


def _reserved(
    ctx: JobContext, payload: _Send, channel: Channel, drafts: Sequence[Draft]
) -> list[tuple[Draft, Message]]:
    resources, origin = resources_of(ctx), Origin.of(ctx, payload)
    terms, now = Terms.of(ctx.org, payload, drafts), ctx.now()
    provider = resources.routes[channel].first.name
    with resources.database.write() as session:
        drafts = permitted(session, terms, drafts, key=origin.effect_key, now=now)
        rows = reserve(session, origin, drafts, provider=provider, status="reserved", now=now)
    return [(draft, rows[origin.effect_key(channel, draft.recipient)]) for draft in drafts]


def _stored(
    session: Session, origin: Origin, drafts: Sequence[Draft], provider: str, now: datetime
) -> Tally:
    tally = Tally()
    rows = reserve(session, origin, drafts, provider=provider, status="sent", now=now)
    for draft in drafts:
        row = rows[origin.effect_key(draft.channel, draft.recipient)]
        if draft.deferred_until and row.status == "reserved":
            tally.later.append((draft.deferred_until, draft.deferred_for))
            continue
        # Left so by a sender that called a provider, or put off, before.
        if row.status in ("reserved", "rejected", "suppressed") and not draft.closed:
            row.status, row.sent_at, row.provider = "sent", now, provider
            row.error = row.error_code = None
        status = "unknown" if row.status == "calling" else row.status
        tally.count(status, row.error, row.error_code)
    return tally


def _prepared(prepare: _Prepare) -> list[Draft]:
    """The drafts, one for each recipient however often they are named."""
    return [*{draft.recipient.casefold(): draft for draft in reversed(prepare())}.values()][::-1]


def _close_unsendable(ctx: JobContext, payload: _Send, reason: str) -> None:
    """Close the waiting step as failed: the message is impossible."""
    with resources_of(ctx).database.write() as session:
        jobs = _settle(session, ctx, payload, Tally(rejected=len(payload.to), failed=[reason]))
    ctx.client.enqueue_many(jobs)


def _finish(ctx: JobContext, payload: _Send, channel: Channel, tally: Tally) -> dict[str, Any]:
    with resources_of(ctx).database.write() as session:
        jobs = _settle(session, ctx, payload, tally)
    return _ended(ctx, payload, channel, tally, jobs)


def _ended(
    ctx: JobContext, payload: _Send, channel: Channel, tally: Tally, jobs: list[NewJob]
) -> dict[str, Any]:
    """Enqueue what follows, and end as the tally says."""
    if tally.later:
        ctx.client.enqueue_many(jobs)
        until, reason = min(tally.later)
        raise Snooze(until, reason=reason)
    failed = bool(tally.failed)
    event = message_event(ctx.org, ctx.job_id, payload, channel, tally.outputs(), failed=failed)
    ctx.client.enqueue_many([*jobs, event])
    if tally.unreachable and tally.unreachable == len(tally.failed):
        raise RecipientError(tally.words(tally.failed))
    if tally.failed:
        raise DeadLetter(tally.words(tally.failed))
    return tally.outputs()


def _progress(ctx: JobContext, total: int) -> Callable[[Tally], None]:
    """Reports the progress of a job with several recipients; a single one is over soon."""
    if total == 1:
        return lambda _tally: None
    return lambda tally: ctx.progress(tally.total, total, f"{tally.sent} sent")


def _settle(session: Session, ctx: JobContext, payload: _Send, tally: Tally) -> list[NewJob]:
    """Tell the step or the campaign that waits for it; jobs to enqueue after the commit."""
    if payload.campaign_id is not None and payload.recipient_number is not None:
        later = [reason for _, reason in tally.later]
        settle_recipient(
            session,
            payload.campaign_id,
            payload.recipient_number,
            "deferred" if later else tally.status,
            tally.words(later or tally.failed or tally.withheld) or None,
            ctx.now(),
        )
    if tally.later or payload.execution_id is None or payload.node_id is None:
        return []
    return settle_step(
        session,
        org=ctx.org,
        execution_id=payload.execution_id,
        node_id=payload.node_id,
        output=tally.outputs(),
        error=tally.words(tally.failed) if tally.failed else None,
        now=ctx.now(),
    )
