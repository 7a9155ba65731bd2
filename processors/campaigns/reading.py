"""Campaigns as they are shown: what they are, how far, and why recipients got nothing."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.models import RECIPIENT_STATUSES, Campaign, CampaignRecipient
from processors.errors import DefinitionError

_REASONS = 10


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign, with its recipients counted by state; the counts add up to `total`."""

    id: str
    org: str
    name: str
    channel: str
    purpose: str
    status: str
    reason: str | None
    template: str | None
    template_version: int | None
    segment: str | None
    total: int
    duplicates: int
    counts: Mapping[str, int]
    batch_size: int
    delay_between_batches_s: float
    scheduled_for: datetime | None
    not_after: datetime | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None

    @property
    def done(self) -> int:
        """Recipients of whom nothing further is to be done."""
        return self.total - sum(self.counts[name] for name in ("pending", "queued", "deferred"))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why recipients got nothing, or not yet."""

    status: str
    reason: str | None
    count: int


def list_campaigns(
    database: Database, *, limit: int = 50, org: str | None = None, status: str | None = None
) -> list[CampaignView]:
    """The newest campaigns, newest first.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    query = select(Campaign).order_by(Campaign.created_at.desc(), Campaign.id).limit(limit)
    if org is not None:
        query = query.where(Campaign.org_id == org)
    if status is not None:
        query = query.where(Campaign.status == status)
    with database.read() as session:
        return _views(session, list(session.scalars(query)))


def show_campaign(database: Database, campaign_id: uuid.UUID) -> tuple[CampaignView, list[Reason]]:
    """One campaign, and the most frequent reasons why recipients got nothing.

    Raises:
        DefinitionError: there is no such campaign.
        DatabaseUnavailableError: the database did not answer.
    """
    number = func.count()
    reasons = (
        select(CampaignRecipient.status, CampaignRecipient.reason, number)
        .where(CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.reason.is_not(None))
        .group_by(CampaignRecipient.status, CampaignRecipient.reason)
        .order_by(number.desc(), CampaignRecipient.reason)
        .limit(_REASONS)
    )
    with database.read() as session:
        campaign = session.get(Campaign, campaign_id)
        if campaign is None:
            raise DefinitionError(f"there is no campaign {campaign_id}")
        [view] = _views(session, [campaign])
        return view, [
            Reason(status, reason, count) for status, reason, count in session.execute(reasons)
        ]


def _views(session: Session, campaigns: list[Campaign]) -> list[CampaignView]:
    counts = {campaign.id: dict.fromkeys(RECIPIENT_STATUSES, 0) for campaign in campaigns}
    query = (
        select(CampaignRecipient.campaign_id, CampaignRecipient.status, func.count())
        .where(CampaignRecipient.campaign_id.in_(counts))
        .group_by(CampaignRecipient.campaign_id, CampaignRecipient.status)
    )
    for campaign_id, status, number in session.execute(query):
        counts[campaign_id][status] = number
    return [_view(campaign, counts[campaign.id]) for campaign in campaigns]


def _view(campaign: Campaign, counts: Mapping[str, int]) -> CampaignView:
    return CampaignView(
        id=str(campaign.id),
        org=campaign.org_id,
        name=campaign.name,
        channel=campaign.channel,
        purpose=campaign.purpose,
        status=campaign.status,
        reason=campaign.reason,
        template=campaign.template,
        template_version=campaign.template_version,
        segment=campaign.segment_id,
        total=campaign.total,
        duplicates=campaign.duplicates,
        counts=counts,
        batch_size=campaign.batch_size,
        delay_between_batches_s=campaign.delay_between_batches_ms / 1000,
        scheduled_for=campaign.scheduled_for,
        not_after=campaign.not_after,
        created_at=campaign.created_at,
        started_at=campaign.started_at,
        completed_at=campaign.completed_at,
    )
