"""Kills this process at a named step, once; no line of the engine knows of it.

``CHAOS_FAILPOINT=claim:after:3`` ends the process by SIGKILL when the third claim that took
something has run in Redis and its reply has not been used; ``claim:before:3`` when the third is
about to be sent. The steps are the names of the scripts, and those that `install` and the handlers
of `chaos_app` add. The file ``CHAOS_FAILPOINT_FIRED`` holds the moment and the process, and keeps
the next one from dying too.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis.asyncio.client

from runtime.broker.async_broker import AsyncBroker
from runtime.broker.broker import Broker
from runtime.worker.services.flusher import Flusher

VARIABLE, FIRED = "CHAOS_FAILPOINT", "CHAOS_FAILPOINT_FIRED"

# Replies after which nothing was changed are not worth dying for.
_DID_SOMETHING: dict[str, Callable[[Any], bool]] = {
    "claim": lambda claim: bool(claim.jobs),
    "reap": lambda reply: reply[0] > 0,
    "release": lambda reply: reply[0] > 0,
    "sweep": lambda reply: reply[0],
    "read_recurring": lambda rows: rows is not None,
    "marker": bool,
}
_lock = threading.Lock()
_uses = 0


def reach(step: str) -> None:
    """Tell that a step, e.g. ``handler:middle``, is reached."""
    global _uses  # noqa: PLW0603 - one count a process
    wanted, _, number = os.environ.get(VARIABLE, "").rpartition(":")
    if step != wanted:
        return
    with _lock:
        _uses += 1
        if _uses == int(number):
            _die()


def _die() -> None:
    try:
        with Path(os.environ[FIRED]).open("x") as fired:
            fired.write(f"{time.monotonic()} {os.getpid()}")
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def _replied(step: str, reply: Any) -> None:
    if _DID_SOMETHING.get(step, lambda _reply: True)(reply):
        reach(f"{step}:after")


def install() -> None:
    """Wrap what talks to Redis, if a point is set in this process' environment."""
    if VARIABLE not in os.environ:
        return
    _wrap_blocking()
    _wrap_async(AsyncBroker, "run", lambda args: str(args[1].script))
    _wrap_async(AsyncBroker, "wait_for_marker", lambda _args: "marker")
    # A worker's pipelines are its heartbeat and its entry in the registry of workers.
    _wrap_async(redis.asyncio.client.Pipeline, "execute", lambda _args: "beat")
    _wrap_flusher()


def _wrap_blocking() -> None:
    run = Broker.run

    def wrapped(self: Broker, call: Any) -> Any:
        reach(f"{call.script}:before")
        reply = run(self, call)
        _replied(call.script, reply)
        return reply

    Broker.run = wrapped  # type: ignore[method-assign]


def _wrap_async(owner: Any, name: str, step_of: Callable[[tuple[Any, ...]], str]) -> None:
    original = getattr(owner, name)

    async def wrapped(*args: Any, **options: Any) -> Any:
        step = step_of(args)
        reach(f"{step}:before")
        reply = await original(*args, **options)
        _replied(step, reply)
        return reply

    setattr(owner, name, wrapped)


def _wrap_flusher() -> None:
    """A handler has returned, and its end is not handed over; or is, and not written."""
    add = Flusher.add

    def wrapped(self: Flusher, ended: Any) -> None:
        reach("returned:before")
        add(self, ended)
        reach("returned:after")

    Flusher.add = wrapped  # type: ignore[method-assign]
