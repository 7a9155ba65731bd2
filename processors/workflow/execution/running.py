"""Running one step: what a node of each type does."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from processors.compliance.hours import next_open
from processors.crm.contacts import facts_of_record
from processors.crm.entities import ENTITIES
from processors.crm.organisations import gym_facts
from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.texts.interpolation import interpolate
from processors.texts.values import MISSING, is_missing, shown
from processors.texts.wording import zone_of
from processors.workflow.decisions.conditions import field_value, holds
from processors.workflow.execution.acting import act
from processors.workflow.execution.board import Board, Step
from processors.workflow.execution.choosing import split_branch, switch_branch
from processors.workflow.execution.facts import World
from processors.workflow.execution.outcomes import Ended, Loops, Outcome, Stops, Waits
from processors.workflow.execution.starting import start_child
from processors.workflow.execution.waking import Waking, wake
from processors.workflow.nodes import (
    ActionSettings,
    ConditionSettings,
    EventWait,
    GoalSettings,
    LoopSettings,
    MergeSettings,
    NoteSettings,
    ParallelSettings,
    SplitSettings,
    StopSettings,
    SubWorkflowSettings,
    SwitchSettings,
    TriggerSettings,
    WaitSettings,
)

if TYPE_CHECKING:
    from processors.crm.repository.protocol import Entity

_MAX_ITEMS = 10_000


def run_step(world: World, board: Board, step: Step) -> Outcome:
    """Run a pending step.

    Raises:
        DefinitionError: it cannot be carried out; with what is allowed.
    """
    settings = board.plan.nodes[step.node_id].settings
    if step.is_skipping and isinstance(settings, _SKIPPED):
        reason = {"skipped": "the moment it was for had passed"}
        return Ended(reason, _after_skipping(settings), is_skipped=True)
    return _RUNS[type(settings)](world, board, step)


def _after_skipping(settings: Any) -> str | None:
    return "done" if isinstance(settings, LoopSettings) else None


def _settings(board: Board, step: Step) -> Any:
    return board.plan.nodes[step.node_id].settings


def _trigger(world: World, _board: Board, _step: Step) -> Outcome:
    return Ended({"trigger_type": world.execution.trigger_type})


def _act(world: World, board: Board, step: Step) -> Outcome:
    return act(world, step, _settings(board, step), world.scope(board, step))


def _condition(world: World, board: Board, step: Step) -> Outcome:
    result = holds(_settings(board, step).condition, world.facts(board, step))
    return Ended({"result": result}, "true" if result else "false")


def _split(world: World, board: Board, step: Step) -> Outcome:
    branch = split_branch(
        _settings(board, step),
        contact=world.execution.contact_id or str(world.execution.id),
        workflow_id=world.execution.workflow_id,
        node_id=step.node_id,
    )
    return Ended({"variant": branch}, branch)


def _sub_workflow(world: World, board: Board, step: Step) -> Outcome:
    settings: SubWorkflowSettings = _settings(board, step)
    data = interpolate(dict(settings.data), world.scope(board, step))
    return start_child(world, step, settings.workflow_id, data, is_awaited=settings.is_awaited)


def _stop(_world: World, board: Board, step: Step) -> Outcome:
    settings: StopSettings = _settings(board, step)
    return Stops(settings.status, settings.reason)


def _nothing(_world: World, _board: Board, _step: Step) -> Outcome:
    return Ended()


def _switch(world: World, board: Board, step: Step) -> Outcome:
    settings: SwitchSettings = _settings(board, step)
    facts = world.facts(board, step)
    field = settings.field
    value = MISSING if field is None else field_value(field, facts.scope)

    def compare(operator: str, expected: Any) -> bool:
        if field is None:
            raise DefinitionError("the switch names no field, and a case compares with one")
        return facts.compare(operator, field, expected)

    branch = switch_branch(
        settings,
        None if value is MISSING else value,
        compare=compare,
        holds=lambda condition: holds(condition, facts),
    )
    return Ended({"case": branch}, branch)


def _wait(world: World, board: Board, step: Step) -> Outcome:
    facts = world.facts(board, step)
    wait = _settings(board, step).wait
    found = wake(
        wait,
        Waking(
            now=world.now,
            zone=zone_of(gym_facts(world.organisation)),
            fill=lambda value: interpolate(value, facts.scope),
            holds=lambda condition: holds(condition, facts),
            next_open=lambda start: _next_open(world, start),
        ),
    )
    if isinstance(wait, EventWait):
        if world.execution.contact_id is None:
            raise DefinitionError("the execution has no contact for whose events it could wait")
        return Waits(found.at, tuple(canonical(event) for event in wait.events))
    match found.past:
        case None:
            return Waits(found.at)
        case "edge":
            return Ended({"past": found.at.isoformat()}, "past")
        case past:
            return Ended({"past": found.at.isoformat()}, skips=past == "skip")


def _next_open(world: World, start: datetime) -> datetime | None:
    organisation = world.organisation
    if organisation is None:
        return None
    zone = zone_of(gym_facts(organisation))
    holidays = world.repository.holidays(world.execution.org)
    try:
        return next_open(organisation["business_hours"], holidays, zone, start)
    except ValueError as error:
        raise DefinitionError(str(error)) from error


def _loop(world: World, board: Board, step: Step) -> Outcome:
    settings: LoopSettings = _settings(board, step)
    items = _items(world, settings, world.scope(board, step))
    return Loops(items[: settings.maximum], max(0, len(items) - settings.maximum))


def _items(world: World, settings: LoopSettings, scope: Mapping[str, Any]) -> Sequence[Any]:
    if settings.kind == "range":
        stop = interpolate(settings.stop, scope)
        try:
            found = range(settings.start, int(stop), settings.step)
        except (TypeError, ValueError):
            raise DefinitionError(
                f"the loop runs from {settings.start} to {shown(stop)}; allowed: whole numbers"
            ) from None
        return list(found[:_MAX_ITEMS])
    if settings.kind == "query":
        return _records(world, settings.query or {}, scope)
    value = settings.items
    found_items = interpolate(value if isinstance(value, str) else list(value or ()), scope)
    if isinstance(found_items, str) and "{{" not in str(value):
        # A name without braces.
        named = field_value(found_items, scope)
        found_items = None if named is MISSING else named
    if is_missing(found_items):
        return []
    if not isinstance(found_items, list | tuple):
        raise DefinitionError(f"the loop's items are {shown(found_items)}; allowed: a list")
    return list(found_items[:_MAX_ITEMS])


def _records(world: World, query: Mapping[str, Any], scope: Mapping[str, Any]) -> Sequence[Any]:
    """The organisation's records whose fields equal ``where``, the oldest first."""
    entity = query.get("entity")
    if entity not in ENTITIES:
        known = ", ".join(ENTITIES)
        raise DefinitionError(f"the loop's entity is {shown(entity)}; allowed: {known}")
    where = interpolate(dict(query.get("where") or {}), scope)
    try:
        found = world.repository.find(world.execution.org, cast("Entity", entity), where)
    except ValueError as error:
        raise DefinitionError(str(error)) from error
    return [facts_of_record(record) for record in found]


def _goal(world: World, board: Board, step: Step) -> Outcome:
    """A path has come to a goal: it waits for its event; without one it ends, if it is not met."""
    settings: GoalSettings = _settings(board, step)
    if settings.condition is not None and holds(settings.condition, world.facts(board, step)):
        return Ended({"met": True})
    if settings.events and step.path == () and world.execution.contact_id is not None:
        return Waits()
    return Ended({"met": False}, "unmet")


_SKIPPED = (ActionSettings, SubWorkflowSettings, LoopSettings)
_RUNS: Mapping[type[Any], Callable[[World, Board, Step], Outcome]] = {
    TriggerSettings: _trigger,
    ActionSettings: _act,
    ConditionSettings: _condition,
    SwitchSettings: _switch,
    WaitSettings: _wait,
    LoopSettings: _loop,
    ParallelSettings: _nothing,
    MergeSettings: _nothing,
    SplitSettings: _split,
    GoalSettings: _goal,
    SubWorkflowSettings: _sub_workflow,
    StopSettings: _stop,
    NoteSettings: _nothing,
}
