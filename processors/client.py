"""The CRM's own calls: report an event, run a workflow, send a message, change a lead.

Blocking (`CrmClient`) and for asyncio (`AsyncCrmClient`).
"""

import uuid
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict, Unpack

from processors.bulk import Bulk, CampaignRef, Recipient, SavedSegment
from processors.consent_calls import AsyncConsentCalls, ConsentCalls
from processors.payloads.campaigns import BulkText, Channel
from processors.record_calls import AsyncRecordCalls, RecordCalls
from runtime.async_client import AsyncAtlasClient
from runtime.client import AtlasClient
from runtime.jobs.new_job import JobRef, NewJob

_Json = Mapping[str, Any]


class EmailContent(TypedDict, total=False):
    """What an e-mail says, by exactly one of ``html``, ``text`` and ``template``."""

    html: str
    text: str
    template: str
    template_data: _Json
    from_: str
    reply_to: str
    tracking_id: str
    attachments: Sequence[_Json]


class WhatsappContent(TypedDict, total=False):
    """What a WhatsApp message says, by exactly one of ``message`` and ``template``."""

    message: str
    template: str
    template_data: _Json
    tracking_id: str


class WorkflowRun(TypedDict, total=False):
    """What a run of a workflow starts with.

    Attributes:
        trigger_data: as of the event that would have started it, such as ``lead_id``.
        variables: values of the workflow's variables, instead of its defaults.
    """

    trigger_data: _Json
    variables: _Json


class EventDetails(TypedDict, total=False):
    """What is known of an event that is counted."""

    data: _Json
    lead_id: str
    user_id: str
    session_id: str


class BulkOptions(TypedDict, total=False):
    """How a bulk message is sent.

    Attributes:
        batch_size: recipients that are handed out at a time; default 25.
        delay_between_batches: default two seconds.
        scheduled_for: aware; when the first batch is handed out. Default: at once.
        not_after: aware; who has not got it by then gets nothing, and is counted as refused.
        purpose: ``marketing`` (the default) or ``transactional``.
        name: for people; default is the template's.
        campaign_id: repeating a call with the same id and list changes nothing.
    """

    batch_size: int
    delay_between_batches: timedelta
    scheduled_for: datetime | None
    not_after: datetime | None
    purpose: str
    name: str | None
    campaign_id: uuid.UUID


