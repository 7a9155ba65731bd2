"""Where the running demo is, so that another terminal can talk to it."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from runtime.errors import AtlasError

# The last two in case the terminal has its own.
VARIABLES = (
    "REDIS_URL", "DATABASE_URL", "ATLAS_ENV", "QUEUE_PREFIX", "ATLAS_APPLICATION", "RQ_KEY_PREFIX",
)  # fmt: skip
_PREFIX = "demo-"
_SUFFIX = ".env"


class NoDemoError(AtlasError):
    """No demo is running; start one with `make demo`."""


class Address:
    """A file with the demo's variables; there for as long as the demo runs.

    Named after this process, so that two demos at once do not take each other's away.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        variables = [f"export {name}={shlex.quote(environment[name])}\n" for name in VARIABLES]
        # `atlas` lies beside the interpreter, in an environment that is not on anybody's PATH.
        scripts = shlex.quote(str(Path(sys.executable).parent))
        self._text = "".join([*variables, f'export PATH={scripts}:"$PATH"\n'])
        self._file: Path | None = None
        self._made: list[Path] = []

    def publish(self) -> bool:
        """Write the file; False when the user's state directory cannot be written."""
        try:
            self._file = _directory() / f"{_PREFIX}{os.getpid()}{_SUFFIX}"
            for directory in reversed([self._file.parent, *self._file.parent.parents]):
                if not directory.exists():
                    directory.mkdir(mode=0o700)
                    self._made.append(directory)
            for file, is_alive in _files():
                if not is_alive:
                    # Of a demo that was killed.
                    file.unlink(missing_ok=True)
            self._file.touch(mode=0o600)
            self._file.write_text(self._text)
        except OSError:
            return False
        return True

    def withdraw(self) -> None:
        """Remove the file, and the directories made for it if nobody else uses them by now."""
        if self._file is None:
            return
        try:
            self._file.unlink(missing_ok=True)
            for directory in reversed(self._made):
                directory.rmdir()
        except OSError:
            return


def published() -> str:
    """Shell lines that point a terminal at the demo that was started last.

    Raises:
        NoDemoError: none is running.
    """
    try:
        running = [file for file, is_alive in _files() if is_alive]
        return max(running, key=lambda file: file.stat().st_mtime).read_text()
    except (OSError, ValueError):
        raise NoDemoError from None


def _directory() -> Path:
    try:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError as error:  # no HOME, and no entry in the list of users
        raise OSError("no home directory") from error
    return Path(base) / "atlas-queue"


def _files() -> Iterator[tuple[Path, bool]]:
    """The demos' files, each with whether its process runs."""
    for file in _directory().glob(f"{_PREFIX}*{_SUFFIX}"):
        number = file.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
        if number.isdigit():
            yield file, _runs(int(number))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
