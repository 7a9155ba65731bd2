"""Functions that a stock RQ producer enqueues in tests."""

import locale
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rq import Retry, get_current_job
from rq.job import Job


def add(a: int, b: int) -> int:
    return a + b


def fail() -> None:
    raise RuntimeError("stock failure")


def hang() -> None:
    time.sleep(60)


def touch(path: str) -> str:
    Path(path).touch()
    return path


def callback(*_: object) -> None:
    """What a job's callback fields name; leaves a trace where it is called."""
    Path(os.environ["CALLED"]).touch()


def touch_and_hang(path: str) -> None:
    Path(path).touch()
    time.sleep(60)


def tell_and_hang(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def note_callback(job: Job, _connection: object, *arguments: Any) -> None:
    """Writes what it was called with beside the file that its job names."""
    told = [arguments[1].__class__.__name__ if len(arguments) == 3 else str(a) for a in arguments]
    with Path(job.meta["calls"]).open("a") as file:
        file.write(f"{job.id} {job.get_status(refresh=False).value} {' '.join(told[:1])}\n")


def callback_that_fails(*_: object) -> None:
    raise RuntimeError("the callback's own failure")


def callback_that_hangs(*_: object) -> None:
    time.sleep(60)


def write_meta(word: str) -> None:
    job = get_current_job()
    assert job is not None
    job.meta["word"] = word
    job.save_meta()


def ask_for_retry(most: int) -> Retry:
    return Retry(max=most, interval=0)


def append(path: str, word: str) -> str:
    with Path(path).open("a") as file:
        file.write(f"{word}\n")
    return word


def pid() -> int:
    return os.getpid()


def end(how: str) -> None:
    """Ends its process, in one way or another."""
    match how:
        case "exit":
            sys.exit(3)
        case "_exit":
            os._exit(3)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "fork":
            if os.fork() == 0:
                return


def state() -> list[object]:
    """What a job may see of its process."""
    return [
        str(Path.cwd()),
        sorted(os.environ.items()),
        [str(signal.getsignal(s)) for s in (signal.SIGALRM, signal.SIGUSR1, signal.SIGCHLD)],
        signal.getitimer(signal.ITIMER_REAL)[0],
        [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin is sys.__stdin__],
        sys.path,
        sys.argv,
        locale.setlocale(locale.LC_ALL),
        Path("/proc/self/status").read_text().partition("Umask:")[2][:6],
    ]


def _environment() -> None:
    os.environ["LEFT_BEHIND"] = "1"
    del os.environ["PATH"]


def _signals() -> None:
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.alarm(1)


def _streams() -> None:
    sys.stdout = sys.stderr = sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123


def _path() -> None:
    sys.path.insert(0, "/nowhere")
    sys.argv.append("more")


KEPT: list[object] = []
CHANGES: dict[str, Callable[[], object]] = {
    "directory": lambda: os.chdir("/"),
    "environment": _environment,
    "signals": _signals,
    "streams": _streams,
    "path": _path,
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
    "seed": lambda: random.seed(7),
    "umask": lambda: os.umask(0),
    "thread": lambda: threading.Thread(target=time.sleep, args=(60,), daemon=True).start(),
    "process": lambda: subprocess.Popen(["sleep", "60"]),
    "daemon": lambda: subprocess.Popen(["sh", "-c", "setsid sleep 60 &"]),
    "output": lambda: os.dup2(os.open(os.devnull, os.O_WRONLY), 1),
    "nice": lambda: os.nice(1),
    "memory": lambda: KEPT.append(bytearray(300 * 1024 * 1024)),
    "files": lambda: KEPT.extend(open(os.devnull) for _ in range(100)),  # noqa: SIM115, PTH123
}


def change(what: str) -> int:
    """Changes something that the next job of its process must not find; returns its pid."""
    CHANGES[what]()
    return os.getpid()
