"""Encodes a producer's job for Redis. Everything is checked before anything is sent."""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic_core import to_json

from runtime.broker.calls.enqueue import JobRow
from runtime.broker.keys import QueueNames
from runtime.catalogue.catalogue import Catalogue, Kind
from runtime.errors import InvalidJobError
from runtime.jobs import envelope
from runtime.jobs.checks import check_org, checked_id, checked_job, checked_key
from runtime.jobs.new_job import NewJob, Unique
from runtime.jobs.payload import encode_payload, validate_payload
from runtime.sanitize.redact import redact_payload
from runtime.sanitize.text import safe

# Room for what stands around a payload: entry point, kind and organisation.
_ENVELOPE_BYTES = 512
_MAX_HEADERS_BYTES = 2_048
_HINT_CHARS = 120


class PlacedRow(NamedTuple):
    """A row and the logical queue that it goes to."""

    row: JobRow
    queue: str


class RowMaker:
    """Knows the catalogue, the names of its queues and how large a payload may be."""

    def __init__(self, catalogue: Catalogue, names: QueueNames, *, max_payload_bytes: int) -> None:
        self._catalogue = catalogue
        self._names = names
        self._max_payload_bytes = max_payload_bytes

    def row(self, job: NewJob, *, parent: str = "", is_flow: bool = False) -> PlacedRow:
        """The row of a job; `parent` waits for it, `is_flow`: it waits for children.

        Raises:
            InvalidJobError: the job is not allowed as it is; one line that says why.
        """
        job = checked_job(job)
        kind = self._catalogue.kind(job.kind)
        queue = self._catalogue.queue(kind.queue)
        job_id = os.urandom(16).hex() if job.job_id is None else checked_id(job.job_id)
        check_org(job.org)
        payload = validate_payload(kind, job.payload)
        body = encode_payload(kind, payload, as_given=payload is job.payload)
        # Measured plain: workers bound what they inflate by the same number.
        if len(body) + _ENVELOPE_BYTES > self._max_payload_bytes:
            raise InvalidJobError(
                f"{kind.name}: {len(body)} bytes of payload, at most "
                f"{self._max_payload_bytes - _ENVELOPE_BYTES} are allowed"
            )
        headers = _checked_headers(job.headers) if job.headers else b""
        data = envelope.encode(kind.name, job.org, body, headers)
        lane = self._names.lane(kind.queue, job.priority or kind.priority)
        # By position, and with nothing called in vain: a producer of many jobs spends a measurable
        # part of its time right here.
        delay_ms, due_ms = (0, 0) if job.delay is None and job.at is None else _timing(job)
        plain = job.unique is None and job.concurrency_key is None and job.not_after is None
        row = JobRow(
            job_id, lane, data, describe(kind, job.org, payload), kind.name,
            f"{lane}|{job.org}" if queue.fair else "", queue.org_cap, delay_ms, due_ms,
            "" if plain and not parent and not is_flow else _options(job, kind, parent, is_flow),
            _unique(job, kind) if job.unique is not None else "", job.org,
        )  # fmt: skip
        return PlacedRow(row, kind.queue)


def describe(kind: Kind, org: str, payload: BaseModel) -> str:
    """RQ's description of a job: kind, organisation and a redacted hint of the payload."""
    if not kind.hint:
        return f"{kind.name} {org}"
    shown = {field: getattr(payload, field, None) for field in kind.hint}
    hint = " ".join(
        f"{field}={value}" for field, value in redact_payload(shown).items() if value is not None
    )
    return f"{kind.name} {org} {safe(hint, _HINT_CHARS)}".rstrip()


def _options(job: NewJob, kind: Kind, parent: str, is_flow: bool) -> str:  # noqa: FBT001
    """What few jobs have, as lib/options.lua reads it."""
    unique, key = job.unique, job.concurrency_key
    options: dict[str, Any] = {}
    if key is not None:
        options |= {"key": f"{job.org}|{checked_key(key)}", "cap": job.concurrency}
    if job.not_after is not None:
        not_after_ms = _epoch_ms(job.not_after)
        options |= {"not_after": not_after_ms, "expired": job.expired}
    if unique is not None and unique.mode != "throttle":
        options["unique"] = _unique_key(job, kind, unique)
    if unique is not None and unique.mode == "keep_last":
        if key is not None:
            raise InvalidJobError("unique mode keep_last and concurrency_key exclude each other")
        options |= {"key": f"unique|{_unique_key(job, kind, unique)}", "cap": 1}
    if parent:
        options["parent"] = parent
    if is_flow:
        options["flow"] = True
    return to_json(options).decode()


def _unique(job: NewJob, kind: Kind) -> str:
    unique = job.unique
    if unique is None:
        return ""
    if (unique.mode == "throttle") != (unique.period is not None):
        raise InvalidJobError("unique mode throttle, and no other, needs a period")
    period_ms = 0
    if unique.period is not None:
        period_ms = int(unique.period / timedelta(milliseconds=1))
        if period_ms < 1:
            raise InvalidJobError("the period of a throttle must be at least a millisecond")
    mode = "replace" if unique.mode == "keep_last" else unique.mode
    return f"{mode}|{period_ms}|{_unique_key(job, kind, unique)}"


def _unique_key(job: NewJob, kind: Kind, unique: Unique) -> str:
    return f"{kind.name}|{job.org}|{checked_key(unique.key)}"


def _checked_headers(headers: Mapping[str, str]) -> bytes:
    if not headers:
        return b""
    try:
        encoded = to_json(dict(headers))
    except ValueError as error:
        raise InvalidJobError(f"headers: not JSON: {safe(str(error), 200)}") from None
    if len(encoded) > _MAX_HEADERS_BYTES:
        raise InvalidJobError(
            f"headers: {len(encoded)} bytes, at most {_MAX_HEADERS_BYTES} are allowed"
        )
    return encoded


def _timing(job: NewJob) -> tuple[int, int]:
    if job.delay is not None and job.at is not None:
        raise InvalidJobError("delay and at exclude each other")
    if job.delay is not None:
        return int(job.delay / timedelta(milliseconds=1)), 0
    assert job.at is not None
    return 0, max(1, _epoch_ms(job.at))


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
