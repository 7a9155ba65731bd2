"""What an operator does to a stored workflow: enable, disable, archive, delete."""

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from processors.database.models import Workflow as WorkflowRow
from processors.database.models import WorkflowExecution, utc_now
from processors.errors import DefinitionError
from processors.workflow.definition.reading import valid_workflow
from processors.workflow.definition.saving import sub_workflow_problems
from processors.workflow.definition.versions import content_of_row


def workflow_of(session: Session, org: str, workflow_id: str, *, lock: bool = False) -> WorkflowRow:
    """The stored workflow.

    Raises:
        DefinitionError: the organisation has none of that id; with those it has.
    """
    query = select(WorkflowRow).where(WorkflowRow.org_id == org, WorkflowRow.id == workflow_id)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        ids = session.scalars(
            select(WorkflowRow.id)
            .where(WorkflowRow.org_id == org)
            .order_by(WorkflowRow.id)
            .limit(20)
        ).all()
        raise DefinitionError(
            f"the organisation {org} has no workflow {workflow_id[:60]!r}; it has: "
            f"{', '.join(ids)[:300] or 'none'}"
        )
    return found


def enable(session: Session, org: str, workflow_id: str) -> WorkflowRow:
    """Let events start it, and its executions go on.

    Raises:
        DefinitionError: there is no such workflow, or this release cannot run it.
    """
    row = workflow_of(session, org, workflow_id, lock=True)
    workflow = valid_workflow({**content_of_row(row), "id": row.id}, version=row.version)
    if problems := list(sub_workflow_problems(session, org, workflow)):
        raise DefinitionError("\n".join(problems))
    return _set(row, "active")


def disable(session: Session, org: str, workflow_id: str) -> WorkflowRow:
    """Pause it: nothing starts it, and its executions are held, those that wait included.

    Raises:
        DefinitionError: there is no such workflow.
    """
    return _set(workflow_of(session, org, workflow_id, lock=True), "paused")


def delete_workflow(session: Session, org: str, workflow_id: str) -> None:
    """Delete a workflow that has never run, with its versions.

    Raises:
        DefinitionError: there is no such workflow, or it has executions: history is not erased.
    """
    row = workflow_of(session, org, workflow_id, lock=True)
    count = session.scalar(
        select(func.count()).where(
            WorkflowExecution.org_id == org, WorkflowExecution.workflow_id == workflow_id
        )
    )
    if count:
        raise DefinitionError(
            f"the workflow {workflow_id!r} has {count} executions, whose history would be lost; "
            "allowed: atlas workflow archive"
        )
    session.execute(delete(WorkflowRow).where(WorkflowRow.org_id == org, WorkflowRow.id == row.id))


def set_archived(session: Session, org: str, workflow_id: str) -> WorkflowRow:
    """Put it away. What is still running has to be cancelled by the caller.

    Raises:
        DefinitionError: there is no such workflow.
    """
    return _set(workflow_of(session, org, workflow_id, lock=True), "archived")


def _set(row: WorkflowRow, status: str) -> WorkflowRow:
    if row.status != status:
        row.status, row.updated_at = status, utc_now()
    return row
