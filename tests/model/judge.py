"""Compares Redis with the model: the invariants, each with a message that names what broke."""

import math
from collections import Counter, defaultdict

from runtime.broker.keys import queue_of
from tests.model.observe import Seen
from tests.model.reference import LANES, OPEN, ORG_CAP, REGISTRIES, WORKERS, Job, Model
from tests.runtime.drive import FAIR, PLAIN

QUEUES = (PLAIN, FAIR)


def judge(model: Model, seen: Seen, before: Seen) -> None:
    """Check everything, and let the model follow the choices that the scripts are free in.

    Args:
        before: what Redis held before the last step.
    """
    _retention(model, seen, before)
    _hashes(model, seen)
    _lines(model, seen)
    _scheduled(model, seen)
    _executions(model, seen)
    _fair_lanes(model, seen)
    _final(model, seen)
    _counters(model, seen)
    _leftovers(model, seen)


def _retention(model: Model, seen: Seen, before: Seen) -> None:
    """More ended jobs than are kept: the oldest went, and no more than had to."""
    for registry, (status, cap) in REGISTRIES.items():
        for queue in QUEUES:
            ended = [job for job in model.jobs.values() if job.status == status]
            expected = {job.id for job in ended if job.queue == queue}
            if len(expected) <= cap:
                continue
            kept = _merged(seen, registry, queue)
            known = _merged(before, registry, queue)
            gone = expected - set(kept)
            assert len(kept) == cap, f"{len(kept)} {registry} jobs of {queue} kept, not {cap}"
            too_young = [i for i in gone if known.get(i, 0) > min(kept.values())]
            assert not too_young, f"{too_young} dropped before older ones in {registry} of {queue}"
            for job_id in gone:
                model.forget(job_id)
                model.remembered.add(job_id)


def _merged(seen: Seen, registry: str, queue: str) -> dict[str, float]:
    lanes = [lane for lane in LANES if queue_of(lane) == queue]
    return {i: s for lane in lanes for i, s in seen.scores(f"{registry}:{lane}").items()}


def _hashes(model: Model, seen: Seen) -> None:
    hashes = seen.below("job:")
    assert set(hashes) == set(model.jobs), "jobs that exist"
    for job_id, job in model.jobs.items():
        fields = hashes[job_id]
        real = (
            fields["status"], fields["origin"], int(fields.get("attempt", 0)),
            int(fields.get("stalls", 0)), fields.get("fence", ""),
        )  # fmt: skip
        assert real == (job.status, job.lane, job.attempt, job.stalls, job.fence), job_id
        assert seen.length(f"results:{job_id}") == min(job.results, 50), f"attempts of {job_id}"
        for key in (f"job:{job_id}", f"results:{job_id}"):
            expires = key in seen.expiring
            assert key not in seen.values or expires == (job.status not in OPEN), f"expiry of {key}"


def _lines(model: Model, seen: Seen) -> None:
    """Each line has the jobs it should, in an order that is allowed; nothing waits elsewhere."""
    real: dict[tuple[str, str], list[str]] = {}
    for lane, ids in seen.below("queue:").items():
        real[lane, ""] = ids
    for key, waiting in seen.below("rl:").items():
        if key.endswith(":rate_limited"):
            lane, _, org = key.removesuffix(":rate_limited").partition("|")
            real[lane, org] = list(waiting)
    expected = {line: order for line, order in model.lines.items() if order}
    assert set(real) == set(expected), "lines in which jobs wait"
    for line, order in expected.items():
        at = 0
        for group in order:
            part = real[line][at : at + len(group)]
            assert set(part) == group, f"{line}: {real[line]} instead of {order}"
            at += len(group)
        assert at == len(real[line]), f"{line}: more waits than {order}"
        model.lines[line] = [{job_id} for job_id in real[line]]


def _scheduled(model: Model, seen: Seen) -> None:
    real = {(lane, i) for lane, ids in seen.below("scheduled:").items() for i in ids}
    expected = {(j.lane, j.id) for j in model.jobs.values() if j.status == "scheduled"}
    assert real == expected, "the scheduled jobs"
    index = seen.scores("atlas:due")
    assert set(index) == {lane for lane, _ in expected}, "lanes in the index of due jobs"
    for lane, due_ms in index.items():
        first = min(seen.scores(f"scheduled:{lane}").values())
        assert due_ms <= math.ceil(first * 1000), f"{lane} is looked at too late"


