"""One worker process: an event loop with slots, and the services around them.

Started by the supervisor as ``python -m runtime.worker.process``; see `main` for its arguments.
`runtime.worker.wiring` makes its parts.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import click
import structlog

from runtime.application import load_application
from runtime.broker.async_broker import AsyncBroker
from runtime.broker.calls import operators
from runtime.client import AtlasClient
from runtime.config.logging_setup import configure_logging
from runtime.config.settings import Settings, load_settings
from runtime.errors import AtlasError
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.threads import HandlerThreads
from runtime.worker.attempts import Attempts
from runtime.worker.claiming.claimer import Claimer
from runtime.worker.claiming.held_jobs import RunningJobs
from runtime.worker.claiming.leases import LeaseKeeper
from runtime.worker.ending import Ending
from runtime.worker.process_options import ProcessOptions
from runtime.worker.services.flusher import Flusher
from runtime.worker.services.heartbeat import BEAT_S, Heartbeat
from runtime.worker.services.maintenance import every
from runtime.worker.services.outside import Outside
from runtime.worker.system.event_loop import precise_loop
from runtime.worker.system.exits import EXIT_FAILED
from runtime.worker.system.parent_death import die_with_parent
from runtime.worker.system.tasks import Background, end_tasks

log = structlog.get_logger("atlas.worker")

# How long a process that ends waits for Redis' answer, and when Redis is known to be away.
_FAREWELL_S = 0.7
_FAREWELL_AWAY_S = 0.1
# How long cancelled handlers get to end before their process does.
_CANCEL_GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker process is made of.

    Attributes:
        opens: opens the application's resources.
        services: returns what runs beside the jobs until the process ends.
    """

    broker: AsyncBroker
    blocking: AsyncBroker
    client: AtlasClient
    outside: Outside
    opens: Callable[[], AbstractContextManager[Any]]
    running: RunningJobs
    attempts: Attempts
    threads: HandlerThreads
    children: Children
    claimer: Claimer
    keeper: LeaseKeeper
    flusher: Flusher
    heartbeat: Heartbeat
    services: Callable[[], list[Coroutine[Any, Any, None]]]
    ending: Ending
    background: Background


