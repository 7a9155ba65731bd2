"""A bulk message as jobs: a list of any length in parts that each fit a payload."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from processors.payloads.campaigns import (
    MAX_PART,
    BulkRecipient,
    BulkText,
    CampaignStart,
    Channel,
    LoadCampaign,
)
from runtime.client import NewJob
from runtime.errors import InvalidJobError

# A part stays well below a payload's usual limit (ATLAS_MAX_PAYLOAD_BYTES, 1 MiB).
_PART_BYTES = 256_000

_ALLOWED = "recipients: allowed are a list, an iterator and a SavedSegment"

Recipient = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SavedSegment:
    """The contacts of a saved segment, as recipients; see ``atlas segments``."""

    id: str


class CampaignRef(NamedTuple):
    """A campaign that was handed over: `recipients` of them in `parts` jobs.

    Of a segment the worker counts the recipients: then the number is 0.
    """

    id: uuid.UUID
    parts: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk message to be scheduled; see `CrmClient.schedule_bulk_communication`."""

    org: str
    channel: Channel
    template: str | BulkText
    batch_size: int
    delay_between_batches: timedelta
    scheduled_for: datetime | None
    not_after: datetime | None
    purpose: str
    name: str | None
    campaign_id: uuid.UUID

    def jobs(self, recipients: Iterable[Recipient] | SavedSegment) -> Iterator[tuple[NewJob, int]]:
        """The jobs that load the list, each with how many recipients it brings; read lazily.

        Raises:
            InvalidJobError: an argument or a recipient is not allowed; the recipient's number is
                named. Parts before it were made already.
        """
        parts = _Parts(self, recipients)
        if isinstance(recipients, SavedSegment):
            yield parts.of_segment()
            return
        if isinstance(recipients, str | bytes | Mapping) or not isinstance(recipients, Iterable):
            raise InvalidJobError(_ALLOWED)
        for recipient in recipients:
            if (full := parts.add(recipient)) is not None:
                yield full
        yield parts.last()

    async def jobs_async(
        self, recipients: Iterable[Recipient] | AsyncIterable[Recipient] | SavedSegment
    ) -> AsyncIterator[tuple[NewJob, int]]:
        """`jobs`, also of an asynchronous iterator."""
        if not isinstance(recipients, AsyncIterable):
            for made in self.jobs(recipients):
                yield made
            return
        parts = _Parts(self, recipients)
        async for recipient in recipients:
            if (full := parts.add(recipient)) is not None:
                yield full
        yield parts.last()

    def start(self, segment: str | None) -> CampaignStart:
        """What the campaign is, checked.

        Raises:
            InvalidJobError: an argument is not allowed.
        """
        if not isinstance(self.delay_between_batches, timedelta):
            raise InvalidJobError("delay_between_batches: must be a timedelta")
        is_text = isinstance(self.template, BulkText)
        default = f"{self.channel} campaign" if is_text else str(self.template)[:200]
        try:
            return CampaignStart.model_validate(
                {
                    "name": default if self.name is None else self.name,
                    "channel": self.channel,
                    "template": None if is_text else self.template,
                    "text": self.template if is_text else None,
                    "segment_id": segment,
                    "purpose": self.purpose,
                    "batch_size": self.batch_size,
                    "delay_between_batches_ms": self.delay_between_batches // _MILLISECOND,
                    "scheduled_for": self.scheduled_for,
                    "not_after": self.not_after,
                }
            )
        except ValidationError as error:
            raise InvalidJobError(f"campaign: {_words(error)}") from None


_MILLISECOND = timedelta(milliseconds=1)


def load_job(org: str, payload: LoadCampaign) -> NewJob:
    """The job that loads a part; the same again under the same id."""
    job_id = f"campaign-{payload.campaign_id}-part-{payload.part}"
    # By one job at a time, and so mostly in order.
    key = f"campaign:{payload.campaign_id}"
    return NewJob("load_campaign", org, payload, job_id=job_id, concurrency_key=key)


class _Parts:
    """Collects recipients into parts; each becomes a job once it is known that it is not the last.

    So the last part, and no other, closes the list: also when its length fits exactly.
    """

    def __init__(self, bulk: Bulk, recipients: object) -> None:
        segment = recipients.id if isinstance(recipients, SavedSegment) else None
        self._bulk = bulk
        self._start: CampaignStart | None = bulk.start(segment)
        self._part: list[BulkRecipient] = []
        self._bytes = 0
        self._number = 0
        self._seen = 0

    def add(self, given: Recipient) -> tuple[NewJob, int] | None:
        """Take in a recipient; the part before it, if that is full."""
        self._seen += 1
        recipient = _recipient(given, self._seen)
        size = _size(recipient, self._seen)
        full = None
        if self._part and (len(self._part) >= MAX_PART or self._bytes + size > _PART_BYTES):
            full = self._job(is_last=False)
        self._part.append(recipient)
        self._bytes += size
        return full

    def last(self) -> tuple[NewJob, int]:
        """The part that closes the list; it may be empty."""
        return self._job(is_last=True)

    def of_segment(self) -> tuple[NewJob, int]:
        """The one part of a segment, whose contacts the worker reads."""
        return self._job(is_last=False)

    def _job(self, *, is_last: bool) -> tuple[NewJob, int]:
        payload = LoadCampaign(
            campaign_id=self._bulk.campaign_id,
            part=self._number,
            start=self._start,
            recipients=self._part,
            is_last=is_last,
        )
        brought = len(self._part)
        self._start, self._part, self._bytes = None, [], 0
        self._number += 1
        return load_job(self._bulk.org, payload), brought


def _recipient(given: Recipient, number: int) -> BulkRecipient:
    try:
        return BulkRecipient.model_validate({"to": given} if isinstance(given, str) else given)
    except ValidationError as error:
        raise InvalidJobError(f"recipient number {number}: {_words(error)}") from None


def _size(recipient: BulkRecipient, number: int) -> int:
    try:
        return len(to_json(recipient))
    except (PydanticSerializationError, ValueError) as error:
        raise InvalidJobError(f"recipient number {number}: variables: {error}") from None


def _words(error: ValidationError) -> str:
    """What is wrong, without the values: they are people's addresses."""
    found = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        found.append(f"{where}: {message}" if where else message)
    return "; ".join(found)[:500]


__all__ = ["Bulk", "BulkText", "CampaignRef", "Recipient", "SavedSegment", "load_job"]
