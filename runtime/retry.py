"""When a failed attempt is tried again: pure functions of values."""

import random
from dataclasses import dataclass
from typing import Literal

Backoff = Literal["exponential", "fixed"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts and the wait between them.

    Attributes:
        attempts: how often a job may be tried in all, the first time included.
        backoff: ``exponential`` doubles the wait each time, ``fixed`` keeps it.
        base_s: the first wait in seconds.
        cap_s: no wait is longer.
        jitter: "full jitter": the wait is drawn evenly between 0 and the computed one, so that
            jobs that failed together do not come back together (AWS Architecture Blog,
            "Exponential Backoff And Jitter", 2015).
    """

    attempts: int = 3
    backoff: Backoff = "exponential"
    base_s: float = 2.0
    cap_s: float = 300.0
    jitter: bool = True

    def ceiling_s(self, attempt: int) -> float:
        """The longest wait in seconds after attempt number `attempt` (1-based) failed."""
        if self.backoff == "fixed":
            return min(self.base_s, self.cap_s)
        # The exponent is bounded: 2**63 seconds would overflow long before it would matter.
        return min(self.base_s * 2.0 ** min(attempt - 1, 63), self.cap_s)

    def delay_s(self, attempt: int, rng: random.Random) -> float:
        """The wait in seconds after attempt `attempt` (1-based), jitter included."""
        ceiling = self.ceiling_s(attempt)
        return rng.uniform(0.0, ceiling) if self.jitter else ceiling
