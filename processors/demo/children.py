"""The programs that the demo starts, and how each is sure to end."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from runtime.embedded.guard import Guard

_TAIL_LINES = 5


class Child:
    """A background program of the demo, its output in a file.

    It runs in a session of its own, so that Ctrl-C in the terminal reaches the demo alone, which
    then ends everything in order; a guard ends it if the demo itself is killed.
    """

    def __init__(
        self, name: str, module: str, *, directory: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self._log = directory / f"{name}.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own modules
                [sys.executable, "-m", module],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env=dict(environment),
                start_new_session=True,
            )
        self._guard = Guard(self.process.pid)

    @property
    def is_dead(self) -> bool:
        """True if it ended without having been asked to."""
        return self.process.poll() is not None

    def last_words(self) -> str:
        """The end of its output, in one line."""
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        return " | ".join(lines) or "it wrote nothing"

    def stop(self, grace_s: float) -> None:
        """Ask it to end, and kill its whole session if it does not."""
        self._guard.dismiss()
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(grace_s)
        # What it may have started itself has its process group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, 9)
        self.process.wait()
