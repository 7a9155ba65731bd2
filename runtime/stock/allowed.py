"""Which functions of stock RQ producers may run: a string in Redis must not choose what runs."""

from collections.abc import Sequence


def is_allowed(function: str, prefixes: Sequence[str]) -> bool:
    """Whether a dotted name is one of the allowed ones or lies below one of them."""
    return any(function == prefix or function.startswith(f"{prefix}.") for prefix in prefixes)
