"""Actions that move executions: start and stop workflows, set variables."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from processors.workflow.actions.config import ActionConfig, Also
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import Done, StartWorkflow, StopWorkflows
from processors.workflow.actions.registry import action

# The name of a variable that a step sets.
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,99}$"


class StartWorkflowConfig(ActionConfig):
    """Another workflow of the organisation, for the same contact; `data` is its event's data."""

    workflow_id: Annotated[str, Also("workflow"), Field(min_length=1, max_length=100)]
    data: Annotated[Mapping[str, Any], Also("trigger_data", "input")] = {}
    is_awaited: Annotated[bool, Also("wait", "wait_for_completion")] = False


@action("start_workflow", StartWorkflowConfig, aliases=("trigger_workflow", "run_workflow"))
def start_workflow(config: StartWorkflowConfig, _ctx: ActionContext) -> StartWorkflow:
    """Start another workflow for the contact, and wait for its end if asked to."""
    return StartWorkflow(config.workflow_id, config.data, config.is_awaited)


class StopWorkflowConfig(ActionConfig):
    """One workflow, or all of them when none is named."""

    workflow_id: Annotated[str | None, Also("workflow"), Field(max_length=100)] = None
    reason: Annotated[str, Field(max_length=500)] = ""


@action("stop_workflow", StopWorkflowConfig, aliases=("stop_workflows", "remove_from_workflow"))
def stop_workflow(config: StopWorkflowConfig, _ctx: ActionContext) -> StopWorkflows:
    """End the contact's other open executions of a workflow, or of all."""
    return StopWorkflows(config.workflow_id, config.reason)


class SetVariableConfig(ActionConfig):
    """One variable as `name` and `value`, or several as `variables`."""

    BLANKS = frozenset({"value"})

    name: Annotated[
        str | None, Also("variable", "variable_name", "key"), Field(pattern=VARIABLE)
    ] = None
    value: Any = None
    variables: Mapping[Annotated[str, Field(pattern=VARIABLE)], Any] = {}

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.name is None) is not bool(self.variables):
            raise ValueError("there is nothing to set; allowed: name with value, or variables")
        return self


@action("set_variable", SetVariableConfig, aliases=("set_variables",))
def set_variable(config: SetVariableConfig, _ctx: ActionContext) -> Done:
    """Set variables of the execution."""
    found = dict(config.variables) or {str(config.name): config.value}
    return Done(found, found)
