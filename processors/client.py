"""The CRM's own calls: report an event, run a workflow, send a message, change a lead.

Blocking (`CrmClient`) and for asyncio (`AsyncCrmClient`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict, Unpack

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


class ConsentDetails(TypedDict, total=False):
    """What is known of a consent.

    Attributes:
        wording: what the person agreed to.
        contact_id: of the person.
        occurred_at: when it was given or withdrawn, aware; default is now.
    """

    wording: str
    contact_id: str
    occurred_at: datetime


class CrmClient(AtlasClient):
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

    def record_consent(
        self,
        org: str,
        *,
        channel: str,
        address: str,
        status: str,
        source: str,
        job_id: str | None = None,
        **details: Unpack[ConsentDetails],
    ) -> JobRef:
        """Keep a consent to marketing (``granted``) or its end (``withdrawn``) as evidence.

        `channel` is email, sms or whatsapp; `source` says how it is known, such as ``form:trial``.
        """
        said = {"channel": channel, "address": address, "status": status, "source": source}
        return self.enqueue(consent(org, said, details, job_id))


class AsyncCrmClient(AsyncAtlasClient):
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

    async def record_consent(
        self,
        org: str,
        *,
        channel: str,
        address: str,
        status: str,
        source: str,
        job_id: str | None = None,
        **details: Unpack[ConsentDetails],
    ) -> JobRef:
        """Keep a consent as evidence: see `CrmClient.record_consent`."""
        said = {"channel": channel, "address": address, "status": status, "source": source}
        return await self.enqueue(consent(org, said, details, job_id))


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


def consent(org: str, said: _Json, details: ConsentDetails, job_id: str | None) -> NewJob:
    """The job that records a consent."""
    # Fixed here: a job that runs twice records one statement.
    occurred_at = details.get("occurred_at") or datetime.now(UTC)
    payload = {**said, **details, "occurred_at": occurred_at.isoformat()}
    return NewJob("record_consent", org, payload, job_id=job_id)
