"""When a failed attempt is tried again: pure functions of values."""

import random
from dataclasses import dataclass
from typing import Literal

Backoff = Literal["exponential", "fixed", "list"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts and the wait between them.

    Attributes:
        attempts: how often a job may be tried in all, the first time included.
        backoff: ``exponential`` doubles the wait each time, ``fixed`` keeps it, ``list`` takes
            them from `delays_s` (the last one again and again).
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
    delays_s: tuple[float, ...] = ()

    def ceiling_s(self, attempt: int) -> float:
        """The longest wait in seconds after attempt number `attempt` (1-based) failed."""
        if self.backoff == "fixed":
            return min(self.base_s, self.cap_s)
        if self.backoff == "list":
            return self.delays_s[min(attempt, len(self.delays_s)) - 1] if self.delays_s else 0.0
        # The exponent is bounded: 2**63 seconds would overflow long before it would matter.
        return min(self.base_s * 2.0 ** min(attempt - 1, 63), self.cap_s)

    def delay_s(self, attempt: int, rng: random.Random) -> float:
        """The wait in seconds after attempt `attempt` (1-based), jitter included."""
        ceiling = self.ceiling_s(attempt)
        return rng.uniform(0.0, ceiling) if self.jitter else ceiling

    def describe(self) -> str:
        """In words: ``5 attempts, exponential from 2 s, at most 300 s, full jitter``."""
        if self.attempts <= 1:
            return "1 attempt, no retry"
        jitter = ", full jitter" if self.jitter else ""
        match self.backoff:
            case "fixed":
                return f"{self.attempts} attempts, every {self.base_s:g} s{jitter}"
            case "list":
                delays = ", ".join(f"{delay:g}" for delay in self.delays_s) or "0"
                return f"{self.attempts} attempts, after {delays} s{jitter}"
            case _:
                return (
                    f"{self.attempts} attempts, exponential from {self.base_s:g} s, "
                    f"at most {self.cap_s:g} s{jitter}"
                )
