"""Where the running demo is, so that another terminal can talk to it."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from runtime.errors import AtlasError

VARIABLES = ("REDIS_URL", "DATABASE_URL", "ATLAS_ENV", "QUEUE_PREFIX")


class NoDemoError(AtlasError):
    """No demo is running; start one with `make demo`."""


def _file() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "atlas-queue" / "demo.env"


class Address:
    """A file with the demo's variables; there for as long as the demo runs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._text = "".join(
            f"export {name}={shlex.quote(environment[name])}\n" for name in VARIABLES
        )
        self._file = _file()
        self._made: list[Path] = []

    def publish(self) -> bool:
        """Write the file; False when the user's state directory cannot be written."""
        try:
            for directory in reversed([self._file.parent, *self._file.parent.parents]):
                if not directory.exists():
                    directory.mkdir(mode=0o700)
                    self._made.append(directory)
            self._file.write_text(self._text)
            self._file.chmod(0o600)
        except OSError:
            return False
        return True

    def withdraw(self) -> None:
        """Remove the file, if it is still ours, and the directories made for it."""
        try:
            if self._file.read_text() == self._text:
                self._file.unlink()
            for directory in reversed(self._made):
                directory.rmdir()
        except OSError:
            return


def published() -> str:
    """Shell lines that point a terminal at the running demo.

    Raises:
        NoDemoError: none is running.
    """
    try:
        return _file().read_text()
    except OSError:
        raise NoDemoError from None
