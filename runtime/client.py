"""The producers' API: enqueues jobs, and tells how they stand and what they returned."""

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from runtime.application import load_application
from runtime.broker import open_broker
from runtime.broker.broker import Broker
from runtime.broker.keys import QueueNames
from runtime.broker.reads.queries import JobFacts, Query, flow_counts, job_facts
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings, load_settings
from runtime.errors import UnknownJobError
from runtime.jobs.checks import check_timeout, checked_id
from runtime.jobs.encode import PlacedRow, RowMaker
from runtime.jobs.new_job import Flow, FlowProgress, FlowRef, JobRef, NewJob
from runtime.middleware import Middleware
from runtime.producing.outcome import JobStatus, status_of, wait_for_result
from runtime.producing.producer import Producer
from runtime.producing.steps import CHUNK, Seal, SealedFlow, enqueue_call, refs_of
from runtime.sanitize.text import safe

if TYPE_CHECKING:
    from runtime.view.snapshot import JobState

T = TypeVar("T")


class AtlasClient(Producer):
    """Enqueues jobs; blocking, safe to share between threads.

    Every call validates at the producer: a bad argument raises `InvalidJobError` and nothing is
    queued. A call with a `job_id` is idempotent: as long as that job is kept, and for half a minute
    after its end at least, repeating it changes nothing.

    Example:
        >>> from runtime import AtlasClient
        >>> with AtlasClient.from_environment() as atlas:
        ...     ref = atlas.enqueue("echo", payload={"text": "hello"}, job_id="first")
        ...     atlas.status(ref.id).state
        'waiting'
    """

    def __init__(
        self,
        broker: Broker,
        catalogue: Catalogue,
        names: QueueNames,
        *,
        max_payload_bytes: int,
        middleware: Sequence[Middleware] = (),
    ) -> None:
        rows = RowMaker(catalogue, names, max_payload_bytes=max_payload_bytes)
        super().__init__(rows, middleware)
        self._broker = broker
        self._waiting: Broker | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A client for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        application = load_application(settings.application)
        return cls(
            open_broker(settings),
            application.catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
            max_payload_bytes=settings.worker.max_payload_bytes,
            middleware=application.middleware,
        )

    @classmethod
    def from_environment(cls) -> Self:
        """A client for the settings of the environment and ``.env``.

        Raises:
            SettingsError: the environment is not usable.
        """
        return cls.from_settings(load_settings())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def flow_progress(self, job_id: str) -> FlowProgress:
        """How the children of a flow's parent stand; kept for a week after its end.

        Raises:
            UnknownJobError: nothing is known of a flow of that id.
            BrokerUnavailableError: Redis is away.
        """
        counts = self._flow_counts(checked_id(job_id))
        if counts is None:
            raise UnknownJobError(f"no flow {safe(job_id, 80)!r}: it never was, or is not kept")
        return FlowProgress(*counts)

    def states(self, job_ids: Sequence[str]) -> dict[str, "JobState"]:
        """Where jobs are, hundreds a call to Redis; those that it does not know are left out.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        # Most producers only enqueue.
        from runtime.broker.reads.jobs import read_statuses  # noqa: PLC0415
        from runtime.view.from_redis import state_of  # noqa: PLC0415

        states = {}
        for start in range(0, len(job_ids), CHUNK):
            ids = job_ids[start : start + CHUNK]
            statuses = read_statuses(self._broker.connection, self._broker.keys, ids)
            for job_id, status in zip(ids, statuses, strict=True):
                if status is not None:
                    states[job_id] = state_of(status)
        return states

    def status(self, job_id: str) -> JobStatus:
        """How a job stands now.

        Raises:
            UnknownJobError: nothing is known of it: it never was, or is no longer kept.
            BrokerUnavailableError: Redis is away.
        """
        job_id = checked_id(job_id)
        return status_of(job_id, self._facts(job_id))

    def result(self, job_id: str, *, timeout: float | None = None) -> Any:
        """Wait for the value that the job's handler returned, and return it as JSON has kept it.

        It is kept as long as the job is (an hour, two in production). At most 128 threads of a
        client wait at a time, and do not keep others from enqueueing.

        Args:
            job_id: the job.
            timeout: how many seconds to wait; None waits without end, 0 does not wait.

        Raises:
            ResultTimeoutError: the job is not over yet.
            JobFailedError: it failed for good; says of what.
            JobCanceledError: it was canceled.
            UnknownJobError: nothing is known of it: it never was, or is no longer kept.
            BrokerUnavailableError: Redis is away.
        """
        check_timeout("timeout", timeout)
        if self._waiting is None:
            self._waiting = self._broker.for_waiting()
        steps = wait_for_result(self._broker.keys, checked_id(job_id), timeout)
        return _driven(self._waiting, steps)

    def _facts(self, job_id: str) -> JobFacts | None:
        return self._broker.query(job_facts(self._broker.keys, job_id))

    def _flow_counts(self, job_id: str) -> tuple[int, int, int, int] | None:
        return self._broker.query(flow_counts(self._broker.keys, job_id))

    def _send(self, rows: list[PlacedRow]) -> list[JobRef]:
        return refs_of(rows, self._broker.run(enqueue_call(rows)))

    def _send_all(self, rows: list[PlacedRow], chunks: Iterator[list[NewJob]]) -> list[JobRef]:
        """While Redis works on one chunk, the next is validated.

        The caller's iterator runs between two calls, never while one holds a connection.
        """
        refs: list[JobRef] = []
        for number, chunk in enumerate(chunks, 1):
            with self._broker.started(enqueue_call(rows)) as sent:
                following = self._placed(chunk, number * CHUNK)
                refs += refs_of(rows, sent.answer())
            rows = following
        return refs + self._send(rows)

    def _seal(self, seal: Seal) -> SealedFlow:
        return self._broker.run(seal.call())

    def close(self) -> None:
        """Release the connections."""
        self._broker.close()
        if self._waiting is not None:
            self._waiting.close()


def _driven(broker: Broker, steps: Generator[Query[Any], Any, T]) -> T:
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value
        answer = broker.query(step)


__all__ = ["AtlasClient", "Flow", "FlowProgress", "FlowRef", "JobRef", "NewJob"]
