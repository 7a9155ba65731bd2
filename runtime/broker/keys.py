"""Every Redis key, built in one place. RQ's own keys first, ours (below ``atlas:``) after them.

RQ's formats are those of RQ 3.0 (rq/job.py, queue.py, registry.py, executions.py, results.py,
worker_registration.py, rate_limit.py). All keys start with the RQ prefix, which belongs to one
deployment (see `runtime.broker.ownership`); when it holds a hash tag (``{atlas}:rq``), the whole
deployment lies in one Redis Cluster slot.
"""

from dataclasses import dataclass

from runtime.catalogue.catalogue import Priority

# Keys that only scripts build (`runtime/broker/lua`): their shapes below the prefix, what each is.
OF_SCRIPTS = {
    "rl-keys": "RQ's set of all its rate-limit keys",
    "rl:*": "RQ's hash of a rate-limit key: its concurrency",
    "execution:*": "RQ's hash of an execution, from the first renewal of its lease on",
    "executions:*": "RQ's sorted set of a job's executions",
    "atlas:held:*": "set of what a worker holds, `job:execution`",
    "atlas:due": "sorted set: lanes by when their next scheduled job is due, in ms",
    "atlas:turns": "hash: position of each queue in the order of its lanes",
    "atlas:vclock": "hash: virtual time of each fair lane",
    "atlas:unique:*": "the job that holds a unique key",
    "atlas:children:*": "hash: state of each child of a flow's parent",
    "atlas:parked-keys": "set of the concurrency keys that jobs wait for",
    "atlas:seen:*": "set of the ids that were trimmed in one half minute",
    "atlas:swept": "there while a sweep is not due again",
    "atlas:swept-orgs": "where the next sweep goes on through the organisations of fair queues",
    "atlas:recurring-removed": "set of the declared recurring jobs that an operator removed",
    "atlas:recurred": "there while recurring jobs need not be looked at again",
    "atlas:set-aside:*": "what a key of another type held",
    "atlas:set-aside:quarantine": "the same, of the quarantine itself",
}

_BY_SUFFIX = {p.lane_suffix: p for p in Priority if p is not Priority.NORMAL}


def queue_of(lane: str) -> str:
    """The full name of the logical queue that a lane belongs to."""
    head, dot, suffix = lane.rpartition(".")
    return head if dot and f".{suffix}" in _BY_SUFFIX else lane


