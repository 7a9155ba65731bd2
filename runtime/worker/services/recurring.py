"""Enqueues the jobs of recurring slots. Every worker tries, once a second."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import structlog

from runtime.broker.broker import Broker
from runtime.broker.calls.recurring import advance_recurring, put_recurring, take_recurring
from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient, NewJob
from runtime.errors import BrokerUnavailableError, InvalidJobError

log = structlog.get_logger("atlas.worker")


class RecurringJobs:
    """Blocking; called once a second in a thread.

    No leader and no lock: a slot's job has an id of its own, so that enqueueing it twice changes
    nothing, and the newest slot only ever moves forward, after its job was enqueued.

    Args:
        declared: what the application declares; brought up to date once, as soon as Redis is
            there, and written again whenever one is missing: Redis may have lost its data. What an
            operator removed stays so (put_recurring.lua).
    """

    def __init__(self, broker: Broker, client: AtlasClient, declared: Sequence[Recurring]) -> None:
        self._broker = broker
        self._client = client
        self._declared = tuple(declared)
        self._new = list(declared)
        self._complained: set[str] = set()

    def tick(self) -> None:
        """Declare what is to be declared, then enqueue what is due.

        Raises:
            BrokerUnavailableError: Redis is away; the next tick continues.
        """
        while self._new:
            self._declare(self._new[0])
            del self._new[0]
        rows = self._broker.run(take_recurring())
        if rows is None:
            return
        for recurring in self._declared:
            if recurring.id not in rows.definitions:
                self._declare(recurring)
        now = datetime.fromtimestamp(rows.now_ms / 1000, UTC)
        for recurring_id, definition in rows.definitions.items():
            try:
                self._enqueue_due(definition, rows.slots.get(recurring_id, rows.now_ms), now)
            except BrokerUnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one of them
                # Each once: a wrong definition must not fill the log every second.
                if recurring_id not in self._complained:
                    self._complained.add(recurring_id)
                    log.error("recurring job cannot run", id=recurring_id, error=str(error))

    def _declare(self, recurring: Recurring) -> None:
        self._broker.run(put_recurring("", "", recurring.id, recurring.to_json()))

    def _enqueue_due(self, definition: bytes, last_ms: int, now: datetime) -> None:
        recurring = Recurring.from_json(definition)
        recurring.check()
        slots = recurring.due(datetime.fromtimestamp(last_ms / 1000, UTC), now)
        if slots and not recurring.paused:
            self._client.enqueue_many(jobs_of(recurring, slots))
        if slots:
            # A paused one moves on too: what passed while it was paused is not made up for.
            newest_ms = int(slots[-1].timestamp() * 1000)
            job_id = "" if recurring.paused else recurring.job_id(slots[-1])
            self._broker.run(advance_recurring(recurring.id, newest_ms, job_id))


def jobs_of(recurring: Recurring, slots: Iterable[datetime]) -> list[NewJob]:
    """The jobs of slots; each has an id of its own."""
    return [
        NewJob(recurring.kind, recurring.org, recurring.payload, job_id=recurring.job_id(slot))
        for slot in slots
    ]


def check_declared(declared: Sequence[Recurring]) -> None:
    """Refuse to start with recurring jobs that could never run.

    Raises:
        InvalidJobError: one of them is wrong, or two have the same id.
    """
    seen: set[str] = set()
    for recurring in declared:
        recurring.check()
        if recurring.id in seen:
            raise InvalidJobError(f"recurring job {recurring.id!r}: declared twice")
        seen.add(recurring.id)
