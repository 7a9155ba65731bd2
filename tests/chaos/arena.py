"""One run: an arm, its load, the faults between, the verdict."""

import random
import time
from collections.abc import Callable
from typing import Any

from runtime.embedded.server import EmbeddedRedis
from tests.chaos.arms import orders, until
from tests.chaos.oracle import Oracle, Verdict
from tests.chaos.plan import FULL, Size
from tests.chaos.proxy import FlakyProxy
from tests.chaos.report import Row

_SETTLE_S = 3600 if FULL else 60


class Arena:
    """What a test of a fault works with; `rng` decides everything that is left to chance.

    Args:
        arm: an `Arm`; tests of one arm alone use more of it than both have.
    """

    def __init__(
        self,
        arm: Any,
        server: EmbeddedRedis,
        oracle: Oracle,
        seed: int,
        note: Callable[[Row], None],
        proxy: FlakyProxy | None = None,
    ) -> None:
        self.arm = arm
        self.server = server
        self.oracle = oracle
        self.proxy = proxy
        self.seed = seed
        self.rng = random.Random(seed)
        self.faults = 0
        self._note = note

    def produce(self, size: Size, fault: Callable[[], None]) -> None:
        """Enqueue in small batches, with the fault after some of them, while jobs run."""
        sizes, after = size.schedule(self.rng)
        first = 0
        for number, count in enumerate(sizes):
            # Of its own, so that both arms get the same jobs whatever their faults draw.
            work = random.Random(f"{self.seed}-{number}")
            self.oracle.acknowledge(self.arm.enqueue(orders(first, count, work)))
            first += count
            if number in after:
                until(self.arm.busy, timeout_s=2)
                self.strike(fault)

    def strike(self, fault: Callable[[], None]) -> None:
        """One fault, with its time for the recovery's measurement."""
        begun = time.monotonic()
        fault()
        self.faults += 1
        self.oracle.fault(begun, time.monotonic())

    def settle(self, fault: str, title: str, remark: str = "") -> Verdict:
        """Wait until nothing is open, judge, and put it into the table."""
        assert until(self.arm.quiet, timeout_s=_SETTLE_S), "jobs are still open"
        verdict = self.oracle.judge(self.arm.states, self.arm.orphans())
        exits = self.arm.exits()
        self._note(
            Row.of(fault, title, self.arm.name, self.seed, self.faults, verdict, exits, remark)
        )
        return verdict


def holds(verdict: Verdict, *, extra_at_most: int) -> None:
    """What is promised of Atlas, whatever happens. Of stock RQ nothing is."""
    assert verdict.clean, verdict
    assert verdict.extra_runs <= extra_at_most, verdict
