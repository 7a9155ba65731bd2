"""When a failed attempt is tried again: pure functions of values."""

import random
from dataclasses import dataclass
from typing import Literal

from runtime.catalogue.error_facts import ErrorFacts

Backoff = Literal["exponential", "fixed", "list"]
RetryAction = Literal["retry", "never", "dead_letter"]


@dataclass(frozen=True, slots=True)
class RetryRule:
    """What certain errors mean, whatever attempts are left.

    Attributes:
        action: ``retry``; ``never``: the job fails at once and leaves no dead letter, as an error
            that nobody will look into; ``dead_letter``: it fails at once and leaves one.
        errors: names of error classes, or of their bases.
        statuses: HTTP statuses, each a number or a class such as ``5xx``.
        after_s: with ``retry``, the wait in seconds instead of the backoff's.
    """

    action: RetryAction
    errors: tuple[str, ...] = ()
    statuses: tuple[int | str, ...] = ()
    after_s: float | None = None

    def applies_to(self, error: ErrorFacts) -> bool:
        """Whether the error is of one of those classes or has one of those statuses."""
        if not error.names.isdisjoint(self.errors):
            return True
        return error.status is not None and (
            error.status in self.statuses or f"{error.status // 100}xx" in self.statuses
        )

    def problems(self) -> list[str]:
        """What is wrong with it, a line each."""
        found = []
        if not self.errors and not self.statuses:
            found.append("a retry rule needs errors or statuses")
        for status in self.statuses:
            is_class = isinstance(status, str) and status in _STATUS_CLASSES
            if not is_class and not (isinstance(status, int) and 100 <= status <= 599):
                found.append(f"status {status!r}: 100 to 599, or 1xx to 5xx, are allowed")
        if self.after_s is not None and (self.action != "retry" or self.after_s < 0):
            found.append("after_s needs action retry and must not be negative")
        return found


_STATUS_CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


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
        rules: what certain errors mean; the first that applies is taken.
    """

    attempts: int = 3
    backoff: Backoff = "exponential"
    base_s: float = 2.0
    cap_s: float = 300.0
    jitter: bool = True
    delays_s: tuple[float, ...] = ()
    rules: tuple[RetryRule, ...] = ()

    def rule_for(self, error: ErrorFacts) -> RetryRule | None:
        """The first rule that applies to an error."""
        return next((rule for rule in self.rules if rule.applies_to(error)), None)

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
