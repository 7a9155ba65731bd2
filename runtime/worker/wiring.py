"""Makes the parts of a worker process and joins them: the one place that knows all of them."""

import asyncio
import random
from collections.abc import Coroutine
from functools import partial
from typing import Any

from runtime.application import Application
from runtime.broker import open_async_broker, open_broker
from runtime.broker.async_broker import AsyncBroker
from runtime.broker.keys import QueueNames
from runtime.broker.policy import Policy
from runtime.client import AtlasClient
from runtime.config.settings import Settings
from runtime.stock.bridge import settle_left_behind
from runtime.worker.attempt.children import Children
from runtime.worker.attempt.handlers import load_handlers
from runtime.worker.attempt.progress import FLUSH_S, Progress, ProgressWriter
from runtime.worker.attempt.runner import Runner
from runtime.worker.attempt.threads import HandlerThreads
from runtime.worker.attempts import Attempts
from runtime.worker.claiming.claimer import Claimer
from runtime.worker.claiming.held_jobs import Running, RunningJobs
from runtime.worker.claiming.leases import LeaseKeeper
from runtime.worker.claiming.slots import Slots
from runtime.worker.claiming.watchdog import LOOK_S, Watchdog
from runtime.worker.ending import Ending
from runtime.worker.process import Parts, WorkerProcess
from runtime.worker.process_options import ProcessOptions
from runtime.worker.services.flusher import Flusher
from runtime.worker.services.heartbeat import Heartbeat
from runtime.worker.services.maintenance import Maintenance, every
from runtime.worker.services.outside import PROBE_S, Outside
from runtime.worker.services.recurring import RecurringJobs
from runtime.worker.services.settler import Settler
from runtime.worker.system.tasks import Background

_OVERDUE_S = 0.05
# Longer than the claimer's blocking wait for a marker.
_BLOCKING_TIMEOUT_S = 15.0


def worker_process(
    settings: Settings, application: Application, options: ProcessOptions
) -> WorkerProcess:
    """A process that is ready to run in the event loop that runs now.

    Where two parts call each other, the earlier one gets a function that finds the later one.

    Raises:
        CatalogueError: a handler cannot be loaded.
        UnknownQueueError: the application has no such queue.
    """
    limits = settings.worker
    catalogue = application.catalogue.for_environment(settings.environment)
    names = QueueNames(settings.queue_prefix)
    queues = {names.full(name): catalogue.queue(name) for name in options.queues}
    policy = Policy.of(catalogue, names, max_stalled=limits.max_stalled)

    broker = open_async_broker(settings)
    blocking = open_async_broker(settings, timeout_s=_BLOCKING_TIMEOUT_S)
    client = AtlasClient.from_settings(settings)
    ending, background, running = Ending(max_jobs=limits.max_jobs), Background(), RunningJobs()
    wanted = asyncio.Event()
    outside = Outside(broker, application.probe)
    threads = HandlerThreads(options.concurrency, ending.thread_stuck)
    children = Children(jobs_each=limits.child_jobs)
    progress = Progress()
    progress_writer = ProgressWriter(broker, progress)

    slots = Slots(
        options.concurrency,
        {name: queue.slots for name, queue in queues.items()},
        start=lambda running: attempts.start(running),  # noqa: PLW0108 - made below
        wanted=wanted.set,
    )
    flusher = Flusher(
        broker,
        worker=options.name,
        policy=policy,
        progress=progress_writer,
        written=lambda ended: attempts.written(ended),  # noqa: PLW0108 - made below
    )
    runner = Runner(
        settings,
        catalogue,
        load_handlers(catalogue),
        client=client,
        resources=lambda: outside.resources,
        threads=threads,
        children=children,
        rng=random.Random(),  # noqa: S311 - jitter needs no secrecy
        sink=progress,
        middleware=application.middleware,
        broker=broker,
    )
    attempts = Attempts(
        runner,
        running=running,
        slots=slots,
        flusher=flusher,
        lease_s=limits.lease_s,
        settle=Settler(settings).ended,
        # With `burst`, the next claim tells whether anything is left.
        idle=wanted.set if options.burst else lambda: None,
        ending=ending,
    )
    claimer = Claimer(
        broker,
        blocking,
        worker=options.name,
        queues=queues,
        slots=slots,
        lease_ms=int(limits.lease_s * 1000),
        max_bytes=limits.max_payload_bytes,
        policy=policy,
        admit=attempts.admit,
        known=lambda: [held.job.execution for held in running.all()],
        changed=lambda: background.start(heartbeat.beat()),
        stopping=ending.asked,
        wanted=wanted,
    )
    heartbeat = Heartbeat(
        broker,
        name=options.name,
        lanes=tuple(lane for name in options.queues for lane in names.lanes(name)),
        queues=options.queues,
        slots=slots,
        running=running,
        flusher=flusher,
        max_memory_mb=limits.max_memory_mb,
        replace=ending.replace,
        is_quiet=lambda: claimer.quiet,
        unserved=application.unserved(settings),
    )
    maintenance = _maintenance(broker, settings, application, client, policy)
    watchdog = Watchdog(claimer, slots, claimer.start)

    def services() -> list[Coroutine[Any, Any, None]]:
        return [
            flusher.run(),
            every(PROBE_S, outside.look),
            every(FLUSH_S, progress_writer.flush),
            every(LOOK_S, watchdog.look),
            every(_OVERDUE_S, attempts.cancel_overdue),
            *maintenance.services(),
        ]

    keeper = LeaseKeeper(
        open_broker(settings),
        running,
        worker=options.name,
        lease_s=limits.lease_s,
        renew_s=limits.renew_s,
        loop=asyncio.get_running_loop(),
        stop_job=Running.cancel,
    )
    parts = Parts(
        broker=broker,
        blocking=blocking,
        client=client,
        outside=outside,
        opens=partial(application.open, settings),
        running=running,
        attempts=attempts,
        threads=threads,
        children=children,
        claimer=claimer,
        keeper=keeper,
        flusher=flusher,
        heartbeat=heartbeat,
        services=services,
        ending=ending,
        background=background,
    )
    return WorkerProcess(options, parts, shutdown_s=limits.shutdown_s)


def _maintenance(
    broker: AsyncBroker,
    settings: Settings,
    application: Application,
    client: AtlasClient,
    policy: Policy,
) -> Maintenance:
    """For all queues of the catalogue, whichever the process serves."""
    names, queues = QueueNames(settings.queue_prefix), application.catalogue.queues
    lanes = [lane for name in queues for lane in names.lanes(name)]
    return Maintenance(
        broker,
        RecurringJobs(open_broker(settings), client, application.recurring),
        queues=[names.full(name) for name in queues],
        policy=policy,
        settle=partial(settle_left_behind, settings, lanes),
    )
