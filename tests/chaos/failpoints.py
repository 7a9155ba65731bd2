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

from runtime.broker.broker import AsyncBroker, Broker
from runtime.worker.flusher import Flusher

VARIABLE, FIRED = "CHAOS_FAILPOINT", "CHAOS_FAILPOINT_FIRED"

# Replies after which nothing was changed are not worth dying for.
_DID_SOMETHING: dict[str, Callable[[Any], bool]] = {
    "claim": lambda claim: bool(claim.jobs),
    "reap": lambda reply: reply[0] > 0,
    "disown": lambda reply: reply[0] > 0,
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
    run, run_async = Broker.run, AsyncBroker.run
    wait, execute, add = (
        AsyncBroker.wait_for_marker, redis.asyncio.client.Pipeline.execute, Flusher.add,
    )  # fmt: skip

    def blocking(self: Broker, call: Any) -> Any:
        reach(f"{call.script}:before")
        reply = run(self, call)
        _replied(call.script, reply)
        return reply

    async def in_loop(self: AsyncBroker, call: Any) -> Any:
        reach(f"{call.script}:before")
        reply = await run_async(self, call)
        _replied(call.script, reply)
        return reply

    async def marked(self: AsyncBroker, *args: Any) -> bool:
        reach("marker:before")
        reply = await wait(self, *args)
        _replied("marker", reply)
        return reply

    async def piped(self: Any, *args: Any, **options: Any) -> Any:
        # A worker's pipelines are its heartbeat and its entry in the registry of workers.
        reach("beat:before")
        reply = await execute(self, *args, **options)
        reach("beat:after")
        return reply

    def returned(self: Flusher, ended: Any) -> None:
        reach("returned:before")
        add(self, ended)
        reach("returned:after")

    patched: list[tuple[Any, str, Any]] = [
        (Broker, "run", blocking),
        (AsyncBroker, "run", in_loop),
        (AsyncBroker, "wait_for_marker", marked),
        (redis.asyncio.client.Pipeline, "execute", piped),
        (Flusher, "add", returned),
    ]
    for owner, name, function in patched:
        setattr(owner, name, function)
