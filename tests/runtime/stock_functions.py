"""Functions that a stock RQ producer enqueues in tests."""

import os
import time
from pathlib import Path


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
