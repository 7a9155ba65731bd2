"""How a command fails: one line on standard error and an exit code, never a traceback."""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from runtime.errors import (
    AtlasError,
    CatalogueError,
    InvalidJobError,
    SettingsError,
    UnknownQueueError,
)
from runtime.sanitize.redact import redact_text
from runtime.sanitize.text import safe

# The errors of writing to a full or broken disk.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
EXIT_FAILED = 1
EXIT_USAGE = 2
# What the caller typed or configured is wrong; everything else went wrong on the way.
_USAGE = (SettingsError, CatalogueError, InvalidJobError, UnknownQueueError)


def run_command(command: click.Command, name: str, arguments: Sequence[str] | None) -> None:
    """Run a click command and exit: 0, 1 (it failed) or 2 (wrong usage or settings)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that knows only ASCII must not turn a name into a crash.
            stream.reconfigure(errors="backslashreplace")
    code = _run(command, name, arguments)
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)
    sys.exit(code)


def _run(command: click.Command, name: str, arguments: Sequence[str] | None) -> int:
    try:
        code = command.main(args=arguments, prog_name=name, standalone_mode=False)
        if sys.stdout is not None:  # closed by the caller (`>&-`)
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads our output has gone (`atlas jobs … | head`): that is no error.
        _discard(sys.stdout)
        return EXIT_FAILED
    except OSError as error:
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        _discard(sys.stdout)
        _say(f"{name}: cannot write the output: {error.strerror or error}")
        return EXIT_FAILED
    except (click.ClickException, click.Abort, AtlasError) as error:
        return _explain(error, name)
    return code if isinstance(code, int) else 0


def _discard(stream: TextIO) -> None:
    """Drop what is still in its buffer, which Python would try to write at its end."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _explain(error: Exception, name: str) -> int:
    """Say on standard error what went wrong; the exit code."""
    match error:
        case click.UsageError():
            path = error.ctx.command_path if error.ctx else name
            _say(f"{path}: {_one_line(error.format_message())} (see {path} --help)")
            return EXIT_USAGE
        case click.ClickException():
            _say(f"{name}: {_one_line(error.format_message())}")
            return error.exit_code
        case click.Abort():
            _say(f"{name}: stopped; nothing more was done")
            return EXIT_FAILED
        case SettingsError():
            for problem in error.problems:
                _say(_one_line(problem))
            return EXIT_USAGE
        case _:
            _say(f"{name}: {_one_line(str(error))}")
            return EXIT_USAGE if isinstance(error, _USAGE) else EXIT_FAILED


def _one_line(message: str) -> str:
    return safe(redact_text("; ".join(message.strip().splitlines())), 2_000)


def _say(line: str) -> None:
    try:
        click.echo(line, err=True)
    except OSError:
        # Nobody can be told; the exit code says that it failed.
        _discard(sys.stderr)