@dataclass(frozen=True, slots=True)
class QueueNames:
    """Logical names (``media:images``) to full (``dev:media:images``) and back."""

    prefix: str

    def full(self, logical: str) -> str:
        """The full name of a logical queue: its NORMAL lane."""
        return f"{self.prefix}:{logical}"

    def lane(self, logical: str, priority: Priority) -> str:
        """The RQ queue that holds that priority."""
        return self.full(logical) + priority.lane_suffix

    def lanes(self, logical: str) -> tuple[str, ...]:
        """All lanes of a logical queue, most urgent first."""
        return tuple(self.lane(logical, priority) for priority in Priority)

    def split(self, lane: str) -> tuple[str, Priority]:
        """The logical queue and priority of a lane or full queue name."""
        name = queue_of(lane)
        priority = _BY_SUFFIX.get(lane.removeprefix(name), Priority.NORMAL)
        return name.removeprefix(f"{self.prefix}:"), priority


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys below one RQ prefix."""

    prefix: str

    @property
    def root(self) -> str:
        """What every key begins with, and what scripts get as their key.

        Not the bare prefix: a Redis user limited to ``~prefix:*`` may not name that.
        """
        return f"{self.prefix}:"

    def deployment(self) -> str:
        """Text: the deployment that all keys below this prefix belong to."""
        return f"{self.prefix}:atlas:deployment"

    def job(self, job_id: str) -> str:
        """Hash of a job."""
        return f"{self.prefix}:job:{job_id}"

    def dependents(self, job_id: str) -> str:
        """RQ's set of the ids of the stock jobs that wait for a job."""
        return f"{self.prefix}:job:{job_id}:dependents"

    def results(self, job_id: str) -> str:
        """Stream of a job's results, one entry an attempt."""
        return f"{self.prefix}:results:{job_id}"

    def queue(self, lane: str) -> str:
        """List of the waiting job ids of a lane."""
        return f"{self.prefix}:queue:{lane}"

    def queues(self) -> str:
        """Set of the keys of all known RQ queues."""
        return f"{self.prefix}:queues"

    def started(self, lane: str) -> str:
        """Started registry, members ``job:execution``."""
        return f"{self.prefix}:wip:{lane}"

    def scheduled(self, lane: str) -> str:
        """Scheduled registry, scored by due time in seconds."""
        return f"{self.prefix}:scheduled:{lane}"

    def ready(self, lane: str) -> str:
        """RQ's registry of stock dependents on their way from deferred to their list."""
        return f"{self.prefix}:ready:{lane}"

    def deferred(self, lane: str) -> str:
        """Deferred registry: jobs that wait for other jobs, scored by since when in seconds."""
        return f"{self.prefix}:deferred:{lane}"

    def failed(self, lane: str) -> str:
        """Failed registry, scored by the time its jobs expire."""
        return f"{self.prefix}:failed:{lane}"

    def finished(self, lane: str) -> str:
        """Finished registry, scored by the time its jobs expire."""
        return f"{self.prefix}:finished:{lane}"

    def canceled(self, lane: str) -> str:
        """Canceled registry, scored by when its jobs were canceled, in seconds."""
        return f"{self.prefix}:canceled:{lane}"

    def worker(self, name: str) -> str:
        """Hash of a worker."""
        return f"{self.prefix}:worker:{name}"

    def workers(self) -> str:
        """Set of the keys of all workers."""
        return f"{self.prefix}:workers"

    def workers_of(self, lane: str) -> str:
        """Set of the keys of the workers that serve a lane."""
        return f"{self.prefix}:workers:{lane}"

    def org_waiting(self, lane: str, org: str) -> str:
        """RQ's rate-limited set of one organisation in a fair lane."""
        return f"{self.prefix}:rl:{lane}|{org}:rate_limited"

    def org_allowed(self, lane: str, org: str) -> str:
        """RQ's allowed set of one organisation in a fair lane: its jobs that run."""
        return f"{self.prefix}:rl:{lane}|{org}:allowed"

    def bucket(self, queue: str) -> str:
        """Hash: the token bucket of a full queue."""
        return f"{self.prefix}:atlas:bucket:{queue}"

    def leases(self, queue: str) -> str:
        """Leases of a full queue, ``job:execution`` scored by their end in ms."""
        return f"{self.prefix}:atlas:leases:{queue}"

    def marker(self, queue: str) -> str:
        """The marker that idle workers of a full queue block on."""
        return f"{self.prefix}:atlas:marker:{queue}"

    def stalled(self, queue: str) -> str:
        """Jobs of a full queue that lost their worker and have not ended since, by time in ms."""
        return f"{self.prefix}:atlas:stalled:{queue}"

    def settled(self) -> str:
        """There while what dead workers left of stock dependents need not be looked at again."""
        return f"{self.prefix}:atlas:settled"

    def ring(self, lane: str) -> str:
        """Organisations that wait in a fair lane, by virtual time."""
        return f"{self.prefix}:atlas:ring:{lane}"

    def heads(self, lane: str) -> str:
        """Organisations that wait in a fair lane, by the arrival of their oldest job in seconds."""
        return f"{self.prefix}:atlas:heads:{lane}"

    def depth(self) -> str:
        """Hash: jobs waiting in each fair lane beside its list."""
        return f"{self.prefix}:atlas:depth"

    def paused(self) -> str:
        """Hash: full queue name to who paused it, JSON."""
        return f"{self.prefix}:atlas:paused"

    def metrics(self, minute: int) -> str:
        """Hash of one minute's counts; `minute` counts from the epoch."""
        return f"{self.prefix}:atlas:metrics:{minute}"

    def totals(self) -> str:
        """Hash of counters that only grow."""
        return f"{self.prefix}:atlas:totals"

    def recurring(self) -> str:
        """Hash: id of a recurring job to its definition, JSON."""
        return f"{self.prefix}:atlas:recurring"

    def recurring_slots(self) -> str:
        """Hash: id of a recurring job to its newest slot that was enqueued, in ms."""
        return f"{self.prefix}:atlas:recurring-slots"

    def recurring_runs(self, recurring_id: str) -> str:
        """List of a recurring job's last runs, ``slot in ms|enqueued at ms|job id``."""
        return f"{self.prefix}:atlas:recurring-runs:{recurring_id}"

    def flow(self, job_id: str) -> str:
        """Hash of a flow's parent: its children counted by state."""
        return f"{self.prefix}:atlas:flow:{job_id}"

    def log(self, job_id: str) -> str:
        """List of what a job's handler logged, ``ms line``."""
        return f"{self.prefix}:atlas:log:{job_id}"

    def running_of_key(self, key: str) -> str:
        """Set of the jobs of a concurrency key that run."""
        return f"{self.prefix}:atlas:key:{key}"

    def parked_of_key(self, key: str) -> str:
        """Jobs of a concurrency key that wait for one of those, by arrival."""
        return f"{self.prefix}:atlas:parked:{key}"

    def breaker(self, provider: str) -> str:
        """Hash: the circuit breaker of a provider."""
        return f"{self.prefix}:atlas:breaker:{provider}"

    def orgs(self) -> str:
        """Hash: organisation to ``weight|cap``, as operators set them."""
        return f"{self.prefix}:atlas:orgs"

    def outages(self) -> str:
        """Hash: ``what|host`` that is away outside, to ``since ms|last seen ms|error``."""
        return f"{self.prefix}:atlas:outages"

    def quiet(self) -> str:
        """Hash: worker that is to claim nothing, to who said so."""
        return f"{self.prefix}:atlas:quiet"

    def events(self) -> str:
        """Stream of what happened to jobs, queues, workers and breakers."""
        return f"{self.prefix}:atlas:events"

    def quarantine(self) -> str:
        """Hash: job id to ``lane|ms|reason``."""
        return f"{self.prefix}:atlas:quarantine"

    def audit(self) -> str:
        """Stream of operators' actions."""
        return f"{self.prefix}:atlas:audit"
