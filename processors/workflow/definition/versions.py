"""Versions of a definition: what was saved, never changed; executions run by theirs."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.database.insert import insert_new
from processors.database.models import Workflow, WorkflowVersion
from processors.errors import DefinitionError
from processors.workflow.definition.reading import valid_workflow
from processors.workflow.nodes import Workflow as RunnableWorkflow

# What a version holds; the id and the status belong to the workflow.
KEPT = ("name", "trigger_type", "trigger_config", "nodes", "edges", "variables", "settings")


def content_of(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What of a definition a version keeps, every field in its one form."""
    return {
        "name": str(definition.get("name") or definition.get("id") or "")[:200],
        "trigger_type": definition.get("trigger_type") or None,
        "trigger_config": dict(definition.get("trigger_config") or {}),
        "nodes": list(definition.get("nodes") or []),
        "edges": list(definition.get("edges") or []),
        "variables": list(definition.get("variables") or []),
        "settings": dict(definition.get("settings") or {}),
    }


def content_of_row(workflow: Workflow) -> dict[str, Any]:
    """The same of a stored workflow, as it is in use."""
    return content_of({name: getattr(workflow, name) for name in KEPT} | {"id": workflow.id})


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON of a version's content."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def load_workflow(session: Session, org: str, workflow_id: str, version: int) -> RunnableWorkflow:
    """The workflow of one version, to be kept by its key: a version never changes.

    Raises:
        DefinitionError: there is no such version, or this release cannot run it.
    """
    content = version_of(session, org, workflow_id, version).definition
    return valid_workflow({**content, "id": workflow_id}, version=version)


def current_version(session: Session, workflow: Workflow, *, author: str | None = None) -> int:
    """The version that holds a workflow as it is now; it is written if nobody has.

    The CRM may write definitions beside us: whatever differs from the version in use is a version.
    """
    content = content_of_row(workflow)
    digest = digest_of(content)
    query = select(WorkflowVersion.version, WorkflowVersion.digest).where(
        WorkflowVersion.org_id == workflow.org_id, WorkflowVersion.workflow_id == workflow.id
    )
    known = {row.version: row.digest for row in session.execute(query)}
    if known.get(workflow.version) == digest:
        return workflow.version
    if known and workflow.version <= max(known):
        workflow.version = max(known) + 1
    row = {
        "org_id": workflow.org_id,
        "workflow_id": workflow.id,
        "version": workflow.version,
        "definition": content,
        "digest": digest,
        "author": author,
        "created_at": workflow.updated_at,
    }
    insert_new(session, WorkflowVersion, [row])
    session.flush()
    return workflow.version


def put_to_use(
    session: Session,
    workflow: Workflow,
    content: Mapping[str, Any],
    *,
    author: str | None,
    at: datetime,
) -> bool:
    """Let a workflow be what `content` says; False when it is that already.

    The workflow's row is locked by the caller.
    """
    if workflow.nodes:
        # A row that the CRM wrote itself may have executions that wait: it becomes a version first.
        current_version(session, workflow)
        if digest_of(content_of_row(workflow)) == digest_of(content):
            return False
    for name in KEPT:
        setattr(workflow, name, content[name])
    workflow.updated_at = at
    current_version(session, workflow, author=author)
    return True


def version_of(session: Session, org: str, workflow_id: str, version: int) -> WorkflowVersion:
    """One version.

    Raises:
        DefinitionError: there is none of that number; with those there are.
    """
    found = session.get(WorkflowVersion, (org, workflow_id, version))
    if found is None:
        numbers = ", ".join(str(row.version) for row in versions_of(session, org, workflow_id))
        raise DefinitionError(
            f"the workflow {workflow_id!r} has no version {version}; there are: {numbers or 'none'}"
        )
    return found


def versions_of(session: Session, org: str, workflow_id: str) -> list[WorkflowVersion]:
    """All versions, the newest first."""
    query = select(WorkflowVersion).where(
        WorkflowVersion.org_id == org, WorkflowVersion.workflow_id == workflow_id
    )
    return list(session.scalars(query.order_by(WorkflowVersion.version.desc())))
