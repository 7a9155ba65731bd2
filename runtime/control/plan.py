"""What an action would do, and what it did."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What an action would do, fixed at one moment: jobs that arrive later are not part of it.

    `ids` is empty when the plan covers a whole queue up to `cutoff`. `keep_attempts`: jobs get one
    more try instead of a fresh budget.
    """

    action: str
    queue: str | None
    count: int
    ids: tuple[str, ...] = ()
    cutoff: float | None = None
    warnings: tuple[str, ...] = ()
    keep_attempts: bool = False


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action did. `skipped` jobs were gone or in another state by then."""

    action: str
    target: str
    done: int
    skipped: int = 0
    message: str = ""
    errors: tuple[str, ...] = ()


def quiet_words(changed: int, unchanged: int, *, quiet: bool) -> str:
    """What an action did to workers: how many changed, and how many were so already."""
    state = "quiet" if quiet else "claiming again"
    told = f"{changed} worker is" if changed == 1 else f"{changed} workers are"
    already = f"{unchanged} worker was" if unchanged == 1 else f"{unchanged} workers were"
    if not unchanged:
        return f"{told} now {state}"
    already = f"{already} {'quiet' if quiet else 'claiming'} already"
    return f"{told} now {state}, {already}" if changed else already
