"""A server that must not outlive the process that started it: `Guard`."""

import subprocess

# Waits for the end of its input, which is the end of the process that holds the other end; then
# asks the server to stop. Unlike Linux' PR_SET_PDEATHSIG it does not care which thread started it,
# needs no code between fork and exec, and works on every POSIX system.
_SCRIPT = 'read -r _; kill -TERM "$0"'


class Guard:
    """Sends SIGTERM to process `pid` when this process ends, however it ends.

    `pid` must be a child of this process that nobody has waited for: its number cannot be reused
    before. Call `dismiss` before waiting for it.
    """

    def __init__(self, pid: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - a fixed script
            ["/bin/sh", "-c", _SCRIPT, str(pid)],
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
