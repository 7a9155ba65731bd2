"""Every order of steps of two workers and one job: which there are, and how one is taken."""

from collections.abc import Callable, Iterator

from runtime.broker.broker import Broker
from tests.model.judge import QUEUES
from tests.model.reference import Job
from tests.model.twin import Held, Twin
from tests.runtime.drive import PLAIN

_JOB, _ROW = "j", ("j", PLAIN, "", False)
Step = Callable[[Twin], None]


def _claim(worker: str) -> Step:
    return lambda twin: twin.claim(worker, (1, 0), 1)


def _last(twin: Twin, worker: str) -> Held | None:
    """The newest execution that this worker was ever given."""
    return next((h for h in reversed(twin.executions) if h.worker == worker), None)


def _end(worker: str, outcome) -> Step:
    def step(twin: Twin) -> None:
        if held := _last(twin, worker):
            twin.finish([held], outcome)

    return step


def _renew(worker: str) -> Step:
    def step(twin: Twin) -> None:
        if held := _last(twin, worker):
            twin.renew([held])

    return step


def _if_running(act: Callable[[Twin, Job], None]) -> Step:
    def step(twin: Twin) -> None:
        job = twin.model.jobs.get(_JOB)
        if job is not None and job.running:
            act(twin, job)

    return step


# The first eight are the ones in which two workers can meet over one job; see `sequences`.
STEPS: dict[str, Step] = {
    "claim A": _claim("w1"),
    "claim B": _claim("w2"),
    "finish A": _end("w1", "finished"),
    "finish B": _end("w2", "finished"),
    "expire": _if_running(Twin.expire),
    "reap": Twin.reap,
    "retry": lambda twin: twin.retry([_JOB]),
    "A is dead": lambda twin: twin.release("w1", dead=True),
    "fail A": _end("w1", "failed"),
    "retry A": _end("w1", "retried"),
    "release A": _end("w1", "released"),
    "renew A": _renew("w1"),
    "delete": lambda twin: twin.delete([_JOB]),
    "enqueue": lambda twin: twin.enqueue([_ROW]),
    "pause": lambda twin: twin.pause(QUEUES[0], paused=True),
    "resume": lambda twin: twin.pause(QUEUES[0], paused=False),
}


def take(broker: Broker, names: tuple[str, ...]) -> Twin:
    """A fresh Redis with one waiting job, and these steps; checked after the last."""
    twin = Twin(broker)
    twin.enqueue([_ROW])
    for name in names:
        STEPS[name](twin)
    twin.check()
    return twin


def sequences(names: tuple[str, ...], length: int) -> Iterator[tuple[str, ...]]:
    """Every sequence of exactly that length."""
    if length == 0:
        yield ()
        return
    for head in sequences(names, length - 1):
        for name in names:
            yield (*head, name)


def situation(twin: Twin) -> tuple[object, ...]:
    """What can matter to a further step; attempts beyond the second are alike."""
    job = twin.model.jobs.get(_JOB)
    lasts = tuple(_last(twin, worker) for worker in ("w1", "w2"))
    fences = tuple(
        None if held is None else job is not None and held.job.execution == job.fence
        for held in lasts
    )
    state = job and (
        job.status, job.worker, bool(job.fence), min(job.attempt, 2), job.stalls,
        job.expired, job.renewed,
    )  # fmt: skip
    return state, fences, bool(twin.model.paused)


def explore(broker: Broker, *, depth: int) -> tuple[int, int]:
    """Take every step from every situation that any order of steps leads to.

    Returns (situations, steps taken). Each situation is reached by the shortest way there is.
    """
    ways: dict[tuple[object, ...], tuple[str, ...]] = {situation(take(broker, ())): ()}
    edge: list[tuple[str, ...]] = [()]
    steps = 0
    for _ in range(depth):
        found: list[tuple[str, ...]] = []
        for way in edge:
            for name in STEPS:
                longer = (*way, name)
                steps += 1
                where = situation(take_named(broker, longer))
                if where not in ways:
                    ways[where] = longer
                    found.append(longer)
        edge = found
    return len(ways), steps


def take_named(broker: Broker, names: tuple[str, ...]) -> Twin:
    """As `take`; a failure says which steps led to it."""
    try:
        return take(broker, names)
    except AssertionError as error:
        raise AssertionError(f"after {' > '.join(names)}: {error}") from error
