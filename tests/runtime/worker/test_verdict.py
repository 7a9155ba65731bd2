"""What becomes of an attempt whose handler met a Redis that did not serve."""

import random

import pytest

from runtime.broker.calls.claim import ClaimedJob
from runtime.catalogue.catalogue import Breaker
from runtime.catalogue.error_facts import error_facts
from runtime.catalogue.retry import RetryPolicy, RetryRule
from runtime.errors import BrokerError, BrokerUnavailableError
from runtime.worker.attempt import verdict

JOB = ClaimedJob(b"", "j", "dev:q", "e", 1, 0, "", "", "", "")
ANYTHING_IS_FATAL = (RetryRule("never", errors=("AtlasError",)),)


class NotReadyError(BrokerUnavailableError):
    """A subclass."""


def facts(*, attempts: int) -> verdict.AttemptFacts:
    policy = RetryPolicy(attempts, rules=ANYTHING_IS_FATAL)
    breaker = Breaker(errors=("AtlasError",))
    return verdict.AttemptFacts(JOB, "send", policy, 0.0, 0.0, "o", breaker)


@pytest.mark.parametrize("attempts", [1, 5])
@pytest.mark.parametrize("error", [BrokerUnavailableError("OOM"), NotReadyError("LOADING")])
@pytest.mark.parametrize("in_child", [False, True])
def test_redis_trouble_uses_no_attempt_and_blames_nobody(attempts, error, in_child) -> None:
    if in_child:
        error = verdict.RemoteError("E", str(error), "Traceback", facts=error_facts(error))
    ended = verdict.raised(facts(attempts=attempts), error, 1.0, random.Random(1))
    assert (ended.outcome, ended.fault, ended.dead_letter) == ("snoozed", False, "")
    assert 0 < ended.delay_ms <= 3_000
    assert ended.error.startswith("it waits for Redis: ")


def test_what_redis_refuses_for_good_is_a_failure() -> None:
    ended = verdict.raised(facts(attempts=5), BrokerError("WRONGTYPE"), 1.0, random.Random(1))
    assert ended.outcome == "failed"
