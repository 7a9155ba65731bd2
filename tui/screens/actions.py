"""From a capital letter to a dialog: plans and pauses, for whatever place asks."""

from collections.abc import Callable
from dataclasses import dataclass

from tui.data.background import Outcome
from tui.data.model import ActionResult, Plan, QueueSnapshot
from tui.data.source import Source
from tui.formatting import plural
from tui.screens.base import Place
from tui.screens.dialog import Action, ActionDialog
from tui.widgets.painted import line
from tui.widgets.plan_text import plan_lines, verb

# In production more than this many jobs need the number typed in.
_TYPED_ABOVE = 20


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that could be made: what it covers, in words, and how to make it."""

    what: str
    make: Callable[[Source], Plan]


def open_plan(place: Place, offer: Offer, *, other: Offer | None = None) -> None:
    """Have the plan made, then show it; `other` is offered beside it."""

    def made(outcome: Outcome[Plan]) -> None:
        if outcome.value is None:
            place.say(f"No plan: {outcome.error}", problem=True)
        elif outcome.value.count == 0:
            place.say(f"Nothing to do: no such job among {offer.what}")
        else:
            _show_plan(place, outcome.value, offer, other)

    place.session.act(offer.make, made)


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

    def run(source: Source, reason: str) -> ActionResult:
        return (source.resume if resuming else source.pause)(name, reason=reason)

    _push(place, Action(tuple(text), verb(action), run))


def _show_plan(place: Place, plan: Plan, offer: Offer, other: Offer | None) -> None:
    def run(source: Source, reason: str) -> ActionResult:
        return source.apply(plan, reason=reason)

    def change() -> None:
        if other is not None:
            open_plan(place, other)

    snapshot = place.session.store.snapshot
    production = snapshot is not None and snapshot.environment == "production"
    _push(
        place,
        Action(
            tuple(plan_lines(plan, offer.what)),
            f"{verb(plan.action)} {plan.count:,}",
            run,
            typed=str(plan.count) if production and plan.count > _TYPED_ABOVE else "",
            other_label=f"Plan {other.what}…" if other else "",
            other=change,
        ),
    )


def _push(place: Place, action: Action) -> None:
    def closed(done: bool | None) -> None:  # noqa: FBT001 - a screen's result
        if done:
            place.clear_marks()
        place.refresh_now()

    place.app.push_screen(ActionDialog(place.session, action), closed)