class WorkerProcess:
    """Runs until it is told to stop, its limits are reached, or, with `burst`, nothing waits.

    Args:
        options: what the supervisor chose.
        parts: made for this process and its running event loop.
        shutdown_s: how long running jobs get to end, in seconds.
    """

    def __init__(self, options: ProcessOptions, parts: Parts, *, shutdown_s: float) -> None:
        self._options = options
        self._parts = parts
        self._shutdown_s = shutdown_s

    async def run(self) -> int:
        """Work; returns the exit code."""
        parts = self._parts
        self._install_signals()
        if self._options.quiet:
            self._be_quiet()
        beats = asyncio.create_task(every(BEAT_S, parts.heartbeat.beat))
        with contextlib.closing(parts.client), contextlib.ExitStack() as opened:
            try:
                is_open = await parts.outside.open(opened, parts.opens, parts.ending.asked)
            except AtlasError as error:
                log.critical("cannot start", error=str(error))
                return EXIT_FAILED
            if is_open:
                await self._work(beats)
            else:
                await end_tasks([beats])
        return await self._leave()

    async def _work(self, beats: "asyncio.Task[None]") -> None:
        parts = self._parts
        parts.keeper.start()
        parts.heartbeat.starting = False
        parts.claimer.start()
        services = [asyncio.create_task(service) for service in parts.services()]
        try:
            await self._until_told()
            await self._shut_down()
        finally:
            await end_tasks([beats, *services, *parts.claimer.tasks, *parts.background.tasks])
            parts.keeper.stop()
            parts.threads.close()
            await parts.children.close()

    async def _until_told(self) -> None:
        """Until a signal, a limit, or, in burst mode, until nothing is left to do."""
        ending, claimer = self._parts.ending, self._parts.claimer
        waits = [asyncio.create_task(ending.asked.wait())]
        if self._options.burst:
            waits.append(asyncio.create_task(claimer.drained.wait()))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        ending.asked.set()

    async def _shut_down(self) -> None:
        """Let running jobs end until the deadline, then release the rest without an attempt."""
        parts, deadline_s = self._parts, self._shutdown_s
        await self._say(parts.heartbeat.stopping())
        log.info("stopping", running=len(parts.running), deadline_s=deadline_s)
        parts.attempts.release_ahead()
        release = asyncio.create_task(parts.ending.release_now.wait())
        finish = asyncio.create_task(parts.attempts.until_none())
        await asyncio.wait(
            (release, finish), timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED
        )
        release.cancel()
        if not finish.done():
            jobs = parts.attempts.release_running()
            log.warning("releasing jobs that still run", jobs=jobs)
            await asyncio.wait((finish,), timeout=_CANCEL_GRACE_S)
            finish.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(parts.flusher.drained(), deadline_s)

    async def _leave(self) -> int:
        parts = self._parts
        await self._say(parts.claimer.settle())
        await self._say(parts.heartbeat.leave())
        await self._say(parts.broker.close())
        await self._say(parts.blocking.close())
        log.info("stopped", finished=parts.flusher.finished, failed=parts.flusher.failed)
        return parts.ending.exit_code(holds_jobs=len(parts.running) > 0)

    async def _say(self, words: Coroutine[Any, Any, None]) -> None:
        """Send Redis a last message; a process that ends does not wait for a Redis that is away."""
        claimer = self._parts.claimer
        try:
            await asyncio.wait_for(words, _FAREWELL_S if claimer.redis_ok else _FAREWELL_AWAY_S)
        except TimeoutError:
            claimer.redis_ok = False
        except AtlasError:
            pass

    def _install_signals(self) -> None:
        loop, ending = asyncio.get_running_loop(), self._parts.ending
        loop.add_signal_handler(signal.SIGTERM, ending.asked.set)
        loop.add_signal_handler(signal.SIGINT, ending.release)
        loop.add_signal_handler(signal.SIGUSR1, self._be_quiet)

    def _be_quiet(self) -> None:
        """Claim nothing until an operator says otherwise; what runs goes on."""
        parts = self._parts

        async def tell() -> None:
            call = operators.set_quiet("signal", "", [self._options.name], quiet=True)
            await parts.broker.run_until_done(call)
            # The next claim, at once, is the one that learns of it.
            parts.claimer.wanted.set()

        parts.background.start(tell())


async def _run(settings: Settings, options: ProcessOptions) -> int:
    # The composition root imports this module.
    from runtime.worker.wiring import worker_process  # noqa: PLC0415

    try:
        process = worker_process(settings, load_application(settings.application), options)
    except AtlasError as error:
        log.critical("cannot start", error=str(error))
        return EXIT_FAILED
    return await process.run()


@click.command()
@click.option("--parent", type=int, required=True)
@click.option("--name", required=True)
@click.option("--queues", required=True)
@click.option("--concurrency", type=int, required=True)
@click.option("--burst", is_flag=True)
@click.option("--quiet", is_flag=True)
def main(
    *, parent: int, name: str, queues: str, concurrency: int, burst: bool, quiet: bool
) -> None:
    """Run one worker process; for the supervisor."""
    die_with_parent(parent)
    settings = load_settings()
    os.environ["RQ_KEY_PREFIX"] = settings.redis.key_prefix
    configure_logging(settings)
    structlog.contextvars.bind_contextvars(worker=name)
    options = ProcessOptions(name, tuple(queues.split(",")), concurrency, burst, quiet)
    # Neither the loop's clean-up nor the interpreter's: both would wait for a thread that cannot be
    # stopped, and what it runs was released already.
    code = asyncio.Runner(loop_factory=precise_loop).run(_run(settings, options))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # a full disk must not change how the process ends
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
