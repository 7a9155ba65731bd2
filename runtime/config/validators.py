"""What may stand in a variable: the validators of the settings, each a function of a value."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, SecretStr

DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_ADDRESS = r"[^\s@<>,;]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
_MAILBOX = re.compile(rf"({_ADDRESS})|([^<>\r\n]{{0,100}}<{_ADDRESS}>)")


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
            check(value.get_secret_value())
        return value

    return AfterValidator(validate)


def redis_url(value: str) -> None:
    """Refuse what redis-py would not understand."""
    parts = _split(value)
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("names no socket")
        database = parse_qs(parts.query).get("db", ["0"])[0]
    else:
        _server(value, "redis", "rediss")
        database = parse_qs(parts.query).get("db", [parts.path.strip("/") or "0"])[0]
    if not re.fullmatch(r"[0-9]{1,5}", database):
        raise ValueError("the database is not a number")


def smtp_url(value: str) -> None:
    """Refuse what is no address of a mail server."""
    _server(value, "smtp", "smtps")


def database_url(value: str) -> None:
    """Refuse databases that the migrations do not know."""
    if not re.match(r"(sqlite|postgres(ql)?)(\+\w+)?://", value):
        raise ValueError("does not start with an allowed scheme")


def _split(value: str) -> SplitResult:
    try:
        return urlsplit(value)
    except ValueError:
        # Its own message would quote the URL, password included.
        raise ValueError("is not a URL") from None


def _server(value: str, *schemes: str) -> None:
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


def mailbox(value: str) -> str:
    """Refuse what is not ``a@b`` or ``Name <a@b>``; line breaks would forge headers."""
    if not _MAILBOX.fullmatch(value):
        raise ValueError("is not an e-mail address")
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


def default_database() -> SecretStr:
    """A file in the user's state directory (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return SecretStr(f"sqlite:///{state}/atlas-queue/atlas.db")


def default_prefix(data: dict[str, Any]) -> str:
    """Production and everything else must not share queues by accident."""
    return "prod" if data.get("environment") == "production" else "dev"
