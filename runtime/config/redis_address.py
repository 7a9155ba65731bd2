"""What the parameters of a Redis address may be: each is checked, and nothing else is passed on.

redis-py would hand whatever stands behind the ``?`` to its connections (redis/connection.py,
parse_url): an unknown name fails there with a traceback, and known ones would undo what the engine
builds on (time-outs, retries, bytes as replies).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl

_DATABASE = re.compile(r"[0-9]{1,5}")
_VERIFY = ("required", "optional", "none")
_FLAGS = ("true", "false")


def _file(value: str) -> str:
    return "" if Path(value).is_file() and os.access(value, os.R_OK) else "is not a readable file"


def _folder(value: str) -> str:
    return "" if Path(value).is_dir() else "is not a directory"


def _one_of(*words: str) -> Callable[[str], str]:
    return lambda value: "" if value in words else f"is not {' or '.join(words)}"


# By name: what is wrong with a value, or ''.
_TLS: dict[str, Callable[[str], str]] = {
    "ssl_ca_certs": _file,
    "ssl_ca_path": _folder,
    "ssl_certfile": _file,
    "ssl_keyfile": _file,
    "ssl_password": lambda _value: "",
    "ssl_cert_reqs": _one_of(*_VERIFY),
    "ssl_check_hostname": _one_of(*_FLAGS),
}
ALLOWED = "db, and with rediss:// " + ", ".join(_TLS)


def check_parameters(parts: SplitResult) -> None:
    """Refuse parameters that are unknown, given twice, or hold a wrong value; never quote a value.

    Raises:
        ValueError: what is wrong, by the parameter's name.
    """
    seen: set[str] = set()
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in seen:
            raise ValueError(f"the parameter {name} is given twice")
        seen.add(name)
        if name == "db":
            continue
        wrong = _TLS.get(name)
        if wrong is None:
            shown = name if re.fullmatch(r"\w{1,40}", name) else "there"
            raise ValueError(f"the parameter {shown} is not allowed (allowed: {ALLOWED})")
        if parts.scheme != "rediss":
            raise ValueError(f"the parameter {name} needs rediss://")
        if problem := wrong(value):
            raise ValueError(f"the parameter {name} {problem}")
    if "ssl_keyfile" in seen and "ssl_certfile" not in seen:
        raise ValueError("the parameter ssl_keyfile needs ssl_certfile")


def check_database(parts: SplitResult) -> None:
    """Refuse a database that is not a number, or is given twice.

    Raises:
        ValueError: what is wrong.
    """
    named = dict(parse_qsl(parts.query, keep_blank_values=True)).get("db")
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    if named is not None and path and named != path:
        raise ValueError("the database is given twice")
    if not _DATABASE.fullmatch((path or "0") if named is None else named):
        raise ValueError("the database is not a number")
