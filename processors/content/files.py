"""Attachments by name: files that the deployment keeps, read when an e-mail is sent."""

import os
import stat
from pathlib import Path

from processors.errors import ContentError

# What all files of an e-mail may have together; most mail servers take no more.
MAX_BYTES = 25 * 1024 * 1024


def read_file(directory: Path | None, org: str, name: str, *, room: int = MAX_BYTES) -> bytes:
    """A file of an organisation, whole.

    Args:
        directory: ``ATTACHMENTS_DIR``; holds a directory for each organisation, named by its id.
        org: whose file; nobody else's can be named.
        name: relative, such as ``2026/timetable.pdf``. A link that leads out is refused.
        room: most bytes that it may have.

    Raises:
        ContentError: it cannot be attached; one line that says why.
    """
    if directory is None:
        raise ContentError(f"the attachment {_shown(name)} needs ATTACHMENTS_DIR, which is not set")
    try:
        base = directory.resolve(strict=True)
        root = (base / org).resolve()
        path = (root / name).resolve()
        if root.parent != base or not path.is_relative_to(root):
            raise ContentError(f"the attachment {_shown(name)} is not below ATTACHMENTS_DIR/{org}")
        # Not blocking, since a name may be a pipe's; not following, in case it changed meanwhile.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ContentError(f"the attachment {_shown(name)} cannot be read: Not a file")
            # One more than allowed: it may grow while it is read.
            content = file.read(room + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        raise ContentError(f"the attachment {_shown(name)} cannot be read: {reason}") from None
    if len(content) > room:
        raise ContentError(
            f"the attachment {_shown(name)} is too large; all of an e-mail may have "
            f"{MAX_BYTES:,} bytes"
        )
    return content


def _shown(name: str) -> str:
    return repr(name[:80])
