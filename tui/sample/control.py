"""What an operator can change in the sample system, apart from its jobs."""

# ruff: noqa: ARG002 - the arguments are those of `Control`; nothing is audited here

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runtime.control.plan import quiet_words
from tui.data.model import (
    ActionResult,
    BreakerWord,
    Event,
    Pause,
    ProviderSnapshot,
    RecurringRun,
    RecurringSnapshot,
    WorkerSnapshot,
)
from tui.data.source import AtlasError, BrokerUnavailableError
from tui.sample.numbers import PROVIDERS, QUEUES, START, SampleProvider
from tui.sample.recurring import jobs, runs
from tui.sample.stream import events_until

_ME = "ana@bastion1"
_OPEN_S = 30


@dataclass(frozen=True, slots=True)
class _Forced:
    """Who holds a breaker in which state, since when and why."""

    state: str
    by: str
    at: datetime
    reason: str


class SampleControl:
    """Pauses, breakers, quiet workers and recurring jobs, and the events of changing them.

    Attributes:
        down: while not empty, every call fails with it, as if Redis were away.
        refusal: while not empty, every change fails with it.
        calls: the names of the calls that were made, for tests.
    """

    def __init__(self, *, prefix: str) -> None:
        self.down = ""
        self.refusal = ""
        self.calls: list[str] = []
        self._step = 0
        self._prefix = prefix
        why = "provider down, INC-2231"
        raj, since = "raj@bastion1", START - timedelta(minutes=22)
        self._pauses = {"communication:whatsapp": Pause(by=raj, at=since, reason=why)}
        self._forced = {"whatsapp-cloud": _Forced("open", raj, since, why)}
        self._quiet = {"b1-9923"}
        self._stopped = {"weekly-digest": True}
        self._told: list[Event] = []

    @property
    def now(self) -> datetime:
        """The present in the made-up system."""
        return START + timedelta(seconds=self._step)

    def events(self, *, limit: int, after: str) -> tuple[Event, ...]:
        """See `Reads.events`."""
        self._called("events")
        stream = [*events_until(self._step, self._prefix), *self._told]
        stream.sort(key=lambda event: (event.at, event.id))
        if not after:
            return tuple(stream[-limit:])
        return tuple(event for event in stream if _order(event.id) > _order(after))[:limit]

    def recurring(self) -> tuple[RecurringSnapshot, ...]:
        """See `Reads.recurring`."""
        self._called("recurring")
        return jobs(self.now, self._stopped)

    def recurring_runs(self, recurring_id: str) -> tuple[RecurringRun, ...]:
        """See `Reads.recurring_runs`."""
        self._called("recurring_runs")
        return runs(recurring_id, self.now)

    def pause(self, queue: str, *, reason: str = "") -> ActionResult:
        """See `Control.pause`."""
        self._act("pause")
        check_known("queue", queue, [known.name for known in QUEUES])
        if queue in self._pauses:
            return ActionResult("pause", queue, 0, 1, f"{queue} was paused already")
        self._pauses[queue] = Pause(by=_ME, at=self.now, reason=reason)
        self._tell("paused", queue=f"{self._prefix}:{queue}", by=_ME)
        return ActionResult("pause", queue, 1, message=f"{queue} is paused")

    def resume(self, queue: str, *, reason: str = "") -> ActionResult:
        """See `Control.resume`."""
        self._act("resume")
        check_known("queue", queue, [known.name for known in QUEUES])
        if self._pauses.pop(queue, None) is None:
            return ActionResult("resume", queue, 0, 1, f"{queue} was running already")
        self._tell("resumed", queue=f"{self._prefix}:{queue}", by=_ME)
        return ActionResult("resume", queue, 1, message=f"{queue} is running")

    def force_breaker(self, provider: str, state: BreakerWord, *, reason: str = "") -> ActionResult:
        """See `Control.force_breaker`."""
        self._act("force_breaker")
        check_known("provider", provider, [known.name for known in PROVIDERS])
        # Held or automatic again: in either case it forgets what it counted.
        self._forced[provider] = _Forced(state, _ME, self.now, reason)
        self._tell("breaker", provider=provider, state=state, by=_ME)
        words = {"open": "is held open", "closed": "is held closed", "auto": "decides by itself"}
        return ActionResult(
            f"breaker {state}", provider, 1, message=f"{provider}'s breaker {words[state]}"
        )

    def set_quiet(self, workers: Sequence[str], *, quiet: bool, reason: str = "") -> ActionResult:
        """See `Control.set_quiet`."""
        self._act("set_quiet")
        changed = [name for name in workers if (name in self._quiet) is not quiet]
        self._quiet ^= set(changed)
        for name in changed:
            self._tell("worker", worker=name, state="quiet" if quiet else "resume", by=_ME)
        skipped = len(workers) - len(changed)
        message = quiet_words(len(changed), skipped, quiet=quiet)
        target = workers[0] if len(workers) == 1 else f"{len(workers)} workers"
        action = "quiet" if quiet else "resume"
        return ActionResult(action, target, len(changed), skipped, message)

    def pause_recurring(self, recurring_id: str, *, paused: bool, reason: str = "") -> ActionResult:
        """See `Control.pause_recurring`."""
        self._act("pause_recurring")
        check_known("recurring job", recurring_id, [job.id for job in jobs(self.now, {})])
        self._stopped[recurring_id] = paused
        message = f"{recurring_id} is {'paused' if paused else 'running'}"
        return ActionResult("set recurring", recurring_id, 1, message=message)

    def close(self) -> None:
        """Nothing to release."""

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.down:
            raise BrokerUnavailableError(self.down)

    def _act(self, name: str) -> None:
        self._called(name)
        if self.refusal:
            raise AtlasError(self.refusal)

    def _tell(self, event: str, **details: str) -> None:
        number = len(self._told) + 1
        at_ms = round(self.now.timestamp() * 1000)
        self._told.append(Event(f"{at_ms}-{number}", self.now, event, details))

    def _worker_state(self, worker: WorkerSnapshot) -> WorkerSnapshot:
        if worker.name not in self._quiet or worker.state == "lost":
            return worker
        return replace(worker, state="quiet")

    def _providers(self, active: dict[str, int]) -> tuple[ProviderSnapshot, ...]:
        return tuple(self._provider(provider, active) for provider in PROVIDERS)

    def _provider(self, provider: SampleProvider, active: dict[str, int]) -> ProviderSnapshot:
        queues = tuple(queue.name for queue in QUEUES if queue.provider == provider.name)
        made = ProviderSnapshot(
            name=provider.name,
            queues=queues,
            failure_ratio=provider.failure_ratio,
            running=sum(active[name] for name in queues),
            concurrency=provider.concurrency,
            limit_per_s=provider.limit_per_s,
        )
        forced = self._forced.get(provider.name)
        if forced is not None and forced.state == "auto":
            return replace(made, failure_ratio=None)
        if forced is not None:
            return replace(
                made, state=forced.state, since=forced.at, forced_by=forced.by,
                reason=forced.reason, failure_ratio=None,
            )  # fmt: skip
        if not provider.tripped:
            return made
        left_s = _OPEN_S - self._step % _OPEN_S
        since = self.now - timedelta(seconds=_OPEN_S - left_s)
        return replace(made, state="open", since=since, until=self.now + timedelta(seconds=left_s))


def check_known(what: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that the sample system does not have."""
    if name not in known:
        raise AtlasError(f"no {what} {name!r}; there are: {', '.join(sorted(known))}")


def _order(event_id: str) -> tuple[int, int]:
    at_ms, _, number = event_id.partition("-")
    return int(at_ms), int(number)
