"""Handlers of the communication queues: send_email, send_sms, send_whatsapp."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from processors.addresses.phone import e164
from processors.campaigns.settling import settle_recipient, withheld
from processors.crm.organisations import country_of
from processors.database.models import Message, Organisation, utc_now
from processors.errors import RecipientError, TemplateError
from processors.messaging.delivery import Attempt, Tally, ToMessage, deliver
from processors.messaging.events import message_event
from processors.messaging.ledger import Draft, Origin, reserve
from processors.messaging.personal import Limits, needs_filling, personal
from processors.payloads.base import MAX_BODY
from processors.payloads.messaging import MAX_SMS, MAX_WHATSAPP, SendEmail, SendSms, SendWhatsapp
from processors.resources import resources_of
from processors.senders.refusals import NO_VALUE
from processors.senders.sender import Channel, File, Guarantee, OutgoingMessage
from processors.templates.rendering import render
from processors.workflow.delivered import settle_step
from runtime.client import NewJob
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter, Retry

_Send = SendEmail | SendSms | SendWhatsapp
_EMAIL = Limits(MAX_BODY)
_TEXTS = {"sms": Limits(MAX_SMS), "whatsapp": Limits(MAX_WHATSAPP)}


def send_email(ctx: JobContext, payload: SendEmail) -> dict[str, Any]:
    """Send an e-mail to each recipient.

    Raises:
        Retry: a provider asked to come back, or could not be reached.
        RecipientError: somebody cannot be reached this way, and that is all that went wrong.
        TemplateError: the template does not exist or cannot be rendered.
        DeadLetter: at least one recipient will not get it, or is not known to have.
        Snooze: another attempt is sending it right now.
    """
    is_html = payload.text is None
    sender = payload.from_ or resources_of(ctx).from_email
    drafts = _email_drafts(ctx, payload, sender, is_html=is_html)
    files = [File(f.filename, f.content, f.content_type) for f in payload.attachments]

    def to_message(row: Message) -> OutgoingMessage:
        return OutgoingMessage(
            id=row.id,
            channel="email",
            org=row.org_id,
            recipient=row.recipient,
            body=row.body,
            subject=row.subject,
            sender=sender,
            reply_to=payload.reply_to,
            is_html=is_html,
            attachments=files,
        )

    return _send(ctx, payload, "email", drafts, to_message)


def _email_drafts(
    ctx: JobContext, payload: SendEmail, sender: str | None, *, is_html: bool
) -> list[Draft]:
    subject = payload.subject
    if payload.template is not None:
        try:
            body = render("email", payload.template, payload.template_data).body
        except TemplateError as error:
            _close_unsendable(ctx, payload, str(error))
            raise
    else:
        body = payload.html or payload.text or ""
    drafts = list(
        # One address in two spellings is one recipient.
        {to.casefold(): Draft("email", to, body, subject, sender) for to in payload.to}.values()
    )
    drafts += _refused(payload, "email", body)
    if payload.template is None and needs_filling(body, subject):
        with resources_of(ctx).database.read() as session:
            return personal(session, ctx.org, drafts, limits=_EMAIL, is_html=is_html)
    return drafts


def send_sms(ctx: JobContext, payload: SendSms) -> dict[str, Any]:
    """Send a text message to each number.

    Raises:
        Retry, RecipientError, DeadLetter, Snooze: as `send_email`.
    """
    return _send_text(ctx, payload, "sms", payload.message)


def send_whatsapp(ctx: JobContext, payload: SendWhatsapp) -> dict[str, Any]:
    """Send a WhatsApp message to each number.

    Raises:
        Retry, RecipientError, DeadLetter, Snooze: as `send_email`.
    """
    body = payload.message or ""
    if payload.template is not None:
        try:
            body = render("whatsapp", payload.template, payload.template_data).body.strip()
        except TemplateError as error:
            _close_unsendable(ctx, payload, str(error))
            raise
    return _send_text(ctx, payload, "whatsapp", body)


def _send_text(
    ctx: JobContext, payload: SendSms | SendWhatsapp, channel: Channel, body: str
) -> dict[str, Any]:
    resources = resources_of(ctx)
    with resources.database.read() as session:
        organisation = session.get(Organisation, ctx.org)
        country = (
            resources.database.default_country if organisation is None else country_of(organisation)
        )
        drafts = _text_drafts(payload, channel, body, country)
        if needs_filling(body):
            drafts = personal(session, ctx.org, drafts, limits=_TEXTS[channel])

    def to_message(row: Message) -> OutgoingMessage:
        return OutgoingMessage(
            id=row.id, channel=channel, org=row.org_id, recipient=row.recipient, body=row.body
        )

    return _send(ctx, payload, channel, drafts, to_message)


def _text_drafts(
    payload: SendSms | SendWhatsapp, channel: Channel, body: str, country: str
) -> list[Draft]:
    drafts: dict[str, Draft] = {}
    for number in payload.to:
        try:
            normal = e164(number, country)
        except ValueError as error:
            drafts[number] = Draft(channel, number, body, refused=str(error))
        else:
            drafts[normal] = Draft(channel, normal, body)
    return [*drafts.values(), *_refused(payload, channel, body)]


def _refused(payload: _Send, channel: Channel, body: str) -> list[Draft]:
    """The recipients that the workflow's step could not address."""
    return [
        Draft(channel, name, body, refused=reason, code=NO_VALUE)
        for name, reason in payload.refused.items()
    ]


