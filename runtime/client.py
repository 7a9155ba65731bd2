"""The producers' API: what the CRM calls to hand over work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import BaseModel

from runtime.catalogue import Priority
from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class JobRef:
    """The job that answers a call; `created` is False when that id was already known."""

    id: str
    queue: str
    created: bool


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job of a bulk enqueue; see `AtlasClient.enqueue` for the fields."""

    kind: str
    org: str
    payload: Mapping[str, Any] | BaseModel
    priority: Priority | None = None
    delay: timedelta | None = None
    at: datetime | None = None
    job_id: str | None = None


class AtlasClient:
    """Enqueues jobs; blocking, safe to share between threads."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        raise NotImplementedError

    def trigger_workflow(
        self, org: str, trigger_type: str, data: Mapping[str, Any], *, job_id: str | None = None
    ) -> JobRef:
        raise NotImplementedError

    def send_email(self, org: str, *, to: str | Sequence[str], subject: str, job_id: str | None = None, **fields: Any) -> JobRef:
        raise NotImplementedError

    def send_sms(self, org: str, *, to: str, message: str, job_id: str | None = None) -> JobRef:
        raise NotImplementedError

    def enqueue(
        self,
        kind: str,
        *,
        org: str,
        payload: Mapping[str, Any] | BaseModel,
        priority: Priority | None = None,
        delay: timedelta | None = None,
        at: datetime | None = None,
        job_id: str | None = None,
    ) -> JobRef:
        raise NotImplementedError

    def enqueue_many(self, jobs: Iterable[NewJob]) -> list[JobRef]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
