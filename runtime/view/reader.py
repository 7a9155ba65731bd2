"""Reading: frozen snapshots of the live system, without any write."""

from typing import Self

from runtime.broker.decode import text_of
from runtime.broker.reads import bounded, streams
from runtime.config.settings import Settings
from runtime.sanitize.text import safe
from runtime.view.deployment import Deployment, OnDeployment
from runtime.view.events import Event, compose_event
from runtime.view.from_redis import JobView, epoch
from runtime.view.holds import HoldReader
from runtime.view.job_detail import Hold, JobDetail
from runtime.view.job_pages import JobPages
from runtime.view.job_reader import JobReader
from runtime.view.memory import QueueMemory, measure
from runtime.view.recurring import recurring_view
from runtime.view.snapshot import JobPage, JobState, RecurringRun, RecurringSnapshot, Snapshot
from runtime.view.snapshot_reader import SnapshotReader


class Reader(OnDeployment):
    """Snapshots, pages of jobs and single jobs. Blocking; not to be shared between threads.

    Every method raises BrokerUnavailableError while Redis is away, and works again afterwards.
    """

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        worker = deployment.settings.worker
        max_bytes = min(worker.max_payload_bytes, bounded.SHOWN_BYTES)
        view = JobView(
            deployment.catalogue,
            deployment.names,
            max_bytes=max_bytes,
            max_stalled=worker.max_stalled,
        )
        self._overview = SnapshotReader(deployment)
        self._pages = JobPages(deployment, view)
        self._holds = HoldReader(deployment, view, self._overview)
        self._jobs = JobReader(deployment, view, self._holds, max_bytes=max_bytes)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A reader for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        return cls(Deployment.open(settings))

    def snapshot(self) -> Snapshot:
        """The whole system now: one round trip, and three more the first time.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        return self._overview.read()

    def page(
        self,
        queue: str | None,
        state: JobState,
        *,
        offset: int = 0,
        limit: int = 50,
        search: str = "",
    ) -> JobPage:
        """A page of the jobs in one state, of one queue or (None) of all.

        Waiting and active jobs come in the order they run or ran, scheduled ones by due time,
        the others newest first. With `search`, the first 2,000 jobs of the list are looked
        through for a text in id, kind, organisation, hint, error or worker.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        return self._pages.page(queue, state, offset=offset, limit=limit, search=search)

    def job(self, job_id: str) -> JobDetail:
        """One job in full.

        Raises:
            UnknownJobError: nothing is known of that id.
            BrokerUnavailableError: Redis is away.
        """
        return self._jobs.read(job_id)

    def explain(self, job_id: str) -> tuple[Hold, ...]:
        """Why the job does not run: every condition that holds it, the first to deal with first.

        Raises:
            UnknownJobError: nothing is known of that id.
            BrokerUnavailableError: Redis is away.
        """
        self.snapshot()  # what follows builds on the newest one
        detail = self.job(job_id)
        return detail.holds or self._holds.holds(detail.summary, None)

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """All recurring jobs, by id.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        definitions, slots = streams.read_recurring(self._broker.connection, self._broker.keys)
        now = self._overview.now()
        return tuple(
            recurring_view(text_of(key), value, slots.get(key), now)
            for key, value in sorted(definitions.items())
        )

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """The last jobs that a recurring one enqueued, newest first; at most 50.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        connection, keys = self._broker.connection, self._broker.keys
        runs = []
        for slot_ms, at_ms, job_id in streams.read_recurring_runs(connection, keys, recurring_id):
            slot, at = epoch(slot_ms / 1000), epoch(at_ms / 1000)
            if slot and at and job_id:
                runs.append(RecurringRun(slot, at, safe(job_id, 200)))
        return tuple(runs)

    def events(self, *, limit: int = 100, after: str = "") -> tuple[Event, ...]:
        """What happened, oldest first: the newest ones, or those after the event of an id.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        connection, keys = self._broker.connection, self._broker.keys
        entries = streams.read_events(connection, keys, limit=limit, after=after)
        return tuple(compose_event(entry_id, fields) for entry_id, fields in entries)

    def memory(self) -> tuple[QueueMemory, ...]:
        """What each queue uses of Redis' memory, estimated from a sample of its jobs.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        return tuple(
            measure(self._broker, name, self._names.full(name), self._names.lanes(name))
            for name in self._catalogue.queues
        )
