"""One worker process: an event loop with slots, and the services around them.

Started by the supervisor as ``python -m runtime.worker.process``; see `main` for its arguments.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import click
import structlog

from runtime.application import Application, load_application
from runtime.broker import open_async_broker, open_broker
from runtime.broker.calls import operators
from runtime.broker.calls.claim import ClaimedJob
from runtime.broker.calls.finish import Ended
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.client import AtlasClient
from runtime.config.logging_setup import configure_logging
from runtime.config.settings import Settings, load_settings
from runtime.errors import AtlasError
from runtime.stock.bridge import settle_left_behind
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.handlers import load_handlers
from runtime.worker.attempt.progress import FLUSH_S, Notes, NoteWriter
from runtime.worker.attempt.runner import Runner, cancel_overdue
from runtime.worker.attempt.threads import HandlerThreads
from runtime.worker.claiming.claimer import Claimer
from runtime.worker.claiming.held_jobs import Running, RunningJobs
from runtime.worker.claiming.leases import LeaseKeeper
from runtime.worker.claiming.slots import Slots
from runtime.worker.claiming.watchdog import LOOK_S, Watchdog
from runtime.worker.process_options import ProcessOptions
from runtime.worker.services.flusher import Flusher
from runtime.worker.services.heartbeat import BEAT_S, Pulse
from runtime.worker.services.maintenance import Maintenance, every
from runtime.worker.services.outside import PROBE_S, Outside
from runtime.worker.services.recurring import Recurrence
from runtime.worker.services.settler import Settler
from runtime.worker.system.event_loop import precise_loop
from runtime.worker.system.exits import (
    EXIT_FAILED,
    EXIT_LEFT_JOBS,
    EXIT_OK,
    EXIT_RECYCLE,
    EXIT_STUCK,
)
from runtime.worker.system.parent_death import die_with_parent
from runtime.worker.system.tasks import end_tasks

log = structlog.get_logger("atlas.worker")

_OVERDUE_S = 0.05
# How long a process that ends waits for Redis' answer, and when Redis is known to be away.
_FAREWELL_S = 0.7
_FAREWELL_AWAY_S = 0.1
# How long cancelled handlers get to end before their process does.
_CANCEL_GRACE_S = 3.0


class WorkerProcess:
    """Runs until it is told to stop, its limits are reached, or, with `burst`, nothing waits."""

    def __init__(
        self, settings: Settings, application: Application, options: ProcessOptions
    ) -> None:
        self._settings = settings
        self._application = application
        self._options = options
        self._catalogue = application.catalogue.for_environment(settings.environment)
        names = QueueNames(settings.queue_prefix)
        self._queues = {names.full(q): self._catalogue.queue(q) for q in options.queues}
        self._all_queues = [names.full(q) for q in self._catalogue.queues]
        self._all_lanes = [lane for q in self._catalogue.queues for lane in names.lanes(q)]
        self._policy = Policy.of(self._catalogue, names, max_stalled=settings.worker.max_stalled)
        self._lanes = tuple(lane for q in options.queues for lane in names.lanes(q))
        self._slots = Slots(
            options.concurrency,
            {name: queue.slots for name, queue in self._queues.items()},
            start=self._start,
            wanted=self._want_more,
        )
        self._running = RunningJobs()
        self._done = 0
        self._stuck = False
        self._release_now = asyncio.Event()
        self._ended = asyncio.Event()
        self._recycling = False
        self._claiming: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Work; returns the exit code."""
        settings = self._settings.worker
        self._broker = open_async_broker(self._settings)
        self._blocking = open_async_broker(self._settings, timeout_s=15.0)
        notes = Notes()
        note_writer = NoteWriter(self._broker, notes)
        self._flusher = Flusher(
            self._broker,
            worker=self._options.name,
            policy=self._policy,
            notes=note_writer,
            written=self._written,
        )
        self._claimer = Claimer(
            self._broker,
            self._blocking,
            worker=self._options.name,
            queues=self._queues,
            slots=self._slots,
            lease_ms=int(settings.lease_s * 1000),
            max_bytes=settings.max_payload_bytes,
            policy=self._policy,
            admit=self._admit,
            known=lambda: [r.job.execution for r in self._running.all()],
            changed=lambda: self._in_background(self._pulse.beat()),
        )
        self._pulse = Pulse(
            self._broker,
            name=self._options.name,
            lanes=self._lanes,
            queues=self._options.queues,
            slots=self._slots,
            running=self._running,
            flusher=self._flusher,
            max_memory_mb=settings.max_memory_mb,
            recycle=self._recycle,
            is_quiet=lambda: self._claimer.quiet,
            unserved=self._application.unserved(self._settings),
        )
        self._install_signals()
        if self._options.quiet:
            self._be_quiet()
        keeper = LeaseKeeper(
            open_broker(self._settings),
            self._running,
            worker=self._options.name,
            lease_s=settings.lease_s,
            renew_s=settings.renew_s,
            loop=asyncio.get_running_loop(),
            stop_job=_cancel,
        )
        threads = HandlerThreads(self._options.concurrency, self._on_stuck_thread)
        children = Children(jobs_each=settings.child_jobs)
        settler = Settler(self._settings)
        self._settle = settler.ended
        client = AtlasClient.from_settings(self._settings)
        beats = asyncio.create_task(every(BEAT_S, self._pulse.beat))
        outside = Outside(self._broker, self._application.probe)
        with contextlib.closing(client), contextlib.ExitStack() as opened:
            try:
                opens = partial(self._application.open, self._settings)
                if not await outside.open(opened, opens, self._claimer.stopping):
                    await end_tasks([beats])
                    return await self._leave()
            except AtlasError as error:
                log.critical("cannot start", error=str(error))
                return EXIT_FAILED
            self._runner = Runner(
                self._settings,
                self._catalogue,
                load_handlers(self._catalogue),
                client=client,
                resources=outside.resources,
                threads=threads,
                children=children,
                rng=random.Random(),  # noqa: S311 - jitter needs no secrecy
                notes=notes,
                middleware=self._application.middleware,
                broker=self._broker,
            )
            maintenance = Maintenance(
                self._broker,
                Recurrence(open_broker(self._settings), client, self._application.recurring),
                queues=self._all_queues,
                policy=self._policy,
                settle=partial(settle_left_behind, self._settings, self._all_lanes),
            )
            keeper.start()
            self._pulse.starting = False
            self._start_claiming()
            watchdog = Watchdog(self._claimer, self._slots, self._start_claiming)
            services = [
                asyncio.create_task(service)
                for service in (
                    self._flusher.run(),
                    every(PROBE_S, outside.look),
                    every(FLUSH_S, note_writer.flush),
                    every(LOOK_S, watchdog.look),
                    every(_OVERDUE_S, self._cancel_overdue),
                    *maintenance.services(),
                )
            ]
            try:
                await self._until_told()
                await self._shut_down()
            finally:
                await end_tasks(
                    [beats, *services, *filter(None, [self._claiming]), *self._background]
                )
                keeper.stop()
                threads.close()
                await children.close()
        return await self._leave()

    # Life and end

    async def _until_told(self) -> None:
        """Until a signal, a limit, or, in burst mode, until nothing is left to do."""
        stop = asyncio.create_task(self._claimer.stopping.wait())
        waits = [stop]
        if self._options.burst:
            waits.append(asyncio.create_task(self._claimer.drained.wait()))
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._claimer.stopping.set()

    async def _shut_down(self) -> None:
        """Let running jobs end until the deadline, then release the rest without an attempt."""
        await self._say(self._pulse.stopping())
        deadline_s = self._settings.worker.shutdown_s
        log.info("stopping", running=len(self._running), deadline_s=deadline_s)
        for running in self._slots.drop_ahead():
            self._flusher.add(self._runner.release(running))
        release = asyncio.create_task(self._release_now.wait())
        finish = asyncio.create_task(self._until_idle())
        await asyncio.wait(
            (release, finish), timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED
        )
        release.cancel()
        if not finish.done():
            held = self._running.all()
            log.warning("releasing jobs that still run", jobs=len(held))
            for running in held:
                running.releasing = True
                _cancel(running)
            await asyncio.wait((finish,), timeout=_CANCEL_GRACE_S)
            finish.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._flusher.drained(), deadline_s)

    async def _until_idle(self) -> None:
        while len(self._running):
            self._ended.clear()
            await self._ended.wait()

    async def _leave(self) -> int:
        await self._say(self._claimer.settle())
        await self._say(self._pulse.leave())
        await self._say(self._broker.close())
        await self._say(self._blocking.close())
        log.info("stopped", finished=self._flusher.finished, failed=self._flusher.failed)
        in_order = EXIT_RECYCLE if self._recycling else EXIT_OK
        return EXIT_STUCK if self._stuck else EXIT_LEFT_JOBS if len(self._running) else in_order

    async def _say(self, words: Coroutine[Any, Any, None]) -> None:
        """To Redis, if it listens: a process that ends does not wait for one that is away."""
        timeout_s = _FAREWELL_S if self._claimer.redis_ok else _FAREWELL_AWAY_S
        try:
            await asyncio.wait_for(words, timeout_s)
        except TimeoutError:
            self._claimer.redis_ok = False
        except AtlasError:
            pass

    def _install_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._claimer.stopping.set)
        loop.add_signal_handler(signal.SIGINT, self._release)
        loop.add_signal_handler(signal.SIGUSR1, self._be_quiet)

    def _be_quiet(self) -> None:
        """Claim nothing any more, until an operator says otherwise; what runs goes on."""

        async def tell() -> None:
            call = operators.set_quiet("signal", "", [self._options.name], quiet=True)
            await self._broker.run_until_done(call)
            # The next claim, at once, is the one that learns of it.
            self._claimer.wanted.set()

        self._in_background(tell())

    def _in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        async def suppressed() -> None:
            with contextlib.suppress(AtlasError):
                await work

        task = asyncio.create_task(suppressed())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _release(self) -> None:
        """Stop, and give back what runs at once."""
        self._claimer.stopping.set()
        self._release_now.set()

    def _on_stuck_thread(self) -> None:
        log.critical("a handler's thread cannot be stopped: replacing this process")
        self._stuck = True
        self._recycle()

    def _recycle(self) -> None:
        self._recycling = True
        self._claimer.stopping.set()

    def _start_claiming(self) -> None:
        """Start the claimer's loop, or start it anew where it hangs."""
        hanging, self._claiming = self._claiming, asyncio.create_task(self._claimer.run())
        if hanging is not None:
            hanging.cancel()

    # Jobs

    def _admit(self, job: ClaimedJob, queue: str, now_s: float, sent_at: float) -> None:
        running = Running(job, queue, now_s, sent_at + self._settings.worker.lease_s)
        self._running.add(running)
        self._slots.add(running)

    def _want_more(self) -> None:
        self._claimer.wanted.set()

    def _start(self, running: Running) -> None:
        running.task = asyncio.create_task(self._run_job(running))

    async def _run_job(self, running: Running) -> None:
        try:
            if running.lost or time.monotonic() >= running.lease_until:
                # Claimed ahead, and its lease ended before a slot was free.
                self._forget(running.job.execution)
                return
            ended = await self._runner.attempt(running)
        except asyncio.CancelledError:
            # Its lease is lost: another worker has it, there is nothing to write.
            self._forget(running.job.execution)
        except Exception:
            # A fault of ours. The lease runs out and the reaper takes the job back, visibly.
            log.exception("the engine failed to run a job", job=running.job.id)
            self._forget(running.job.execution)
        else:
            self._flusher.add(ended._replace(renewed=True) if running.renewed else ended)
        finally:
            self._slots.give(running.queue)
            self._done += 1
            self._check_limits()

    def _written(self, ended: Ended) -> None:
        self._forget(ended.job.execution)
        if ended.kind == "rq" and ended.outcome in ("finished", "failed"):
            self._settle(ended.job.id)

    def _forget(self, execution: str) -> None:
        self._running.remove(execution)
        self._ended.set()
        if self._options.burst and not len(self._running):
            self._claimer.wanted.set()  # to see whether anything is left

    def _check_limits(self) -> None:
        limits = self._settings.worker
        if limits.max_jobs and self._done >= limits.max_jobs and not self._recycling:
            log.info("job limit reached: replacing this process", jobs=self._done)
            self._recycle()

    # Services

    async def _cancel_overdue(self) -> None:
        cancel_overdue(self._running)


def _cancel(running: Running) -> None:
    if running.task is not None:
        running.task.cancel()


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
    application = load_application(settings.application)
    options = ProcessOptions(name, tuple(queues.split(",")), concurrency, burst, quiet)
    # Neither the loop's clean-up nor the interpreter's: both would wait for a thread that cannot be
    # stopped, and what it runs was given back already.
    code = asyncio.Runner(loop_factory=precise_loop).run(
        WorkerProcess(settings, application, options).run()
    )
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # a full disk must not change how the process ends
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
