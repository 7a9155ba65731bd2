"""The world that jobs act upon, as a handler sees it: a provider that honours keys, and a diary.

Standard library only, and nothing of the engine: both Atlas' and stock RQ's handlers use it. The
provider is a SQLite file; a request is on disk before `send` returns. The diary is a text file
beside it, a line for each run: one `write` that outlives this process, which is all that is killed.
"""

import os
import sqlite3
import threading
import time
from pathlib import Path

SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE acknowledged (job_id TEXT PRIMARY KEY);
CREATE TABLE requests (key TEXT, effect TEXT, at REAL);
CREATE TABLE effects (key TEXT PRIMARY KEY, effect TEXT, at REAL);
CREATE TABLE faults (begun REAL, ended REAL);
"""
# One writer a process: SQLite's own waiting is neither short nor in turn.
_lock = threading.Lock()
_held: tuple[int, sqlite3.Connection] | None = None


def database() -> Path:
    """Where this process' handlers write."""
    return Path(os.environ["EFFECTS_DB"])


def diary(path: Path) -> Path:
    return path.with_suffix(".diary")


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def begin(job_id: str, attempt: int) -> None:
    """Note that a run begins."""
    line = f"{job_id} {attempt} {time.monotonic()}\n"
    file = os.open(diary(database()), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def send(key: str, effect: str) -> None:
    """Ask the provider for an effect. It notes every request and acts once for each key."""
    with _lock, _connection() as connection:
        row = (key, effect, time.monotonic())
        connection.execute("INSERT INTO requests VALUES (?, ?, ?)", row)
        connection.execute("INSERT OR IGNORE INTO effects VALUES (?, ?, ?)", row)


def _connection() -> sqlite3.Connection:
    global _held  # noqa: PLW0603 - one a process, made anew after a fork
    if _held is None or _held[0] != os.getpid():
        _held = (os.getpid(), connect(database()))
    return _held[1]


def is_open() -> bool:
    """Whether the provider takes what the kind ``picky`` sends; see `open_up`."""
    return database().with_suffix(".open").exists()


def open_up(path: Path) -> None:
    path.with_suffix(".open").touch()
