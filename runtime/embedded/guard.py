"""A server that must not outlive the process that started it: `Guard`."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

# Waits for the end of its input, which is the end of the process that holds the other end; then
# asks the server to stop. Unlike Linux' PR_SET_PDEATHSIG it does not care which thread started it,
# needs no code between fork and exec, and works on every POSIX system.
# Directories are removed once it is gone, or after 10 s: a zombie looks as if it were there.
_SCRIPT = """
read -r _
kill -TERM "$0"
n=0
while kill -0 "$0" 2>/dev/null && [ $n -lt 100 ]; do n=$((n + 1)); sleep 0.1; done
[ $# -eq 0 ] || rm -rf -- "$@"
"""


class Guard:
    """Sends SIGTERM to process `pid` when this process ends, however it ends.

    `pid` must be a child of this process that nobody has waited for: its number cannot be reused
    before. Call `dismiss` before waiting for it.

    Args:
        remove: temporary directories of the server, removed after that.
    """

    def __init__(self, pid: int, *, remove: Iterable[Path] = ()) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a fixed script
            ["/bin/sh", "-c", _SCRIPT, str(pid), *map(str, remove)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """End the guard without any signal to the guarded process."""
        # Killed before its input is closed: it must not take that for our end.
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
