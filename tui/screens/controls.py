"""The controls: the key of each, and its dialog about a queue, a breaker, workers or a job."""

from collections.abc import Callable, Sequence

from textual.binding import BindingType

from tui.data.model import (
    ActionResult,
    BreakerWord,
    ProviderSnapshot,
    QueueSnapshot,
    RecurringSnapshot,
    WorkerSnapshot,
)
from tui.keymap import Key, bind
from tui.screens.base import DashScreen
from tui.screens.dialog import Action, Other
from tui.screens.plans import in_production, push_action
from tui.source import Source
from tui.text.breakers import provider_of
from tui.text.formatting import plural, short_queue
from tui.text.health import breaker_health
from tui.text.lines import Line, line
from tui.text.plan_text import verb

CONTROL_KEYS: dict[str, Key] = {
    "pause": Key("P", "control_pause", "pause or resume the queue or recurring job", "P", "pause"),
    "quiet": Key(
        "W",
        "control_quiet",
        "make workers quiet (no further job) or resume them",
        "W",
        "quiet",
    ),
    "breaker": Key(
        "B",
        "control_breaker",
        "hold the breaker open or closed, or make it automatic",
        "B",
        "breaker",
    ),
    "retry": Key("R", "control_retry", "retry this job, the marked ones, or all", "R", "retry"),
    "retry-group": Key(
        "E",
        "control_retry_group",
        "retry all that failed with the same error as this job",
        "E",
        "same error",
    ),
    "delete": Key("X", "control_delete", "delete this job or the marked ones", "X", "del"),
}
"""The key of every control; each opens a dialog, and only its button acts."""


def control_keys(*ids: str) -> list[BindingType]:
    """Textual bindings of those controls."""
    return bind(*ids, keys=CONTROL_KEYS)


_BREAKER_LABELS: dict[BreakerWord, str] = {
    "open": "Hold open",
    "closed": "Hold closed",
    "auto": "Automatic",
}
_BREAKER_EFFECTS: dict[BreakerWord, str] = {
    "open": "No job of its queues starts until it is automatic again; running jobs go on.",
    "closed": "Jobs start whatever fails, and use up their attempts, until it is automatic again.",
    "auto": "It closes, forgets what it counted, and opens by itself when too much fails.",
}


class QueueControls(DashScreen):
    """A screen with a queue under its cursor: the controls of queues work on it."""

    BINDINGS = control_keys("pause", "breaker")

    def queue_here(self) -> QueueSnapshot | None:
        """The queue under the cursor, if there is one."""
        return None

    def action_control_pause(self) -> None:
        """Pause or resume the queue."""
        if (queue := self.queue_here()) is None:
            self.say("No queue here")
        else:
            open_pause(self, queue)

    def action_control_breaker(self) -> None:
        """Hold the breaker of the queue's provider open or closed, or make it automatic."""
        if (queue := self.queue_here()) is None:
            self.say("No queue here")
        else:
            open_breaker(self, queue)


def open_pause(screen: DashScreen, queue: QueueSnapshot) -> None:
    """Ask for a reason, then pause or resume the queue."""
    resuming = queue.pause is not None
    name, action = queue.name, "resume" if resuming else "pause"
    text = [line((f"{verb(action)} {name}", "strong"))]
    if queue.pause is not None:
        why = queue.pause.reason or "no reason given"
        text.append(line((f"Paused by {queue.pause.by}: {why}", "muted")))
        text.append(line((f"{plural(queue.waiting, 'waiting job')} may start at once.", "")))
    else:
        text.append(line((f"No further job starts. {_what_goes_on(queue.active)}", "")))
        text.append(line((f"{plural(queue.waiting, 'job')} waiting now.", "muted")))

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return (source.controls.resume if resuming else source.controls.pause)(name, reason=reason)

    push_action(screen, Action(tuple(text), verb(action), run))


def open_breaker(screen: DashScreen, queue: QueueSnapshot) -> None:
    """Plan to hold the breaker of the queue's provider open or closed, or to make it automatic."""
    snapshot = screen.session.store.snapshot
    provider = provider_of(snapshot, queue) if snapshot else None
    if snapshot is None or provider is None:
        screen.say(f"{queue.name} uses no provider with a breaker")
        return
    waiting = sum(q.waiting for q in snapshot.queues if q.name in provider.queues)
    changed = provider.forced_by or provider.holds
    _show_breaker(screen, provider, "auto" if changed else "open", waiting)


