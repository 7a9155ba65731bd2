"""Checks the engine's invariant, that every open job is in exactly one place, and repairs it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from runtime.broker.calls import upkeep
from runtime.broker.policy import Policy
from runtime.broker.reads import census
from runtime.config.settings import Settings
from runtime.view.deployment import Deployment, OnDeployment

_CHUNK = 200
_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One job that was out of place. `verdict`: orphan, double, ghost, misplaced or abandoned."""

    job_id: str
    queue: str
    verdict: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found. `findings` holds the first 20; `counts` all, by verdict."""

    examined: int
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    repaired: bool = False

    @property
    def clean(self) -> bool:
        """True when every open job is in exactly one place."""
        return not self.counts


class Auditor(OnDeployment):
    """Blocking. Looks at all jobs in steps, then judges each that looks wrong at one moment."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        max_stalled = self._settings.worker.max_stalled
        self._policy = Policy.of(self._catalogue, self._names, max_stalled=max_stalled)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """An auditor for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        return cls(Deployment.open(settings))

    def audit(self, *, repair: bool = False) -> AuditReport:
        """Examine every job of the catalogue's queues.

        Raises:
            BrokerUnavailableError: Redis is away; an audit can be repeated at any time.
        """
        suspects, examined = self._suspects()
        counts: Counter[str] = Counter()
        findings: list[Finding] = []
        for job_id, lane, verdict in self._judged(suspects, repair=repair):
            counts[verdict] += 1
            if len(findings) < _EXAMPLES:
                findings.append(Finding(job_id, self._names.split(lane)[0], verdict))
        return AuditReport(examined, dict(counts), tuple(findings), repaired=repair)

    def _suspects(self) -> tuple[dict[str, str], int]:
        """Jobs not seen in exactly the place of their status, and how many were examined."""
        lanes = [lane for name in self._catalogue.queues for lane in self._names.lanes(name)]
        queues = [self._names.full(name) for name in self._catalogue.queues]
        connection, keys = self._broker.connection, self._broker.keys
        seen: dict[str, list[str]] = {}
        lane_of: dict[str, str] = {}
        for job_id, lane, place in census.placed_jobs(connection, keys, lanes, queues):
            seen.setdefault(job_id, []).append(place)
            lane_of[job_id] = lane
        ours = set(lanes)
        suspects: dict[str, str] = {}
        examined = 0
        for job_id, lane, status in census.all_jobs(connection, keys):
            lane_of.pop(job_id, None)
            if lane not in ours:
                continue
            examined += 1
            expected = [census.PLACES[status]] if status in census.PLACES else []
            # Whether anything will ever enqueue a deferred one is judged job by job.
            if seen.get(job_id, []) != expected or status == "deferred":
                suspects[job_id] = lane
        # What is left over is listed in a place but has no hash.
        return suspects | lane_of, examined

    def _judged(self, suspects: dict[str, str], *, repair: bool) -> Iterator[tuple[str, str, str]]:
        pairs = iter(suspects.items())
        while chunk := list(islice(pairs, _CHUNK)):
            verdicts = self._broker.run(upkeep.repair(chunk, self._policy, apply=repair))
            for (job_id, lane), verdict in zip(chunk, verdicts, strict=True):
                if verdict != "ok":
                    yield job_id, lane, verdict
