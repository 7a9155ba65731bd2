"""Every change an operator can make; each is recorded in the audit stream."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, Self

from runtime.broker.calls import operators
from runtime.broker.calls.recurring import drop_recurring, put_recurring
from runtime.broker.decode import texts_of
from runtime.broker.reads import streams
from runtime.broker.reads.jobs import read_fingerprints
from runtime.broker.reads.pages import page_scored
from runtime.catalogue.recurring import Recurring
from runtime.config.settings import Settings
from runtime.control.plan import ActionResult, Plan, quiet_words
from runtime.errors import InvalidJobError, UnknownJobError
from runtime.jobs.checks import check_org
from runtime.jobs.payload import validate_payload
from runtime.sanitize.text import safe
from runtime.view.deployment import Deployment, OnDeployment

_CHUNK = 500
BreakerWord = Literal["open", "closed", "auto"]


class Control(OnDeployment):
    """Blocking. Every method raises BrokerUnavailableError while Redis is away.

    Args:
        deployment: what is changed.
        actor: who acts, e.g. ``ana@bastion1``; recorded in the audit stream.
    """

    def __init__(self, deployment: Deployment, *, actor: str) -> None:
        super().__init__(deployment)
        self._actor = actor

    @classmethod
    def from_settings(cls, settings: Settings, *, actor: str) -> Self:
        """A control for those settings; connects on first use.

        Raises:
            CatalogueError: the application cannot be loaded.
        """
        return cls(Deployment.open(settings), actor=actor)

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        """Start no more jobs of a queue, on any worker, from its next claim on.

        Jobs that run go on. A queue that is paused already keeps who paused it first, and why.

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
        self._broker.run(put_recurring(self._actor, reason, recurring.id, definition))
        message = f"{recurring.id} runs {kind.name} {recurring.describe()}"
        return ActionResult("set recurring", recurring.id, 1, message=message)

    def pause_recurring(self, recurring_id: str, *, paused: bool, reason: str = "") -> ActionResult:
        """Pause or resume a recurring job. Slots that pass while it is paused are skipped.

        Raises:
            UnknownJobError: no such recurring job.
            InvalidJobError: its definition cannot be read.
            BrokerUnavailableError: Redis is away.
        """
        definitions, _ = streams.read_recurring(self._broker.connection, self._broker.keys)
        if (found := definitions.get(recurring_id.encode())) is None:
            raise UnknownJobError(_no_recurring(recurring_id, definitions))
        changed = replace(Recurring.from_json(found), paused=paused)
        self.set_recurring(changed, reason=reason)
        state = "paused" if paused else "running"
        return ActionResult("set recurring", recurring_id, 1, message=f"{recurring_id} is {state}")

    def remove_recurring(self, recurring_id: str, *, reason: str = "") -> ActionResult:
        """Remove a recurring job for good, also a declared one. Jobs that it enqueued stay.

        Raises:
            UnknownJobError: no such recurring job.
            BrokerUnavailableError: Redis is away.
        """
        if not self._broker.run(drop_recurring(self._actor, reason, recurring_id)):
            definitions, _ = streams.read_recurring(self._broker.connection, self._broker.keys)
            raise UnknownJobError(_no_recurring(recurring_id, definitions))
        message = f"{recurring_id} is removed"
        return ActionResult("remove recurring", recurring_id, 1, message=message)

    def force_breaker(self, provider: str, state: BreakerWord, *, reason: str = "") -> ActionResult:
        """Hold a provider's breaker open or closed whatever it has counted, or set it to auto.

        Args:
            provider: its name.
            state: ``open`` (none of its jobs starts), ``closed`` (they start whatever fails) or
                ``auto`` (closed, with nothing counted).
            reason: why, for the audit.

        Raises:
            UnknownProviderError: no such provider.
            BrokerUnavailableError: Redis is away.
        """
        name = self._catalogue.provider(provider).name
        queues = [self._names.full(queue) for queue in self._catalogue.queues_of(name)]
        self._broker.run(
            operators.force_breaker(self._actor, reason, name, state=state, queues=queues)
        )
        words = {"open": "is held open", "closed": "is held closed", "auto": "decides by itself"}
        return ActionResult(f"breaker {state}", name, 1, message=f"{name}'s breaker {words[state]}")

    def set_quiet(self, workers: Sequence[str], *, quiet: bool, reason: str = "") -> ActionResult:
        """Let workers (processes, by name) claim no more jobs, or claim again.

        What they run goes on. A process that replaces a quiet one is not quiet.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        names = list(dict.fromkeys(workers))
        results = self._broker.run(operators.set_quiet(self._actor, reason, names, quiet=quiet))
        target = names[0] if len(names) == 1 else f"{len(names)} workers"
        done = sum(results)
        message = quiet_words(done, len(names) - done, quiet=quiet)
        return ActionResult(
            "quiet" if quiet else "resume", target, done, len(names) - done, message
        )

    def set_org(
        self, org: str, *, weight: float = 1.0, cap: int | None = None, reason: str = ""
    ) -> ActionResult:
        """Set an organisation's weight and cap in all fair queues.

        Args:
            org: the organisation.
            weight: how many jobs it gets for one of an organisation of weight 1; 0.01 to 100.
            cap: how many of its jobs may run at a time in each queue; None = each queue's own.
            reason: why, for the audit.

        Raises:
            InvalidJobError: one of them is not allowed.
            BrokerUnavailableError: Redis is away.
        """
        check_org(org)
        if not 0.01 <= weight <= 100:
            raise InvalidJobError(f"weight {weight:g}: 0.01 to 100 are allowed")
        if cap is not None and cap < 1:
            raise InvalidJobError(f"cap {cap}: at least 1 is allowed")
        self._broker.run(operators.set_org(self._actor, reason, org, weight=weight, cap=cap))
        limit = "each queue's cap" if cap is None else f"at most {cap} jobs at a time"
        return ActionResult("set org", org, 1, message=f"{org}: weight {weight:g}, {limit}")

    def record(self, action: str, target: str, *, count: int = 1, reason: str = "") -> None:
        """Record an operator's action of the application's own in the audit stream.

        Args:
            action: a verb, such as ``confirm``.
            target: what it was done to.
            count: to how many.
            reason: why.

        Raises:
            BrokerUnavailableError: Redis is away.
        """
        self._broker.run(operators.record(self._actor, action, target, count, reason))

    def plan_retry(
        self,
        *,
        ids: Sequence[str] | None = None,
        queue: str | None = None,
        group: str | None = None,
        keep_attempts: bool = False,
    ) -> Plan:
        """Plan a retry: of those ids, or of all jobs that failed up to now.

        Args:
            ids: job ids; none of them means nothing, not everything.
            queue: without ids, the queue whose failed jobs are meant; None means every queue.
            group: of those, only the ones that failed with this fingerprint.
            keep_attempts: they get one more try instead of a fresh budget of attempts.

        Raises:
            UnknownQueueError: no such queue.
            BrokerUnavailableError: Redis is away.
        """
        if ids is not None:
            chosen = tuple(dict.fromkeys(ids))
            return Plan("retry", queue, len(chosen), chosen, keep_attempts=keep_attempts)
        if group is not None:
            chosen = tuple(self._failed_with(group, queue))
            return Plan("retry", queue, len(chosen), chosen, keep_attempts=keep_attempts)
        sets = [self._broker.keys.failed(lane) for lane in self._lanes(queue)]
        page = page_scored(self._broker.connection, sets, 0, 1, newest_first=True)
        # The newest failure there is: what fails later has a higher score, or the same one within
        # a second, which is the registry's resolution.
        cutoff = page.scores[0] if page.scores else 0.0
        return Plan("retry", queue, page.total, cutoff=cutoff, keep_attempts=keep_attempts)

    def _failed_with(self, fingerprint: str, queue: str | None) -> Iterator[str]:
        """Ids of failed jobs whose last attempt has that fingerprint, oldest first."""
        connection, keys = self._broker.connection, self._broker.keys
        for lane in self._lanes(queue):
            offset = 0
            while True:
                page = page_scored(
                    connection, [keys.failed(lane)], offset, _CHUNK, newest_first=False
                )
                found = read_fingerprints(connection, keys, page.ids)
                for job_id, its_own in zip(page.ids, found, strict=True):
                    if its_own == fingerprint:
                        yield job_id
                offset += _CHUNK
                if len(page.ids) < _CHUNK:
                    break

    def plan_delete(self, ids: Sequence[str]) -> Plan:
        """Plan a deletion. Jobs that run by then are left alone."""
        return Plan("delete", None, len(set(ids)), tuple(dict.fromkeys(ids)))

    def apply(self, plan: Plan, *, reason: str = "") -> ActionResult:
        """Carry out a plan in chunks; jobs that are gone by then are skipped and counted.

        If it is interrupted, what was done stays done; a new plan covers the rest.

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
        call = operators.set_paused(
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
            done += self._broker.run(
                operators.retry(self._actor, reason, chunk, keep_attempts=plan.keep_attempts)
            )
        target = plan.ids[0] if len(plan.ids) == 1 else f"{len(plan.ids)} jobs"
        return _result("retry", target, sum(done), len(done) - sum(done))

    def _retry_failed(self, plan: Plan, reason: str) -> ActionResult:
        done = skipped = 0
        for lane in self._lanes(plan.queue):
            while True:
                call = operators.retry_failed(
                    lane, plan.cutoff or 0.0, _CHUNK, keep_attempts=plan.keep_attempts
                )
                moved, gone = self._broker.run(call)
                done, skipped = done + moved, skipped + gone
                if moved + gone < _CHUNK:
                    break
        target = plan.queue or "every queue"
        self.record("retry", target, count=done, reason=reason)
        return _result("retry", target, done, skipped)

    def _delete(self, plan: Plan, reason: str) -> ActionResult:
        results: list[int] = []
        for start in range(0, len(plan.ids), _CHUNK):
            chunk = plan.ids[start : start + _CHUNK]
            results += self._broker.run(operators.delete(self._actor, reason, chunk))
        done, running = results.count(1), results.count(-1)
        target = plan.ids[0] if len(plan.ids) == 1 else f"{len(plan.ids)} jobs"
        errors = (f"{running} running: not deleted",) if running else ()
        return _result("delete", target, done, len(results) - done, errors)

    def _lanes(self, queue: str | None) -> list[str]:
        names = [self._catalogue.queue(queue).name] if queue else list(self._catalogue.queues)
        return [lane for name in names for lane in self._names.lanes(name)]


def _no_recurring(recurring_id: str, known: Iterable[bytes]) -> str:
    names = ", ".join(sorted(texts_of(known))) or "none"
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
