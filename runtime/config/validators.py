"""What may stand in a variable: the validators of the settings, each a function of a value."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from runtime.config.redis_address import check_database, check_parameters

PREFIX = r"[A-Za-z0-9_.:{}-]+"
DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"


def matching(pattern: str, wrong: str) -> AfterValidator:
    """A validator of text that must match `pattern` as a whole."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(wrong)
        return value

    return AfterValidator(check)


def url(check: Callable[[str], None]) -> AfterValidator:
    """A validator of a URL that may hold a password, and may be missing."""

    def validate(value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            if re.search(r"\s", value.get_secret_value()):
                raise ValueError("holds a space")
            check(value.get_secret_value())
        return value

    return AfterValidator(validate)


def redis_url(value: str) -> None:
    """Refuse what redis-py would not understand."""
    parts = _split(value)
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("names no socket")
    else:
        server_url(value, "redis", "rediss")
    check_parameters(parts)
    check_database(parts)


def _split(value: str) -> SplitResult:
    try:
        return urlsplit(value)
    except ValueError:
        # Its own message would quote the URL, password included.
        raise ValueError("is not a URL") from None


def server_url(value: str, *schemes: str) -> None:
    """Refuse what does not name a server by one of these schemes.

    Raises:
        ValueError: what is wrong; the URL, which may hold a password, is not part of it.
    """
    parts = _split(value)
    if parts.scheme not in schemes:
        raise ValueError("does not start with an allowed scheme")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port is not a number from 1 to 65535") from None
    if not parts.hostname:
        raise ValueError("names no host")
    if port == 0:
        raise ValueError("the port is not a number from 1 to 65535")


# What follows RQ's own prefix in its keys (rq/*.py) and in those of earlier versions of ours.
_WORDS_OF_RQ = frozenset({
    "atlas", "canceled", "clean_groups", "clean_registries", "cron_job", "cron_jobs",
    "cron_scheduler", "cron_schedulers", "deferred", "execution", "executions", "failed",
    "finished", "group", "groups", "job", "pubsub", "queue", "queues", "ready", "registry",
    "results", "rl", "rl-keys", "scheduled", "scheduler", "scheduler-lock", "suspended", "wip",
    "worker", "workers",
})  # fmt: skip


def no_word_of_rq(value: str) -> str:
    """Refuse names that would mix our keys (``rq:<name>:…``) with those of plain RQ producers."""
    if value in _WORDS_OF_RQ:
        raise ValueError("is a word of RQ's own keys")
    return value


def split_prefixes(value: Any) -> Any:
    """A comma-separated list of dotted names as a tuple; a final ``.`` or ``.*`` means the same."""
    if not isinstance(value, str):
        return value
    found = tuple(part.strip().removesuffix("*").removesuffix(".") for part in value.split(","))
    for part in found:
        if part and not re.fullmatch(DOTTED, part):
            raise ValueError(f"has a part that is not a dotted name: {part!r}")
    return tuple(part for part in found if part)


def asks_for_debug(value: Any) -> Any:
    """``DEBUG`` serves other programs (Node's debug); only ``queue:*`` and ``*`` mean us."""
    if not isinstance(value, str):
        return value
    names = re.split(r"[\s,]+", value.strip().lower())
    ours = {"*", "1", "true", "yes", "on"}
    return any(name in ours or name.startswith("queue:") for name in names)


def lower(value: Any) -> Any:
    """Words may be typed in capitals."""
    return value.strip().lower() if isinstance(value, str) else value


Lower = BeforeValidator(lower)


def default_prefix(data: dict[str, Any]) -> str:
    """Production and everything else must not share queues by accident."""
    return "prod" if data.get("environment") == "production" else "dev"