def _executions(model: Model, seen: Seen) -> None:
    """What runs has exactly one lease, one entry in RQ's registry, and one worker."""
    running = [job for job in model.jobs.values() if job.running]
    for head, place in (("wip:", "lane"), ("atlas:leases:", "queue")):
        real = Counter((p, m) for p, members in seen.below(head).items() for m in members)
        expected = Counter((getattr(job, place), _member(job)) for job in running)
        assert real == expected, f"what {head} holds"
    for worker in WORKERS:
        held = seen.set(f"worker:{worker}:executions")
        assert held == {_member(j) for j in running if j.worker == worker}, f"what {worker} holds"
    # RQ's own record of an execution is there from the first renewal on.
    renewed = [job for job in running if job.renewed]
    records, index = seen.below("execution:"), seen.below("executions:")
    assert set(records) == {_member(job) for job in renewed}, "records of executions"
    indexed = {job_id: set(executions) for job_id, executions in index.items()}
    assert indexed == {job.id: {job.fence} for job in renewed}, "RQ's index of executions"


def _member(job: Job) -> str:
    return f"{job.id}:{job.fence}"


def _fair_lanes(model: Model, seen: Seen) -> None:
    waiting: defaultdict[str, dict[str, float]] = defaultdict(dict)
    depth: Counter[str] = Counter()
    for (lane, org), order in model.lines.items():
        if org and order:
            ids = seen.scores(f"rl:{lane}|{org}:rate_limited")
            waiting[lane][org] = min(ids.values())
            depth[lane] += len(ids)
    for lane in LANES:
        assert int(seen.hash("atlas:depth").get(lane, 0)) == depth[lane], f"depth of {lane}"
        assert set(seen.scores(f"atlas:ring:{lane}")) == set(waiting[lane]), f"ring of {lane}"
        assert seen.scores(f"atlas:heads:{lane}") == waiting[lane], f"heads of {lane}"
    allowed = {
        tuple(key.removesuffix(":allowed").split("|")): set(ids)
        for key, ids in seen.below("rl:").items()
        if key.endswith(":allowed")
    }
    running: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for job in model.jobs.values():
        if job.org and job.running:
            running[job.line].add(job.id)
    assert allowed == running, "what counts against the organisations' caps"
    assert all(len(ids) <= ORG_CAP for ids in allowed.values()), "an organisation's cap"


def _final(model: Model, seen: Seen) -> None:
    for registry, (status, _) in REGISTRIES.items():
        real = {(lane, i) for lane, ids in seen.below(f"{registry}:").items() for i in ids}
        expected = {(j.lane, j.id) for j in model.jobs.values() if j.status == status}
        assert real == expected, f"the {registry} jobs"
    assert set(seen.hash("atlas:quarantine")) == model.quarantine, "the quarantine"
    stalled = {i for queue in QUEUES for i in seen.scores(f"atlas:stalled:{queue}")}
    expected_stalled = {j.id for j in model.jobs.values() if j.stalls and j.status in OPEN}
    assert stalled == expected_stalled, "jobs that stalled and have not ended since"
    assert set(seen.hash("atlas:paused")) == model.paused, "paused queues"


def _counters(model: Model, seen: Seen) -> None:
    totals = {field: int(n) for field, n in seen.hash("atlas:totals").items()}
    assert totals.pop("audit|orphan", 0) == model.repaired, "what audits put right"
    assert totals == dict(model.totals), "counters that only grow"
    minutes: Counter[str] = Counter()
    for fields in seen.below("atlas:metrics:").values():
        for field, n in fields.items():
            queue, _, name = field.split("|")
            if name in ("enq", "fin", "fail", "retry"):
                minutes[f"{queue}|{name}"] += int(n)
    retries = {f"{queue}|retry": n for queue, n in model.retries.items()}
    assert dict(minutes) == totals | retries, "counts by the minute"


def _leftovers(model: Model, seen: Seen) -> None:
    """Nothing stays behind of a job that is gone."""
    for head in ("results:", "execution:", "executions:"):
        orphans = {key for key in seen.below(head) if key.split(":")[0] not in model.jobs}
        assert not orphans, f"{head} of jobs that are gone: {orphans}"
