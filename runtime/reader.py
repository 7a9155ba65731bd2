"""Reading: frozen snapshots of the live system, without any write."""

from typing import Self

from runtime.settings import Settings
from runtime.snapshot import JobDetail, JobPage, JobState, Snapshot


class Reader:
    """Blocking; one per thread or guarded by its caller. Every method raises BrokerUnavailableError."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        raise NotImplementedError

    def page(self, queue: str | None, state: JobState, *, offset: int = 0, limit: int = 50, search: str = "") -> JobPage:
        raise NotImplementedError

    def job(self, job_id: str) -> JobDetail:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError
