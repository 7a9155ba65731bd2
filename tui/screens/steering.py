"""From a capital letter to a dialog about queues, breakers, workers and recurring jobs."""

from collections.abc import Callable, Sequence

from tui.data.model import (
    ActionResult,
    BreakerWord,
    QueueSnapshot,
    RecurringSnapshot,
    ResourceSnapshot,
    WorkerSnapshot,
)
from tui.data.source import Source
from tui.screens.actions import in_production, push_action
from tui.screens.base import Place
from tui.screens.dialog import Action, Other
from tui.text.breakers import resource_of
from tui.text.formatting import plural, short_queue
from tui.text.health import breaker_health
from tui.text.plan_text import verb
from tui.widgets.painted import Line, line

_BREAKER_LABELS: dict[BreakerWord, str] = {
    "open": "Hold open",
    "closed": "Hold closed",
    "auto": "Leave to itself",
}
_BREAKER_EFFECTS: dict[BreakerWord, str] = {
    "open": "No job of its queues starts until it is let go; those that run go on.",
    "closed": "Jobs start whatever fails, and use up their attempts, until it is let go.",
    "auto": "It closes, with nothing counted, and opens by itself when too much fails.",
}


def open_pause(place: Place, queue: QueueSnapshot) -> None:
    """Ask for a reason, then pause the queue or let it go on."""
    resuming = queue.pause is not None
    name, action = queue.name, "resume" if resuming else "pause"
    text = [line((f"{verb(action)} {name}", "strong"))]
    if queue.pause is not None:
        why = queue.pause.reason or "no reason given"
        text.append(line((f"Paused by {queue.pause.by}: {why}", "muted")))
        text.append(line((f"{plural(queue.waiting, 'waiting job')} may start at once.", "")))
    else:
        text.append(line((f"No further job starts on any worker; {queue.active} go on.", "")))
        text.append(line((f"{plural(queue.waiting, 'job')} waiting now.", "muted")))

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return (source.resume if resuming else source.pause)(name, reason=reason)

    push_action(place, Action(tuple(text), verb(action), run))


def open_breaker(place: Place, queue: QueueSnapshot) -> None:
    """Plan to hold the breaker of what the queue uses open or closed, or to leave it to itself."""
    snapshot = place.session.store.snapshot
    resource = resource_of(snapshot, queue) if snapshot else None
    if snapshot is None or resource is None:
        place.say(f"{queue.name} uses no resource with a breaker")
        return
    waiting = sum(q.waiting for q in snapshot.queues if q.name in resource.queues)
    changed = resource.forced_by or resource.holds
    _show_breaker(place, resource, "auto" if changed else "open", waiting)


def _show_breaker(
    place: Place, resource: ResourceSnapshot, word: BreakerWord, waiting: int
) -> None:
    name = resource.name

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return source.force_breaker(name, word, reason=reason)

    def other(chosen: BreakerWord) -> Callable[[], None]:
        return lambda: _show_breaker(place, resource, chosen, waiting)

    push_action(
        place,
        Action(
            tuple(_breaker_text(resource, word, waiting)),
            _BREAKER_LABELS[word],
            run,
            typed=name if in_production(place) and word != "auto" else "",
            others=tuple(
                Other(f"Plan {label.lower()}…", other(chosen))
                for chosen, label in _BREAKER_LABELS.items()
                if chosen != word
            ),
        ),
    )


def _breaker_text(resource: ResourceSnapshot, word: BreakerWord, waiting: int) -> list[Line]:
    queues = ", ".join(short_queue(name) for name in resource.queues) or "no queue"
    state = breaker_health(resource)
    by = f" by {resource.forced_by}: {resource.reason}" if resource.forced_by else ""
    return [
        line((f"{_BREAKER_LABELS[word]}: the breaker of {resource.name}", "strong")),
        line("It is ", (f"{state.word}{by}", state.role or "strong"), " now."),
        line((_BREAKER_EFFECTS[word], "")),
        line((f"Used by {queues}: {plural(waiting, 'job')} waiting.", "muted")),
    ]


def open_quiet(
    place: Place, chosen: Sequence[WorkerSnapshot], everyone: Sequence[WorkerSnapshot]
) -> None:
    """Plan to let those workers take no further job, or, if all are quiet, take jobs again."""
    alive = [worker for worker in chosen if worker.state != "lost"]
    if not alive:
        place.say("A lost worker takes no job anyway" if chosen else "No worker here")
        return
    quiet = any(worker.state != "quiet" for worker in alive)
    names = [worker.name for worker in alive if (worker.state != "quiet") is quiet]
    left = [w for w in everyone if w.state not in ("lost", "quiet") and w.name not in names]
    all_of_them = quiet and not left

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return source.set_quiet(names, quiet=quiet, reason=reason)

    rest = [w for w in everyone if w.state != "lost" and (w.state != "quiet") is quiet]
    others = []
    if len(rest) > len(names):
        others.append(
            Other(f"Plan all {len(rest)} workers…", lambda: open_quiet(place, rest, everyone))
        )
    running = sum(worker.running for worker in alive if worker.name in names)
    push_action(
        place,
        Action(
            tuple(_quiet_text(names, running, quiet=quiet, all_of_them=all_of_them)),
            f"{'Quiet' if quiet else 'Unquiet'} {len(names)}",
            run,
            typed=str(len(names)) if all_of_them and in_production(place) else "",
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
            line(("A process that takes a quiet one's place takes jobs.", "muted")),
        ]
    else:
        lines = [line((f"Unquiet {what}: jobs are taken again", "strong"))]
    if all_of_them:
        warning = "No worker is left that takes jobs: nothing starts until one is let go on."
        lines.append(line(("! ", "warn"), (warning, "warn")))
    return lines


def _what_goes_on(running: int) -> str:
    if not running:
        return "Nothing runs there now."
    goes = "goes on to its end" if running == 1 else "go on to their end"
    return f"{plural(running, 'job')} running there {goes}."


def open_recurring_pause(place: Place, job: RecurringSnapshot) -> None:
    """Ask for a reason, then let a recurring job enqueue nothing, or enqueue again."""
    if job.problem:
        place.say(f"{job.id} cannot be changed here: {job.problem}", problem=True)
        return
    pausing = not job.paused
    action = "pause" if pausing else "resume"
    text = [
        line((f"{verb(action)} {job.id}", "strong"), f": {job.kind}, {job.when}"),
        line(
            "It enqueues nothing until it is resumed; what passes is not made up for."
            if pausing
            else "It enqueues again from its next slot on."
        ),
    ]
    if job.declared:
        text.append(line(("From then on the application's code no longer changes it.", "muted")))

    def run(source: Source, reason: str, _choice: int) -> ActionResult:
        return source.pause_recurring(job.id, paused=pausing, reason=reason)

    push_action(place, Action(tuple(text), verb(action), run))
