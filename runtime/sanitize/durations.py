"""Durations as people read them: one ladder of units for commands, screens and messages."""

from itertools import pairwise

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_LADDER = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s"))
# More days do not fit four cells.
_MOST = 999


def brief(seconds: float | None) -> str:
    """A duration in at most four cells and one unit, rounded down: 41s, 9m, 3h, 12d.

    None is a dash; what is negative counts as nothing.
    """
    if seconds is None:
        return "-"
    whole = max(0, int(seconds))
    for size, unit in _LADDER:
        if whole >= size:
            return f"{min(_MOST, whole // size)}{unit}"
    return "0s"


def full(seconds: float | None) -> str:
    """A duration in two units, rounded down: 350ms, 1.4s, 41s, 9m41s, 3h02m, 12d04h.

    None is a dash; what is negative counts as nothing.
    """
    if seconds is None:
        return "-"
    if seconds <= 0:
        return "0s"
    if seconds < 9.95:
        return latency(seconds * 1_000)
    whole = int(seconds)
    for (size, unit), (part, part_unit) in pairwise(_LADDER):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // part:02}{part_unit}"
    return f"{whole}s"


def latency(milliseconds: float | None) -> str:
    """A short time in at most five cells: 8ms, 940ms, 1.4s, 12s, 9m; None is a dash."""
    if milliseconds is None:
        return "-"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}ms"
    if milliseconds < 9_950:
        return f"{milliseconds / 1_000:.1f}s"
    return brief(milliseconds / 1_000)


def words(seconds: float) -> str:
    """A duration within a sentence, rounded to one unit: 350 ms, 90 s, 5 min, 3 h, 12 days.

    What is negative counts as nothing.
    """
    seconds = max(0.0, seconds)
    if 0 < seconds < 0.9995:
        return f"{seconds * 1_000:.0f} ms"
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds / _HOUR:.0f} h"
    return f"{seconds / _DAY:.0f} days"
