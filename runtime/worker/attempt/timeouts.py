"""How long an attempt may run, and since when its time counts."""

import time

from runtime.sanitize.numbers import finite
from runtime.worker.claiming.held_jobs import Running

# Ten years: nobody means a longer time-out, and no date could be reckoned with it.
_LONGEST_S = 315_360_000.0


def timeout_of(stored: str, default_s: float) -> float | None:
    """The job's own time-out in seconds; None for RQ's -1, no limit."""
    value = finite(stored)
    if value is None or value > _LONGEST_S:
        return default_s
    return None if value < 0 else value or default_s


def start_clock(running: Running, timeout_s: float | None) -> None:
    """From now on the attempt's time counts."""
    # Watched by `Attempts.cancel_overdue`: a timer for each would cost more than all the rest.
    if timeout_s is not None:
        running.times_out_at = time.monotonic() + timeout_s
