"""The nodes of a workflow, typed: what is read from the builder's JSON, and what the engine runs.

Texts in settings may hold variables (``{{contact.first_name}}``); they are filled in when the node
runs. Edges leave a node by a *branch*; `BRANCHES` says which ones a type has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ERROR = "error"  # leaves any action whose `on_error` is EDGE
BRANCHES: Mapping[str, tuple[str, ...]] = {
    "condition": ("true", "false"),
    "wait": ("event", "timeout", "past"),
    "loop": ("body", "done"),
}
Json = Mapping[str, Any]


class OnError(StrEnum):
    """What happens after a node failed for good."""

    STOP = "stop"
    CONTINUE = "continue"
    EDGE = "edge"


class Settings(BaseModel):
    """Root of all settings of nodes: unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(Settings):
    """How often a failed step runs again: `attempts` in all, `base_s` before the second."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 1
    backoff: Literal["fixed", "linear", "exponential"] = "exponential"
    base_s: Annotated[float, Field(ge=0, le=86_400)] = 5


class DateTrigger(Settings):
    """A date of a contact that starts a workflow, found by a daily scan.

    `days`: before a membership's end; since the last visit; 0 on a birthday. `at` is the time of
    day (HH:MM) in the organisation's zone.
    """

    kind: Literal["birthday", "membership_expiring", "days_since_last_visit"]
    days: Annotated[int, Field(ge=0, le=3_650)] = 0
    at: str = "09:00"


class Schedule(Settings):
    """A workflow that starts by the clock: once, every `interval_s`, or by cron in a time zone."""

    kind: Literal["once", "interval", "cron"]
    at: str | None = None
    interval_s: Annotated[float, Field(ge=60)] | None = None
    cron: str | None = None
    timezone: str | None = None


class TriggerSettings(Settings):
    """One way in. `event` is canonical; `filter` is decided by `processors.workflow.triggers`."""

    event: str | None = None
    filter: Json = {}
    schedule: Schedule | None = None
    date: DateTrigger | None = None


class ActionSettings(Settings):
    """`config` fits the model that the action was registered with."""

    action: str
    config: Json = {}


class ConditionSettings(Settings):
    """A group or a comparison, see `processors.workflow.decisions.conditions`."""

    condition: Json


class SwitchCase(Settings):
    """One way out of a switch, taken if it is the first that fits.

    ``exact``: `value` is equal. ``range``: from `minimum` to `maximum`, both included, either may
    be missing. ``pattern``: `value` is a regular expression. ``condition``: it holds. ``default``
    always fits.
    """

    branch: str
    kind: Literal["exact", "range", "pattern", "condition", "default"]
    value: Any = None
    minimum: Any = None
    maximum: Any = None
    condition: Json | None = None


class SwitchSettings(Settings):
    """`field` names what the cases are compared with; no case fits: the step fails."""

    field: str | None = None
    cases: tuple[SwitchCase, ...]


class DurationWait(Settings):
    """A span of time, in any of the ways that `processors.workflow.durations` reads."""

    kind: Literal["duration"] = "duration"
    duration: Json


class UntilWait(Settings):
    """Until a date, `offset_s` later (or earlier); `past` says what a date in the past does."""

    kind: Literal["until"] = "until"
    moment: str
    offset_s: float = 0
    past: Literal["skip", "run", "edge"] = "skip"


class TimeOfDayWait(Settings):
    """Until the next HH:MM in the organisation's zone, on one of `days` (``monday`` …)."""

    kind: Literal["time_of_day"] = "time_of_day"
    at: str
    days: tuple[str, ...] = ()


class BusinessHoursWait(Settings):
    """Until the organisation is open; after `after`, if given."""

    kind: Literal["business_hours"] = "business_hours"
    after: Json | None = None


class EventWait(Settings):
    """Until one of `events` of the same contact passes `filter`, or `timeout` is over.

    It listens from the end of the step before it. Leaves by ``event`` or ``timeout``; an edge
    without a branch is taken in both cases.
    """

    kind: Literal["event"] = "event"
    events: tuple[str, ...]
    filter: Json = {}
    timeout: Json


class WaitSettings(Settings):
    """A wait, of one of five kinds."""

    wait: Annotated[
        DurationWait | UntilWait | TimeOfDayWait | BusinessHoursWait | EventWait,
        Field(discriminator="kind"),
    ]


