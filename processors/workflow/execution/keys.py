"""Names that are always the same: of a step within its execution, and of the jobs that move it."""

import hashlib
import re
import uuid

MAX_KEY = 200
_LOOKS_LIKE_A_PATH = re.compile(r"\[[\d.]*\](~\d+)?$|~\d+$")

Path = tuple[int, ...]
# What a job does to a step: hands its message over, ends its wait, or runs it.
_PREFIX = {"running": "send", "waiting": "wait"}


def step_key(node_id: str, path: Path = (), run: int = 0) -> str:
    """What a step is called: its node, the iterations it stands in, and the replay.

    ``send``; ``send[2]`` in the third iteration of a loop; ``send[0.3]`` in a nested one;
    ``send~1`` in the first replay. At most `MAX_KEY` characters: the start of a longer node id is
    kept, with a digest of all of it.
    """
    text = f"[{'.'.join(map(str, path))}]" if path or _LOOKS_LIKE_A_PATH.search(node_id) else ""
    suffix = text + (f"~{run}" if run else "")
    if len(node_id) + len(suffix) > MAX_KEY:
        digest = hashlib.sha256(node_id.encode()).hexdigest()[:16]
        node_id = f"{node_id[: MAX_KEY - len(suffix) - 17]}#{digest}"
    return node_id + suffix


def path_text(path: Path) -> str:
    """A path as it is stored: ``0.3``; empty outside of loops."""
    return ".".join(map(str, path))


def read_path(text: str) -> Path:
    """What `path_text` wrote."""
    return tuple(int(part) for part in text.split(".")) if text else ()


def job_id(execution_id: uuid.UUID, key: str, status: str, attempts: int) -> str:
    """The id of the job that moves an open step: the same whenever the job is offered again.

    Args:
        execution_id: of the execution.
        key: of the step.
        status: ``running`` (handed over), ``waiting`` or ``pending``.
        attempts: how often the step has begun, so that a retry has a job of its own.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    again = f"-{attempts}" if attempts > 1 else ""
    return f"{_PREFIX.get(status, 'step')}-{execution_id.hex}-{digest}{again}"


def child_id(parent: uuid.UUID, key: str, attempts: int) -> uuid.UUID:
    """The id of the execution that a step starts."""
    return uuid.uuid5(parent, f"{key}#{attempts}")
