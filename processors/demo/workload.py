"""What happens in the gyms: ``python -m processors.demo.workload`` enqueues it until it is stopped.

A schedule of streams, each with a rhythm: leads, bookings, check-ins all the time; a class that
everybody books and a newsletter now and then. An hour of the gym is a second. The same
seed gives the same events in the same order.
"""

import heapq
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from processors.database.opening import database_of
from processors.demo.afternoon import Afternoon
from processors.demo.seed import seed
from processors.settings import CrmSettings
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import load_settings
from runtime.errors import AtlasError, BrokerUnavailableError

_REDIS_PAUSE_S = 1.0
# How late the schedule may run before it skips ahead instead of catching up in a burst.
_MAX_LAG_S = 5.0


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of events: the first `first_s` after the start, then every `every_s` or so."""

    make: Callable[[], list[NewJob]]
    every_s: float
    first_s: float = 0.5


def streams(afternoon: Afternoon) -> Sequence[Stream]:
    """All streams, each with its rhythm."""
    return (
        Stream(afternoon.lead, 1.2),
        Stream(afternoon.booking, 1.0),
        Stream(afternoon.check_ins, 1.5),
        Stream(afternoon.crm, 2.5, first_s=4),
        Stream(afternoon.absence, 7, first_s=2),
        Stream(afternoon.payment, 9, first_s=3),
        Stream(afternoon.membership, 4, first_s=2),
        Stream(afternoon.waitlist, 11, first_s=5),
        Stream(afternoon.freeze, 17, first_s=6),
        Stream(afternoon.texts_for_later, 20, first_s=1),
        Stream(afternoon.full_class, 60, first_s=7),
        Stream(afternoon.newsletter, 120, first_s=11),
        Stream(afternoon.health, 15, first_s=2),
        Stream(afternoon.clean_up, 60, first_s=10),
    )


def schedule(afternoon: Afternoon) -> Iterator[tuple[float, Stream]]:
    """When what happens, in seconds from the start, for ever."""
    order = streams(afternoon)
    due = [(stream.first_s, number) for number, stream in enumerate(order)]
    heapq.heapify(due)
    while True:
        at, number = heapq.heappop(due)
        yield at, order[number]
        every_s = order[number].every_s * afternoon.rng.uniform(0.7, 1.3)
        heapq.heappush(due, (at + every_s, number))


def run(client: AtlasClient, afternoon: Afternoon, stop: threading.Event) -> None:
    """Enqueue the schedule until `stop` is set; while Redis is away it waits."""
    began = time.monotonic()
    for at, stream in schedule(afternoon):
        wait_s = began + at - time.monotonic()
        if wait_s < -_MAX_LAG_S:
            began -= wait_s
        if stop.wait(max(0.0, wait_s)):
            return
        jobs = stream.make()
        while True:
            try:
                client.enqueue_many(jobs)
                break
            except BrokerUnavailableError:
                # The ids are fixed: what was enqueued before the connection broke is not repeated.
                if stop.wait(_REDIS_PAUSE_S):
                    return


def main() -> int:
    """Entry point; 0 when it was stopped, 1 with one line when it cannot work."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load_settings()
        database = database_of(settings.of(CrmSettings))
        seed(database)
        database.close()
        with AtlasClient.from_settings(settings) as client:
            run(client, Afternoon(int(os.environ.get("ATLAS_DEMO_SEED", "1"))), stop)
    except AtlasError as error:
        print(f"workload: {error}", file=sys.stderr)  # noqa: T201 - the program's own last words
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