class CrmClient(RecordCalls, ConsentCalls, AtlasClient):
    """`AtlasClient` with the CRM's calls as typed methods.

    Each raises `InvalidJobError` if the job does not validate (then nothing was queued) and
    `BrokerUnavailableError` while Redis is away; a call with a `job_id` can be repeated safely.

    Example:
        >>> from processors.client import CrmClient
        >>> with CrmClient.from_environment() as crm:
        ...     ref = crm.send_sms("org_iron", to="+447700900123", message="See you at six!")
        >>> ref.queue
        'communication:sms'
    """

    def trigger_workflow(
        self, org: str, trigger_type: str, data: _Json, *, job_id: str | None = None
    ) -> JobRef:
        """Report an event; every active workflow of `org` that listens to it starts."""
        return self.enqueue(event(org, trigger_type, data, job_id))

    def execute_workflow(
        self, org: str, workflow_id: str, *, job_id: str | None = None, **run: Unpack[WorkflowRun]
    ) -> JobRef:
        """Run one workflow now, whatever event it listens to."""
        return self.enqueue(workflow(org, workflow_id, run, job_id))

    def schedule_workflow(
        self,
        org: str,
        workflow_id: str,
        *,
        at: datetime,
        job_id: str | None = None,
        **run: Unpack[WorkflowRun],
    ) -> JobRef:
        """Run one workflow at an aware datetime."""
        return self.enqueue(workflow(org, workflow_id, run, job_id, at=at))

    def send_email(
        self,
        org: str,
        *,
        to: str | Sequence[str],
        subject: str,
        job_id: str | None = None,
        **content: Unpack[EmailContent],
    ) -> JobRef:
        """Send an e-mail to one address or several; each recipient gets a separate message."""
        return self.enqueue(email(org, to, subject, content, job_id))

    def send_sms(
        self, org: str, *, to: str | Sequence[str], message: str, job_id: str | None = None
    ) -> JobRef:
        """Send a text message to a number (``+447700900123``) or several."""
        return self.enqueue(sms(org, to, message, job_id))

    def send_whatsapp(
        self,
        org: str,
        *,
        to: str | Sequence[str],
        job_id: str | None = None,
        **content: Unpack[WhatsappContent],
    ) -> JobRef:
        """Send a WhatsApp message to a number or several."""
        return self.enqueue(whatsapp(org, to, content, job_id))

    def schedule_bulk_communication(
        self,
        org: str,
        channel: Channel,
        recipients: Iterable[Recipient] | SavedSegment,
        template: str | BulkText,
        **options: Unpack[BulkOptions],
    ) -> CampaignRef:
        """Send one message to many, as a campaign that can be watched, paused and cancelled.

        The list is read part by part and may be of any length; it is never in memory as a whole.
        A campaign begins when its whole list is there: if `recipients` raises, or this process
        ends, it stays ``loading``, sends nothing, and can be cancelled, or completed by the same
        call with the same `campaign_id`.

        Args:
            org: whose contacts.
            channel: ``email``, ``sms`` or ``whatsapp``.
            recipients: addresses, or mappings with ``to``, and if they like ``variables`` and
                ``contact_id``; or a `SavedSegment`.
            template: the name of a stored template, or a `BulkText`. Variables are those of the
                recipient, then the contact's fields.
            options: see `BulkOptions`.

        Raises:
            InvalidJobError: an argument or a recipient is not allowed.
            BrokerUnavailableError: Redis is away.
        """
        bulk = bulk_message(org, channel, template, options)
        parts = total = 0
        for job, brought in bulk.jobs(recipients):
            self.enqueue(job)
            parts, total = parts + 1, total + brought
        return CampaignRef(bulk.campaign_id, parts, total)

    def update_lead(
        self, org: str, lead_id: str, updates: _Json, *, reason: str = "", job_id: str | None = None
    ) -> JobRef:
        """Set fields of a lead; names without a column become custom fields."""
        return self.enqueue(lead_update(org, lead_id, updates, reason, job_id))

    def add_tag(self, org: str, lead_id: str, tag: str, *, job_id: str | None = None) -> JobRef:
        """Add a tag to a lead; a tag that the lead has already is kept once."""
        return self.enqueue(lead_tag(org, lead_id, tag, job_id))

    def track_event(
        self, org: str, name: str, *, job_id: str | None = None, **details: Unpack[EventDetails]
    ) -> JobRef:
        """Count an event for analytics; starts no workflow."""
        return self.enqueue(tracked(org, name, details, job_id))


class AsyncCrmClient(AsyncRecordCalls, AsyncConsentCalls, AsyncAtlasClient):
    """The same for asyncio; each method does what its namesake of `CrmClient` does."""

    async def trigger_workflow(
        self, org: str, trigger_type: str, data: _Json, *, job_id: str | None = None
    ) -> JobRef:
        """Report an event: see `CrmClient.trigger_workflow`."""
        return await self.enqueue(event(org, trigger_type, data, job_id))

    async def execute_workflow(
        self, org: str, workflow_id: str, *, job_id: str | None = None, **run: Unpack[WorkflowRun]
    ) -> JobRef:
        """Run a workflow now: see `CrmClient.execute_workflow`."""
        return await self.enqueue(workflow(org, workflow_id, run, job_id))

    async def schedule_workflow(
        self,
        org: str,
        workflow_id: str,
        *,
        at: datetime,
        job_id: str | None = None,
        **run: Unpack[WorkflowRun],
    ) -> JobRef:
        """Run a workflow later: see `CrmClient.schedule_workflow`."""
        return await self.enqueue(workflow(org, workflow_id, run, job_id, at=at))

    async def send_email(
        self,
        org: str,
        *,
        to: str | Sequence[str],
        subject: str,
        job_id: str | None = None,
        **content: Unpack[EmailContent],
    ) -> JobRef:
        """Send an e-mail: see `CrmClient.send_email`."""
        return await self.enqueue(email(org, to, subject, content, job_id))

    async def send_sms(
        self, org: str, *, to: str | Sequence[str], message: str, job_id: str | None = None
    ) -> JobRef:
        """Send a text message: see `CrmClient.send_sms`."""
        return await self.enqueue(sms(org, to, message, job_id))

    async def send_whatsapp(
        self,
        org: str,
        *,
        to: str | Sequence[str],
        job_id: str | None = None,
        **content: Unpack[WhatsappContent],
    ) -> JobRef:
        """Send a WhatsApp message: see `CrmClient.send_whatsapp`."""
        return await self.enqueue(whatsapp(org, to, content, job_id))

    async def schedule_bulk_communication(
        self,
        org: str,
        channel: Channel,
        recipients: Iterable[Recipient] | AsyncIterable[Recipient] | SavedSegment,
        template: str | BulkText,
        **options: Unpack[BulkOptions],
    ) -> CampaignRef:
        """Send one message to many: see `CrmClient.schedule_bulk_communication`.

        `recipients` may be an asynchronous iterator as well.
        """
        bulk = bulk_message(org, channel, template, options)
        parts = total = 0
        async for job, brought in bulk.jobs_async(recipients):
            await self.enqueue(job)
            parts, total = parts + 1, total + brought
        return CampaignRef(bulk.campaign_id, parts, total)

    async def update_lead(
        self, org: str, lead_id: str, updates: _Json, *, reason: str = "", job_id: str | None = None
    ) -> JobRef:
        """Set fields of a lead: see `CrmClient.update_lead`."""
        return await self.enqueue(lead_update(org, lead_id, updates, reason, job_id))

    async def add_tag(
        self, org: str, lead_id: str, tag: str, *, job_id: str | None = None
    ) -> JobRef:
        """Add a tag to a lead: see `CrmClient.add_tag`."""
        return await self.enqueue(lead_tag(org, lead_id, tag, job_id))

    async def track_event(
        self, org: str, name: str, *, job_id: str | None = None, **details: Unpack[EventDetails]
    ) -> JobRef:
        """Count an event: see `CrmClient.track_event`."""
        return await self.enqueue(tracked(org, name, details, job_id))


