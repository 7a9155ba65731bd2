"""The ledger of effects: which message was reserved, is being called, was sent, is unknown.

    reserved ──► calling ──► sent
      │ ▲            ├─────► rejected   the provider refused it, or we gave up; nothing went out
      │ └────────────┘└────► unknown    the answer was lost: reconciled, or an operator decides
      │ (nothing taken)
      └──► suppressed                   this person must not get it

``calling`` is committed before the provider is called. A later attempt that finds it there knows
that the call may have happened.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from processors.database.insert import insert_new
from processors.database.models import Message
from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.senders.refusals import NOT_VALID
from processors.senders.sender import Channel
from runtime.context import JobContext

Purpose = Literal["marketing", "transactional"]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a message is sent for: a step of an execution, a campaign, or a job of its own."""

    org: str
    job_id: str
    execution_id: uuid.UUID | None = None
    node_id: str | None = None
    tracking_id: str | None = None
    campaign_id: uuid.UUID | None = None
    recipient_number: int | None = None
    content_version: str | None = None

    @classmethod
    def of(cls, ctx: JobContext, payload: SendEmail | SendSms | SendWhatsapp) -> "Origin":
        """The origin of a job's messages."""
        return cls(
            ctx.org,
            ctx.job_id,
            payload.execution_id,
            payload.node_id,
            payload.tracking_id,
            payload.campaign_id,
            payload.recipient_number,
            payload.content_version,
        )

    def effect_key(self, channel: Channel, recipient: str) -> str:
        """The same for every attempt to send this message to this recipient over this channel."""
        if self.execution_id is not None:
            cause = f"step:{self.execution_id}:{self.node_id}"
        elif self.campaign_id is not None:
            cause = f"campaign:{self.campaign_id}:{self.recipient_number}"
        else:
            cause = f"job:{self.job_id}"
        text = f"{self.org}\n{cause}\n{channel}\n{recipient.casefold()}"
        if self.content_version is not None:
            text += f"\n{self.content_version}"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to write into the ledger.

    Attributes:
        refused: why this recipient cannot be written to.
        suppressed: why they must not be.
        code: of the refusal (see `processors.senders.refusals`) or of the suppression.
        deferred_until: not before, and `deferred_for` says why.
        purpose: marketing needs consent and keeps to quiet hours.
        contact_id: whom it is for, if that is known.
        segments: of a text message.
        options: what else sending it again needs.
    """

    channel: Channel
    recipient: str
    body: str
    subject: str | None = None
    sender: str | None = None
    refused: str | None = None
    suppressed: str | None = None
    code: str = NOT_VALID
    deferred_until: datetime | None = None
    deferred_for: str = ""
    purpose: Purpose = "transactional"
    contact_id: str | None = None
    segments: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def closed(self) -> str | None:
        """The final state of a message that is not to be sent at all."""
        if self.refused:
            return "rejected"
        return "suppressed" if self.suppressed else None

    @property
    def reason(self) -> str | None:
        """Why it is not to be sent."""
        return self.refused or self.suppressed


def reserve(
    session: Session,
    origin: Origin,
    drafts: Sequence[Draft],
    *,
    provider: str,
    status: str,
    now: datetime,
) -> dict[str, Message]:
    """Write what is not written yet; the rows by effect key, in the drafts' order.

    Args:
        session: a write transaction.
        origin: what they are sent for.
        drafts: one a recipient.
        provider: the sender's name.
        status: ``reserved``, or ``sent`` where storing is delivering; a draft that is closed or
            deferred does not become sent.
        now: for the times of new rows.
    """
    rows = {
        origin.effect_key(draft.channel, draft.recipient): _row(
            origin, draft, provider, _status(draft, status), now
        )
        for draft in drafts
    }
    insert_new(session, Message, [{"effect_key": key, **row} for key, row in rows.items()])
    query = select(Message).where(Message.effect_key.in_(rows))
    found = {message.effect_key: message for message in session.scalars(query)}
    for draft in drafts:
        row = found[origin.effect_key(draft.channel, draft.recipient)]
        # Nothing of it has left: it says what is known now, not what was missing before.
        if row.status not in ("reserved", "rejected", "suppressed"):
            continue
        if draft.closed:
            row.status, row.error, row.error_code = draft.closed, draft.reason, draft.code
        else:
            row.body, row.subject, row.sender = draft.body, draft.subject, draft.sender
            row.options, row.segments = draft.options or None, draft.segments
    return {key: found[key] for key in rows}


def _status(draft: Draft, status: str) -> str:
    return draft.closed or ("reserved" if draft.deferred_until else status)


def _row(origin: Origin, draft: Draft, provider: str, status: str, now: datetime) -> dict[str, Any]:
    sent = status == "sent"
    return {
        "id": uuid.uuid4(),
        "org_id": origin.org,
        "channel": draft.channel,
        "recipient": draft.recipient,
        "sender": draft.sender,
        "subject": draft.subject,
        "body": draft.body,
        "status": status,
        "attempts": 1 if sent else 0,
        "provider": provider,
        "error": draft.reason,
        "error_code": draft.code if draft.reason else None,
        "job_id": origin.job_id,
        "execution_id": origin.execution_id,
        "node_id": origin.node_id,
        "tracking_id": origin.tracking_id,
        "campaign_id": origin.campaign_id,
        "recipient_number": origin.recipient_number,
        "purpose": draft.purpose,
        "contact_id": draft.contact_id,
        "segments": draft.segments,
        "options": draft.options or None,
        "created_at": now,
        "sent_at": now if sent else None,
    }


def begin_call(
    session: Session,
    message_id: uuid.UUID,
    *,
    seen: str,
    provider: str,
    token: uuid.UUID,
    now: datetime,
) -> bool:
    """Take the right to call the provider; False when another attempt took it first.

    Args:
        session: a write transaction.
        message_id: the row.
        seen: the status it was read in; ``calling`` repeats a call whose provider keeps keys.
        provider: who is called; a repeat calls the same one.
        token: names this call, so that only it writes the result.
        now: when the call began; a repeated call keeps the time of the first.
    """
    values: dict[str, Any] = {
        "status": "calling",
        "provider": provider,
        "call_token": token,
        "attempts": Message.attempts + 1,
        "error": None,
        "error_code": None,
    }
    if seen != "calling":
        values["calling_at"] = now
    statement = update(Message).where(Message.id == message_id, Message.status == seen)
    return _changed(session, statement.values(values))


def end_call(session: Session, message_id: uuid.UUID, *, token: uuid.UUID, **values: Any) -> bool:
    """Write the result of the call that `token` names; False if another call has taken over.

    A late success still counts after the row was declared unknown, since it is the truth.
    """
    states = ("calling", "unknown") if values.get("status") == "sent" else ("calling",)
    statement = update(Message).where(
        Message.id == message_id, Message.call_token == token, Message.status.in_(states)
    )
    return _changed(session, statement.values(values))


def _changed(session: Session, statement: Any) -> bool:
    return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1
