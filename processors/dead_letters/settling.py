"""Closing what waits for a job that failed for good: its messages and its workflow step.

Handlers close what they know to be lost. Nobody does so for a job whose worker was lost, whose
provider stayed away until no attempt was left, or whose database did not answer.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.campaigns.settling import settle_recipient
from processors.database.models import Message, StoredDeadLetter
from processors.messaging.events import message_event
from processors.payloads.messaging import ResendMessage, SendEmail, SendSms, SendWhatsapp
from processors.payloads.workflow import (
    AdvanceExecution,
    ContinueWait,
    ExecuteNode,
    RequestHttp,
    RunAction,
)
from processors.senders.sender import Channel
from processors.workflow.delivered import fail_step, settle_step
from runtime.client import NewJob

_SENDS: dict[str, tuple[Channel, type[SendEmail | SendSms | SendWhatsapp]]] = {
    "send_email": ("email", SendEmail),
    "send_sms": ("sms", SendSms),
    "send_whatsapp": ("whatsapp", SendWhatsapp),
}
_RESENDS = frozenset(f"resend_{channel}" for channel, _ in _SENDS.values())
# The state in which a step waits for the job of that kind.
_STEPS: dict[
    str, tuple[str, type[AdvanceExecution | ExecuteNode | ContinueWait | RunAction | RequestHttp]]
] = {
    "advance_execution": ("pending", AdvanceExecution),
    "execute_node": ("pending", ExecuteNode),
    "continue_wait": ("waiting", ContinueWait),
    "run_action": ("running", RunAction),
    "request_http": ("running", RequestHttp),
}


def settle(session: Session, letter: StoredDeadLetter, now: datetime) -> list[NewJob]:
    """Close messages and the step that wait for the job; jobs to enqueue after the commit.

    What is closed already stays as it is, so that this may run again at any time. A job that is
    retried afterwards opens them again.

    Args:
        session: a write transaction.
        letter: the record.
        now: for the times of what is closed.
    """
    try:
        if letter.kind in _SENDS:
            return _settle_send(session, letter, now)
        if letter.kind in _RESENDS:
            return _settle_resend(session, letter)
        if letter.kind in _STEPS:
            return _settle_step(session, letter, now)
    except ValidationError:
        # It never ran: a payload that does not validate is set aside before.
        return []
    return []


def _settle_send(session: Session, letter: StoredDeadLetter, now: datetime) -> list[NewJob]:
    """By the ledger: a job that died after its messages were sent has not failed to send."""
    channel, model = _SENDS[letter.kind]
    payload = model.model_validate(letter.payload)
    counts = _close_messages(session, letter)
    # One transaction reserves all of a job's messages: either there are none or they are all there.
    ended_well = counts["sent"] + counts["suppressed"]
    failed = ended_well == 0 or ended_well < counts.total()
    jobs: list[NewJob] = []
    if payload.execution_id is not None and payload.node_id is not None:
        step: dict[str, Any] = {
            "org": letter.org_id,
            "execution_id": payload.execution_id,
            "node_id": payload.node_id,
            "output": dict(counts),
            "now": now,
        }
        if failed:
            jobs += fail_step(session, **step, waits_as="running", error=reason_of(letter))
        else:
            jobs += settle_step(session, **step, error=None, goes_on=False)
    if payload.campaign_id is not None and payload.recipient_number is not None:
        status = "unknown" if counts["unknown"] else "failed"
        if not failed:
            status = "sent" if counts["sent"] else "suppressed"
        reason = reason_of(letter) if failed else None
        settle_recipient(
            session, payload.campaign_id, payload.recipient_number, status, reason, now
        )
    # The handler may have reported it already: then the event's id is known.
    event = message_event(
        letter.org_id, letter.job_id, payload, channel, dict(counts), failed=failed
    )
    return [*jobs, event]


def _settle_resend(session: Session, letter: StoredDeadLetter) -> list[NewJob]:
    """Its step or campaign learned already that the message is not known to be sent."""
    payload = ResendMessage.model_validate(letter.payload)
    row = session.get(Message, payload.message_id)
    if row is not None and row.org_id == letter.org_id:
        _close(row, letter)
    return []


def _close(row: Message, letter: StoredDeadLetter) -> None:
    if row.status == "reserved" and row.copies == 0:
        row.status, row.error = "rejected", reason_of(letter, row.error)
    elif row.status in ("reserved", "calling"):
        # An answer that comes after all still makes it "sent".
        row.status = "unknown"
        row.error = f"{reason_of(letter, row.error)}; it may have been delivered"


def _close_messages(session: Session, letter: StoredDeadLetter) -> Counter[str]:
    """Close the job's open messages; how many there are in each final state."""
    rows = session.scalars(
        select(Message).where(Message.job_id == letter.job_id, Message.org_id == letter.org_id)
    )
    counts = Counter(sent=0, rejected=0, unknown=0, suppressed=0)
    for row in rows:
        _close(row, letter)
        counts[row.status] += 1
    return counts


def _settle_step(session: Session, letter: StoredDeadLetter, now: datetime) -> list[NewJob]:
    waits_as, model = _STEPS[letter.kind]
    payload = model.model_validate(letter.payload)
    if payload.node_id is None:
        return []
    return fail_step(
        session,
        org=letter.org_id,
        execution_id=payload.execution_id,
        node_id=payload.node_id,
        waits_as=waits_as,
        output=None,
        error=reason_of(letter),
        now=now,
    )


def reason_of(letter: StoredDeadLetter, error: str | None = None) -> str:
    """Why it failed, in one line; `error` is what a provider said last."""
    said = error or letter.error or letter.error_class or letter.reason
    if letter.reason != "exhausted":
        return said
    return f"{said}; given up after {letter.attempts} attempts"
