"""How a worker process ended, and what its supervisor takes that to mean."""

import signal

EXIT_OK = 0
EXIT_FAILED = 1
# The process ended itself: its handlers outlive their leases, or one blocks its event loop.
EXIT_FENCED = 70
# These ask the supervisor for a fresh process: a thread cannot be stopped; limits are reached.
EXIT_STUCK = 71
EXIT_RECYCLE = 75
# It stopped in order, but Redis was away: what it held is still to be taken back.
EXIT_LEFT_JOBS = 76

_CAUSES = {
    EXIT_FENCED: "it ended itself: a handler blocked it, or outlived its lease",
    EXIT_STUCK: "a handler's thread could not be stopped",
    -signal.SIGKILL: "SIGKILL: out of memory, or by hand",
}


def stopped_in_order(code: int, *, told_to: bool) -> bool:
    """Whether the jobs that a process left behind lost no worker: they merely were not written.

    After any other end each of them counts as having lost its worker once more, also after one
    whose thread could not be stopped (EXIT_STUCK): uncounted, that job would end one process after
    the other.
    """
    # Our own signal can reach a process before it is ready to handle it.
    in_order = (EXIT_OK, EXIT_RECYCLE, EXIT_LEFT_JOBS)
    return code in in_order or (told_to and code == -signal.SIGTERM)


def holds_nothing(code: int, *, told_to: bool) -> bool:
    """Whether a process that ended like this has released or written everything that it held."""
    return code in (EXIT_OK, EXIT_RECYCLE) or (told_to and code == -signal.SIGTERM)


def cause_of(code: int) -> str:
    """In words, for logs and events: ``SIGSEGV``, ``exit code 1``."""
    if code in _CAUSES:
        return _CAUSES[code]
    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"
