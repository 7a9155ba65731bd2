"""Saving a workflow: a definition that cannot be carried out is refused, with every problem."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.database.insert import insert_new
from processors.database.models import WORKFLOW_STATUSES, Organisation, utc_now
from processors.database.models import Workflow as WorkflowRow
from processors.errors import DefinitionError
from processors.workflow.definition.problems import Problem
from processors.workflow.definition.reading import Reading, read_workflow, valid_workflow
from processors.workflow.definition.versions import (
    content_of,
    content_of_row,
    put_to_use,
    version_of,
)
from processors.workflow.nodes import SubWorkflowSettings, Workflow

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save has done.

    Attributes:
        row: the workflow as it is stored now.
        workflow: as it runs.
        is_new_version: False when this very definition was in use already.
        warnings: what the definition leaves unsaid.
    """

    row: WorkflowRow
    workflow: Workflow
    is_new_version: bool
    warnings: tuple[Problem, ...]


def save_workflow(
    session: Session,
    org: str,
    definition: Mapping[str, Any],
    *,
    status: str | None = None,
    author: str | None = None,
    at: datetime | None = None,
) -> Saved:
    """Store a definition; one with the same id gets a new version if it differs.

    Running executions keep the version they began with.

    Args:
        session: a write transaction.
        org: whose workflow it is.
        definition: as the builder exports it.
        status: instead of the definition's own; default is what the workflow has, else ``draft``.
        author: who saved it, for the list of versions.
        at: when; default is now.

    Raises:
        DefinitionError: it cannot be carried out as it says; one line a problem.
    """
    reading = read_workflow(definition)
    chosen = status or definition.get("status")
    if problems := list(_problems(session, org, reading, chosen)):
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise DefinitionError("\n".join([*problems[:_SHOWN], *more]))
    assert reading.workflow is not None
    now = at or utc_now()
    row = _locked(session, org, definition["id"], str(chosen or "draft"), now)
    is_new = put_to_use(session, row, content_of(definition), author=author, at=now)
    if chosen is not None and row.status != chosen:
        row.status, row.updated_at = chosen, now
    return Saved(row, reading.workflow, is_new, reading.warnings)


def roll_back(
    session: Session,
    org: str,
    workflow_id: str,
    version: int,
    *,
    author: str | None = None,
    at: datetime | None = None,
) -> Saved:
    """Put an older version to use again, as a new version: the list tells what ran when.

    Raises:
        DefinitionError: there is no such version, or this release cannot run it any more.
    """
    old = version_of(session, org, workflow_id, version)
    return save_workflow(session, org, {**old.definition, "id": workflow_id}, author=author, at=at)


def exported(row: WorkflowRow, *, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A workflow as the builder imports it: what was saved, with its id and status.

    Args:
        row: the workflow.
        content: of the version that is wanted; default is the one in use.
    """
    return {"id": row.id, **(content or content_of_row(row)), "status": row.status}


def _locked(
    session: Session, org: str, workflow_id: str, status: str, now: datetime
) -> WorkflowRow:
    """The workflow's row, made if need be, locked until the transaction ends."""
    empty = {"name": "", "trigger_config": {}, "nodes": [], "edges": [], "variables": [],
             "settings": {}}  # fmt: skip
    values = {"org_id": org, "id": workflow_id, "status": status, "version": 1,
              "created_at": now, "updated_at": now}  # fmt: skip
    insert_new(session, WorkflowRow, [values | empty])
    query = select(WorkflowRow).where(WorkflowRow.org_id == org, WorkflowRow.id == workflow_id)
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()


def _problems(session: Session, org: str, reading: Reading, status: object) -> Iterator[str]:
    if session.get(Organisation, org) is None:
        yield f"there is no organisation {org!r}"
    yield from map(str, reading.problems)
    if status is not None and status not in WORKFLOW_STATUSES:
        yield f"status is {str(status)[:60]!r}; allowed: {', '.join(WORKFLOW_STATUSES)}"
    if reading.workflow is not None:
        yield from sub_workflow_problems(session, org, reading.workflow)


def sub_workflow_problems(session: Session, org: str, workflow: Workflow) -> Iterator[str]:
    """Sub-workflows that do not exist, or that start this one again, directly or by others."""
    for node in workflow.nodes.values():
        if not isinstance(node.settings, SubWorkflowSettings):
            continue
        called = node.settings.workflow_id
        if "{{" in called:
            continue
        if session.get(WorkflowRow, (org, called)) is None:
            yield f"{node.id}: there is no workflow {called[:60]!r}"
        elif path := _way_back(session, org, called, workflow.id):
            yield f"{node.id}: it starts itself again: {' → '.join([workflow.id, *path])[:200]}"


def _way_back(session: Session, org: str, start: str, goal: str) -> list[str]:
    """The workflows by which `start` comes to start `goal`; empty when it does not."""
    before: dict[str, str] = {start: ""}
    waiting = [start]
    for workflow_id in waiting:
        for called in _called_by(session, org, workflow_id):
            if called in before:
                continue
            before[called] = workflow_id
            if called == goal:
                path = [called]
                while before[path[-1]]:
                    path.append(before[path[-1]])
                return path[::-1]
            waiting.append(called)
    return []


def _called_by(session: Session, org: str, workflow_id: str) -> list[str]:
    row = session.get(WorkflowRow, (org, workflow_id))
    if row is None:
        return []
    try:
        workflow = valid_workflow({**content_of_row(row), "id": row.id})
    except DefinitionError:
        return []
    settings = (node.settings for node in workflow.nodes.values())
    return [s.workflow_id for s in settings if isinstance(s, SubWorkflowSettings)]
