"""The CRM's own calls: report an event, send a message; blocking and for asyncio."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from runtime.async_client import AsyncAtlasClient
from runtime.client import AtlasClient
from runtime.jobs.new_job import JobRef, NewJob


class EmailContent(TypedDict, total=False):
    """What an e-mail says, by exactly one of ``html``, ``text`` and ``template``."""

    html: str
    text: str
    template: str
    template_data: Mapping[str, Any]
    reply_to: str
    tracking_id: str
    attachments: Sequence[Mapping[str, Any]]


class CrmClient(AtlasClient):
    """`AtlasClient` with the CRM's events and messages as typed methods.

    Each raises `InvalidJobError` for what does not validate (then nothing was queued) and
    `BrokerUnavailableError` while Redis is away; a call with a `job_id` can be repeated safely.

    Example:
        >>> from processors.client import CrmClient
        >>> with CrmClient.from_environment() as crm:
        ...     ref = crm.send_sms("org_iron", to="+447700900123", message="See you at six!")
        >>> ref.queue
        'communication:sms'
    """

    def trigger_workflow(
        self, org: str, trigger_type: str, data: Mapping[str, Any], *, job_id: str | None = None
    ) -> JobRef:
        """Report an event; every active workflow of `org` that listens to it starts."""
        return self.enqueue(event(org, trigger_type, data, job_id))

    def send_email(
        self,
        org: str,
        *,
        to: str | Sequence[str],
        subject: str,
        job_id: str | None = None,
        **content: Unpack[EmailContent],
    ) -> JobRef:
        """Send an e-mail to one address or several, each of whom gets a message of their own."""
        return self.enqueue(email(org, to, subject, content, job_id))

    def send_sms(
        self, org: str, *, to: str | Sequence[str], message: str, job_id: str | None = None
    ) -> JobRef:
        """Send a text message to a number (``+447700900123``) or several."""
        return self.enqueue(sms(org, to, message, job_id))


class AsyncCrmClient(AsyncAtlasClient):
    """The same for asyncio."""

    async def trigger_workflow(
        self, org: str, trigger_type: str, data: Mapping[str, Any], *, job_id: str | None = None
    ) -> JobRef:
        """Report an event: see `CrmClient.trigger_workflow`."""
        return await self.enqueue(event(org, trigger_type, data, job_id))

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


def event(org: str, trigger_type: str, data: Mapping[str, Any], job_id: str | None) -> NewJob:
    """The job that starts the workflows of an event."""
    payload = {"trigger_type": trigger_type, "trigger_data": data}
    return NewJob("process_trigger", org, payload, job_id=job_id)


def email(
    org: str,
    to: str | Sequence[str],
    subject: str,
    content: EmailContent,
    job_id: str | None,
) -> NewJob:
    """The job that sends an e-mail."""
    return NewJob("send_email", org, {"to": to, "subject": subject, **content}, job_id=job_id)


def sms(org: str, to: str | Sequence[str], message: str, job_id: str | None) -> NewJob:
    """The job that sends a text message."""
    return NewJob("send_sms", org, {"to": to, "message": message}, job_id=job_id)
