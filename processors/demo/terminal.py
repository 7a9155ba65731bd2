"""Restoring the terminal, even if the dashboard could not."""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Leaves the alternate screen, shows the cursor, ends mouse, focus and paste reporting and the
# extended keyboard (xterm's "Control Sequences", kitty's keyboard protocol).
_RESET = (
    "\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l"
    "\x1b[?2004l\x1b[<u\x1b[0m"
)


def is_interactive() -> bool:
    """True when a person can see and type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


@contextmanager
def restored() -> Iterator[None]:
    """Keep the terminal's modes; on an error the screen is reset as well."""
    try:
        import termios  # noqa: PLC0415 - POSIX only
    except ImportError:
        yield
        return
    saved = None
    with contextlib.suppress(termios.error, OSError, ValueError):
        saved = termios.tcgetattr(sys.stdin.fileno())
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(_RESET)
            sys.stdout.flush()
        raise
    finally:
        if saved is not None:
            # The terminal may be gone: that is why we are here (SIGHUP).
            with contextlib.suppress(termios.error, OSError, ValueError):
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, saved)
