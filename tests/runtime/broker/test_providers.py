"""Providers: rates, caps and breakers over several queues; driven script by script."""

import time
from dataclasses import replace

import pytest

from runtime.broker.broker import Broker
from runtime.broker.calls.claim import ClaimState
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.catalogue.catalogue import Breaker, Catalogue, Kind, Provider, Queue, RateLimit
from runtime.client import AtlasClient
from runtime.errors import CatalogueError, UnknownProviderError
from tests.runtime.drive import claim, ended, finish
from tests.runtime.limited_app import Note, application

PROVIDER, PLAIN, SINGLE = "dev:test:provider", "dev:test:plain", "dev:test:single"
BREAKER = "rq:atlas:breaker:provider"
OPEN_S = 60.0


def _slow_breaker(policy: Policy) -> Policy:
    """With times that no test outlives by accident; `let_it_pass` ends them."""
    provider, queues = policy.providers["provider"]
    breaker = replace(provider.breaker, open_s=OPEN_S, most_s=4 * OPEN_S)
    return replace(policy, providers={"provider": (replace(provider, breaker=breaker), queues)})


POLICY = _slow_breaker(Policy.of(application.catalogue, QueueNames("dev"), max_stalled=2))


def let_it_pass(raw) -> None:
    """The time of the open, or half-open, breaker is over."""
    raw.hset(BREAKER, "until", int(time.time() * 1000) - 1)


@pytest.fixture
def engine(engine):
    return engine.model_copy(update={"application": "tests.runtime.limited_app"})


def with_provider(**changes) -> Policy:
    provider, queues = POLICY.providers["provider"]
    return replace(POLICY, providers={"provider": (replace(provider, **changes), queues)})


def put(client: AtlasClient, count: int, kind: str = "send", head: str = "j") -> None:
    for i in range(count):
        client.enqueue(kind, org="o", payload={}, job_id=f"{head}{i}")


def take(broker: Broker, policy: Policy = POLICY, free: int = 50):
    return claim(broker, PROVIDER, policy=policy, provider="provider", free=free)


def end(broker: Broker, jobs, *, ok: bool, policy: Policy = POLICY, **fields) -> None:
    outcome = "finished" if ok else "retried"
    ends = [ended(job, outcome, fault=not ok, **fields) for job in jobs]
    finish(broker, *ends, policy=policy)


def test_a_provider_has_one_rate_for_all_its_queues(client, broker) -> None:
    policy = with_provider(rate=RateLimit(3, 60.0))
    put(client, 5)
    put(client, 5, "work", "w")
    assert len(take(broker, policy).jobs) == 3
    answer = claim(broker, PLAIN, policy=policy, provider="provider")
    assert answer.jobs == []
    assert 10_000 < answer.states[PLAIN] <= 20_000, "a token comes every 20 s"


def test_a_provider_has_one_cap_for_all_its_queues(client, broker) -> None:
    provider, _ = POLICY.providers["provider"]
    shared = (replace(provider, concurrency=3), (PROVIDER, PLAIN))
    policy = replace(POLICY, providers={"provider": shared})
    put(client, 2)
    put(client, 5, "work", "w")
    jobs = take(broker, policy).jobs
    assert len(claim(broker, PLAIN, policy=policy, provider="provider").jobs) == 1
    assert claim(broker, PLAIN, policy=policy, provider="provider").states[PLAIN] == ClaimState.MORE
    end(broker, jobs, ok=True, policy=policy)
    assert len(claim(broker, PLAIN, policy=policy, provider="provider").jobs) == 2


def test_a_queue_has_a_cap_over_all_workers(client, broker, raw) -> None:
    put(client, 5, "single")
    jobs = claim(broker, SINGLE, most=2, policy=POLICY).jobs
    assert len(jobs) == 2
    assert claim(broker, SINGLE, most=2, worker="w2", policy=POLICY).jobs == []
    raw.delete(f"rq:atlas:marker:{SINGLE}")
    finish(broker, ended(jobs[0]), policy=POLICY)
    assert raw.exists(f"rq:atlas:marker:{SINGLE}"), "the end of a job wakes a worker"
    assert len(claim(broker, SINGLE, most=2, worker="w2", policy=POLICY).jobs) == 1


def test_a_breaker_opens_parks_probes_and_closes(client, broker, raw, reader) -> None:
    put(client, 12)
    jobs = take(broker, free=6).jobs
    end(broker, jobs[:2], ok=True)
    end(broker, jobs[2:4], ok=False)  # 2 of 4 failed: it opens with the last of them
    assert raw.hget(BREAKER, "state") == b"open"
    end(broker, jobs[4:], ok=False)
    # Those that failed before it opened used an attempt, those after it did not.
    assert [int(raw.hget(f"rq:job:{job.id}", "attempt")) for job in jobs[2:]] == [1, 0, 0, 0]
    answer = take(broker)
    assert answer.jobs == []
    assert 0 < answer.states[PROVIDER] <= 1000 * OPEN_S
    provider = reader.snapshot().providers[0]
    assert (provider.state, provider.queues) == ("open", ("test:provider",))
    assert any(alert.subject == "provider" for alert in reader.snapshot().alerts)
    holds = reader.explain("j9")
    assert holds[0].what in ("breaker", "no worker")
    assert "breaker" in {hold.what for hold in holds}
    let_it_pass(raw)
    probe = take(broker).jobs
    assert len(probe) == 1, "one job tries it"
    assert take(broker).jobs == [], "nothing else while it does"
    end(broker, probe, ok=True)
    assert raw.hget(BREAKER, "state") == b"closed"
    assert len(take(broker).jobs) == 9
    states = [e.details["state"] for e in reader.events() if e.event == "breaker"]
    assert states == ["open", "half-open", "closed"]


