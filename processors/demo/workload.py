"""What happens in the gyms: ``python -m processors.demo.workload`` enqueues it until it is stopped.

A schedule of streams, each with a rhythm: leads, bookings, check-ins all the time; waves of class
reminders and a newsletter now and then. The same seed gives the same events in the same order.
"""

import heapq
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from processors.database.opening import database_of
from processors.demo.gyms import GYMS, Gym, booking, headlines, person, some_gym
from processors.demo.seed import seed
from processors.settings import CrmSettings
from runtime.catalogue.catalogue import Priority
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import load_settings
from runtime.errors import AtlasError, BrokerUnavailableError

_REPEATS = 0.01
_REDIS_PAUSE_S = 1.0
# How late the schedule may run before it skips ahead instead of catching up in a burst.
_MAX_LAG_S = 5.0


class Afternoon:
    """Makes jobs; all randomness comes from one seed."""

    def __init__(self, seed_number: int) -> None:
        self.rng = random.Random(seed_number)  # noqa: S311 - invented people, no secret
        self._prefix = f"demo-{seed_number}"
        self._count = 0
        self._known: list[tuple[Gym, dict[str, Any]]] = []

    def lead(self) -> list[NewJob]:
        """Somebody asks about a gym; one event in a hundred arrives twice."""
        gym = some_gym(self.rng)
        lead = self._person()
        self._known = [*self._known[-499:], (gym, lead)]
        job = self._trigger(gym, "lead_created", {"lead": lead})
        return [job, job] if self.rng.random() < _REPEATS else [job]

    def booking(self) -> list[NewJob]:
        """Somebody books a class."""
        gym, lead = self._member()
        return [self._trigger(gym, "booking_confirmed", {"lead": lead, **booking(self.rng)})]

    def no_show(self) -> list[NewJob]:
        """Somebody missed a class; a third of them will have answered by SMS."""
        gym, lead = self._member()
        jobs = [self._trigger(gym, "missed_session", {"lead": lead, **booking(self.rng)})]
        if self.rng.random() < 1 / 3:
            reply = {"event": "sms_replied", "lead_id": lead["id"]}
            jobs.append(replace(self._job("track_event", gym, reply), delay=timedelta(seconds=5)))
        return jobs

    def payment(self) -> list[NewJob]:
        """A payment is declined."""
        gym, lead = self._member()
        amount = f"£{self.rng.choice((29, 39, 49, 65))}"
        return [self._trigger(gym, "payment.failed", {"lead": lead, "amount": amount})]

    def trial(self) -> list[NewJob]:
        """A first session; the event does not say which coach its workflow is to tell."""
        gym, lead = self._member()
        return [self._trigger(gym, "first_session", {"lead": lead, **booking(self.rng)})]

    def check_ins(self) -> list[NewJob]:
        """Members check in."""
        return [
            self._job("track_event", some_gym(self.rng), {"event": "check_in", "data": {"door": 1}})
            for _ in range(2)
        ]

    def crm(self) -> list[NewJob]:
        """Somebody at a desk changes a lead, at times one that was deleted."""
        gym, lead = self._member()
        lead_id = "lead_deleted" if self.rng.random() < 0.1 else lead["id"]
        if self.rng.random() < 0.5:
            return [self._job("add_tag", gym, {"lead_id": lead_id, "tag": "visited"})]
        updates = {"score": self.rng.randrange(100)}
        return [self._job("update_lead", gym, {"lead_id": lead_id, "updates": updates})]

    def reminders(self) -> list[NewJob]:
        """Reminders for one gym's evening classes, two hours before."""
        gym = some_gym(self.rng)
        place = booking(self.rng)
        return [
            self._trigger(gym, "class_reminder", {"lead": self._person(), **place})
            for _ in range(40)
        ]

    def later(self) -> list[NewJob]:
        """Texts that somebody wrote for later today."""
        jobs = []
        for _ in range(4):
            gym, lead = self._member()
            payload = {
                "to": lead["phone"],
                "message": f"Your plan for the week is ready at {gym.name}.",
            }
            delay = timedelta(seconds=self.rng.uniform(30, 600))
            jobs.append(replace(self._job("send_sms", gym, payload), delay=delay))
        return jobs

    def newsletter(self) -> list[NewJob]:
        """The largest gym writes to everybody, while the others' mails must not wait for it."""
        gym = GYMS[0]
        data = {
            "title": f"This week at {gym.name}",
            "items": list(headlines(self.rng)),
            "organisation": {"name": gym.name},
        }
        return [
            replace(
                self._job(
                    "send_email",
                    gym,
                    {
                        "to": lead["email"],
                        "subject": data["title"],
                        "template": "newsletter",
                        "template_data": {**data, "lead": {"first_name": lead["first_name"]}},
                    },
                ),
                priority=Priority.LOW,
            )
            for lead in (self._person() for _ in range(200))
        ]

    def health(self) -> list[NewJob]:
        """A health check that somebody asks for."""
        return [self._job("check_health", GYMS[0], {})]

    def clean_up(self) -> list[NewJob]:
        """A clean-up that somebody asks for."""
        return [self._job("clean_up", GYMS[0], {"retention_days": 7})]

    def _person(self) -> dict[str, Any]:
        self._count += 1
        return {"id": f"lead_{self._count}", **person(self.rng, self._count)}

    def _member(self) -> tuple[Gym, dict[str, Any]]:
        if self._known and self.rng.random() < 0.8:
            return self.rng.choice(self._known)
        return some_gym(self.rng), self._person()

    def _trigger(self, gym: Gym, event: str, data: dict[str, Any]) -> NewJob:
        return self._job("process_trigger", gym, {"trigger_type": event, "trigger_data": data})

    def _job(self, kind: str, gym: Gym, payload: dict[str, Any]) -> NewJob:
        self._count += 1
        return NewJob(kind, gym.org, payload, job_id=f"{self._prefix}-{self._count}")


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
        Stream(afternoon.no_show, 7, first_s=2),
        Stream(afternoon.payment, 9, first_s=3),
        Stream(afternoon.trial, 13, first_s=5),
        Stream(afternoon.later, 20, first_s=1),
        Stream(afternoon.reminders, 60, first_s=7),
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
