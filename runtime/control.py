"""Steering: every write an operator can make; each is recorded in the audit stream."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Self

from runtime.application import load_application
from runtime.broker import open_broker, reads, steering
from runtime.broker.broker import Broker
from runtime.catalogue import Catalogue
from runtime.errors import UnknownJobError
from runtime.job_rows import validate_payload
from runtime.keys import QueueNames
from runtime.recurring import Recurring
from runtime.settings import Settings
from runtime.snapshot import ActionResult, Plan
from runtime.text import safe

_CHUNK = 500


class Control:
    """Blocking. Every method raises BrokerUnavailableError while Redis is away.

    Args:
        actor: who acts, e.g. ``ana@bastion1``; it stands in the audit stream.
    """

    def __init__(
        self, broker: Broker, catalogue: Catalogue, names: QueueNames, *, actor: str
    ) -> None:
        self._broker = broker
        self._catalogue = catalogue
        self._names = names
        self._actor = actor

    @classmethod
    def from_settings(cls, settings: Settings, *, actor: str) -> Self:
        """A control for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        catalogue = load_application(settings.application).catalogue
        return cls(
            open_broker(settings),
            catalogue.for_environment(settings.environment),
            QueueNames(settings.queue_prefix),
            actor=actor,
        )

    def close(self) -> None:
        """Release the connections."""
        self._broker.close()

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        """Let no further job of a queue start, on any worker, from its next claim on.

        Jobs that run go on. A queue that is paused already keeps its first author.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        return self._set_paused(queue, reason, paused=True)

    def resume(self, queue: str, *, reason: str = "") -> ActionResult:
        """End a pause.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        return self._set_paused(queue, reason, paused=False)

    def set_recurring(self, recurring: Recurring, *, reason: str = "") -> ActionResult:
        """Create a recurring job, or change the one of that id; from now on it is not declared.

        Raises:
            InvalidJobError: it could never run.
            UnknownKindError: no such kind.
            BrokerUnavailableError: Redis is away.
        """
        recurring.check()
        kind = self._catalogue.kind(recurring.kind)
        validate_payload(kind, recurring.payload)
        definition = recurring.to_json()
        self._broker.run(steering.put_recurring(self._actor, reason, recurring.id, definition))
        message = f"{recurring.id} runs {kind.name} {recurring.describe()}"
        return ActionResult("set recurring", recurring.id, 1, message=message)

    def pause_recurring(self, recurring_id: str, *, paused: bool, reason: str = "") -> ActionResult:
        """Let a recurring job enqueue nothing, or enqueue again. What passes is not made up for.

        Raises:
            UnknownJobError: no such recurring job.
            InvalidJobError: its definition cannot be read.
            BrokerUnavailableError: Redis is away.
        """
        definitions, _ = reads.read_recurring(self._broker.connection, self._broker.keys)
        if (found := definitions.get(recurring_id.encode())) is None:
            raise UnknownJobError(_no_recurring(recurring_id, definitions))
        changed = replace(Recurring.from_json(found), paused=paused)
        self.set_recurring(changed, reason=reason)
        state = "paused" if paused else "running"
        return ActionResult("set recurring", recurring_id, 1, message=f"{recurring_id} is {state}")

    def remove_recurring(self, recurring_id: str, *, reason: str = "") -> ActionResult:
        """Remove a recurring job; a declared one comes back with the next worker's start.

        Raises:
            UnknownJobError: no such recurring job.
            BrokerUnavailableError: Redis is away.
        """
        if not self._broker.run(steering.drop_recurring(self._actor, reason, recurring_id)):
            definitions, _ = reads.read_recurring(self._broker.connection, self._broker.keys)
            raise UnknownJobError(_no_recurring(recurring_id, definitions))
        message = f"{recurring_id} is removed"
        return ActionResult("remove recurring", recurring_id, 1, message=message)

    def plan_retry(self, *, ids: Sequence[str] | None = None, queue: str | None = None) -> Plan:
        """Fix what a retry would touch: those ids, or all that failed up to now.

        Args:
            ids: job ids; none of them means nothing, not everything.
            queue: without ids, the queue whose failed jobs are meant; None means every queue.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        if ids is not None:
            return Plan("retry", queue, len(set(ids)), tuple(dict.fromkeys(ids)))
        sets = [self._broker.keys.failed(lane) for lane in self._lanes(queue)]
        page = reads.page_scored(self._broker.connection, sets, 0, 1, newest_first=True)
        # The newest failure there is: what fails later has a higher score, or the same one within
        # a second, which is the registry's resolution.
        cutoff = page.scores[0] if page.scores else 0.0
        return Plan("retry", queue, page.total, cutoff=cutoff)

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        """Fix what a deletion would touch. Running jobs are refused when it is applied."""
        return Plan("delete", None, len(set(ids)), tuple(dict.fromkeys(ids)))

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:
        """Carry out a plan in chunks; jobs gone meanwhile are skipped and counted.

        Interrupted half way, it has done what it has done; planning anew continues.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        if plan.action == "delete":
            return self._delete(plan, reason)
        if plan.cutoff is None:
            return self._retry_ids(plan, reason)
        return self._retry_failed(plan, reason)

    def _set_paused(self, queue: str, reason: str, *, paused: bool) -> ActionResult:
        name = self._catalogue.queue(queue).name
        call = steering.set_paused(
            self._actor, reason, self._names.full(name), logical=name, paused=paused
        )
        changed = self._broker.run(call)
        action, state = ("pause", "paused") if paused else ("resume", "running")
        message = f"{name} is {state}" if changed else f"{name} was {state} already"
        return ActionResult(action, name, int(changed), int(not changed), message)

    def _retry_ids(self, plan: Plan, reason: str) -> ActionResult:
        done: list[bool] = []
        for start in range(0, len(plan.ids), _CHUNK):
            chunk = plan.ids[start : start + _CHUNK]
            done += self._broker.run(steering.requeue(self._actor, reason, chunk))
        target = plan.ids[0] if len(plan.ids) == 1 else f"{len(plan.ids)} jobs"
        return _result("retry", target, sum(done), len(done) - sum(done))

    def _retry_failed(self, plan: Plan, reason: str) -> ActionResult:
        done = skipped = 0
        for lane in self._lanes(plan.queue):
            while True:
                call = steering.requeue_failed(lane, plan.cutoff or 0.0, _CHUNK)
                moved, gone = self._broker.run(call)
                done, skipped = done + moved, skipped + gone
                if moved + gone < _CHUNK:
                    break
        target = plan.queue or "every queue"
        self._broker.run(steering.record(self._actor, "retry", target, done, reason))
        return _result("retry", target, done, skipped)

    def _delete(self, plan: Plan, reason: str) -> ActionResult:
        results: list[int] = []
        for start in range(0, len(plan.ids), _CHUNK):
            chunk = plan.ids[start : start + _CHUNK]
            results += self._broker.run(steering.delete(self._actor, reason, chunk))
        done, running = results.count(1), results.count(-1)
        target = plan.ids[0] if len(plan.ids) == 1 else f"{len(plan.ids)} jobs"
        errors = (f"{running} running: not deleted",) if running else ()
        return _result("delete", target, done, len(results) - done, errors)

    def _lanes(self, queue: str | None) -> list[str]:
        names = [self._catalogue.queue(queue).name] if queue else list(self._catalogue.queues)
        return [lane for name in names for lane in self._names.lanes(name)]


def _no_recurring(recurring_id: str, known: Iterable[bytes]) -> str:
    names = ", ".join(sorted(name.decode("utf-8", "replace") for name in known)) or "none"
    return f"no recurring job {safe(recurring_id, 64)!r}; there are: {safe(names, 500)}"


_DONE = {"retry": "waiting again", "delete": "deleted"}


def _result(
    action: str, target: str, done: int, skipped: int, errors: tuple[str, ...] = ()
) -> ActionResult:
    jobs = "job" if done == 1 else "jobs"
    message = f"{done:,} {jobs} {_DONE[action]}"
    if skipped:
        message += f", {skipped:,} skipped (gone or in another state)"
    return ActionResult(action, target, done, skipped, message, errors)
