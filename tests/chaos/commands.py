"""Operators who command at random, from several threads, while workers work; and the judgement."""

import contextlib
import random
import sqlite3
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import redis
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient, NewJob
from runtime.control.control import Control
from runtime.errors import UnknownJobError
from tests.chaos.poison import open_jobs
from tests.runtime.conftest import wait_until

QUEUES = ("cmd:plain", "cmd:fair")
# What RQ answers when the job is gone or in a state that the command is not for.
_TOO_LATE = (NoSuchJobError, InvalidJobOperation, ValueError)
# Beyond it nothing is produced for a while: commands are to meet jobs that run.
_BACKLOG = 200
_FINAL = {b"finished", b"failed", b"canceled", b"stopped"}


@dataclass
class History:
    """What was acknowledged, with Redis' time of it in ms; each list is only appended to."""

    made: list[str] = field(default_factory=list)
    paused: list[tuple[str, float, float]] = field(default_factory=list)
    canceled: list[tuple[str, float]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    commands: Counter[str] = field(default_factory=Counter)


class Operators:
    """Sends so many commands; jobs named ``c…`` are only ever canceled, ``d…`` only deleted."""

    def __init__(self, raw: redis.Redis, control: Control, client: AtlasClient, seed: int) -> None:
        self.raw, self.control, self.client, self.seed = raw, control, client, seed
        self.history = History()
        self._locks = {queue: threading.Lock() for queue in QUEUES}
        self._errors: list[BaseException] = []

    def run(self, commands: int, *, threads: int = 4) -> None:
        """All threads together send about that many; raises the first error of any."""
        running = [
            threading.Thread(target=self._guarded, args=(number, commands // threads))
            for number in range(threads)
        ]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _guarded(self, number: int, commands: int) -> None:
        try:
            rng = random.Random(f"{self.seed}-{number}")
            for serial in range(commands):
                if serial % 3 == 0 and open_jobs(self.raw) < _BACKLOG:
                    self._produce(rng, f"{number}-{serial}")
                self._command(rng)
                time.sleep(rng.uniform(0.0, 0.02))
        except BaseException as error:
            self._errors.append(error)

    def _produce(self, rng: random.Random, name: str) -> None:
        jobs = [
            NewJob(
                rng.choice(("plain", "fair")), rng.choice("ab"),
                {"seconds": rng.choice((0, 0.005, 0.02, 0.2)), "fails": rng.choice((0, 0, 1, 2))},
                job_id=f"{letter}{name}",
            )
            for letter in ("c", "d", "x", "y")
        ]  # fmt: skip
        self.history.made += [ref.id for ref in self.client.enqueue_many(jobs)]

    def _command(self, rng: random.Random) -> None:
        name = rng.choice(
            ("pause", "retry", "retry", "retry queue", "delete", "delete", "cancel", "cancel",
             "rq requeue", "rq delete", "recurring")
        )  # fmt: skip
        self.history.commands[name] += 1
        match name:
            case "pause":
                self._pause(rng)
            case "retry":
                self.control.apply(self.control.plan_retry(ids=[self._one(rng, "xy")]))
            case "retry queue" if rng.random() < 0.2:
                self._retry_failed(rng)
            case "delete":
                self._delete(self._one(rng, "d"))
            case "cancel":
                self._cancel(self._one(rng, "c"))
            case "rq requeue" | "rq delete":
                self._with_rq(name, self._one(rng, "y"))
            case "recurring":
                self._recurring(rng)

    def _one(self, rng: random.Random, letters: str) -> str:
        """A job that runs, if there is one, or one made lately: both are met in all states."""
        leases = [m for q in QUEUES for m in self.raw.zrange(f"rq:atlas:leases:dev:{q}", 0, -1)]
        running = [i for m in leases if not (i := m.decode().partition(":")[0]).startswith("cron-")]
        for names in (running if rng.random() < 0.5 else (), self.history.made[-60:]):
            if fitting := [job_id for job_id in names if job_id[0] in letters]:
                return rng.choice(fitting)
        raise AssertionError("no job was made yet")

    def _pause(self, rng: random.Random) -> None:
        queue = rng.choice(QUEUES)
        if not self._locks[queue].acquire(blocking=False):
            return
        try:
            self.control.pause(queue)
            since = self._now_ms()
            time.sleep(rng.uniform(0.0, 0.1))
            until = self._now_ms()
            self.control.resume(queue)
            self.history.paused.append((queue, since, until))
        finally:
            self._locks[queue].release()

    def _retry_failed(self, rng: random.Random) -> None:
        plan = self.control.plan_retry(queue=rng.choice(QUEUES))
        self.control.apply(plan)

    def _delete(self, job_id: str) -> None:
        result = self.control.apply(self.control.plan_delete([job_id]))
        if result.done:
            self.history.gone.add(job_id)
        elif result.errors:
            self.history.refused.append(job_id)

    def delete_one_that_runs(self) -> None:
        """Among commands at random it is luck whether a delete meets a job that runs."""
        job_id = "d-running"
        self.client.enqueue("plain", org="org", payload={"seconds": 3}, job_id=job_id)
        self.history.made.append(job_id)
        wait_until(lambda: self.raw.hget(f"rq:job:{job_id}", "status") == b"started")
        self._delete(job_id)

    def _cancel(self, job_id: str) -> None:
        with contextlib.suppress(*_TOO_LATE):
            job = self._fetch(job_id)
            if job.get_status() in ("finished", "failed"):
                return
            job.cancel()
            self.history.canceled.append((job_id, self._now_ms()))

    def _with_rq(self, name: str, job_id: str) -> None:
        with contextlib.suppress(*_TOO_LATE):
            job = self._fetch(job_id)
            if name == "rq requeue":
                job.requeue()
            else:
                job.delete()
                self.history.gone.add(job_id)

    def _recurring(self, rng: random.Random) -> None:
        name = f"tick-{rng.randrange(3)}"
        with contextlib.suppress(UnknownJobError):
            match rng.randrange(3):
                case 0:
                    self.control.set_recurring(Recurring(name, "plain", "a", every_s=1))
                case 1:
                    self.control.pause_recurring(name, paused=rng.random() < 0.5)
                case _:
                    self.control.remove_recurring(name)

    def _fetch(self, job_id: str) -> Job:
        return Job.fetch(job_id, connection=self.raw, serializer=JSONSerializer)

    def _now_ms(self) -> float:
        seconds, micros = self.raw.time()
        return seconds * 1000 + micros / 1000


class Judge:
    """Compares the history with what the handlers noted and with what Redis holds, once quiet."""

    def __init__(self, raw: redis.Redis, notes: Path, history: History) -> None:
        self.raw, self.history = raw, history
        with sqlite3.connect(notes) as db:
            rows = db.execute("SELECT job_id, what, at FROM notes").fetchall()
        self.starts = [(job_id, at * 1000) for job_id, what, at in rows if what == "start"]
        self.ended = {job_id for job_id, what, _ in rows if what == "end"}
        self.claims = {job_id: self._claims(job_id) for job_id in history.made}

    def _claims(self, job_id: str) -> list[float]:
        """When Redis gave the job to a worker (ms), attempt by attempt, as far as it is kept."""
        entries = self.raw.xrange(f"rq:results:{job_id}")
        started = (fields.get(b"execution_started_at") for _, fields in entries)
        return [float(value) * 1000 for value in started if value]

    def _lane(self, job_id: str) -> str:
        return (self.raw.hget(f"rq:job:{job_id}", "origin") or b"").decode()

    def lost(self) -> list[str]:
        """Acknowledged, and neither run, nor canceled, nor deleted on command; or still open."""
        explained = self.ended | self.history.gone | {i for i, _ in self.history.canceled}
        lost = [job_id for job_id in self.history.made if job_id not in explained]
        for job_id in self.history.made:
            status = self.raw.hget(f"rq:job:{job_id}", "status")
            if status is not None and status not in _FINAL:
                lost.append(job_id)
        return lost

    def claimed_while_paused(self) -> list[tuple[str, float]]:
        found = []
        for job_id, claims in self.claims.items():
            lane = self._lane(job_id)
            for queue, since, until in self.history.paused:
                if lane.endswith(queue):
                    # The claim's time is cut to the ms: one in the ms of the answer came before.
                    found += [(job_id, c - since) for c in claims if since < c < until - 1]
        return found

    def longest_start_after_pause_ms(self) -> float:
        """Of jobs that were claimed before a pause: how long after it the last one started."""
        of_queue = {
            i: (self.raw.hget(f"rq:job:{i}", "origin") or b"").decode() for i in self.claims
        }
        late = [
            at - since
            for job_id, at in self.starts
            for queue, since, until in self.history.paused
            if since < at < until and of_queue.get(job_id, "").endswith(queue)
        ]
        return max(late, default=0.0)

    def run_after_cancel(self) -> list[str]:
        found = []
        for job_id, at in self.history.canceled:
            status = self.raw.hget(f"rq:job:{job_id}", "status")
            if status not in (None, b"canceled") or any(c > at for c in self.claims[job_id]):
                found.append(f"{job_id} is {status!r}, canceled at {at}, {self.claims[job_id]}")
        return found

    def refused_and_gone(self) -> list[str]:
        """A delete was refused because the job ran: then it must have ended by itself."""
        return [job_id for job_id in self.history.refused if job_id not in self.ended]

    def left_behind(self) -> list[str]:
        """Leases, slots of organisations and executions of which nothing runs any more."""
        patterns = ("rq:atlas:leases:*", "rq:wip:*", "rq:rl:*:allowed", "rq:atlas:held:*")
        return [key.decode() for pattern in patterns for key in self.raw.scan_iter(pattern)]

    def pauses_overlap(self) -> bool:
        """A fault of this test itself: a queue's pauses follow each other."""
        by_queue = [[p for p in self.history.paused if p[0] == queue] for queue in QUEUES]
        return any(a[2] > b[1] for pauses in by_queue for a, b in pairwise(sorted(pauses)))
