"""What a job system must offer to be disturbed and judged, and what both arms have in common."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import psutil

from tests.chaos.oracle import State


@dataclass(frozen=True, slots=True)
class Order:
    """A job to be enqueued. Without an id the producer lets the system choose one."""

    number: int
    effect: str
    seconds: float
    job_id: str | None


def orders(first: int, count: int, rng: random.Random) -> list[Order]:
    """Jobs of a batch; every fourth without an id of its own."""
    return [
        Order(n, f"effect-{n}", rng.uniform(0.002, 0.012), f"job-{n}" if n % 4 else None)
        for n in range(first, first + count)
    ]


class Arm(Protocol):
    """One of the two systems, with workers of its own on a Redis that the arena owns."""

    name: str

    def start(self) -> None:
        """Start the workers; returns when they run."""

    def enqueue(self, batch: list[Order]) -> list[str]:
        """Hand over jobs as a careful producer does; the ids that were acknowledged.

        What has an id is repeated until it is acknowledged. What has none is tried once.
        """

    def busy(self) -> bool:
        """Whether jobs run, or Redis does not say."""

    def victims(self) -> list[psutil.Process]:
        """Processes that may be killed now."""

    def kill(self, victim: psutil.Process) -> None: ...

    def restart_one(self) -> None:
        """Start a new worker and tell the oldest one to end in order."""

    def quiet(self) -> bool:
        """Whether nothing is left to do."""

    def states(self, ids: Iterable[str]) -> Mapping[str, State]: ...

    def orphans(self) -> int: ...

    def exits(self) -> int:
        """Processes that ended although nobody told or killed them."""

    def stop(self) -> None: ...


def until(condition: Callable[[], bool], *, timeout_s: float, step_s: float = 0.01) -> bool:
    """Poll until the condition holds; False when it did not in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step_s)
    return True


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
