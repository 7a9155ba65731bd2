"""Which functions of stock RQ producers may run: a string in Redis must not choose what runs."""

from collections.abc import Sequence


def is_allowed(function: str, prefixes: Sequence[str]) -> bool:
    """Whether a dotted name is one of the allowed ones or lies below one of them."""
    return any(function == prefix or function.startswith(f"{prefix}.") for prefix in prefixes)


def not_allowed(what: str, prefixes: Sequence[str]) -> str:
    """Why `what` does not run, and what to do."""
    names = ", ".join(prefixes) or "none"
    return (
        f"{what} is not allowed (ATLAS_ALLOWED_FUNCTIONS: {names}): "
        "add it or its module there, restart the workers and retry the job"
    )