def _show_breaker(
    screen: DashScreen, provider: ProviderSnapshot, word: BreakerWord, waiting: int
) -> None:
    name = provider.name

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return source.controls.force_breaker(name, word, reason=reason)

    def other(chosen: BreakerWord) -> Callable[[], None]:
        return lambda: _show_breaker(screen, provider, chosen, waiting)

    push_action(
        screen,
        Action(
            tuple(_breaker_text(provider, word, waiting)),
            _BREAKER_LABELS[word],
            run,
            typed=name if in_production(screen) and word != "auto" else "",
            others=tuple(
                Other(f"Plan {label.lower()}…", other(chosen))
                for chosen, label in _BREAKER_LABELS.items()
                if chosen != word
            ),
        ),
    )


def _breaker_text(provider: ProviderSnapshot, word: BreakerWord, waiting: int) -> list[Line]:
    queues = ", ".join(short_queue(name) for name in provider.queues) or "no queue"
    state = breaker_health(provider)
    by = f" by {provider.forced_by}: {provider.reason}" if provider.forced_by else ""
    return [
        line((f"{_BREAKER_LABELS[word]}: the breaker of {provider.name}", "strong")),
        line("It is ", (f"{state.word}{by}", state.role or "strong"), " now."),
        line((_BREAKER_EFFECTS[word], "")),
        line((f"Used by {queues}: {plural(waiting, 'job')} waiting.", "muted")),
    ]


def open_quiet(
    screen: DashScreen, chosen: Sequence[WorkerSnapshot], everyone: Sequence[WorkerSnapshot]
) -> None:
    """Plan to make those workers quiet or, if all of them are, to resume them."""
    alive = [worker for worker in chosen if worker.state != "lost"]
    if not alive:
        screen.say("A lost worker takes no jobs anyway" if chosen else "No worker here")
        return
    quiet = any(worker.state != "quiet" for worker in alive)
    names = [worker.name for worker in alive if (worker.state != "quiet") is quiet]
    left = [w for w in everyone if w.state not in ("lost", "quiet") and w.name not in names]
    all_of_them = quiet and not left

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return source.controls.set_quiet(names, quiet=quiet, reason=reason)

    rest = [w for w in everyone if w.state != "lost" and (w.state != "quiet") is quiet]
    others = []
    if len(rest) > len(names):
        others.append(
            Other(f"Plan all {len(rest)} workers…", lambda: open_quiet(screen, rest, everyone))
        )
    running = sum(worker.running for worker in alive if worker.name in names)
    push_action(
        screen,
        Action(
            tuple(_quiet_text(names, running, quiet=quiet, all_of_them=all_of_them)),
            f"{'Quiet' if quiet else 'Resume'} {len(names)}",
            run,
            typed=str(len(names)) if all_of_them and in_production(screen) else "",
            others=tuple(others),
        ),
    )


def _quiet_text(
    names: Sequence[str], running: int, *, quiet: bool, all_of_them: bool
) -> list[Line]:
    what = names[0] if len(names) == 1 else plural(len(names), "worker")
    if quiet:
        lines = [
            line((f"Quiet {what}: no further job is taken", "strong")),
            line(_what_goes_on(running)),
            line(("A process that replaces a quiet one takes jobs.", "muted")),
        ]
    else:
        lines = [
            line(
                (
                    f"Resume {what}: it takes jobs again"
                    if len(names) == 1
                    else f"Resume {what}: they take jobs again",
                    "strong",
                )
            )
        ]
    if all_of_them:
        warning = "No worker is left to take jobs: nothing starts until one is resumed."
        lines.append(line(("! ", "warn"), (warning, "warn")))
    return lines


def _what_goes_on(running: int) -> str:
    if not running:
        return "No job runs now."
    goes = "goes on to its end" if running == 1 else "go on to their end"
    return f"{plural(running, 'running job')} {goes}."


def open_recurring_pause(screen: DashScreen, job: RecurringSnapshot) -> None:
    """Ask for a reason, then pause or resume a recurring job."""
    if job.problem:
        screen.say(f"{job.id} cannot be changed here: {job.problem}", problem=True)
        return
    pausing = not job.paused
    action = "pause" if pausing else "resume"
    text = [
        line((f"{verb(action)} {job.id}", "strong"), f": {job.kind}, {job.when}"),
        line(
            "It enqueues nothing until it is resumed; slots missed meanwhile are not made up for."
            if pausing
            else "It enqueues again from its next slot on."
        ),
    ]
    if job.declared:
        text.append(
            line(("From then on its declaration in the application no longer changes it.", "muted"))
        )

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return source.controls.pause_recurring(job.id, paused=pausing, reason=reason)

    push_action(screen, Action(tuple(text), verb(action), run))
