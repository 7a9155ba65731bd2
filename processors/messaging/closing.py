"""Telling what waits for a message that it is settled at last, outside the job that sends it."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.campaigns.settling import settle_recipient
from processors.database.models import Message
from processors.messaging.tally import Tally
from processors.workflow.delivered import settle_step
from runtime.client import NewJob

_OPEN = ("reserved", "calling")
_OF_CAMPAIGN = {"sent": "sent", "suppressed": "suppressed", "unknown": "unknown"}


def close_for(session: Session, row: Message, now: datetime) -> list[NewJob]:
    """Settle what waits for a message whose state became final; jobs to enqueue after the commit.

    A step that failed because a message was unknown becomes completed when all of its messages were
    sent after all. While one of them is still on its way, nothing happens. The recipient of a
    campaign becomes what its message became.
    """
    if row.campaign_id is not None and row.recipient_number is not None:
        status = _OF_CAMPAIGN.get(row.status, "failed")
        settle_recipient(session, row.campaign_id, row.recipient_number, status, row.error, now)
    if row.execution_id is None or row.node_id is None:
        return []
    query = select(Message.status, Message.error, Message.error_code).where(
        Message.execution_id == row.execution_id, Message.node_id == row.node_id
    )
    session.flush()
    tally = Tally()
    for status, error, code in session.execute(query):
        if status in _OPEN:
            return []
        tally.count(status, error, code)
    if tally.failed:
        return []
    return settle_step(
        session, org=row.org_id, execution_id=row.execution_id, node_id=row.node_id,
        output=tally.outputs(), error=None, now=now,
    )  # fmt: skip
