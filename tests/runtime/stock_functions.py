"""Functions that a stock RQ producer enqueues in tests."""

import time


def add(a: int, b: int) -> int:
    return a + b


def fail() -> None:
    raise RuntimeError("stock failure")


def hang() -> None:
    time.sleep(60)
