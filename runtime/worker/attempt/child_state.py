"""What a job may have changed in its child process, put back before the next one.

Put back: working directory, environment, umask, locale, signal handlers and timers, the standard
streams, `sys.path` and `sys.argv`, the random seed. What cannot be put back with certainty costs
the child its place: threads, processes or many open files left behind, memory that grew, standard
output sent elsewhere, limits or user changed. The modules that jobs loaded stay, with what is in
them; so what loading them changed stays too.
"""

import contextlib
import ctypes
import gc
import locale
import os
import random
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import psutil

_MAX_GROWTH = 256 * 1024 * 1024
_MAX_FILES_LEFT = 64
_PR_SET_CHILD_SUBREAPER = 36
_LIMITS = tuple(getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_"))
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_FIXED = {signal.SIGKILL, signal.SIGSTOP}


class ChildState:
    """The state of this process, as it was when it was last noted."""

    def __init__(self) -> None:
        _adopt_orphans()
        self._pid = os.getpid()
        self._process = psutil.Process()
        self._memory = self._process.memory_info().rss
        self.note()

    def note(self) -> None:
        """What is to be put back: called when a job's code is loaded and has not begun."""
        self._directory = Path.cwd()
        self._environment = dict(os.environ)
        self._umask = _umask()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._handlers = _handlers()
        self._streams = (sys.stdin, sys.stdout, sys.stderr)
        self._path, self._argv = list(sys.path), list(sys.argv)
        self._fixed = _fixed()
        self._threads = _threads()
        self._files = _open_files()

    def restore(self) -> str:
        """Put back what can be; say why this process is not to be used again, '' if it may."""
        if os.getpid() != self._pid:
            os._exit(0)  # a fork of the job's own, which came back here
        try:
            left = self._left()
            if not left:
                self._put_back()
        except Exception as error:  # noqa: BLE001 - then it is not as it was
            return f"{type(error).__name__}: {error}"
        return left

    def _left(self) -> str:
        if _has_children():
            return "its job left processes running"
        if _threads() > self._threads:
            return "its job left threads running"
        if _open_files() > self._files + _MAX_FILES_LEFT:
            return "its job left files open"
        if _fixed() != self._fixed:
            return "its job changed limits, user, priority or where output goes"
        if self._process.memory_info().rss > self._memory + _MAX_GROWTH:
            return "its memory grew"
        return ""

    def _put_back(self) -> None:
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        for number, handler in _handlers().items():
            if handler is not self._handlers[number]:
                signal.signal(number, self._handlers[number])
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for stream in {sys.stdout, sys.stderr, *self._streams[1:]}:
            with contextlib.suppress(Exception):  # a job's own stream may be closed, or anything
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = self._streams
        os.chdir(self._directory)
        os.umask(self._umask)
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        sys.path[:], sys.argv[:] = self._path, self._argv
        sys.settrace(None)
        sys.setprofile(None)
        socket.setdefaulttimeout(None)
        gc.enable()
        random.seed()


def _adopt_orphans() -> None:
    """What a job starts in the background stays our child, so that it is seen (Linux: prctl(2))."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _has_children() -> bool:
    """Whether any process is left; those that ended already are done with."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _threads() -> int:
    """Threads that run Python code; those of native libraries wait for work and do no harm."""
    return len(sys._current_frames())


def _open_files() -> int:
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    return 0


def _handlers() -> dict[int, Any]:
    return {n: signal.getsignal(n) for n in signal.valid_signals() if n not in _FIXED}


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _fixed() -> tuple[object, ...]:
    """What a job has no business to change, and what could not always be changed back."""
    files = tuple((s.st_dev, s.st_ino) for s in map(os.fstat, (0, 1, 2)))
    limits = tuple(resource.getrlimit(limit) for limit in _LIMITS)
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    return files, limits, (os.geteuid(), os.getegid()), priority
