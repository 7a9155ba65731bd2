"""The client's reports of consent to marketing: kept as evidence, the newest counts."""

from datetime import UTC, datetime
from typing import Protocol, TypedDict, Unpack

from runtime.jobs.new_job import JobRef, NewJob


class ConsentReport(TypedDict):
    """What was said.

    Attributes:
        channel: ``email``, ``sms`` or ``whatsapp``.
        address: an e-mail address or a number, in any spelling.
        status: ``granted`` or ``withdrawn``.
        source: how it is known, such as ``form:trial``.
    """

    channel: str
    address: str
    status: str
    source: str


class ConsentDetails(ConsentReport, total=False):
    """What else may be known.

    Attributes:
        wording: what the person agreed to.
        contact_id: of the person.
        occurred_at: when it was said, aware; default is when the job is enqueued.
        job_id: makes repeating the call free.
    """

    wording: str
    contact_id: str
    occurred_at: datetime
    job_id: str


class _Enqueues(Protocol):
    def enqueue(self, job: NewJob) -> JobRef: ...


class _EnqueuesLater(Protocol):
    async def enqueue(self, job: NewJob) -> JobRef: ...


class ConsentCalls:
    """The call of `CrmClient` that reports a consent."""

    def record_consent(self: _Enqueues, org: str, **said: Unpack[ConsentDetails]) -> JobRef:
        """Keep a consent to marketing by one channel, or its withdrawal."""
        return self.enqueue(consent(org, said))


class AsyncConsentCalls:
    """The same for asyncio."""

    async def record_consent(
        self: _EnqueuesLater, org: str, **said: Unpack[ConsentDetails]
    ) -> JobRef:
        """See `ConsentCalls.record_consent`."""
        return await self.enqueue(consent(org, said))


def consent(org: str, said: ConsentDetails) -> NewJob:
    """The job that records a consent."""
    # Fixed here: a job that runs twice records one statement.
    at = said.get("occurred_at") or datetime.now(UTC)
    payload = {name: value for name, value in said.items() if name != "job_id"}
    payload["occurred_at"] = at.isoformat() if isinstance(at, datetime) else at
    return NewJob("record_consent", org, payload, job_id=said.get("job_id"))
