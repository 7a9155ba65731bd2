"""Drives the scripts by hand, as a worker would, one step at a time."""

from dataclasses import replace
from itertools import count

import redis

from runtime.broker.broker import Broker
from runtime.broker.calls import upkeep
from runtime.broker.calls.claim import Claim, ClaimedJob, QueueDemand, claim_jobs
from runtime.broker.calls.finish import Ended, OutcomeName, finish_attempts
from runtime.broker.encoding import deflate_text
from runtime.broker.keys import Keys, QueueNames
from runtime.broker.policy import Policy
from runtime.catalogue.catalogue import Retention
from tests.runtime.engine_app import application

PLAIN, FAIR, RATED = "dev:test:plain", "dev:test:fair", "dev:test:rated"
QUEUES = [PLAIN, FAIR, RATED]
RETENTION = Retention(3600, 100, 86400, 1000)
POLICY = Policy.of(application.catalogue.for_environment("test"), QueueNames("dev"), max_stalled=2)
_tokens = count(1)


def demand(queue: str, free: int = 50) -> QueueDemand:
    if queue == RATED:
        return QueueDemand(queue, free, 5, 1000)
    return QueueDemand(queue, free, org_cap=4 if queue == FAIR else 0)


def claim(
    broker: Broker,
    queue: str = PLAIN,
    *,
    free: int = 50,
    worker: str = "w1",
    lease_ms: int = 30_000,
    max_bytes: int = 1 << 20,
    policy: Policy = POLICY,
    **demanded: object,
) -> Claim:
    call = claim_jobs(
        worker,
        f"token{next(_tokens)}",
        [demand(queue, free)._replace(**demanded)],
        wanted=free,
        lease_ms=lease_ms,
        max_bytes=max_bytes,
        policy=policy,
    )
    return broker.run(call)


def ended(job: ClaimedJob, outcome: OutcomeName = "finished", **fields: object) -> Ended:
    base = Ended(outcome, job, "echo", 1_700_000_000.0, 1.0, 2.0)
    if outcome in ("failed", "retried"):
        base = base._replace(
            exc_string=deflate_text("Traceback\nValueError: boom"),
            error_class="ValueError",
            error="boom",
            fingerprint="f00",
        )
    return base._replace(**fields)


def finish(
    broker: Broker,
    *ends: Ended,
    worker: str = "w1",
    retention: Retention = RETENTION,
    policy: Policy = POLICY,
) -> list[int]:
    return broker.run(finish_attempts(worker, ends, replace(policy, retention=retention)))


def reap(broker: Broker, max_stalled: int = 2, lost_alone: int = 10) -> tuple[int, int, int]:
    policy = replace(POLICY, max_stalled=max_stalled, lost_alone=lost_alone)
    return broker.run(upkeep.reap(QUEUES, policy))


def release(
    broker: Broker, worker: str = "w1", *, dead: bool = True, known: tuple[str, ...] = ()
) -> tuple[int, int]:
    state = "lost" if dead else "lives"
    return broker.run(upkeep.release(worker, POLICY, state=state, known=known))


def places(raw: redis.Redis, job_id: str, queue: str = PLAIN) -> list[str]:
    """Every place that says it holds the job: a job not in a final state is in exactly one."""
    keys = Keys("rq")
    found = []
    for suffix in ("", ".critical", ".high", ".low", ".background"):
        lane = queue + suffix
        found += ["list"] * raw.lrange(keys.queue(lane), 0, -1).count(job_id.encode())
        for name in ("scheduled", "failed", "finished", "canceled"):
            if raw.zscore(f"rq:{name}:{lane}", job_id) is not None:
                found.append(name)
        found += [
            "started" for m in raw.zrange(keys.started(lane), 0, -1)
            if m.decode().startswith(f"{job_id}:")
        ]  # fmt: skip
        for key in raw.scan_iter(f"rq:rl:{lane}|*:rate_limited"):
            if raw.zscore(key, job_id) is not None:
                found.append("fair")
    return found


def status(raw: redis.Redis, job_id: str) -> str:
    return (raw.hget(f"rq:job:{job_id}", "status") or b"").decode()
