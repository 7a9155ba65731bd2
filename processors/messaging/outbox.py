"""Reading the messages that were sent, are being sent, or could not be: the outbox."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from processors.database.engine import Database
from processors.database.models import MESSAGE_STATUSES, Message


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message to one recipient, exactly as stored.

    `copies`: how often it was sent again although it may have arrived; more than none is a possible
    duplicate.
    """

    id: str
    org: str
    channel: str
    to: str
    subject: str | None
    body: str
    status: str
    job_id: str
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    error: str | None
    error_code: str | None
    sender: str | None
    provider: str
    provider_id: str | None
    calling_at: datetime | None
    purpose: str | None
    segments: int | None
    copies: int
    delivery_status: str | None
    execution_id: str | None
    node_id: str | None
    campaign_id: str | None
    options: dict[str, Any] | None


def list_messages(
    database: Database,
    *,
    limit: int = 50,
    org: str | None = None,
    status: str | None = None,
) -> list[OutboxMessage]:
    """The newest messages, newest first.

    Args:
        database: migrated to this version.
        limit: how many at most.
        org: only of this organisation.
        status: only in this state, one of `MESSAGE_STATUSES`.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(Message).order_by(Message.created_at.desc(), Message.id).limit(limit)
    if org is not None:
        query = query.where(Message.org_id == org)
    if status is not None:
        query = query.where(Message.status == status)
    with database.read() as session:
        return [message_view(row) for row in session.scalars(query)]


def count_messages(database: Database, statuses: Iterable[str] = MESSAGE_STATUSES) -> int:
    """How many messages are in one of these states.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(func.count()).where(Message.status.in_(tuple(statuses)))
    with database.read() as session:
        return session.scalar(query) or 0


def message_view(row: Message) -> OutboxMessage:
    """A row as it is shown."""
    return OutboxMessage(
        id=str(row.id),
        org=row.org_id,
        channel=row.channel,
        to=row.recipient,
        subject=row.subject,
        body=row.body,
        status=row.status,
        job_id=row.job_id,
        created_at=row.created_at,
        sent_at=row.sent_at,
        attempts=row.attempts,
        error=row.error,
        error_code=row.error_code,
        sender=row.sender,
        provider=row.provider,
        provider_id=row.provider_id,
        calling_at=row.calling_at,
        purpose=row.purpose,
        segments=row.segments,
        copies=row.copies,
        delivery_status=row.delivery_status,
        execution_id=str(row.execution_id) if row.execution_id else None,
        node_id=row.node_id,
        campaign_id=str(row.campaign_id) if row.campaign_id else None,
        options=row.options,
    )
