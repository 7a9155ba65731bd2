"""How much of Redis' memory each queue uses: counted where that is cheap, else by a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.broker.broker import Broker
from runtime.broker.keys import Keys
from runtime.broker.reads import memory

_SAMPLED = 50


@dataclass(frozen=True, slots=True)
class QueueMemory:
    """What one logical queue uses.

    `jobs` are all that Redis keeps of it, in every state; `job_bytes` is what they and their
    attempts take, estimated from `sampled` of them; `index_bytes` are its lists and registries.
    """

    name: str
    jobs: int
    sampled: int
    job_bytes: int
    index_bytes: int

    @property
    def total_bytes(self) -> int:
        """Both together."""
        return self.job_bytes + self.index_bytes


def measure(broker: Broker, name: str, full: str, lanes: Sequence[str]) -> QueueMemory:
    """Measure one queue in a few round trips, whatever its length.

    Raises:
        BrokerUnavailableError: Redis is away.
    """
    connection, keys = broker.connection, broker.keys
    places = _places(keys, full, lanes)
    places += [("zset", key) for key in memory.read_fair_sets(connection, keys, lanes)]
    counts, index_bytes = memory.read_sizes(connection, places)
    ids = memory.sample_ids(connection, places, counts, _SAMPLED)
    sampled, sample_bytes = memory.read_job_bytes(connection, keys, ids)
    jobs = sum(counts)
    job_bytes = round(sample_bytes / sampled * jobs) if sampled else 0
    return QueueMemory(name, jobs, sampled, job_bytes, index_bytes)


def _places(keys: Keys, full: str, lanes: Sequence[str]) -> list[tuple[str, str]]:
    """(type, key) of every list and registry that holds each of the queue's jobs once."""
    places = [("leases", keys.leases(full))]
    for lane in lanes:
        places.append(("list", keys.queue(lane)))
        places += [
            ("zset", key(lane))
            for key in (keys.scheduled, keys.deferred, keys.failed, keys.finished, keys.canceled)
        ]
    return places
