"""Payloads of the workflow queues."""

import uuid
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from processors.event_names import meant
from processors.naming import name_key
from processors.payloads.base import Data, Id, Name, Payload, Reason


def _event(value: str) -> str:
    if not name_key(value):
        raise ValueError("must name an event, such as lead_created; there is no letter in it")
    if (near := meant(value)) is not None:
        raise ValueError(f"{value[:60]!r} is not an event; did you mean {near}?")
    return value


EventName = Annotated[Name, AfterValidator(_event)]


class ProcessTrigger(Payload):
    """A CRM event: every workflow of the organisation that listens to it starts.

    A name that nearly is that of a known event is refused; any other one may be an organisation's
    own.
    """

    trigger_type: EventName
    trigger_data: Data = {}


class ExecuteWorkflow(Payload):
    """Run one workflow.

    Attributes:
        execution_id: makes the run idempotent beyond the job's own life; default is derived from
            the job's id.
        start_at: the trigger nodes that the event passed; default is the first.
    """

    workflow_id: Id
    execution_id: uuid.UUID | None = None
    trigger_type: Name = "manual"
    start_at: Annotated[list[Name], Field(max_length=1_000)] = []
    trigger_data: Data = {}
    variables: Data = {}


class AdvanceExecution(Payload):
    """Go on with an execution as far as it goes.

    Attributes:
        node_id: key of the step that may run; None when something has happened outside, such as an
            event.
    """

    execution_id: uuid.UUID
    node_id: Name | None = None


class ExecuteNode(Payload):
    """Run one step of an execution: what earlier versions have enqueued."""

    execution_id: uuid.UUID
    node_id: Name


class ScanDates(Payload):
    """Find the workflows whose dates are due today, in every organisation."""


class StartOnDate(Payload):
    """Start a workflow for each contact of whom it is the day.

    Attributes:
        node_id: the trigger that names the date.
        day: in the organisation's zone.
    """

    workflow_id: Id
    node_id: Name
    day: date


class StopWorkflows(Payload):
    """End the other open executions of an execution's contact.

    Attributes:
        workflow_id: only those of one workflow.
    """

    execution_id: uuid.UUID
    node_id: Name
    workflow_id: Id | None = None
    reason: Reason = ""


class ContinueWait(Payload):
    """A wait is over: go on after that step."""

    execution_id: uuid.UUID
    node_id: Name


class RunAction(Payload):
    """Carry out an action that calls something outside, and settle its step.

    Attributes:
        action: its registered name.
        config: its settings, variables filled in.
    """

    execution_id: uuid.UUID
    node_id: Name
    action: Name
    config: Data = {}


class RequestHttp(Payload):
    """Make an HTTP call, and settle its step.

    Attributes:
        request: settings of the action, variables filled in.
    """

    execution_id: uuid.UUID
    node_id: Name
    request: Data
