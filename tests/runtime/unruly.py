"""Handlers that break the rules: they end, block or signal their own process."""

import os
import signal
import sys
import time

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Queue
from runtime.catalogue.retry import RetryPolicy
from runtime.context import JobContext
from tests.runtime import engine_app
from tests.runtime.engine_app import Note

HERE = __name__


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    @property
    def response(self) -> object:
        raise RuntimeError("no response either")


def misbehave(_ctx: JobContext, note: Note) -> object:
    match note.text:
        case "exit":
            sys.exit(0)
        case "interrupt":
            raise KeyboardInterrupt
        case "stop-iteration":
            return next(iter(()))
        case "speechless":
            raise SpeechlessError
        case "large":
            return "x" * 5_000_000
    return object()


async def misbehave_in_loop(ctx: JobContext, note: Note) -> object:
    return misbehave(ctx, note)


async def block(_ctx: JobContext, note: Note) -> None:
    """Holds up the event loop: nothing else of its process gets a turn."""
    time.sleep(note.seconds)  # noqa: ASYNC251


def end_process(_ctx: JobContext, _note: Note) -> None:
    """As the kernel does with what eats all memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def wait_in_c(_ctx: JobContext, note: Note) -> None:
    """No exception reaches a thread that sits in C code."""
    time.sleep(note.seconds)


_TWICE = RetryPolicy(attempts=2, backoff="fixed", base_s=0.01)
_ONCE = RetryPolicy(attempts=1)
_ENGINE = engine_app.__name__

application = Application(
    catalogue=Catalogue(
        queues=[Queue("test:plain", slots=50)],
        kinds=[
            Kind("echo", "test:plain", Note, f"{_ENGINE}:echo"),
            Kind("record", "test:plain", Note, f"{_ENGINE}:record", retry=_ONCE),
            Kind("thread", "test:plain", Note, f"{HERE}:misbehave", retry=_ONCE, timeout_s=5),
            Kind("loop", "test:plain", Note, f"{HERE}:misbehave_in_loop", retry=_ONCE, timeout_s=5),
            Kind(
                "child", "test:plain", Note, f"{HERE}:misbehave",
                retry=_ONCE, timeout_s=10, isolated=True,
            ),
            Kind(
                "record_apart", "test:plain", Note, f"{_ENGINE}:record",
                retry=_ONCE, timeout_s=10, isolated=True,
            ),
            Kind("block_allowed", "test:plain", Note, f"{HERE}:block", retry=_ONCE, timeout_s=10),
            Kind("block", "test:plain", Note, f"{HERE}:block", retry=_ONCE, timeout_s=0.2),
            Kind("end_process", "test:plain", Note, f"{HERE}:end_process", retry=_TWICE),
            Kind("wait_in_c", "test:plain", Note, f"{HERE}:wait_in_c", retry=_ONCE, timeout_s=0.2),
        ],
    )
)  # fmt: skip
