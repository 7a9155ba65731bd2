"""What an action is about to do, as lines of a dialog."""

from collections.abc import Sequence

from tui.data.model import Plan
from tui.text.formatting import plural
from tui.text.lines import Line, line

_SHOWN = 4
VERBS = {"retry": "Retry", "delete": "Delete", "pause": "Pause", "resume": "Resume"}


def verb(action: str) -> str:
    """The verb that stands on the button."""
    return VERBS.get(action, action.capitalize())


def plan_lines(plan: Plan, what: str) -> list[Line]:
    """How many jobs, which ones, and what to know beforehand."""
    jobs = plural(plan.count, "job")
    one = plan.count == 1
    effect = {
        "retry": "It goes back to the end of its queue and runs again."
        if one
        else "They go back to the end of their queues and run again.",
        "delete": "It is gone for good, with its payload and attempts."
        if one
        else "They are gone for good, with their payloads and attempts.",
    }.get(plan.action, "")
    lines = [line((f"{verb(plan.action)} {jobs}", "strong"), f": {what}"), line((effect, "muted"))]
    lines += _ids(plan.ids)
    if plan.cutoff is not None:
        lines.append(line(("Fixed now: jobs that fail later are not in this plan.", "muted")))
    lines += [line(("! ", "warn"), warning) for warning in plan.warnings]
    return lines


def _ids(ids: Sequence[str]) -> list[Line]:
    lines = [line(("  ", ""), (job_id, "info")) for job_id in ids[:_SHOWN]]
    if len(ids) > _SHOWN:
        lines.append(line((f"  and {len(ids) - _SHOWN:,} more", "muted")))
    return lines
