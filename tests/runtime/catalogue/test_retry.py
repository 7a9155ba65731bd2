import random

import pytest

from runtime.catalogue.retry import RetryPolicy


@pytest.mark.parametrize(
    ("policy", "ceilings"),
    [
        (RetryPolicy(5, "exponential", 2.0), [2, 4, 8, 16, 32]),
        (RetryPolicy(5, "exponential", 2.0, cap_s=10), [2, 4, 8, 10, 10]),
        (RetryPolicy(3, "fixed", 5.0), [5, 5, 5]),
        (RetryPolicy(4, "list", delays_s=(1.0, 10.0)), [1, 10, 10]),
        (RetryPolicy(4, "list"), [0, 0, 0]),
    ],
)
def test_ceilings(policy: RetryPolicy, ceilings: list[float]) -> None:
    assert [policy.ceiling_s(n) for n in range(1, len(ceilings) + 1)] == ceilings


def test_huge_attempt_numbers_do_not_overflow() -> None:
    assert RetryPolicy().ceiling_s(10_000) == 300.0


def test_full_jitter_stays_between_zero_and_the_ceiling_and_varies() -> None:
    rng = random.Random(7)
    policy = RetryPolicy(5, "exponential", 2.0)
    delays = [policy.delay_s(3, rng) for _ in range(500)]
    assert all(0 <= d <= 8 for d in delays)
    assert min(delays) < 1
    assert max(delays) > 7


def test_without_jitter_the_delay_is_the_ceiling() -> None:
    assert RetryPolicy(base_s=3, jitter=False).delay_s(2, random.Random(1)) == 6


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (RetryPolicy(1), "1 attempt, no retry"),
        (RetryPolicy(3, "fixed", 5.0), "3 attempts, every 5 s, full jitter"),
        (RetryPolicy(2, "list", delays_s=(1, 60), jitter=False), "2 attempts, after 1, 60 s"),
        (RetryPolicy(5), "5 attempts, exponential from 2 s, at most 300 s, full jitter"),
    ],
)
def test_describe(policy: RetryPolicy, words: str) -> None:
    assert policy.describe() == words