class LoopSettings(Settings):
    """Runs the steps after its ``body`` once for each item, then leaves by ``done``.

    `items`: a variable that is a list. `start`, `stop`, `step`: a range, `stop` excluded. `query`:
    records of the organisation, see `processors.crm.repository`. The body sees ``loop.item`` (also
    by the name `item`), ``loop.index``, ``loop.total``, ``loop.is_first``, ``loop.is_last``.
    """

    kind: Literal["list", "range", "query"]
    items: str | tuple[Any, ...] | None = None
    start: int = 0
    stop: int | str | None = None
    step: int = 1
    query: Json | None = None
    item: str = "item"
    index: str = "index"
    maximum: Annotated[int, Field(ge=1, le=1_000)] = 100
    break_when: Json | None = None
    is_parallel: bool = False


class ParallelSettings(Settings):
    """All edges are taken at once."""


class MergeSettings(Settings):
    """Waits for ``all`` branches that can still arrive, for ``any``, or for `count` of them."""

    mode: Literal["all", "any", "count"] = "all"
    count: Annotated[int, Field(ge=1)] | None = None


class Variant(Settings):
    """One way out of a split test, with its share."""

    branch: str
    weight: Annotated[float, Field(gt=0)] = 1


class SplitSettings(Settings):
    """Sends each contact one way, always the same one."""

    variants: tuple[Variant, ...]


class GoalSettings(Settings):
    """Met by an event that passes `filter`, or once `condition` holds; the path goes on from it."""

    events: tuple[str, ...] = ()
    filter: Json = {}
    condition: Json | None = None


class SubWorkflowSettings(Settings):
    """Starts another workflow for the same contact; `is_awaited`: goes on when it has ended."""

    workflow_id: str
    is_awaited: bool = True
    data: Json = {}


class StopSettings(Settings):
    """Ends the execution."""

    status: Literal["completed", "failed", "cancelled"] = "completed"
    reason: str = ""


class NoteSettings(Settings):
    """For people only; it does nothing."""

    text: str = ""


AnySettings = (
    TriggerSettings | ActionSettings | ConditionSettings | SwitchSettings | WaitSettings
    | LoopSettings | ParallelSettings | MergeSettings | SplitSettings | GoalSettings
    | SubWorkflowSettings | StopSettings | NoteSettings
)  # fmt: skip
SETTINGS: Mapping[str, type[Settings]] = {
    "trigger": TriggerSettings,
    "action": ActionSettings,
    "condition": ConditionSettings,
    "switch": SwitchSettings,
    "wait": WaitSettings,
    "loop": LoopSettings,
    "parallel": ParallelSettings,
    "merge": MergeSettings,
    "split": SplitSettings,
    "goal": GoalSettings,
    "sub_workflow": SubWorkflowSettings,
    "stop": StopSettings,
    "note": NoteSettings,
}
NODE_TYPES = tuple(SETTINGS)


@dataclass(frozen=True, slots=True)
class Node:
    """One node; `settings` is of the class that `SETTINGS` names for `type`."""

    id: str
    type: str
    settings: AnySettings
    label: str = ""
    on_error: OnError = OnError.STOP
    retry: Retry = field(default_factory=Retry)


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection; `branch` is by what it leaves its source, None for the plain way on."""

    id: str
    source: str
    target: str
    branch: str | None = None


class Reentry(Settings):
    """When a contact may enter a workflow again.

    ``not_while_running`` (default), ``always``, ``once`` or ``once_per_period`` with `period_s`.
    `by`: an execution is one contact's, or one contact's for one booking.
    """

    policy: Literal["not_while_running", "always", "once", "once_per_period"] = "not_while_running"
    period_s: Annotated[float, Field(gt=0)] | None = None
    by: Literal["contact", "booking"] = "contact"


class WorkflowSettings(Settings):
    """Settings of a whole workflow. `stop_on`: events of the contact that end an execution."""

    priority: Literal["high", "normal", "low"] = "normal"
    on_error: OnError = OnError.STOP
    reentry: Reentry = Reentry()
    stop_on: tuple[str, ...] = ()
    max_executions: Annotated[int, Field(ge=1)] | None = None


@dataclass(frozen=True)
class Workflow:
    """A definition that can run; made by `processors.workflow.definition.reading`.

    What a reading guarantees: `edges` lead nowhere in a circle. Into a node that is no ``merge``
    at most one of them is passed in one execution (or iteration): where parallel branches met
    undrawn, a merge was put in. Every branch is one of the node's own. The nodes of a loop's body
    can be reached by its ``body`` edge alone.

    Attributes:
        edges: all that lead on.
        returns: from a node of a loop's body back to that loop. A loop that has any goes on only
            after an iteration in which one of them was passed, and else leaves by ``done``; a loop
            without any goes on to its end.
        bodies: of each loop the ids of its body's nodes, those of inner loops included.
        variables: the values of those that are declared with a default.
    """

    id: str
    name: str
    version: int
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    returns: tuple[Edge, ...] = ()
    bodies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    settings: WorkflowSettings = field(default_factory=WorkflowSettings)
    variables: Json = field(default_factory=dict)
