"""Numbers read from Redis, which may hold anything in their place."""

import math

# More digits than any count or time of ours has, and few enough for a float to be exact.
_DIGITS = 15


def whole(value: str | bytes) -> int:
    """A whole number of 15 digits at most; 0 for anything else."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    # str.isdigit() also accepts digits that int() does not know, such as a superscript two.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def finite(value: str | bytes) -> float | None:
    """A finite number; None for anything else."""
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
