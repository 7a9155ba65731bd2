"""Moves a deployment's keys from an old Redis prefix to its own.

Before each deployment had its own prefix, all of them shared ``rq``. A deployment's queues tell
what belongs to it there: their jobs and the places that list them are moved in chunks, each by one
script. A kill at any moment leaves every job in one place, and a second run continues. What was
shared (breakers, organisations' limits, recurring jobs, histories) is copied. The rest stays.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from runtime.application import load_application
from runtime.broker import adoption, open_broker
from runtime.broker.broker import Broker
from runtime.broker.connection import broker_errors
from runtime.broker.decode import text_of
from runtime.broker.keys import Keys, QueueNames
from runtime.broker.ownership import compare, deployment_name
from runtime.catalogue.catalogue import Catalogue
from runtime.config.settings import Settings
from runtime.errors import MigrationError

OLD_PREFIX = "rq"
# What all deployments below a prefix share: copied where a deployment needs it, and never deleted.
_SHARED = (
    "atlas:audit", "atlas:breaker:*", "atlas:deployment", "atlas:events", "atlas:orgs",
    "atlas:recurring", "atlas:recurring-runs:*", "atlas:recurring-slots", "rl-keys", "rl:*",
)  # fmt: skip
_CHUNK = 500
_EXAMPLES = 3


@dataclass(slots=True)
class MigrationReport:
    """What a move did, or would do.

    Attributes:
        source, target: the prefixes.
        jobs: jobs that were (or, on a dry run, are to be) moved, finished ones included.
        entries: their entries in lists and registries.
        kept: ids that exist below both prefixes; the old job stays where it is.
        shared: keys below the old prefix that stay there, since other deployments may use them
            (not looked for on a dry run).
        dry_run: nothing was changed.
    """

    source: str
    target: str
    jobs: int = 0
    entries: int = 0
    kept: list[str] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)
    dry_run: bool = False


def left_behind(settings: Settings) -> int:
    """Jobs of this deployment's queues that still wait or are due below the old prefix.

    Raises:
        BrokerError: Redis is away, or does not let this user look there.
    """
    if settings.redis.key_prefix == OLD_PREFIX:
        return 0
    names = QueueNames(settings.queue_prefix)
    catalogue = load_application(settings.application).catalogue
    lanes = [lane for queue in catalogue.queues for lane in names.lanes(queue)]
    with closing(open_broker(settings)) as broker:
        stamp, waiting = adoption.read_waiting(broker.connection, Keys(OLD_PREFIX), lanes)
    if stamp not in {"", deployment_name(settings.queue_prefix, settings.application)}:
        return 0
    return sum(lane.total for lane in waiting.values())


def left_behind_words(settings: Settings, jobs: int) -> str:
    """What to say of jobs that were left behind, and what to do."""
    return (
        f"{jobs:,} jobs of QUEUE_PREFIX={settings.queue_prefix} wait below the old prefix "
        f"'{OLD_PREFIX}', where no worker of this version looks: stop the old workers and run "
        f"`atlas migrate`, or set RQ_KEY_PREFIX={OLD_PREFIX} to stay there"
    )


def migrate(settings: Settings, source: str, *, dry_run: bool = False) -> MigrationReport:
    """Move this deployment's keys from below `source` to below its own prefix.

    Raises:
        MigrationError: both are the same, or workers below `source` still serve its queues.
        PrefixTakenError: one of the prefixes is another deployment's.
        BrokerUnavailableError: Redis is away; a second run continues.
    """
    target = settings.redis.key_prefix
    if source == target:
        raise MigrationError(f"the keys are below '{target}' already: there is nothing to move")
    catalogue = load_application(settings.application).catalogue
    with closing(open_broker(settings, timeout_s=30.0)) as broker:
        move = _Move(broker, Keys(source), catalogue, settings)
        move.check()
        return move.count() if dry_run else move.run()


class _Move:
    def __init__(self, broker: Broker, old: Keys, catalogue: Catalogue, settings: Settings) -> None:
        self._broker = broker
        self._connection = broker.connection
        self._old = old
        self._catalogue = catalogue
        self._deployment = deployment_name(settings.queue_prefix, settings.application)
        names = QueueNames(settings.queue_prefix)
        self._queues = [names.full(queue) for queue in catalogue.queues]
        self._lanes = [lane for queue in catalogue.queues for lane in names.lanes(queue)]
        self._report = MigrationReport(old.prefix, broker.keys.prefix)

    def check(self) -> None:
        self._broker.check_prefix()
        with broker_errors():
            stamp = self._connection.get(self._old.deployment())
        compare(self._old, stamp, self._deployment)  # type: ignore[arg-type]  # no asyncio
        if serving := adoption.read_serving(self._connection, self._old, self._lanes):
            raise MigrationError(
                f"workers below '{self._old.prefix}' still serve these queues: "
                f"{', '.join(serving[:_EXAMPLES])}; stop them first (one that was killed is "
                "forgotten 90 s later)"
            )

    def count(self) -> MigrationReport:
        places = adoption.read_places(self._connection, self._old, self._lanes)
        self._report.entries = adoption.count_entries(self._connection, self._old, places)
        for ids in self._our_jobs():
            self._report.jobs += len(ids)
            taken = adoption.read_origins(self._connection, self._broker.keys, ids)
            self._report.kept += [i for i, lane in zip(ids, taken, strict=True) if lane]
        self._report.jobs -= len(self._report.kept)
        self._report.dry_run = True
        return self._report

    def run(self) -> MigrationReport:
        for ids in self._our_jobs():
            self._report.jobs += len(ids)
        for place in adoption.read_places(self._connection, self._old, self._lanes):
            self._move_place(place)
        # What is listed nowhere: jobs that an audit will find, and entries of the quarantine.
        for ids in self._our_jobs():
            self._move_jobs(ids)
        self._move_quarantine()
        self._move_fields()
        self._move_holders()
        self._copy_shared()
        self._forget_lanes()
        self._report.jobs -= len(self._report.kept)
        self._report.shared = self._left_shared()
        return self._report

    def _left_shared(self) -> list[str]:
        """The names and patterns of what stays below the old prefix for other deployments."""
        return [name for name in _SHARED if any(adoption.scan(self._connection, self._old, name))]

    def _our_jobs(self) -> Iterator[list[str]]:
        ours = set(self._lanes)
        for names in adoption.scan(self._connection, self._old, "job:*"):
            ids = [name.removeprefix("job:") for name in names]
            ids = [job_id for job_id in ids if ":" not in job_id]
            origins = adoption.read_origins(self._connection, self._old, ids)
            if found := [i for i, lane in zip(ids, origins, strict=True) if lane in ours]:
                yield found

    def _move_place(self, place: adoption.Place) -> None:
        passed, left = 0, 1
        while left > 0:
            call = adoption.adopt(self._old, place, limit=_CHUNK, passed=passed)
            moved, passed, left = self._broker.run(call)
            self._report.entries += moved

    def _move_jobs(self, ids: Sequence[str]) -> None:
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            moved = self._broker.run(adoption.adopt_jobs(self._old, chunk))
            self._report.kept += [i for i, done in zip(chunk, moved, strict=True) if not done]

    def _move_quarantine(self) -> None:
        with broker_errors():
            entries = list(self._connection.hscan_iter(self._old.quarantine(), count=_CHUNK))
        ours = {lane.encode() for lane in self._lanes}
        ids = [text_of(i) for i, entry in entries if entry.partition(b"|")[0] in ours]
        for start in range(0, len(ids), _CHUNK):
            self._broker.run(adoption.adopt_jobs(self._old, ids[start : start + _CHUNK]))

    def _move_fields(self) -> None:
        names = [*self._lanes]
        for key, kind in (
            ("paused", "text"),
            ("vclock", "text"),
            ("turns", "text"),
            ("totals", "count"),
        ):
            self._broker.run(adoption.adopt_fields(self._old, f"atlas:{key}", kind, names))
        for minutes in adoption.scan(self._connection, self._old, "atlas:metrics:*"):
            for minute in minutes:
                self._broker.run(adoption.adopt_fields(self._old, minute, "count", names))

    def _move_holders(self) -> None:
        for pattern in ("atlas:unique:*", "atlas:key:*", "atlas:parked:*", "worker:*:executions"):
            for names in adoption.scan(self._connection, self._old, pattern):
                for name in names:
                    self._broker.run(adoption.adopt_holders(self._old, name))

    def _copy_shared(self) -> None:
        connection, keys = self._connection, self._broker.keys
        for name in ("atlas:orgs", "atlas:recurring", "atlas:recurring-slots"):
            adoption.merge_shared(connection, self._old, keys, name)
        names = [f"atlas:breaker:{name}" for name in self._catalogue.providers]
        names += ["atlas:audit", "atlas:events"]
        for runs in adoption.scan(connection, self._old, "atlas:recurring-runs:*"):
            names += runs
        adoption.copy_shared(connection, self._old, keys, names)

    def _forget_lanes(self) -> None:
        """Empty lanes need not be listed below the old prefix any more."""
        with broker_errors():
            gone = [
                lane for lane in self._lanes if not self._connection.exists(self._old.queue(lane))
            ]
            if gone:
                self._connection.srem(self._old.queues(), *map(self._old.queue, gone))
            self._connection.delete(
                *(self._old.marker(queue) for queue in self._queues),
                *(self._old.workers_of(lane) for lane in self._lanes),
            )
            self._connection.zrem(f"{self._old.prefix}:atlas:due", *self._lanes)
            self._connection.hdel(self._old.depth(), *self._lanes)