def event(org: str, trigger_type: str, data: _Json, job_id: str | None) -> NewJob:
    """The job that starts the workflows of an event."""
    payload = {"trigger_type": trigger_type, "trigger_data": data}
    return NewJob("process_trigger", org, payload, job_id=job_id)


def workflow(
    org: str, workflow_id: str, run: WorkflowRun, job_id: str | None, *, at: datetime | None = None
) -> NewJob:
    """The job that runs a workflow, at once or at a time."""
    kind = "execute_workflow" if at is None else "execute_scheduled_workflow"
    return NewJob(kind, org, {"workflow_id": workflow_id, **run}, at=at, job_id=job_id)


def email(
    org: str, to: str | Sequence[str], subject: str, content: EmailContent, job_id: str | None
) -> NewJob:
    """The job that sends an e-mail."""
    return NewJob("send_email", org, {"to": to, "subject": subject, **content}, job_id=job_id)


def sms(org: str, to: str | Sequence[str], message: str, job_id: str | None) -> NewJob:
    """The job that sends a text message."""
    return NewJob("send_sms", org, {"to": to, "message": message}, job_id=job_id)


def whatsapp(
    org: str, to: str | Sequence[str], content: WhatsappContent, job_id: str | None
) -> NewJob:
    """The job that sends a WhatsApp message."""
    return NewJob("send_whatsapp", org, {"to": to, **content}, job_id=job_id)


def bulk_message(
    org: str, channel: Channel, template: str | BulkText, options: BulkOptions
) -> Bulk:
    """A bulk message, with what was not said filled in."""
    return Bulk(
        org,
        channel,
        template,
        batch_size=options.get("batch_size", 25),
        delay_between_batches=options.get("delay_between_batches", timedelta(seconds=2)),
        scheduled_for=options.get("scheduled_for"),
        not_after=options.get("not_after"),
        purpose=options.get("purpose", "marketing"),
        name=options.get("name"),
        campaign_id=options.get("campaign_id") or uuid.uuid4(),
    )


def lead_update(org: str, lead_id: str, updates: _Json, reason: str, job_id: str | None) -> NewJob:
    """The job that sets fields of a lead."""
    payload: dict[str, Any] = {"lead_id": lead_id, "updates": updates}
    if reason:
        payload["reason"] = reason
    return NewJob("update_lead", org, payload, job_id=job_id)


def lead_tag(org: str, lead_id: str, tag: str, job_id: str | None) -> NewJob:
    """The job that adds a tag to a lead."""
    return NewJob("add_tag", org, {"lead_id": lead_id, "tag": tag}, job_id=job_id)


def tracked(org: str, name: str, details: EventDetails, job_id: str | None) -> NewJob:
    """The job that counts an event."""
    return NewJob("track_event", org, {"event": name, **details}, job_id=job_id)
