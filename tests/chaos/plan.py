"""How much of each fault: seeds and sizes. Minutes by default, the whole plan on demand.

``ATLAS_CHAOS_SEED=7`` (or ``7,8``) runs those seeds, ``ATLAS_CHAOS_FULL=1`` the full figures.
"""

import os
import random
from dataclasses import dataclass

FULL = os.environ.get("ATLAS_CHAOS_FULL", "") not in {"", "0"}
CHOSEN = [int(part) for part in os.environ.get("ATLAS_CHAOS_SEED", "").split(",") if part]
SEEDS = CHOSEN or [1, 2, 3]
# Every step is survived at one use of it, drawn by the seed; the plan asks for twenty.
STEP_SEEDS = CHOSEN or (list(range(1, 21)) if FULL else [1])
# A slow machine, or hours of faults.
TIMEOUT_S = 24 * 3600 if FULL else 300
# The short form runs one.
SHORT_SEED = (CHOSEN or [7])[0]


@dataclass(frozen=True, slots=True)
class Size:
    """Jobs, and faults between them."""

    jobs: int
    faults: int

    def schedule(self, rng: random.Random) -> tuple[list[int], set[int]]:
        """Sizes of the batches in which jobs are enqueued, and after which of them a fault is."""
        batches = max(20, 2 * self.faults)
        sizes = [self.jobs * (n + 1) // batches - self.jobs * n // batches for n in range(batches)]
        return sizes, set(rng.sample(range(batches), self.faults))


# By fault: what runs by default, what the plan asks for over three seeds, and stock RQ's share of
# jobs, which is as much as it does in the same time.
_SIZES = {
    "F2": (Size(3_000, 12), Size(34_000, 670), 200),
    "F3": (Size(2_000, 8), Size(17_000, 34), 120),
    "F4": (Size(1_000, 4), Size(5_000, 30), 0),
    "F5": (Size(1_500, 3), Size(10_000, 5), 0),
    "F6": (Size(2_000, 8), Size(17_000, 100), 120),
    "F9": (Size(1_500, 3), Size(15_000, 167), 0),
    "F12": (Size(2_000, 8), Size(7_000, 167), 160),
}


def size_of(fault: str, arm: str = "atlas") -> Size:
    default, full, of_rq = _SIZES[fault]
    if arm == "rq":
        return Size(of_rq, default.faults)
    return full if FULL else default
