"""Workflows with their versions, and their executions."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from processors.database.columns import NullableJson
from processors.database.models.base import Base, one_of, utc_now

WORKFLOW_STATUSES = ("draft", "active", "paused", "archived")
EXECUTION_STATUSES = ("queued", "running", "paused", "completed", "failed", "cancelled")
STEP_STATUSES = (
    "pending", "running", "waiting", "completed", "failed", "cancelled", "skipped",
)  # fmt: skip


class Workflow(Base):
    """An automation as the CRM's builder stores it: React-Flow nodes and edges."""

    __tablename__ = "workflows"
    __table_args__ = (
        CheckConstraint(one_of("status", WORKFLOW_STATUSES), name="status"),
        Index("ix_workflows_org_id_status", "org_id", "status"),
    )

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20), default="draft")
    trigger_type: Mapped[str | None] = mapped_column(String(100))
    trigger_config: Mapped[dict[str, Any]] = mapped_column(default=dict)
    nodes: Mapped[list[Any]] = mapped_column(default=list)
    edges: Mapped[list[Any]] = mapped_column(default=list)
    variables: Mapped[list[Any]] = mapped_column(default=list)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class WorkflowVersion(Base):
    """A definition as it was saved, never changed: executions run by their version.

    `definition` holds what the builder exports: name, trigger_type, trigger_config, nodes, edges,
    variables, settings. `digest` is the SHA-256 of its canonical JSON, so that saving the same
    again makes no version. Versions outlast a deleted workflow: a number is never given twice.
    """

    __tablename__ = "workflow_versions"

    org_id: Mapped[str] = mapped_column(
        ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True
    )
    workflow_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    definition: Mapped[dict[str, Any]] = mapped_column(default=dict)
    digest: Mapped[str] = mapped_column(String(64))
    author: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WorkflowExecution(Base):
    """One run of a workflow, by the version it began with.

    ``queued``: it waits for room under the organisation's or the workflow's limits. `event_id`
    names the event that started it; `entry_key` whose execution it is, for re-entry. `run` counts
    the replays. `kept`: outputs of steps that a replay does not carry out again, by key.
    """

    __tablename__ = "workflow_executions"
    __table_args__ = (
        CheckConstraint(one_of("status", EXECUTION_STATUSES), name="status"),
        ForeignKeyConstraint(
            ["org_id", "workflow_id"], ["workflows.org_id", "workflows.id"], ondelete="CASCADE"
        ),
        Index("ix_workflow_executions_entry", "org_id", "workflow_id", "entry_key", "started_at"),
        Index("ix_workflow_executions_status_completed_at", "status", "completed_at"),
        Index("ix_workflow_executions_parent_id", "parent_id"),
        Index("ix_workflow_executions_org_id_started_at", "org_id", "started_at"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    org_id: Mapped[str] = mapped_column(String(100))
    workflow_id: Mapped[str] = mapped_column(String(100))
    version: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(String(20), default="running")
    trigger_type: Mapped[str] = mapped_column(String(100))
    trigger_data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    variables: Mapped[dict[str, Any]] = mapped_column(default=dict)
    contact_id: Mapped[str | None] = mapped_column(String(100))
    event_id: Mapped[uuid.UUID | None]
    entry_key: Mapped[str | None] = mapped_column(String(320))
    parent_id: Mapped[uuid.UUID | None]
    parent_key: Mapped[str | None] = mapped_column(String(200))
    depth: Mapped[int] = mapped_column(default=0, server_default="0")
    run: Mapped[int] = mapped_column(default=0, server_default="0")
    kept: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    priority: Mapped[int] = mapped_column(default=3)
    job_id: Mapped[str] = mapped_column(String(200))
    error_message: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    completed_at: Mapped[datetime | None]


class WorkflowStep(Base):
    """One node of one execution, in one iteration and one replay: `key` names all three.

    The primary key is why it runs at most once. `iteration` is its place in loops (``2``, ``0.3``;
    empty outside). `is_past`: its iteration is over or a replay has taken its place, so that
    nothing depends on it any more.
    """

    __tablename__ = "workflow_steps"
    __table_args__ = (
        CheckConstraint(one_of("status", STEP_STATUSES), name="status"),
        Index("ix_workflow_steps_status_created_at", "status", "created_at"),
    )

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("workflow_executions.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    node_id: Mapped[str] = mapped_column(String(200))
    iteration: Mapped[str] = mapped_column(String(100), default="", server_default="")
    run: Mapped[int] = mapped_column(default=0, server_default="0")
    number: Mapped[int] = mapped_column(default=0, server_default="0")
    node_type: Mapped[str] = mapped_column(String(100))
    action_type: Mapped[str | None] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    branch: Mapped[str | None] = mapped_column(String(200))
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    is_skipping: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_past: Mapped[bool] = mapped_column(default=False, server_default=false())
    input_data: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    output_data: Mapped[dict[str, Any] | None] = mapped_column(NullableJson)
    error: Mapped[str | None] = mapped_column(Text)
    resume_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]


class WorkflowWait(Base):
    """An event that an execution listens for: by a waiting step, by a goal, or to end at it.

    `key` is the step's key, the goal's node, or empty for what ends the execution.
    """

    __tablename__ = "workflow_waits"
    __table_args__ = (
        Index("ix_workflow_waits_org_id_event_contact_id", "org_id", "event", "contact_id"),
    )

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("workflow_executions.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    event: Mapped[str] = mapped_column(String(100), primary_key=True)
    org_id: Mapped[str] = mapped_column(String(100))
    contact_id: Mapped[str] = mapped_column(String(100))
