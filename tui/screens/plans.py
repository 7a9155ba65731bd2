"""Plans to retry or delete jobs, and the dialogs that show them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tui.data.background import Outcome
from tui.data.model import ActionResult, JobDetail, Plan
from tui.data.source import AtlasError
from tui.screens.base import DashScreen
from tui.screens.dialog import Action, ActionDialog, Other
from tui.source import Source
from tui.text.plan_text import plan_lines, verb

# In production more than this many jobs need the number typed in.
_TYPED_ABOVE = 20
_ATTEMPTS = ("attempts", ("a fresh budget", "one more try"))


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that could be made: what it covers, in words, and how to make it."""

    what: str
    make: Callable[[Source], Plan]


def open_plan(screen: DashScreen, offer: Offer, *, other: Offer | None = None) -> None:
    """Have the plan made, then show it; `other` is offered beside it."""

    def made(outcome: Outcome[Plan]) -> None:
        if outcome.value is None:
            screen.say(f"No plan: {outcome.error}", problem=True)
        elif outcome.value.count == 0:
            screen.say(f"Nothing to do: no such job among {offer.what}")
        else:
            _show_plan(screen, outcome.value, offer, other)

    screen.session.act(offer.make, made)


def open_group_plan(screen: DashScreen, job_id: str | None, queue: str | None) -> None:
    """Plan a retry of all that failed with the same error as that job, of `queue` or (None) all."""
    if job_id is None:
        screen.say("No failed job here")
        return
    where = queue or "every queue"
    # With many failed jobs this takes a while; the notice is gone before the dialog comes.
    screen.notify("Looking for jobs with this error…", timeout=1, markup=False)
    offer = Offer(
        f"all failed of {where} with the error of {job_id}",
        lambda source: source.controls.plan_retry(
            queue=queue, group=fingerprint_of(source.reads.job(job_id)) or _no_group(job_id)
        ),
    )
    open_plan(screen, offer)


def fingerprint_of(detail: JobDetail) -> str:
    """What the job's last error has in common with others like it; empty if it has none."""
    return next((a.fingerprint for a in reversed(detail.attempts) if a.fingerprint), "")


def in_production(screen: DashScreen) -> bool:
    """Whether what is done here is done to production."""
    snapshot = screen.session.store.snapshot
    return snapshot is not None and snapshot.environment == "production"


def push_action(screen: DashScreen, action: Action) -> None:
    """Show the dialog; afterwards the screen is up to date and its marks are gone."""

    def closed(done: bool | None) -> None:  # noqa: FBT001 - a screen's result
        if done:
            screen.clear_marks()
        screen.refresh_now()

    screen.app.push_screen(ActionDialog(screen.session, action), closed)


def _show_plan(screen: DashScreen, plan: Plan, offer: Offer, other: Offer | None) -> None:
    retrying = plan.action == "retry"

    def run(source: Source, reason: str, choice: int) -> ActionResult:
        chosen = replace(plan, keep_attempts=choice == 1) if retrying else plan
        return source.controls.apply(chosen, reason=reason)

    others = []
    if other is not None:
        others.append(Other(f"Plan {other.what}…", lambda: open_plan(screen, other)))
    push_action(
        screen,
        Action(
            tuple(plan_lines(plan, offer.what)),
            f"{verb(plan.action)} {plan.count:,}",
            run,
            typed=str(plan.count) if in_production(screen) and plan.count > _TYPED_ABOVE else "",
            others=tuple(others),
            choice=_ATTEMPTS if retrying else None,
        ),
    )


def _no_group(job_id: str) -> str:
    raise AtlasError(f"job {job_id} has no error that others could share")
