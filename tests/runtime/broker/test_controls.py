"""Quiet workers, rolling restarts, weights, events, memory: what operators set and see."""

import signal

import pytest

from runtime.broker.calls.claim import ClaimState
from runtime.errors import InvalidJobError
from runtime.view.snapshot import JobState
from tests.runtime.conftest import wait_until
from tests.runtime.drive import FAIR, PLAIN, claim, ended, finish, reap, status


def put(client, count: int, org: str = "o", kind: str = "echo", head: str = "j") -> None:
    for i in range(count):
        client.enqueue(kind, org=org, payload={}, job_id=f"{head}{i}")


def test_a_quiet_worker_is_given_nothing(client, broker, control) -> None:
    put(client, 2)
    control.set_quiet(["w1"], quiet=True)
    answer = claim(broker, worker="w1")
    assert (answer.jobs, answer.states[PLAIN]) == ([], ClaimState.QUIET)
    assert len(claim(broker, worker="w2", free=1).jobs) == 1
    assert control.set_quiet(["w1"], quiet=True).done == 0, "it was so already"
    control.set_quiet(["w1"], quiet=False)
    assert len(claim(broker, worker="w1").jobs) == 1


def test_quiet_by_signal_and_back_by_command(client, worker, reader, control) -> None:
    supervisor = worker.start()
    wait_until(lambda: [w for w in reader.snapshot().workers if w.state == "idle"])
    supervisor.send_signal(signal.SIGUSR1)
    wait_until(lambda: [w.state for w in reader.snapshot().workers] == ["quiet"])
    put(client, 3)
    other = worker.start()
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 3)
    other.terminate()
    assert other.wait(60) == 0
    put(client, 3, head="k")
    (name,) = [w.name for w in reader.snapshot().workers if w.state == "quiet"]
    assert reader.page("test:plain", JobState.WAITING).total == 3
    control.set_quiet([name], quiet=False)
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 6)


def test_a_rolling_restart_replaces_every_process_and_loses_nothing(client, worker, reader, raw):
    supervisor = worker.start("--processes", "2", "--concurrency", "5")
    wait_until(lambda: raw.scard("rq:workers") == 2)
    before = raw.smembers("rq:workers")
    for i in range(60):
        client.enqueue("record", org="o", payload={"text": "x", "seconds": 0.05}, job_id=f"r{i}")
    supervisor.send_signal(signal.SIGUSR2)
    seen: set[int] = set()

    def replaced() -> bool:
        names = raw.smembers("rq:workers")
        seen.add(len(names))
        return len(names) == 2 and not names & before

    wait_until(replaced)
    assert min(seen) == 2, "never fewer than before"
    wait_until(lambda: reader.page("test:plain", JobState.FINISHED).total == 60)
    assert worker.effect_count() == (60, 60)
    assert supervisor.poll() is None


def test_a_weight_gives_more_turns(client, broker, control, reader) -> None:
    control.set_org("big", weight=3, cap=50)
    control.set_org("small", cap=50)
    for org in ("big", "small"):
        put(client, 40, org, "fair", org)
    taken = [j.rl_key.rpartition("|")[2] for j in claim(broker, FAIR, org_cap=50, free=16).jobs]
    assert taken.count("big") == 12
    control.set_org("big")
    control.set_org("small")
    for job in claim(broker, FAIR, free=1).jobs:
        finish(broker, ended(job))


def test_a_cap_of_its_own_holds_an_organisation(client, broker, control, reader) -> None:
    control.set_org("gym", cap=1, reason="their API is slow")
    put(client, 3, "gym", "fair", "g")
    assert len(claim(broker, FAIR).jobs) == 1
    hold = next(hold for hold in reader.explain("g1") if hold.what == "cap")
    assert "1 of at most 1" in hold.message
    queue = next(q for q in reader.snapshot().queues if q.name == "test:fair")
    assert queue.worst_org == "gym"
    assert queue.worst_org_wait_s >= 0


@pytest.mark.parametrize(
    ("org", "options", "words"),
    [("a b", {}, "org"), ("a", {"weight": 0}, "weight"), ("a", {"cap": 0}, "cap")],
)
def test_limits_that_are_not_allowed_are_said(control, org, options, words) -> None:
    with pytest.raises(InvalidJobError, match=words):
        control.set_org(org, **options)


def test_events_tell_what_happened_and_are_bounded(client, broker, control, reader, raw) -> None:
    put(client, 3)
    jobs = claim(broker).jobs
    finish(broker, ended(jobs[0], "retried"), ended(jobs[1], "failed"))
    claim(broker, worker="w2", lease_ms=0)
    reap(broker)
    control.pause("test:plain", reason="because")
    control.resume("test:plain")
    events = reader.events()
    assert [e.event for e in events] == ["retried", "failed", "stalled", "paused", "resumed"]
    assert events[1].details["error"] == "ValueError: boom"
    assert reader.events(after=events[3].id) == events[4:]
    for _ in range(120):
        raw.xadd("rq:atlas:events", {"event": "x" * 100, "job": "\x1b[31m"}, maxlen=10_000)
    assert "\x1b" not in reader.events(limit=1)[0].words()


def test_memory_is_told_by_queue(client, reader, broker) -> None:
    put(client, 300)
    put(client, 40, "gym", "fair", "f")
    finish(broker, *[ended(job) for job in claim(broker, free=10).jobs])
    plain, fair, rated = reader.memory()
    assert (plain.name, plain.jobs, rated.jobs, fair.jobs) == ("test:plain", 300, 0, 40)
    assert 300 * 150 < plain.job_bytes < 300 * 2_000
    assert plain.sampled >= 40
    assert plain.index_bytes > 300
    assert plain.total_bytes == plain.job_bytes + plain.index_bytes
    assert rated.total_bytes == 0


def test_canceled_jobs_are_bounded_too(client, broker, raw) -> None:
    from rq.job import Job

    from runtime.broker.calls import upkeep
    from tests.runtime.drive import POLICY, QUEUES

    put(client, 130)
    for i in range(130):
        Job.fetch(f"j{i}", connection=raw, serializer="rq.serializers.JSONSerializer").cancel()
    broker.run(upkeep.sweep(QUEUES, POLICY))
    assert raw.zcard(f"rq:canceled:{PLAIN}") == 100
    assert status(raw, "j0") == ""
