"""One batch of a campaign: the next recipients, each with a text of their own, and a job each."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from processors.campaigns.settling import complete_if_over, has_open, lock_campaign, too_late
from processors.campaigns.wording import Personal, Writer
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.database.models import Campaign, CampaignRecipient
from processors.errors import DefinitionError, TemplateError
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob
from runtime.outcomes import Snooze

_MAX_REASON = 500


def hand_out(session: Session, campaign_id: uuid.UUID, batch: int, now: datetime) -> list[NewJob]:
    """Mark a batch's recipients and make their jobs, and the one of the next batch.

    A batch that ran already makes those of its jobs again that are still wanted, under the same
    ids: nothing is lost if the process dies before it has enqueued them.

    Args:
        session: a write transaction.
        campaign_id: the campaign.
        batch: its number; only `Campaign.next_batch` hands out recipients.
        now: for the times.

    Raises:
        Snooze: it is not yet the campaign's time.
    """
    campaign = lock_campaign(session, campaign_id)
    if campaign is None or campaign.status not in ("scheduled", "running"):
        return []
    if campaign.scheduled_for is not None and now < campaign.scheduled_for:
        raise Snooze(campaign.scheduled_for, reason="the campaign's time has not come")
    if batch == campaign.next_batch:
        _begin(campaign, now)
        if campaign.not_after is not None and now > campaign.not_after:
            _refuse_all(session, campaign, now)
        else:
            _take(session, campaign, now)
        campaign.next_batch += 1
        if complete_if_over(session, campaign, now):
            return []
    jobs = _sends(session, campaign, batch, now)
    if batch + 1 == campaign.next_batch and has_open(session, campaign.id, ("pending",)):
        jobs.append(batch_job(campaign, now=now, wait=True))
    return jobs


def batch_job(campaign: Campaign, *, now: datetime, wait: bool = False) -> NewJob:
    """The job of a campaign's next batch: at once, or after the delay between batches."""
    delay = timedelta(milliseconds=campaign.delay_between_batches_ms)
    at = now + delay if wait else campaign.scheduled_for
    return NewJob(
        f"bulk_{campaign.channel}",
        campaign.org_id,
        {"campaign_id": campaign.id, "batch": campaign.next_batch},
        at=at,
        job_id=f"campaign-{campaign.id}-batch-{campaign.next_batch}",
    )


def _begin(campaign: Campaign, now: datetime) -> None:
    if campaign.started_at is None:
        campaign.started_at = now
    campaign.status = "running"


def _refuse_all(session: Session, campaign: Campaign, now: datetime) -> None:
    session.execute(
        update(CampaignRecipient)
        .where(CampaignRecipient.campaign_id == campaign.id, CampaignRecipient.status == "pending")
        .values(status="refused", reason=too_late(campaign), updated_at=now)
    )


def _take(session: Session, campaign: Campaign, now: datetime) -> None:
    """Mark the next recipients as this batch's."""
    query = (
        select(CampaignRecipient)
        .where(CampaignRecipient.campaign_id == campaign.id, CampaignRecipient.status == "pending")
        .order_by(CampaignRecipient.number)
        .limit(campaign.batch_size)
    )
    for recipient in session.scalars(query):
        recipient.status, recipient.batch = "queued", campaign.next_batch
        recipient.updated_at = now


def _sends(session: Session, campaign: Campaign, batch: int, now: datetime) -> list[NewJob]:
    """The jobs of a batch's recipients that are still wanted; who lacks a value is refused."""
    session.flush()
    query = (
        select(CampaignRecipient)
        .where(
            CampaignRecipient.campaign_id == campaign.id,
            CampaignRecipient.status == "queued",
            CampaignRecipient.batch == batch,
        )
        .order_by(CampaignRecipient.number)
    )
    recipients = session.scalars(query).all()
    organisation = repository_of(session).organisation(campaign.org_id)
    writer = Writer(session, campaign, organisation, now)
    contacts = _contacts(session, campaign, recipients)
    jobs = []
    for recipient in recipients:
        contact = contacts.get(recipient.number)
        try:
            text = writer.write(contact, recipient.variables)
        except (DefinitionError, TemplateError) as error:
            recipient.status, recipient.updated_at = "refused", now
            recipient.reason = str(error)[:_MAX_REASON]
            continue
        if contact is not None:
            recipient.contact_id = contact["id"]
        jobs.append(_send(campaign, recipient, text))
    complete_if_over(session, campaign, now)
    return jobs


def _send(campaign: Campaign, recipient: CampaignRecipient, text: Personal) -> NewJob:
    payload: dict[str, Any] = {
        "to": recipient.address,
        "campaign_id": campaign.id,
        "recipient_number": recipient.number,
        "purpose": campaign.purpose,
        "contact_id": recipient.contact_id,
        "not_after": campaign.not_after,
    }
    if campaign.channel == "email":
        payload |= {"subject": text.subject, "html" if text.is_html else "text": text.body}
    else:
        payload["message"] = text.body
    return NewJob(
        f"send_{campaign.channel}",
        campaign.org_id,
        payload,
        Priority.LOW,
        job_id=f"campaign-{campaign.id}-{recipient.batch}-{recipient.number}",
    )


def _contacts(
    session: Session, campaign: Campaign, recipients: Sequence[CampaignRecipient]
) -> dict[int, Record]:
    """The contacts by the recipients' numbers: by id, else by address."""
    repository, org = repository_of(session), campaign.org_id
    field = "email" if campaign.channel == "email" else "phone"
    by_id = repository.get_many(org, "contact", {r.contact_id for r in recipients if r.contact_id})
    addresses = [r.address for r in recipients if not r.contact_id]
    listed = repository.find(org, "contact", {field: addresses}) if addresses else ()
    # The oldest of an address counts, as everywhere.
    by_address = {record[field]: record for record in reversed(listed)}
    found: dict[int, Record] = {}
    for recipient in recipients:
        address = recipient.address
        if recipient.contact_id:
            contact = by_id.get(recipient.contact_id)
        elif (contact := by_address.get(address)) is None:
            email, phone = (address, None) if field == "email" else (None, address)
            contact = repository.find_contact(org, email=email, phone=phone)
        if contact is not None:
            found[recipient.number] = contact
    return found
