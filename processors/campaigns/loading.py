"""Loading a campaign's list: part after part as its producer sends it, or page by page."""

from datetime import datetime, timedelta
from typing import NoReturn

from sqlalchemy.orm import Session

from processors.bulk import load_job
from processors.campaigns.batches import batch_job
from processors.campaigns.recipients import addressed, append
from processors.campaigns.segments import get_segment, pick
from processors.campaigns.settling import complete_if_over, lock_campaign
from processors.campaigns.wording import fixed_wording
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.database.models import Campaign
from processors.payloads.campaigns import CampaignStart, LoadCampaign
from runtime.client import NewJob
from runtime.outcomes import DeadLetter, Snooze

# A part whose forerunner never came is given up after that.
PATIENCE = timedelta(days=7)
_MOST_WAIT = timedelta(minutes=1)


def load_part(
    session: Session, org: str, payload: LoadCampaign, *, waiting_since: datetime, now: datetime
) -> list[NewJob]:
    """Load a part, in its turn; the jobs to enqueue after the commit.

    A part that is loaded already changes nothing, and makes the same jobs again.

    Args:
        session: a write transaction.
        org: whose campaign.
        payload: the part.
        waiting_since: when it was enqueued.
        now: for the times.

    Raises:
        Snooze: the part before it is not loaded yet.
        DeadLetter: it never will be, or the organisation does not exist.
        DefinitionError: there is no such segment.
        TemplateError: there is no such template.
    """
    organisation = repository_of(session).organisation(org)
    if organisation is None:
        raise DeadLetter(f"there is no organisation {org!r}")
    campaign = lock_campaign(session, payload.campaign_id)
    if campaign is None and payload.start is not None:
        campaign = _create(session, org, payload, payload.start, now)
    if campaign is None or payload.part > campaign.next_part:
        _wait_for_turn(payload, waiting_since, now)
    if campaign.org_id != org:
        raise DeadLetter(f"the campaign {payload.campaign_id} is another organisation's")
    if campaign.status == "loading" and payload.part == campaign.next_part:
        if campaign.segment_id is not None:
            is_last = _next_page(session, campaign, organisation, now)
        else:
            _append(session, campaign, organisation, payload, now)
            is_last = payload.is_last
        campaign.next_part += 1
        if is_last:
            _close(session, campaign, now)
    return _following(campaign, payload, now)


def _wait_for_turn(payload: LoadCampaign, since: datetime, now: datetime) -> NoReturn:
    waited = now - since
    before = f"part {payload.part - 1} of the campaign's list is not loaded"
    if waited > PATIENCE:
        raise DeadLetter(f"{before}, and was not for {PATIENCE.days} days")
    wait = max(timedelta(seconds=1), min(waited / 10, _MOST_WAIT))
    raise Snooze(now + wait, reason=before)


def _create(
    session: Session, org: str, payload: LoadCampaign, start: CampaignStart, now: datetime
) -> Campaign:
    if start.segment_id is not None:
        get_segment(session, org, start.segment_id)
    campaign = Campaign(
        id=payload.campaign_id,
        org_id=org,
        name=start.name,
        channel=start.channel,
        status="loading",
        batch_size=start.batch_size,
        delay_between_batches_ms=start.delay_between_batches_ms,
        segment_id=start.segment_id,
        scheduled_for=start.scheduled_for,
        not_after=start.not_after,
        created_at=now,
        total=0,
        duplicates=0,
        next_part=0,
        next_batch=0,
        **fixed_wording(session, org, start),
    )
    session.add(campaign)
    session.flush()
    return campaign


def _append(
    session: Session,
    campaign: Campaign,
    organisation: Record,
    payload: LoadCampaign,
    now: datetime,
) -> None:
    country = organisation["country"]
    found = [
        addressed(campaign.channel, country, given.to, given.contact_id, given.variables)
        for given in payload.recipients
    ]
    append(session, campaign, found, now=now)


def _next_page(session: Session, campaign: Campaign, organisation: Record, now: datetime) -> bool:
    """Add the next page of the segment; True at its end."""
    segment = get_segment(session, campaign.org_id, str(campaign.segment_id))
    page = pick(session, campaign.org_id, segment.conditions, cursor=campaign.cursor, now=now)
    country = organisation["country"]
    name = "email" if campaign.channel == "email" else "phone"
    found = [
        addressed(campaign.channel, country, address, contact["id"], {})
        for contact in page.matching
        if (address := contact.get(name))
    ]
    append(session, campaign, found, now=now)
    campaign.cursor = page.cursor
    return page.cursor is None


def _close(session: Session, campaign: Campaign, now: datetime) -> None:
    later = campaign.scheduled_for is not None and campaign.scheduled_for > now
    campaign.status = "scheduled" if later else "running"
    if not later:
        campaign.started_at = now
    complete_if_over(session, campaign, now)


def _following(campaign: Campaign, payload: LoadCampaign, now: datetime) -> list[NewJob]:
    if campaign.status in ("scheduled", "running") and campaign.next_batch == 0:
        return [batch_job(campaign, now=now)]
    if campaign.status == "loading" and campaign.segment_id is not None:
        following = LoadCampaign(campaign_id=campaign.id, part=campaign.next_part, start=None)
        if payload.part + 1 == campaign.next_part:
            return [load_job(campaign.org_id, following)]
    return []