def test_a_failing_probe_opens_it_for_twice_as_long(client, broker, raw) -> None:
    put(client, 8)
    end(broker, take(broker, free=4).jobs, ok=False)
    let_it_pass(raw)
    probe = take(broker).jobs
    before_ms = int(time.time() * 1000)
    end(broker, probe, ok=False)
    opened_ms = int(raw.hget(BREAKER, "until")) - int(2 * OPEN_S * 1000)
    assert before_ms <= opened_ms <= time.time() * 1000
    assert int(raw.hget(f"rq:job:{probe[0].id}", "attempt")) == 0


def test_a_probe_that_fails_for_its_own_sake_closes_it(client, broker, raw) -> None:
    put(client, 8)
    end(broker, take(broker, free=4).jobs, ok=False)
    let_it_pass(raw)
    probe = take(broker).jobs
    finish(broker, ended(probe[0], "failed", fault=False), policy=POLICY)
    assert raw.hget(BREAKER, "state") == b"closed", "the provider answered"


def test_a_probe_that_is_lost_does_not_hold_it_open_for_ever(client, broker, raw) -> None:
    put(client, 8)
    end(broker, take(broker, free=4).jobs, ok=False)
    for _ in range(2):
        assert take(broker).jobs == []
        let_it_pass(raw)
        assert len(take(broker).jobs) == 1


def test_the_last_attempt_is_not_used_up_while_it_is_open(client, broker, raw) -> None:
    put(client, 5)
    jobs = take(broker).jobs
    end(broker, jobs[:4], ok=False)
    finish(broker, ended(jobs[4], "failed", fault=True), policy=POLICY)
    assert raw.hget("rq:job:j4", "status") == b"queued"
    assert raw.zcard(f"rq:failed:{PROVIDER}") == 0


def test_failures_of_the_jobs_own_do_not_open_it(client, broker, raw) -> None:
    put(client, 6)
    for job in take(broker).jobs:
        finish(broker, ended(job, "failed", fault=False), policy=POLICY)
    assert raw.hget(BREAKER, "state") in (None, b"closed")


def test_an_operator_goes_before_the_counts(client, broker, control, reader, raw) -> None:
    put(client, 8)
    control.force_breaker("provider", "open", reason="their status page is red")
    assert take(broker).jobs == []
    provider = reader.snapshot().providers[0]
    assert (provider.state, provider.forced_by) == ("open", "ana@test")
    assert "status page" in provider.reason
    control.force_breaker("provider", "closed")
    end(broker, take(broker, free=6).jobs, ok=False)
    assert len(take(broker, free=1).jobs) == 1, "held closed, whatever fails"
    control.force_breaker("provider", "auto")
    assert reader.snapshot().providers[0].state == "closed"
    with pytest.raises(UnknownProviderError, match="allowed: provider"):
        control.force_breaker("nope", "open")


def test_old_failures_are_forgotten(client, broker, raw) -> None:
    provider, _ = POLICY.providers["provider"]
    policy = with_provider(breaker=replace(provider.breaker, window_s=0.05))
    put(client, 6)
    jobs = take(broker, policy).jobs
    end(broker, jobs[:3], ok=False, policy=policy)
    raw.hset(BREAKER, "at", int(time.time() * 1000) - 200)
    end(broker, jobs[3:4], ok=False, policy=policy)
    assert raw.hget(BREAKER, "state") == b"closed"


@pytest.mark.parametrize(
    ("providers", "queue", "words"),
    [
        ([], {"provider": "nope"}, "no provider 'nope'"),
        ([Provider("a"), Provider("a")], {}, "named twice"),
        ([Provider("A!")], {}, "lower-case"),
        ([Provider("a", rate=RateLimit(0))], {}, "rate needs"),
        ([Provider("a", concurrency=0)], {}, "concurrency must"),
        ([Provider("a", breaker=Breaker(ratio=2))], {}, "ratio"),
        ([Provider("a", breaker=Breaker(open_s=9, most_s=1))], {}, "open_s"),
        ([], {"concurrency": 0}, "concurrency must"),
    ],
)
def test_a_wrong_catalogue_says_why(providers, queue, words) -> None:
    with pytest.raises(CatalogueError, match=words):
        Catalogue([Queue("q", 1, **queue)], [Kind("k", "q", Note, "a:b")], providers)


def test_a_catalogue_names_a_kind_for_dead_letters() -> None:
    with pytest.raises(CatalogueError, match="dead_letter: no kind 'x'"):
        Catalogue([Queue("q", 1)], [Kind("k", "q", Note, "a:b")], dead_letter="x")