def _send(
    ctx: JobContext,
    payload: _Send,
    channel: Channel,
    drafts: Sequence[Draft],
    to_message: ToMessage,
) -> dict[str, Any]:
    resources = resources_of(ctx)
    sender = resources.senders[channel]
    _require_wanted(ctx, payload)
    origin = Origin.of(ctx, payload)
    if sender.guarantee is Guarantee.STORED:
        with resources.database.write() as session:
            tally = _store(session, sender.name, origin, drafts)
            jobs = _settle(session, ctx, payload, tally)
    else:
        attempt = Attempt(ctx.attempt, ctx.attempt >= ctx.max_attempts, ctx.deadline)
        tally = deliver(
            resources.database,
            sender,
            origin,
            drafts,
            to_message=to_message,
            attempt=attempt,
            tell=_progress(ctx, len(drafts)),
        )
        if tally.again:
            wait = None if tally.retry_after_s is None else timedelta(seconds=tally.retry_after_s)
            raise Retry(wait, reason=_reason(tally, tally.again), fault=tally.fault)
        with resources.database.write() as session:
            jobs = _settle(session, ctx, payload, tally)
    failed = bool(tally.failed)
    event = message_event(ctx.org, ctx.job_id, payload, channel, tally.outputs(), failed=failed)
    ctx.client.enqueue_many([*jobs, event])
    if tally.unreachable and tally.unreachable == len(tally.failed):
        raise RecipientError(_reason(tally, tally.failed))
    if tally.failed:
        raise DeadLetter(_reason(tally, tally.failed))
    return tally.outputs()


def _progress(ctx: JobContext, total: int) -> Callable[[Tally], None]:
    """Reports the progress of a job with several recipients; a single one is over soon."""
    if total == 1:
        return lambda _tally: None
    return lambda tally: ctx.progress(tally.total, total, f"{tally.sent} sent")


def _store(session: Session, provider: str, origin: Origin, drafts: Sequence[Draft]) -> Tally:
    """The outbox: writing the rows is delivering them."""
    now = utc_now()
    tally = Tally()
    rows = reserve(session, origin, drafts, provider=provider, status="sent", now=now)
    refused = {draft.recipient for draft in drafts if draft.refused}
    for row in rows.values():
        # Left so by a sender that called a provider, before the settings changed.
        if row.status in ("reserved", "rejected") and row.recipient not in refused:
            row.status, row.sent_at, row.provider = "sent", now, provider
            row.error = row.error_code = None
        status = "unknown" if row.status == "calling" else row.status
        tally.count(status, row.error, row.error_code)
    return tally


def _require_wanted(ctx: JobContext, payload: _Send) -> None:
    """Ask a campaign whether its message may leave now.

    Raises:
        Cancel: it was paused or cancelled meanwhile, or is too late.
    """
    if payload.campaign_id is None or payload.recipient_number is None:
        return
    with resources_of(ctx).database.write() as session:
        reason = withheld(session, payload.campaign_id, payload.recipient_number, ctx.now())
    if reason is not None:
        raise Cancel(reason)


def _settle(session: Session, ctx: JobContext, payload: _Send, tally: Tally) -> list[NewJob]:
    if payload.campaign_id is not None and payload.recipient_number is not None:
        status = "unknown" if tally.unknown else "refused" if tally.unreachable else "failed"
        settle_recipient(
            session,
            payload.campaign_id,
            payload.recipient_number,
            "sent" if tally.sent else status,
            _reason(tally, tally.failed) if tally.failed else None,
            ctx.now(),
        )
    if payload.execution_id is None or payload.node_id is None:
        return []
    return settle_step(
        session,
        org=ctx.org,
        execution_id=payload.execution_id,
        node_id=payload.node_id,
        output=tally.outputs(),
        error=_reason(tally, tally.failed) if tally.failed else None,
        now=utc_now(),
    )


def _close_unsendable(ctx: JobContext, payload: _Send, reason: str) -> None:
    """Close the waiting step as failed."""
    resources = resources_of(ctx)
    with resources.database.write() as session:
        jobs = _settle(session, ctx, payload, Tally(rejected=len(payload.to), failed=[reason]))
    ctx.client.enqueue_many(jobs)


def _reason(tally: Tally, reasons: Sequence[str]) -> str:
    several = f"{len(reasons)} of {tally.total} recipients: " if tally.total > 1 else ""
    return several + "; ".join(dict.fromkeys(reasons))[:400]
