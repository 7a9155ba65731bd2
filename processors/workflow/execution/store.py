"""Executions and their steps in the database: read in one statement each, written in one each."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Row, Select, and_, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from processors.database.models import (
    Workflow,
    WorkflowExecution,
    WorkflowStep,
    WorkflowWait,
)
from processors.workflow.execution.board import Step
from processors.workflow.execution.keys import path_text, read_path
from processors.workflow.execution.plan import Plan
from processors.workflow.nodes import ActionSettings

if TYPE_CHECKING:
    from sqlalchemy import CursorResult, Table

ENDED = ("completed", "failed", "cancelled")
MAX_ERROR = 1_000
_EXECUTIONS = cast("Table", WorkflowExecution.__table__)
_STEPS = cast("Table", WorkflowStep.__table__)
# What an advance may change of an execution.
_CHANGING = ("status", "variables", "error_message", "completed_at", "started_at", "run", "kept")


@dataclass(slots=True)
class Execution:
    """An execution, as it is read and written; see `WorkflowExecution`.

    `workflow_status` is read along with it.
    """

    id: uuid.UUID
    org: str
    workflow_id: str
    version: int
    status: str
    trigger_type: str
    trigger_data: Mapping[str, Any]
    variables: dict[str, Any]
    contact_id: str | None
    priority: int
    job_id: str
    started_at: datetime
    event_id: uuid.UUID | None = None
    entry_key: str | None = None
    parent_id: uuid.UUID | None = None
    parent_key: str | None = None
    depth: int = 0
    run: int = 0
    kept: dict[str, Any] = field(default_factory=dict)
    error_message: str | None = None
    completed_at: datetime | None = None
    workflow_status: str = "active"
    is_changed: bool = False

    @property
    def rests(self) -> bool:
        """Whether no step may begin now."""
        return self.status != "running" or self.workflow_status == "paused"

    @property
    def has_ended(self) -> bool:
        """Whether it is over."""
        return self.status in ENDED


_COLUMNS = tuple(column.name for column in _EXECUTIONS.columns)
_FIELD = {"org_id": "org"}


def lock_execution(session: Session, org: str, execution_id: uuid.UUID) -> Execution | None:
    """The execution of that organisation, locked until the transaction ends.

    In every transaction it is the first row that is locked, before the contact's.
    """
    query = _with_workflow(WorkflowExecution.id == execution_id).where(
        WorkflowExecution.org_id == org
    )
    row = session.execute(query.with_for_update(of=WorkflowExecution)).one_or_none()
    return None if row is None else _execution(row)


def _with_workflow(where: Any) -> Select[Any]:
    return (
        select(*_EXECUTIONS.columns, Workflow.status)
        .join(
            Workflow,
            and_(
                Workflow.org_id == WorkflowExecution.org_id,
                Workflow.id == WorkflowExecution.workflow_id,
            ),
        )
        .where(where)
    )


def _execution(row: Row[Any]) -> Execution:
    values = {_FIELD.get(name, name): value for name, value in zip(_COLUMNS, row, strict=False)}
    return Execution(**values, workflow_status=row[-1])


def read_steps(session: Session, execution_id: uuid.UUID) -> Sequence[Row[Any]]:
    """The rows of the steps that still matter."""
    query = select(*_STEPS.columns).where(
        _STEPS.c.execution_id == execution_id, _STEPS.c.is_past.is_(False)
    )
    return session.execute(query).all()


def steps_of(rows: Iterable[Row[Any]]) -> list[Step]:
    """Fresh steps of rows, to be changed."""
    return [
        Step(
            key=row.key,
            node_id=row.node_id,
            path=read_path(row.iteration),
            status=row.status,
            number=row.number,
            run=row.run,
            branch=row.branch,
            attempts=row.attempts,
            is_skipping=row.is_skipping,
            input=row.input_data,
            output=row.output_data,
            error=row.error,
            resume_at=row.resume_at,
            created_at=row.created_at,
            started_at=row.started_at,
            completed_at=row.completed_at,
        )
        for row in rows
    ]


def insert_execution(session: Session, execution: Execution) -> bool:
    """Write a new execution; False when one of that id exists."""
    row = {name: getattr(execution, _FIELD.get(name, name)) for name in _COLUMNS}
    statement = _insert(session)(_EXECUTIONS).on_conflict_do_nothing()
    result = session.execute(statement.execution_options(preserve_rowcount=True), row)
    return cast("CursorResult[Any]", result).rowcount == 1


def update_execution(session: Session, execution: Execution) -> None:
    """Write what has changed of an execution."""
    statement = update(_EXECUTIONS).where(_EXECUTIONS.c.id == bindparam("which"))
    values = {name: getattr(execution, name) for name in _CHANGING}
    session.execute(statement, {"which": execution.id, **values})


def write_steps(
    session: Session, execution_id: uuid.UUID, plan: Plan, steps: Sequence[Step]
) -> None:
    """Write steps that are new or have changed, in one statement."""
    if not steps:
        return
    insert = _insert(session)(_STEPS)
    changing = ("status", "branch", "attempts", "is_skipping", "input_data", "output_data",
                "error", "resume_at", "created_at", "started_at", "completed_at")  # fmt: skip
    statement = insert.on_conflict_do_update(
        index_elements=["execution_id", "key"],
        set_={name: insert.excluded[name] for name in changing},
    )
    session.execute(statement, [_step_row(execution_id, plan, step) for step in steps])


def _step_row(execution_id: uuid.UUID, plan: Plan, step: Step) -> dict[str, Any]:
    node = plan.nodes.get(step.node_id)
    action = node.settings.action if node and isinstance(node.settings, ActionSettings) else None
    return {
        "execution_id": execution_id,
        "key": step.key,
        "node_id": step.node_id,
        "iteration": path_text(step.path),
        "run": step.run,
        "number": step.number,
        "node_type": node.type if node else "unknown",
        "action_type": action[:100] if action else None,
        "status": step.status,
        "branch": step.branch,
        "attempts": step.attempts,
        "is_skipping": step.is_skipping,
        "is_past": False,
        "input_data": step.input,
        "output_data": step.output,
        "error": step.error,
        "resume_at": step.resume_at,
        "created_at": step.created_at,
        "started_at": step.started_at,
        "completed_at": step.completed_at,
    }


def put_in_the_past(session: Session, execution_id: uuid.UUID, keys: Sequence[str]) -> None:
    """Steps on which nothing depends any more: they stay for people, and are not read again."""
    if keys:
        session.execute(
            update(_STEPS)
            .where(_STEPS.c.execution_id == execution_id, _STEPS.c.key.in_(keys))
            .values(is_past=True)
        )


def listen(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write what executions wait for; see `WorkflowWait`."""
    if rows:
        table = cast("Table", WorkflowWait.__table__)
        session.execute(
            _insert(session)(table).on_conflict_do_nothing(), [dict(row) for row in rows]
        )


def stop_listening(session: Session, execution_id: uuid.UUID, key: str | None = None) -> None:
    """Forget what an execution, or one of its steps, waits for."""
    query = delete(WorkflowWait).where(WorkflowWait.execution_id == execution_id)
    if key is not None:
        query = query.where(WorkflowWait.key == key)
    session.execute(query.execution_options(synchronize_session=False))


def _insert(session: Session) -> Any:
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert if is_postgresql else sqlite.insert
