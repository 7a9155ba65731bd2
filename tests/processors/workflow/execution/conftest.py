"""A worker with simulated time over typed workflows, on a real database."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from processors import application
from processors.database.engine import Database
from processors.database.models import (
    Contact,
    Message,
    WorkflowExecution,
    WorkflowStep,
    WorkflowVersion,
)
from processors.database.models import Workflow as WorkflowRow
from processors.resources import Resources
from processors.workflow.execution.definitions import remember
from processors.workflow.execution.plan import Plan
from processors.workflow.nodes import Workflow
from processors.workflow.triggers import events_of
from runtime.testing import InlineAttempt, InlineWorker
from tests.processors.harness import ORG

# A Tuesday, at nine in the morning in London.
NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)


@dataclass
class Gym:
    """One organisation, its worker, and a clock."""

    database: Database
    worker: InlineWorker
    events: int = field(default=0)

    def add(self, workflow: Workflow, *, status: str = "active") -> None:
        """Store a workflow that no JSON stands for."""
        event = min(events_of(workflow), default=None)
        with self.database.write() as session:
            session.merge(
                WorkflowRow(org_id=ORG, id=workflow.id, name=workflow.name, status=status,
                            trigger_type=event, nodes=[], edges=[], version=workflow.version,
                            updated_at=datetime.now(UTC))
            )  # fmt: skip
            session.flush()
            row = session.get_one(WorkflowRow, (ORG, workflow.id))
            from processors.workflow.definition.versions import content_of_row, digest_of

            content = content_of_row(row)
            session.merge(
                WorkflowVersion(org_id=ORG, workflow_id=workflow.id, version=workflow.version,
                                definition=content, digest=digest_of(content))
            )  # fmt: skip
            remember(session, ORG, Plan(workflow))

    def status(self, status: str, ident: str = "wf") -> None:
        with self.database.write() as session:
            session.get_one(WorkflowRow, (ORG, ident)).status = status

    def report(self, event: str = "lead_created", contact: str | None = "lead_1", *,
               job_id: str | None = None, **data: Any) -> list[InlineAttempt]:  # fmt: skip
        """Report an event, and run all that is due."""
        self.events += 1
        found = data | ({"contact_id": contact} if contact else {})
        self.worker.client.enqueue(
            "process_trigger", org=ORG, job_id=job_id or f"event_{self.events}",
            payload={"trigger_type": event, "trigger_data": found},
        )  # fmt: skip
        return self.worker.run()

    def advance(self, **span: float) -> list[InlineAttempt]:
        return self.worker.advance(timedelta(**span))

    def rows(self, model: Any, **where: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(model).filter_by(**where)))

    @property
    def executions(self) -> list[WorkflowExecution]:
        return sorted(self.rows(WorkflowExecution), key=lambda row: (row.started_at, row.depth))

    @property
    def execution(self) -> WorkflowExecution:
        [execution] = self.executions
        return execution

    @property
    def steps(self) -> dict[str, str]:
        return {step.key: step.status for step in self.step_rows}

    @property
    def step_rows(self) -> list[WorkflowStep]:
        return sorted(self.rows(WorkflowStep), key=lambda row: (row.run, row.number))

    def step(self, key: str) -> WorkflowStep:
        [found] = [row for row in self.step_rows if row.key == key]
        return found

    @property
    def tags(self) -> list[str]:
        [contact] = self.rows(Contact, id="lead_1")
        return list(contact.tags)

    @property
    def texts(self) -> list[str]:
        found = sorted(self.rows(Message), key=lambda row: (row.created_at, str(row.node_id)))
        return [row.body for row in found if row.status == "sent"]


@pytest.fixture
def gym(engine: Any, add_lead: Callable[..., str], database: Database) -> Iterator[Gym]:
    add_lead()
    resources: Resources = engine.resources
    # Without what recurs: days of simulated time would be thousands of health checks.
    quiet = replace(application, recurring=())
    with InlineWorker(quiet, now=NINE, resources=resources, settings=resources.settings) as worker:
        yield Gym(database, worker)
