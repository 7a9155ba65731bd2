"""Sizes in bytes as people read them: one ladder, in powers of 1024."""


def full(number: float | None) -> str:
    """A size with its whole unit: 512B, 4.0KiB, 71MiB, 2.0GiB; None is a dash."""
    if number is None:
        return "-"
    shown = brief(number)
    return shown if shown.endswith("B") else f"{shown}iB"


def brief(number: float | None) -> str:
    """A size in at most five cells: 512B, 4.0K, 71M, 2.0G; None is a dash."""
    if number is None:
        return "-"
    if number < 1_024:
        return f"{number:.0f}B"
    for unit in "KMGTP":
        number /= 1_024
        if number < 1_023.5 or unit == "P":
            return f"{number:.1f}{unit}" if number < 9.95 else f"{number:.0f}{unit}"
    raise AssertionError("unreachable")
