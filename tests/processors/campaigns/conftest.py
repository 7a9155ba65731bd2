"""A worker in the test's process with simulated time, and campaigns to run on it."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from processors import application
from processors.bulk import BulkText, CampaignRef
from processors.campaigns.reading import CampaignView, show_campaign
from processors.client import bulk_message
from processors.database.engine import Database
from processors.database.models import CampaignRecipient, Contact, Message
from processors.resources import Resources
from processors.senders.outbox import OutboxSender
from runtime.config.settings import Settings
from runtime.testing import InlineWorker
from tests.processors.harness import ORG

# A Wednesday at noon, far from everybody's night.
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HELLO = BulkText(subject="For {{first_name}}", body="Hello {{first_name}}, see you at {{gym_name}}")
TEXT = BulkText(body="Hello {{first_name}}")


class Desk:
    """Starts campaigns and looks at them."""

    def __init__(self, worker: InlineWorker, database: Database) -> None:
        self.worker = worker
        self.database = database

    def start(
        self,
        recipients: Any,
        template: str | BulkText = HELLO,
        *,
        channel: str = "email",
        org: str = ORG,
        **options: Any,
    ) -> CampaignRef:
        # What marketing may reach has a test of its own.
        options = {"purpose": "transactional"} | options
        bulk = bulk_message(org, channel, template, options)
        parts = total = 0
        for job, brought in bulk.jobs(recipients):
            self.worker.client.enqueue(job)
            parts, total = parts + 1, total + brought
        return CampaignRef(bulk.campaign_id, parts, total)

    def show(self, campaign: CampaignRef | uuid.UUID) -> CampaignView:
        ident = campaign if isinstance(campaign, uuid.UUID) else campaign.id
        view = show_campaign(self.database, ident)[0]
        assert sum(view.counts.values()) == view.total
        return view

    def counts(self, campaign: CampaignRef) -> dict[str, int]:
        return {name: number for name, number in self.show(campaign).counts.items() if number}

    def reasons(self, campaign: CampaignRef) -> dict[str | None, int]:
        return {r.reason: r.count for r in show_campaign(self.database, campaign.id)[1]}

    def addresses(self, campaign: CampaignRef) -> list[str]:
        query = select(CampaignRecipient.address).order_by(CampaignRecipient.number)
        with self.database.read() as session:
            mine = CampaignRecipient.campaign_id == campaign.id
            return list(session.scalars(query.where(mine)))

    def sent(self) -> list[Message]:
        with self.database.read() as session:
            sent = select(Message).where(Message.status == "sent")
            return list(session.scalars(sent.order_by(Message.recipient)))

    def add_contacts(self, rows: Iterable[dict[str, Any]]) -> None:
        with self.database.write() as session:
            session.add_all(Contact(**{"org_id": ORG, "type": "member"} | row) for row in rows)

    def run(self, seconds: float = 3_600) -> None:
        self.worker.advance(timedelta(seconds=seconds))


@pytest.fixture
def desk(database: Database, make_settings: Callable[..., Settings]) -> Iterator[Desk]:
    settings = make_settings()
    outbox = OutboxSender()
    senders = {"email": outbox, "sms": outbox, "whatsapp": outbox}
    resources = Resources(database, senders, settings, "Iron Works <hello@iron.example>")
    quiet = replace(application, recurring=())
    with InlineWorker(quiet, now=NOON, resources=resources, settings=settings) as worker:
        yield Desk(worker, database)


def people(number: int, first: int = 0) -> Iterator[dict[str, Any]]:
    """Recipients with addresses of their own."""
    for n in range(first, first + number):
        yield {"to": f"p{n:05}@example.com", "variables": {"first_name": f"P{n}"}}
